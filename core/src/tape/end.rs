//! Why a tape ends.

use core::fmt;

/// Why a tape ends where it ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum End {
    /// In order: the switch is no more, or nobody records it any more.
    Closed,
    /// More was to be recorded at once than the buffer, or a record, may hold.
    Behind,
    /// There was no room to keep it.
    Full,
}

impl End {
    /// The word for it on a tape.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Behind => "behind",
            Self::Full => "full",
        }
    }

    /// What a word on a tape stands for.
    pub fn of_code(code: &str) -> Option<Self> {
        let all = [Self::Closed, Self::Behind, Self::Full];
        all.into_iter().find(|end| end.code() == code)
    }
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Closed => "the tape was ended in order",
            Self::Behind => "more was to be recorded at once than the buffer may hold",
            Self::Full => "there was no room to keep more of the tape",
        })
    }
}
