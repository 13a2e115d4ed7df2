//! The hydroid switch: a state machine that consumes datagrams and ticks and emits datagrams and
//! events. It has no socket, no clock, no thread and no randomness but its seed.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod base;
pub mod driver;
pub mod flow;
pub mod identity;
pub mod line;
pub mod stream;
pub mod switch;
pub mod wire;
