//! What members of a tree say to each other beside the places (PROTOCOL, section Places).

use alloc::string::String;

use serde::{Deserialize, Serialize};

/// The values of `tree` that are no matter of the places.
pub(super) const WORDS: [&str; 5] = ["pair", "paired", "unpair", "whose", "of"];

/// One of them.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "tree", rename_all = "lowercase")]
pub(super) enum Word {
    /// Will you be my backup? `branch` is the key of the member below the root that the sender is
    /// below, or is.
    Pair {
        /// That key.
        branch: String,
        /// It does not matter whether the other is below it, too.
        #[serde(default)]
        any: bool,
    },
    /// Yes.
    Paired,
    /// No, or not any more.
    Unpair,
    /// Whose tree are you in?
    Whose,
    /// In that of this root.
    Of {
        /// Its key.
        root: String,
    },
}
