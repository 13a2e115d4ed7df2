//! What the tests of hydroid share: a small world of switches in virtual time, and the checks of
//! the house.

pub mod checks;
pub mod colony;
pub mod contracts;
pub mod duet;
pub mod fuzz;
pub mod kept;
pub mod lossy;
pub mod roam;
pub mod rogue;
pub mod seed;
pub mod swarm;
pub mod tidy;
pub mod transfer;
pub mod tree;
pub mod world;
