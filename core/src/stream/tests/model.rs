//! What a sender may do, told only by the credit frames that reached it.

use std::collections::BTreeMap;

use super::super::{LINE_CREDIT_FIRST_BYTES, STREAM_CREDIT_FIRST_BYTES, STREAMS_CREDIT_FIRST};
use crate::wire::frame::{Frame, Frames};

pub(super) struct CreditModel {
    parity: u64,
    first: u64,
    line: u64,
    streams: u64,
    allowed: BTreeMap<u64, u64>,
    highest: BTreeMap<u64, u64>,
}

impl CreditModel {
    pub(super) fn new(smaller: bool, first: u64) -> Self {
        Self {
            parity: u64::from(!smaller),
            first,
            line: LINE_CREDIT_FIRST_BYTES,
            streams: STREAMS_CREDIT_FIRST,
            allowed: BTreeMap::new(),
            highest: BTreeMap::new(),
        }
    }

    /// Frames reached the sender.
    pub(super) fn heard(&mut self, plain: &[u8]) {
        for frame in Frames::new(plain).map(Result::unwrap) {
            if let Frame::LineCredit { bytes } = frame {
                self.line = self.line.max(bytes);
            } else if let Frame::StreamsCredit { count } = frame {
                self.streams = self.streams.max(count);
            } else if let Frame::StreamCredit { id, bytes } = frame {
                let allowed = self.allowed.entry(id).or_insert(STREAM_CREDIT_FIRST_BYTES);
                *allowed = bytes.max(*allowed);
            }
        }
    }

    /// The sender sent frames: none may go beyond what it had heard.
    pub(super) fn check(&mut self, plain: &[u8]) {
        for frame in Frames::new(plain).map(Result::unwrap) {
            let (id, top) = if let Frame::Stream {
                id, offset, data, ..
            } = frame
            {
                (id, offset + data.len() as u64)
            } else if let Frame::Reset { id, size, .. } = frame {
                (id, size)
            } else if let Frame::Stop { id, .. } | Frame::StreamCredit { id, .. } = frame {
                (id, 0)
            } else {
                continue;
            };
            let allowed = self
                .allowed
                .get(&id)
                .copied()
                .unwrap_or(STREAM_CREDIT_FIRST_BYTES);
            assert!(top <= allowed, "stream {id} has {allowed} and sent {top}");
            let highest = self.highest.entry(id).or_insert(0);
            *highest = top.max(*highest);
            let sum: u64 = self.highest.values().sum();
            assert!(
                sum <= self.line,
                "the line has {} and sent {sum}",
                self.line
            );
            if id & 1 == self.parity {
                assert!(
                    id / 2 - self.first < self.streams,
                    "stream {id} is one too many"
                );
            }
        }
    }
}
