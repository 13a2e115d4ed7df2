//! What the tests of hydroid share.

pub mod tidy;
