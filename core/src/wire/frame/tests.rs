//! Every frame there and back, whatever the room; and no harm from any bytes.
#![allow(
    clippy::needless_pass_by_value,
    reason = "quickcheck hands its values over"
)]

use alloc::{boxed::Box, string::String, vec, vec::Vec};
use core::ops::Range;

use quickcheck::{Arbitrary, Gen};

use super::{Frame, FrameError, Frames, Writer};
use crate::{
    base::Ranges,
    wire::{VARINT_MAX, property::property, varint_len},
};

/// A number of any length on the wire.
#[derive(Clone, Copy, Debug)]
struct Number(u64);

impl Arbitrary for Number {
    fn arbitrary(g: &mut Gen) -> Self {
        let bits = u32::arbitrary(g) % 62;
        Self(u64::arbitrary(g) & VARINT_MAX >> bits)
    }
}

/// A frame to write, with what it is to be read as.
#[derive(Clone, Debug)]
enum Given {
    Padding(usize),
    Ping,
    Ranges(Ranges, u64),
    Stream(u64, u64, Vec<u8>, bool),
    LineCredit(u64),
    StreamCredit(u64, u64),
    StreamsCredit(u64),
    Reset(u64, u64, u64),
    Stop(u64, u64),
    Challenge([u8; 8]),
    Response([u8; 8]),
    Close(u64, String),
    Packet(Vec<u8>),
}

fn any_ranges(g: &mut Gen) -> Ranges {
    let (mut ranges, mut end) = (Ranges::new(), Number::arbitrary(g).0 + 1);
    for _ in 0..*g.choose(&[1, 2, 3, 8, 62, 63, 64, 65, 80]).unwrap() {
        let few = *g.choose(&[1, 2, 0x3f, 0x40, 0x4000, u64::MAX]).unwrap();
        let len = 1 + Number::arbitrary(g).0 % few.min(end);
        ranges.insert(end - len..end);
        end = (end - len).saturating_sub(1 + u64::arbitrary(g) % few);
        if end == 0 {
            break;
        }
    }
    ranges
}

impl Arbitrary for Given {
    fn arbitrary(g: &mut Gen) -> Self {
        let [one, two, three] = [(); 3].map(|()| Number::arbitrary(g).0);
        let eight = (one ^ two << 7).to_be_bytes();
        let mut bytes = Vec::arbitrary(g);
        bytes.resize(bytes.len() + *g.choose(&[0, 0, 70]).unwrap(), 7);
        match u8::arbitrary(g) % 14 {
            0 => Self::Padding(1 + bytes.len()),
            1 => Self::Ping,
            2 => Self::Ranges(any_ranges(g), one),
            3 | 4 => Self::Stream(one, two / 2, bytes, bool::arbitrary(g)),
            5 => Self::LineCredit(one),
            6 => Self::StreamCredit(one, two),
            7 => Self::StreamsCredit(one),
            8 => Self::Reset(one, two, three),
            9 => Self::Stop(one, two),
            10 => Self::Challenge(eight),
            11 => Self::Response(eight),
            12 => Self::Close(one, String::arbitrary(g).chars().take(60).collect()),
            _ => Self::Packet(bytes),
        }
    }

    fn shrink(&self) -> Box<dyn Iterator<Item = Self>> {
        quickcheck::empty_shrinker()
    }
}

impl Given {
    fn write(&self, writer: &mut Writer<'_>) -> bool {
        match self {
            Self::Padding(len) => {
                let fits = *len <= writer.room();
                writer.padding(if fits { *len } else { 0 });
                fits
            }
            Self::Ping => writer.ping(),
            Self::Ranges(ranges, delay_us) => writer.ranges(ranges, *delay_us, usize::MAX),
            Self::Stream(id, offset, data, end) => {
                writer.stream(*id, *offset, data.len(), *end, |to| {
                    to.copy_from_slice(data);
                })
            }
            Self::LineCredit(bytes) => writer.line_credit(*bytes),
            Self::StreamCredit(id, bytes) => writer.stream_credit(*id, *bytes),
            Self::StreamsCredit(count) => writer.streams_credit(*count),
            Self::Reset(id, code, size) => writer.reset(*id, *code, *size),
            Self::Stop(id, code) => writer.stop(*id, *code),
            Self::Challenge(bytes) => writer.challenge(bytes),
            Self::Response(bytes) => writer.response(bytes),
            Self::Close(code, reason) => writer.close(*code, reason),
            Self::Packet(bytes) => writer.packet(bytes),
        }
    }

