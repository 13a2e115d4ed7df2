//! Why an announcement is not heard.

use core::fmt;

/// Why an announcement came to nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unheard {
    /// It is of another length than this version's.
    Form,
    /// It is of no space that is announced here.
    Strange,
    /// It came from none of the networks that are announced on, or by an interface that is not its
    /// sender's.
    Network,
    /// Its sender says more than one may, or more came than are checked in a second.
    Crowd,
    /// It is not newer than what was heard of its key before.
    Replayed,
    /// Its time is not ours, and nothing in it shows that it was made just now.
    Untimely,
    /// Its key did not sign it.
    Forged,
    /// As many are known as may be, or as many of its address.
    Full,
}

impl Unheard {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 8] = [
        Self::Form,
        Self::Strange,
        Self::Network,
        Self::Crowd,
        Self::Replayed,
        Self::Untimely,
        Self::Forged,
        Self::Full,
    ];

    /// A word for logs and figures, which stays the same.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Form => "announcement_form",
            Self::Strange => "announcement_strange",
            Self::Network => "announcement_network",
            Self::Crowd => "announcement_crowd",
            Self::Replayed => "announcement_replayed",
            Self::Untimely => "announcement_untimely",
            Self::Forged => "announcement_forged",
            Self::Full => "announcement_full",
        }
    }
}

impl fmt::Display for Unheard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Form => "the announcement is of another length than this version's",
            Self::Strange => "the announcement is of no space that is announced here",
            Self::Network => "the announcement is from none of the networks that are announced on",
            Self::Crowd => "too many announcements came",
            Self::Replayed => "the announcement is not newer than one before",
            Self::Untimely => "the announcement is of another time, as far as is known here",
            Self::Forged => "the announcement is not signed by its key for this space",
            Self::Full => "as many are known as may be",
        })
    }
}

impl core::error::Error for Unheard {}
