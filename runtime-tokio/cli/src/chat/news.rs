//! What a chat that goes through a running `up` is told, and what it says: a JSON line each.

use hydroid_core::identity::PublicKey;
use serde::{Deserialize, Serialize};

use super::{line::Line, room::Heard};
use crate::company::Change;

/// Bytes of one of these lines at most: the longest text with each byte of it escaped, twice, for a
/// record is a text in a text.
pub(crate) const NEWS_MAX: u64 = (super::TEXT_MAX * 12 + 4096) as u64;

/// What a chat says.
#[derive(Serialize, Deserialize, Clone, PartialEq, Eq, Debug)]
pub(crate) struct Say {
    pub(crate) text: String,
}

/// What it is told.
#[derive(Serialize, Deserialize, Clone, PartialEq, Eq, Debug)]
#[serde(rename_all = "lowercase")]
pub(crate) enum News {
    /// What somebody said.
    Line {
        /// As it is told to whoever asks what was said.
        record: String,
        /// It was said before.
        past: bool,
    },
    /// So many lines from before come next, as they were told by this key.
    Past { lines: usize, from: String },
    /// So many lines of this key will not come.
    Gap { key: String, lines: u64 },
    /// Somebody is there, by this name.
    Is { key: String, name: String },
    /// Somebody is there no more.
    Went { key: String },
    /// What was said first of what was not answered yet is on its way: its record, and whether there
    /// is anybody to hear it.
    Said { record: String, met: bool },
    /// So much was to be told that it was not waited for; what may have changed meanwhile comes next.
    Missed { news: u64 },
    /// Those who are there, and nobody else, once no `more` come: keys and names.
    There {
        members: Vec<(String, String)>,
        more: bool,
    },
    /// We are out of the space, as this sentence says.
    Out { text: String },
    /// There will be nothing more.
    Ended { sentence: String, code: u8 },
}

impl News {
    pub(crate) fn of_line(line: &Line, past: bool) -> Self {
        Self::Line {
            record: line.record(),
            past,
        }
    }

    /// What somebody told of what was said before, the oldest first.
    pub(crate) fn of_past(lines: &[Line], from: &PublicKey) -> Vec<Self> {
        if lines.is_empty() {
            return Vec::new();
        }
        let begin = Self::Past {
            lines: lines.len(),
            from: from.to_string(),
        };
        let lines = lines.iter().map(|line| Self::of_line(line, true));
        std::iter::once(begin).chain(lines).collect()
    }

    pub(crate) fn of_heard(heard: &Heard) -> Self {
        match heard {
            Heard::Line(line) => Self::of_line(line, false),
            Heard::Gap(key, lines) => Self::Gap {
                key: key.to_string(),
                lines: *lines,
            },
        }
    }

    pub(crate) fn of_change(change: &Change) -> Self {
        match change {
            Change::Came(member) | Change::Renamed(member, _) => Self::Is {
                key: member.key.to_string(),
                name: member.name.clone().unwrap_or_default(),
            },
            Change::Went(key, _) => Self::Went {
                key: key.to_string(),
            },
        }
    }
}
