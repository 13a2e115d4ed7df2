//! A file or folder on a stream, as TRANSFER.md gives it byte for byte. This room owns the heads'
//! texts, the pieces, the hash tree, and where a file lands and what is kept of it; it works over anything that reads and writes. It
//! never opens a stream, knows a peer or prints, and it never takes a byte that is not proved
//! against the root hash.

mod barred;
mod folder;
pub(crate) mod hashes;
pub(crate) mod heads;
pub(crate) mod landing;
mod landing_name;
mod links;
mod listing;
mod part;
mod pieces;
pub(crate) mod recv;
mod scan;
pub(crate) mod send;
#[cfg(test)]
mod tests;

use std::{io, time::Duration};

use crate::{
    exit::{Exit, Failure},
    figures,
};

/// How long the side that takes a file waits for one more byte of it.
pub(crate) const SILENCE: Duration = Duration::from_secs(30);
/// How long the side that gives a file waits for room to write, and for the verdict: the other may
/// be a pipe that nobody reads for a while, or a slow disk that a file is being synced to.
pub(crate) const PATIENCE: Duration = Duration::from_secs(300);

/// Why a transfer ended early.
#[derive(Debug)]
pub(crate) enum TransferError {
    /// Something of ours; `tell` is what the peer may know of it.
    Local {
        /// What our user reads.
        failure: Failure,
        /// What the peer reads.
        tell: &'static str,
    },
    /// What came is not what was announced.
    Mismatch(&'static str),
    /// Our file is no longer what it was when it was hashed.
    Changed,
    /// The peer is gone.
    Vanished(io::Error),
    /// The peer is gone, but what has come is kept.
    Kept {
        /// How it went.
        lost: io::Error,
        /// Bytes that are kept for good.
        bytes: u64,
    },
    /// What an earlier run kept is not of the file, although its record says so.
    Stale,
    /// The peer gave up, and said why.
    Stopped {
        /// The exit that it gave.
        exit: Exit,
        /// Its sentence, not yet made printable.
        sentence: String,
    },
}

impl TransferError {
    /// The exit and the sentence that the peer is told; `None` if it knows already.
    fn tell(&self) -> Option<(Exit, &str)> {
        match self {
            Self::Local { failure, tell } => Some((failure.exit, tell)),
            Self::Mismatch(what) => Some((Exit::Unverified, what)),
            Self::Changed => Some((Exit::Unverified, CHANGED)),
            Self::Stale => Some((Exit::Failed, "what the receiver had kept was damaged")),
            Self::Vanished(_) | Self::Kept { .. } | Self::Stopped { .. } => None,
        }
    }
}

const CHANGED: &str = "the file changed while it was sent";

impl From<TransferError> for Failure {
    fn from(error: TransferError) -> Self {
        match error {
            TransferError::Local { failure, .. } => failure,
            TransferError::Mismatch(what) => Self::new(Exit::Unverified, what),
            TransferError::Changed => Self::new(Exit::Unverified, CHANGED),
            TransferError::Vanished(error) => Self::unreachable(format!(
                "the peer was gone before the file was whole: {error}"
            )),
            TransferError::Kept { lost, bytes } => Self::new(
                Exit::Resumable,
                format!(
                    "the peer was gone before the file was whole: {lost}; {} are kept, and the same \
                     command goes on from there",
                    figures::bytes(bytes)
                ),
            ),
            TransferError::Stale => Self::failed("what was kept of the file was damaged"),
            TransferError::Stopped { exit, sentence } => {
                Self::new(exit, format!("the peer says: {sentence}"))
            }
        }
    }
}
