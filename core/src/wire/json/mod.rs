//! Strict, bounded JSON (PROTOCOL, section Heads). It owns the rule of what a JSON head may be:
//! one object, every key once, integers only. It looks at the bytes once before anything is
//! parsed, and it never recurses over what a stranger sent and never keeps a head.

mod scan;
#[cfg(test)]
mod tests;
mod value;

use alloc::string::String;
use core::fmt;

use serde::{Deserialize, Serialize};

pub use value::{Integer, Value};

/// What a head may measure.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Limits {
    /// Bytes of the whole head. Parsing costs memory of at most about twenty times as much.
    pub bytes: u32,
    /// Objects and arrays within each other, the outermost among them; at most 100, since each
    /// costs a frame of the call stack.
    pub depth: u32,
}

/// Levels that the parser behind the scan can take, with room to spare.
const DEPTH_MOST: u32 = 100;

impl Limits {
    /// Heads of at most `bytes` bytes, nested as deep as by default.
    pub const fn of_bytes(bytes: u32) -> Self {
        Self { bytes, depth: 32 }
    }
}

impl Default for Limits {
    /// As many bytes as a packet's head can have, and 32 levels.
    fn default() -> Self {
        Self::of_bytes(65_535)
    }
}

/// Sees that `bytes` are a legal head and gives them as text.
///
/// # Errors
/// [`JsonError`] with the rule that is broken and where.
pub fn check<'a>(bytes: &'a [u8], limits: &Limits) -> Result<&'a str, JsonError> {
    let most = limits.bytes as usize;
    if bytes.len() > most {
        return Err(JsonFault::TooLong.at(most));
    }
    let text = core::str::from_utf8(bytes)
        .map_err(|error| JsonFault::InvalidUtf8.at(error.valid_up_to()))?;
    scan::scan(text, limits.depth.min(DEPTH_MOST))?;
    Ok(text)
}

/// Reads a head into a struct; keys that it does not know are ignored, but they too have to be
/// legal.
///
/// # Errors
/// [`JsonError`] with the rule that is broken and where; [`JsonFault::Shape`] if the head is legal
/// and is no `T`.
pub fn parse<'a, T: Deserialize<'a>>(bytes: &'a [u8], limits: &Limits) -> Result<T, JsonError> {
    let text = check(bytes, limits)?;
    serde_json::from_str(text).map_err(|error| {
        let lines = text.split_inclusive('\n').take(error.line().max(1) - 1);
        let before: usize = lines.map(str::len).sum();
        JsonFault::Shape.at(before + error.column().max(1) - 1)
    })
}

/// Writes a head compactly: no blanks, keys in the order of the struct, as few escapes as can be.
///
/// # Panics
/// If `head` has a map whose keys are no text, or a number that JSON has not.
pub fn write<T: Serialize + ?Sized>(head: &T) -> String {
    serde_json::to_string(head).expect("a head has text for keys and integers for numbers")
}

/// Why bytes are no legal head, and where that shows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct JsonError {
    /// The rule that is broken.
    pub fault: JsonFault,
    /// The byte at which that shows, counted from 0.
    pub at: usize,
}

/// The rules that a head can break.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum JsonFault {
    /// More bytes than the limit.
    TooLong,
    /// More levels than the limit.
    TooDeep,
    /// Bytes that are no UTF-8.
    InvalidUtf8,
    /// Something else than an object: its first byte is not `{`, so a byte order mark too.
    NoObject,
    /// The text ends before the object does.
    Unfinished,
    /// Something stands where JSON allows it not.
    Syntax,
    /// Bytes after the object, be it a blank.
    Trailing,
    /// A key that its object has already.
    DuplicateKey,
    /// A number with a fraction or an exponent, or `-0`.
    NoInteger,
    /// An integer that fits neither 64 bits with a sign nor without.
    OutOfRange,
    /// Legal, but a key is missing or a value is not of the kind that this head has there.
    Shape,
}

impl JsonFault {
    const fn at(self, at: usize) -> JsonError {
        JsonError { fault: self, at }
    }

    const fn sentence(self) -> &'static str {
        match self {
            Self::TooLong => "the head is longer than its limit",
            Self::TooDeep => "the head is nested deeper than its limit",
            Self::InvalidUtf8 => "the head is not UTF-8",
            Self::NoObject => "the head is no JSON object",
            Self::Unfinished => "the head ends within its object",
            Self::Syntax => "the head is no JSON",
            Self::Trailing => "something follows the object of the head",
            Self::DuplicateKey => "the head has a key twice",
            Self::NoInteger => "the head has a number that is no integer",
            Self::OutOfRange => "the head has an integer of more than 64 bits",
            Self::Shape => "the head lacks a value or has one of another kind than it should",
        }
    }
}

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (byte {})", self.fault.sentence(), self.at)
    }
}

impl core::error::Error for JsonError {}
