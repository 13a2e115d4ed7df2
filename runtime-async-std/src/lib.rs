//! The hydroid switch under async-std and smol.
#![forbid(unsafe_code)]