    /// True if `frame` says what was given; of ranges, at least the highest run.
    fn is(&self, frame: &Frame<'_>) -> bool {
        let plain = match self {
            Self::Padding(_) => Frame::Padding,
            Self::Ping => Frame::Ping,
            Self::Ranges(ranges, delay_us) => {
                let Frame::Ranges(got) = frame else {
                    return false;
                };
                let runs: Vec<_> = got.runs().collect();
                let same = ranges.iter().rev().take(runs.len()).eq(&runs);
                return same && !runs.is_empty() && got.delay_us == *delay_us;
            }
            Self::Stream(id, offset, data, end) => Frame::Stream {
                id: *id,
                offset: *offset,
                data,
                end: *end,
            },
            Self::LineCredit(bytes) => Frame::LineCredit { bytes: *bytes },
            Self::StreamCredit(id, bytes) => Frame::StreamCredit {
                id: *id,
                bytes: *bytes,
            },
            Self::StreamsCredit(count) => Frame::StreamsCredit { count: *count },
            Self::Reset(id, code, size) => Frame::Reset {
                id: *id,
                code: *code,
                size: *size,
            },
            Self::Stop(id, code) => Frame::Stop {
                id: *id,
                code: *code,
            },
            Self::Challenge(bytes) => Frame::Challenge(*bytes),
            Self::Response(bytes) => Frame::Response(*bytes),
            Self::Close(code, reason) => Frame::Close {
                code: *code,
                reason,
            },
            Self::Packet(bytes) => Frame::Packet(bytes),
        };
        plain == *frame
    }
}

#[test]
fn frame_sequences_are_read_as_they_were_written() {
    fn same(given: Vec<Given>, room: u16) -> bool {
        let mut buf = vec![0xaa; usize::from(room % 3000)];
        let mut writer = Writer::new(&mut buf);
        let mut written: Vec<&Given> = Vec::new();
        for frame in &given {
            let before = writer.len();
            if frame.write(&mut writer) {
                written.push(frame);
            } else {
                assert_eq!(
                    writer.len(),
                    before,
                    "a frame was written in part: {frame:?}"
                );
            }
        }
        // Paddings in a row are read as one.
        written.dedup_by(|a, b| matches!((a, b), (Given::Padding(_), Given::Padding(_))));
        let len = writer.len();
        let read: Vec<_> = Frames::new(&buf[..len]).map(Result::unwrap).collect();
        assert!(
            buf[len..].iter().all(|b| *b == 0xaa),
            "bytes beyond the end"
        );
        read.len() == written.len() && written.iter().zip(&read).all(|(given, got)| given.is(got))
    }
    property(30, 1_000).quickcheck(same as fn(Vec<Given>, u16) -> bool);
}

#[test]
fn frame_is_written_whole_or_not_at_all() {
    fn whole(given: Given) -> bool {
        let mut buf = vec![0; 8192];
        let mut writer = Writer::new(&mut buf);
        assert!(given.write(&mut writer));
        let full = writer.len();
        // Ranges shrink to what fits: their least is the highest run alone.
        let least = match &given {
            Given::Ranges(ranges, delay_us) => {
                let top = ranges.last().unwrap();
                let numbers = [2, top.end - 1, *delay_us, 0, top.end - top.start];
                numbers.iter().map(|n| varint_len(*n)).sum()
            }
            Given::Padding(_)
            | Given::Ping
            | Given::Stream(..)
            | Given::LineCredit(_)
            | Given::StreamCredit(..)
            | Given::StreamsCredit(_)
            | Given::Reset(..)
            | Given::Stop(..)
            | Given::Challenge(_)
            | Given::Response(_)
            | Given::Close(..)
            | Given::Packet(_) => full,
        };
        for room in 0..=full {
            let mut buf = vec![0; room];
            let mut writer = Writer::new(&mut buf);
            assert_eq!(
                given.write(&mut writer),
                room >= least,
                "{given:?} in {room} bytes"
            );
            assert!(room >= least || writer.is_empty());
        }
        let broken = Frames::new(&buf[..full - 1]).last();
        // All but paddings, and what is a single byte, need each byte that they have.
        full == 1
            || matches!(given, Given::Padding(_))
            || broken == Some(Err(FrameError::Truncated))
    }
    property(30, 300).quickcheck(whole as fn(Given) -> bool);
}

