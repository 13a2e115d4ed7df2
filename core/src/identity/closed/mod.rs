//! Closed spaces: who was signed in, by whom, until when, and what all members of a space share
//! (PROTOCOL, section Closed spaces). It decides whether a membership counts and never who is asked.

mod admission;
mod document;
mod gate;
mod membership;
#[cfg(test)]
mod tests;

pub use admission::{Admission, AdmissionError, GATES_MOST};
pub use document::{Document, DocumentError, Statement};
pub use gate::Gate;
pub use membership::{Membership, Refusal, Roles};
