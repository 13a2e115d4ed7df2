//! The frame that tells which counters were received.

use core::ops::Range;

use super::{FrameError, varint};

/// Counters received: the highest, how long ago it came, and the runs below it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RangesFrame<'a> {
    /// The highest counter received.
    pub highest: u64,
    /// Microseconds between its arrival and this frame.
    pub delay_us: u64,
    /// How many counters the first run has, the highest among them.
    first: u64,
    /// `(gap, run)` pairs, checked, highest first.
    pairs: &'a [u8],
}

impl<'a> RangesFrame<'a> {
    /// Reads the frame behind its type. No sum overflows: a number has at most 62 bits, and every
    /// run is seen to lie above 0 before the next is read.
    pub(super) fn read(rest: &mut &'a [u8]) -> Result<Self, FrameError> {
        let mut number = || varint::read(rest).ok_or(FrameError::Truncated);
        let (highest, delay_us, count, first) = (number()?, number()?, number()?, number()?);
        let below = |floor: u64, len: u64| floor.checked_sub(len).ok_or(FrameError::Illegal);
        if first == 0 {
            return Err(FrameError::Illegal);
        }
        let mut floor = below(highest + 1, first)?;
        let start = *rest;
        // A hostile count ends with the packet, since each pair takes bytes.
        for _ in 0..count {
            let gap = varint::read(rest).ok_or(FrameError::Truncated)?;
            let run = varint::read(rest).ok_or(FrameError::Truncated)?;
            if gap == 0 || run == 0 {
                return Err(FrameError::Illegal);
            }
            floor = below(floor, gap + run)?;
        }
        let pairs = &start[..start.len() - rest.len()];
        Ok(Self {
            highest,
            delay_us,
            first,
            pairs,
        })
    }

    /// The runs received, as half-open ranges, highest first.
    pub fn runs(&self) -> impl Iterator<Item = Range<u64>> + use<'a> {
        let mut rest = self.pairs;
        let mut floor = self.highest + 1 - self.first;
        let first = floor..self.highest + 1;
        core::iter::once(first).chain(core::iter::from_fn(move || {
            let gap = varint::read(&mut rest)?;
            let run = varint::read(&mut rest)?;
            let end = floor - gap;
            floor = end - run;
            Some(floor..end)
        }))
    }
}
