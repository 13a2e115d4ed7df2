//! The hydroid switch under mio.
#![forbid(unsafe_code)]