#[test]
fn frame_ranges_carry_as_many_runs_as_fit() {
    #[derive(Clone, Debug)]
    struct Received(Ranges);
    impl Arbitrary for Received {
        fn arbitrary(g: &mut Gen) -> Self {
            Self(any_ranges(g))
        }
    }
    /// Bytes of a frame with these runs, highest first.
    fn size(runs: &[Range<u64>], delay_us: u64) -> usize {
        let top = &runs[0];
        let mut numbers = vec![2, top.end - 1, delay_us, runs.len() as u64 - 1];
        numbers.push(top.end - top.start);
        for pair in runs.windows(2) {
            numbers.extend([pair[0].start - pair[1].end, pair[1].end - pair[1].start]);
        }
        numbers.iter().map(|n| varint_len(*n)).sum()
    }
    fn most(Received(received): Received, Number(delay_us): Number, runs_most: u8) -> bool {
        let runs: Vec<Range<u64>> = received.iter().rev().cloned().collect();
        let runs_most = usize::from(runs_most);
        for room in 0..=size(&runs, delay_us) + 1 {
            let fitting = (1..=runs.len().min(runs_most.max(1)))
                .take_while(|count| size(&runs[..*count], delay_us) <= room)
                .last();
            let mut buf = vec![0; room];
            let mut writer = Writer::new(&mut buf);
            assert_eq!(
                writer.ranges(&received, delay_us, runs_most),
                fitting.is_some()
            );
            let Some(fitting) = fitting else {
                continue;
            };
            assert_eq!(writer.len(), size(&runs[..fitting], delay_us));
            let len = writer.len();
            let Some(Ok(Frame::Ranges(frame))) = Frames::new(&buf[..len]).next() else {
                return false;
            };
            assert_eq!((frame.highest, frame.delay_us), (runs[0].end - 1, delay_us));
            assert!(frame.runs().eq(runs[..fitting].iter().cloned()));
        }
        true
    }
    property(30, 200).quickcheck(most as fn(Received, Number, u8) -> bool);
    assert!(!Writer::new(&mut [0; 100]).ranges(&Ranges::new(), 0, 9));
}

#[test]
fn frame_stream_room_is_exact() {
    let near = [0x3f, 0x3fff]
        .into_iter()
        .flat_map(|edge| edge - 8..edge + 24);
    for room in (0..40).chain(near) {
        for (id, offset) in [(0, 0), (0x40, 0x3fff), (VARINT_MAX, VARINT_MAX / 2)] {
            let mut buf = vec![0; room];
            let fits = Writer::new(&mut buf).stream_room(id, offset);
            let mut try_len = |len| Writer::new(&mut buf).stream(id, offset, len, false, |_| {});
            assert!(fits == 0 || try_len(fits), "{fits} bytes into {room}");
            assert!(!try_len(fits + 1), "{} bytes into {room}", fits + 1);
            assert!(!try_len(usize::MAX));
        }
    }
}

