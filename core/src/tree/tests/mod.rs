//! Whole members of a tree, joined in memory: what honest ones do, and what one that lies can do
//! to them.

mod carry;
mod half;
mod life;
mod watch;
mod world;
