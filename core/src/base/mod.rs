//! What every room needs and nothing that any room means: time as a number, seeded randomness,
//! slots, timers, ranges and bounded queues. It knows no packet, no key and no peer, and it never
//! reads a clock or asks the operating system for anything.

mod bucket;
mod effects;
mod index;
mod ledger;
mod ranges;
mod rng;
mod rules;
mod slots;
mod time;
mod timers;

pub use bucket::Bucket;
pub use effects::{Bounded, Effects, grow};
pub use index::{Finder, Index};
pub use ledger::{Ledger, LedgerConfig, Limits, Share};
pub use ranges::Ranges;
pub use rng::{Rng, Seed};
pub use rules::all_hold;
pub use slots::{Slot, Slots};
pub use time::{Deadline, Time, Wall, Why};
pub use timers::Timers;
