//! Bytes arrive once, in order, and none that nobody wrote.

use super::{Verdict, demand};

/// Bytes that were read from one direction of a stream.
#[derive(Clone, Copy, Debug)]
pub struct Got<'a> {
    /// The number that the stream has in its head.
    pub number: u64,
    /// True if its opener wrote them.
    pub opener: bool,
    /// How many were read before.
    pub at: u64,
    /// The bytes.
    pub bytes: &'a [u8],
    /// How many were written so far.
    pub written: u64,
}

/// The byte at `at` of a direction: it tells its place and its stream.
pub const fn byte(number: u64, opener: bool, at: u64) -> u8 {
    let mixed = (at + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ (2 * number + opener as u64);
    (mixed.wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 56) as u8
}

/// Every byte is the one that was written at its place.
///
/// # Errors
/// The first that is not.
pub fn bytes(got: &Got<'_>) -> Verdict {
    let Got {
        number,
        opener,
        at,
        bytes,
        written,
    } = *got;
    for (place, is) in (at..).zip(bytes) {
        let sent = byte(number, opener, place);
        demand("bytes", *is == sent, || {
            format!("stream {number}: byte {place} is {is} and was written as {sent}")
        })?;
    }
    demand("bytes", at + bytes.len() as u64 <= written, || {
        format!(
            "stream {number}: {} bytes more than the {written} that were written",
            at + bytes.len() as u64 - written
        )
    })
}
