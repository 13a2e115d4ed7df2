//! The one send that is under way. What a socket refused is held here and goes out before
//! anything new, so a full socket costs no packet and the switch is not asked for more.

use alloc::{vec, vec::Vec};

use crate::switch::{SentError, Transmit};

/// What became of a send.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sent {
    /// It is the system's now.
    Done,
    /// The socket is full: the same again once it is writable.
    Full,
    /// It will never go out, for this reason.
    Failed(SentError),
}

/// How far the sending of one run of datagrams came.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Progress {
    /// Nothing is held any more.
    Empty,
    /// The socket is full; the rest is held.
    Full,
    /// A piece was given up; the rest is held. The driver is to be told by `failed`.
    Failed(Transmit, SentError),
}

/// A buffer for one run of equal datagrams, and how much of it has gone out.
///
/// It stands beside the driver and not in it, so that a shell with threads can send without
/// holding the driver's lock.
#[derive(Debug)]
pub struct Outbox {
    buf: Vec<u8>,
    run: Option<Transmit>,
    gone: usize,
    offered: usize,
}

impl Outbox {
    /// An outbox for runs of up to `bytes`: as many as the system takes in one call.
    pub fn new(bytes: usize) -> Self {
        Self {
            buf: vec![0; bytes],
            run: None,
            gone: 0,
            offered: 0,
        }
    }

    /// True if nothing is held.
    pub const fn is_empty(&self) -> bool {
        self.run.is_none()
    }

    /// Takes the next run from `build`, if nothing is held; true if something is held afterwards.
    pub(super) fn fill(&mut self, build: impl FnOnce(&mut [u8]) -> Option<Transmit>) -> bool {
        if self.run.is_none() {
            self.run = build(&mut self.buf);
            self.gone = 0;
        }
        self.run.is_some()
    }

    /// The next piece to give to a socket that takes up to `segments` datagrams at once. The
    /// first of two steps; `sent` is the second.
    pub fn piece(&mut self, segments: usize) -> Option<(Transmit, &[u8])> {
        let run = self.run?;
        let most = run.segment.max(1).saturating_mul(segments.max(1));
        self.offered = most.min(run.len - self.gone);
        let piece = Transmit {
            len: self.offered,
            ..run
        };
        Some((piece, &self.buf[self.gone..self.gone + self.offered]))
    }

    /// What became of the last piece.
    pub fn sent(&mut self, sent: Sent) -> Progress {
        let Some(run) = self.run else {
            return Progress::Empty;
        };
        if sent == Sent::Full {
            return Progress::Full;
        }
        let piece = Transmit {
            len: self.offered,
            ..run
        };
        self.gone += self.offered;
        if self.gone >= run.len {
            self.run = None;
        }
        match sent {
            Sent::Failed(error) => Progress::Failed(piece, error),
            Sent::Done | Sent::Full => Progress::Empty,
        }
    }

    /// Both steps, until nothing is held, the socket is full or a piece failed.
    pub fn send(
        &mut self,
        segments: usize,
        mut send: impl FnMut(&Transmit, &[u8]) -> Sent,
    ) -> Progress {
        while let Some((piece, bytes)) = self.piece(segments) {
            let sent = send(&piece, bytes);
            match self.sent(sent) {
                Progress::Empty => {}
                stopped @ (Progress::Full | Progress::Failed(..)) => return stopped,
            }
        }
        Progress::Empty
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::switch::{Ecn, Path, SocketId};

    fn run(len: usize, segment: usize) -> Transmit {
        Transmit {
            socket: SocketId(0),
            path: Path::to("192.0.2.1:1".parse().unwrap()),
            ecn: Ecn::None,
            ttl: None,
            len,
            segment,
        }
    }

    fn filled(len: usize, segment: usize) -> Outbox {
        let mut outbox = Outbox::new(100);
        assert!(outbox.fill(|buf| {
            for (n, byte) in (0..).zip(&mut buf[..len]) {
                *byte = n;
            }
            Some(run(len, segment))
        }));
        outbox
    }

    #[test]
    fn outbox_holds_what_the_socket_refused_before_anything_new() {
        let mut outbox = filled(30, 10);
        let mut room = 1;
        let mut wire = Vec::new();
        let mut socket = |_: &Transmit, bytes: &[u8]| {
            if room == 0 {
                return Sent::Full;
            }
            room -= 1;
            wire.extend_from_slice(bytes);
            Sent::Done
        };
        assert_eq!(outbox.send(2, &mut socket), Progress::Full);
        assert!(outbox.fill(|_| panic!("nothing new while something is held")));
        let mut socket = |_: &Transmit, bytes: &[u8]| {
            wire.extend_from_slice(bytes);
            Sent::Done
        };
        assert_eq!(outbox.send(2, &mut socket), Progress::Empty);
        assert!(outbox.is_empty());
        assert_eq!(wire, (0..30).collect::<Vec<u8>>());
        assert!(!outbox.fill(|_| None));
    }

    #[test]
    fn outbox_cuts_a_run_into_pieces_that_the_socket_takes() {
        for (segments, pieces) in [(1, 4), (2, 2), (3, 2), (64, 1)] {
            let mut outbox = filled(35, 10);
            let mut sizes = Vec::new();
            let progress = outbox.send(segments, |transmit, bytes| {
                assert_eq!((transmit.len, transmit.segment), (bytes.len(), 10));
                sizes.push(bytes.len());
                Sent::Done
            });
            assert_eq!((progress, sizes.len()), (Progress::Empty, pieces));
            assert_eq!(sizes.iter().sum::<usize>(), 35);
        }
    }

    #[test]
    fn outbox_gives_up_only_the_piece_that_failed() {
        let mut outbox = filled(20, 10);
        let progress = outbox.send(1, |_, _| Sent::Failed(SentError::TooLarge));
        let failed = Progress::Failed(run(10, 10), SentError::TooLarge);
        assert_eq!((progress, outbox.is_empty()), (failed, false));
        let mut last = Vec::new();
        let progress = outbox.send(1, |_, bytes| {
            last.extend_from_slice(bytes);
            Sent::Done
        });
        assert_eq!(progress, Progress::Empty);
        assert_eq!(last, (10..20).collect::<Vec<u8>>());
        assert_eq!(outbox.sent(Sent::Done), Progress::Empty);
    }
}
