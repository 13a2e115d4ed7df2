//! The places of a tree, tried without switches: a simulator with lines and virtual time, random
//! schedules in it, what it measures of large trees, and a model that explores every order of
//! events.

pub mod figures;
pub mod model;
pub mod schedules;
pub mod sim;

use std::fmt;

use hydroid_core::tree::Id;

/// A member's name in a simulation: its number, and which of its lives it is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name {
    /// Its number.
    pub member: u16,
    /// Counted from 0.
    pub life: u8,
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.member, self.life)
    }
}

impl Id for Name {
    fn replaces(&self, other: &Self) -> bool {
        self.member == other.member && self.life > other.life
    }
}

/// Numbers that look random and come from one seed (splitmix64).
#[derive(Clone, Debug)]
pub struct Dice(pub u64);

impl Dice {
    /// The next number.
    pub fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// One below `limit`, which is not 0.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.roll() % limit
    }

    /// One from `least` to `most`.
    pub fn between(&mut self, least: u64, most: u64) -> u64 {
        least + self.below(most - least + 1)
    }

    /// True in so many of a thousand cases.
    pub fn chance(&mut self, of_1000: u64) -> bool {
        self.below(1_000) < of_1000
    }
}
