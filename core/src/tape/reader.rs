//! Splits a tape into records, whatever the pieces that it comes in.

use alloc::{string::String, vec::Vec};
use core::fmt;

use super::{record::Record, recorder::RECORD_MAX};
use crate::{identity, switch::ConfigError, wire::json::JsonError};

/// Bytes of a tape on their way to becoming records. It holds what was fed and not yet read: feed
/// it piece by piece and read until there is nothing, and it never holds more than a piece and one
/// record, which has at most 16 MiB.
#[derive(Debug, Default)]
pub struct Reader {
    bytes: Vec<u8>,
    /// What was read already.
    from: usize,
    /// Records that were read.
    count: u64,
}

impl Reader {
    /// A reader at the start of a tape.
    pub const fn new() -> Self {
        Self {
            bytes: Vec::new(),
            from: 0,
            count: 0,
        }
    }

    /// The next bytes of the tape.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.bytes.drain(..self.from);
        self.from = 0;
        self.bytes.extend_from_slice(bytes);
    }

    /// The next record, once all of it is there.
    ///
    /// # Errors
    /// [`Unreadable`] if these are no bytes of a tape.
    pub fn record(&mut self) -> Result<Option<Record<'_>>, Unreadable> {
        let n = self.count;
        let Some((length, rest)) = self.bytes[self.from..].split_first_chunk() else {
            return Ok(None);
        };
        let length = u32::from_be_bytes(*length) as usize;
        if length > RECORD_MAX {
            return Err(Unread::TooLong.at(n));
        }
        let Some(packet) = rest.get(..length) else {
            return Ok(None);
        };
        let record = Record::parse(packet).map_err(|why| why.at(n))?;
        self.from += 4 + length;
        self.count += 1;
        Ok(Some(record))
    }

    /// Records that were read.
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// Bytes that are not a whole record yet. Where the tape has no more, its last record was cut
    /// off in the middle.
    pub fn left(&self) -> usize {
        self.bytes.len() - self.from
    }
}

/// Where and why bytes are no tape that can be replayed here.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Unreadable {
    /// The number of the record, from 0.
    pub n: u64,
    /// What is wrong with it.
    pub why: Unread,
}

/// Why bytes are no record of a tape, or none that can be replayed here.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Unread {
    /// A record claims more than 16 MiB.
    TooLong,
    /// A record is no packet.
    NoPacket,
    /// The head of a record is no legal one.
    Head(JsonError),
    /// The head of a record is more than one line.
    Lines,
    /// The first record is not that of a tape, or another is.
    NoTape,
    /// The tape has a version that is not known here.
    Version(u64),
    /// The switch computed otherwise than the one that is to replay it.
    Scheme(String),
    /// The tape is redacted: it tells what happened and has not what a replay needs.
    Redacted,
    /// No switch has such a config.
    Config(ConfigError),
    /// There is no such call.
    Call(String),
    /// Something that the call needs is missing or illegal.
    Field(&'static str),
    /// Something follows the last record.
    AfterEnd,
}

impl Unread {
    pub(super) const fn at(self, n: u64) -> Unreadable {
        Unreadable { n, why: self }
    }
}

impl fmt::Display for Unread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong => f.write_str("it claims to be longer than a record may be"),
            Self::NoPacket => f.write_str("it is no packet"),
            Self::Head(error) => write!(f, "{error}"),
            Self::Lines => f.write_str("its head is more than one line"),
            Self::NoTape => f.write_str("a tape begins with what it is, and says it once"),
            Self::Version(version) => write!(f, "version {version} of the tape is not known here"),
            Self::Scheme(scheme) => {
                let scheme = scheme.escape_debug();
                write!(
                    f,
                    "the switch computed by '{scheme}', which is not known here"
                )
            }
            Self::Redacted => f.write_str("the tape is redacted: it explains and does not replay"),
            Self::Config(ConfigError::Illegal(field)) => {
                write!(f, "its config has an illegal '{field}'")
            }
            Self::Call(call) => write!(f, "there is no call '{}'", call.escape_debug()),
            Self::Field(field) => write!(f, "'{field}' is missing or illegal"),
            Self::AfterEnd => f.write_str("something follows the end"),
        }
    }
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "record {} cannot be read: {}", self.n, self.why)
    }
}

impl core::error::Error for Unreadable {}

/// What a field of a head was to be and is not.
pub(super) trait Needed<T> {
    /// The value, or the field to name.
    ///
    /// # Errors
    /// [`Unread::Field`].
    fn needed(self, field: &'static str) -> Result<T, Unread>;
}

impl<T> Needed<T> for Option<T> {
    fn needed(self, field: &'static str) -> Result<T, Unread> {
        self.ok_or(Unread::Field(field))
    }
}

impl From<identity::KeyError> for Unread {
    fn from(_: identity::KeyError) -> Self {
        Self::Field("key")
    }
}
