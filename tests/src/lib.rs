//! What the tests of hydroid share.