#[test]
fn frame_illegal_values_are_refused() {
    use FrameError as E;
    let read = |bytes: &[u8]| Frames::new(bytes).find_map(Result::err);
    for (bytes, error) in [
        // Ranges: no first run, one below 0, an empty gap, an empty run, pairs below 0.
        (&[2, 5, 0, 0, 0][..], E::Illegal),
        (&[2, 5, 0, 0, 7], E::Illegal),
        (&[2, 5, 0, 1, 1, 0, 1], E::Illegal),
        (&[2, 5, 0, 1, 1, 1, 0], E::Illegal),
        (&[2, 5, 0, 1, 1, 3, 3], E::Illegal),
        (&[2, 5, 0, 2, 1, 1, 1], E::Truncated),
        (&[2, 5, 0, 63, 1], E::Truncated),
        // Stream bytes beyond the last place that a number can name.
        (
            &[3, 0, 255, 255, 255, 255, 255, 255, 255, 255, 1, 9],
            E::Illegal,
        ),
        (&[3, 0, 0, 2, 9], E::Truncated),
        (&[12, 0, 1, 0xff], E::Illegal),
        (&[13, 64], E::Truncated),
        (&[10, 1, 2, 3, 4, 5, 6, 7], E::Truncated),
        (&[14], E::Truncated),
        (&[14, 1, 2, 3, 4, 3, 9, 9], E::Truncated),
        (&[15, 1, 2, 3], E::Truncated),
        (&[16], E::UnknownCritical(16)),
        (&[63, 0], E::UnknownCritical(63)),
        (&[64, 64, 2, 9], E::Truncated),
        (&[0x40], E::Truncated),
    ] {
        assert_eq!(read(bytes), Some(error), "{bytes:?}");
        let mut frames = Frames::new(bytes);
        assert!(frames.by_ref().any(|frame| frame.is_err()));
        assert_eq!(frames.next(), None, "nothing is read beyond an error");
    }
    let mut long = vec![12, 0, 0x41, 0];
    long.resize(4 + 256, b'x');
    assert_eq!(read(&long), Some(E::Illegal));
    // The largest numbers break no arithmetic.
    let top = [&[2][..], &[0xff; 8], &[0xff; 8], &[1], &[0xff; 8], &[1, 1]].concat();
    assert_eq!(read(&top), Some(E::Illegal));
    let pairs = [&[2][..], &[0xff; 8], &[0, 1, 1], &[0xff; 16]].concat();
    assert_eq!(read(&pairs), Some(E::Illegal));
}

#[test]
fn frame_unknown_that_may_be_skipped_is_skipped() {
    // Type 70 with two bytes, then a ping, then one that is longer than any frame of ours.
    let bytes = [
        0x40, 70, 2, 9, 9, 1, 0xff, 255, 255, 255, 255, 255, 255, 255, 0,
    ];
    let mut read = Frames::new(&bytes).map(Result::unwrap);
    assert_eq!(read.next(), Some(Frame::Skipped { kind: 70 }));
    assert_eq!(read.next(), Some(Frame::Ping));
    assert_eq!(read.next(), Some(Frame::Skipped { kind: VARINT_MAX }));
    assert_eq!(read.next(), None);
}

#[test]
fn frame_codes_and_reasons_are_cut_to_what_fits_the_wire() {
    let mut buf = [0; 600];
    let mut writer = Writer::new(&mut buf);
    let reason = ["x", &"é".repeat(200)].concat();
    assert!(writer.reset(1, u64::MAX, 2) && writer.stop(1, u64::MAX));
    assert!(writer.close(u64::MAX, &reason));
    let len = writer.len();
    let mut frames = Frames::new(&buf[..len]).map(Result::unwrap);
    let (id, code, size) = (1, VARINT_MAX, 2);
    assert_eq!(frames.next(), Some(Frame::Reset { id, code, size }));
    assert_eq!(frames.next(), Some(Frame::Stop { id, code }));
    let reason = &reason[..255];
    assert_eq!(frames.next(), Some(Frame::Close { code, reason }));
}

#[test]
fn frame_survives_any_bytes() {
    fn survives(mut bytes: Vec<u8>, kinds: Vec<u8>) -> bool {
        // Types that exist are more fruitful than random bytes.
        for (byte, kind) in bytes.iter_mut().step_by(3).zip(kinds) {
            *byte = kind % 16;
        }
        for frame in Frames::new(&bytes) {
            if let Ok(Frame::Ranges(ranges)) = frame {
                let mut floor = u64::MAX;
                for run in ranges.runs() {
                    assert!(run.start < run.end && run.end < floor);
                    floor = run.start;
                }
            }
        }
        true
    }
    property(120, 5_000).quickcheck(survives as fn(Vec<u8>, Vec<u8>) -> bool);
}
