//! Why something may not land, for our user and for the peer.

use std::{io, path::Path};

use super::heads::Why;
use crate::exit::{Exit, Failure};

/// What the peer's user reads where our disk is full.
pub(super) const FULL: &str = "the receiver's disk is full";

/// A file that may not land, for our user and for the peer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Barred {
    /// What our user reads.
    pub(crate) failure: Failure,
    /// What the peer's program reads.
    pub(crate) why: Why,
    /// What the peer's user reads; no path of ours.
    pub(crate) tell: &'static str,
}

impl Barred {
    pub(super) fn exists(sentence: String) -> Self {
        Self {
            failure: Failure::refused(sentence),
            why: Why::Exists,
            tell: "the receiver has a file of this name",
        }
    }

    pub(super) fn failed(exit: Exit, sentence: String) -> Self {
        Self {
            failure: Failure::new(exit, sentence),
            why: Why::Failed,
            tell: "the receiver cannot write there",
        }
    }

    pub(super) fn full(sentence: String) -> Self {
        Self {
            failure: Failure::failed(sentence),
            why: Why::Full,
            tell: FULL,
        }
    }

    pub(super) fn in_the_way(part: &Path) -> Self {
        Self {
            failure: Failure::refused(format!(
                "it is being received into this place already: {} is there",
                part.display()
            )),
            why: Why::Exists,
            tell: "the receiver is receiving a file of this name",
        }
    }

    pub(super) fn not_ours(part: &Path) -> Self {
        Self {
            failure: Failure::refused(format!(
                "{} is not of this user alone, and has to be removed first",
                part.display()
            )),
            why: Why::Exists,
            tell: "the receiver has something in the way",
        }
    }
}

pub(super) fn is_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
    )
}

pub(super) fn unwritable(path: &Path, error: &io::Error) -> Barred {
    let shown = path.display();
    if error.kind() == io::ErrorKind::NotFound {
        Barred::failed(Exit::NotFound, format!("there is no folder {shown}"))
    } else if is_full(error) {
        Barred::full(format!("the disk of {shown} is full"))
    } else {
        Barred::failed(Exit::Failed, format!("cannot write in {shown}: {error}"))
    }
}
