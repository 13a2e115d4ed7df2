//! The place by itself: it is built, called, and its effects are looked at.

mod colony;
mod joins;
mod liars;
mod merges;
mod protocol;
mod repairs;
mod rules;
mod searches;
