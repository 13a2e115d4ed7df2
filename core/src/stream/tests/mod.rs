//! Two ends of a line without the line: what one fills, the other takes.

mod delivery;
mod down;
mod life;
mod memory;
mod model;
mod output;
mod priority;
mod protocol;
mod refusal;
mod short;
mod waiting;

use std::{vec, vec::Vec};

use super::*;
use crate::{
    base::{Effects, Time},
    wire::frame::{Frame, Frames, Writer},
};

/// A packet on its way, and what its sender keeps of it.
pub(super) struct Packet {
    pub(super) plain: Vec<u8>,
    pub(super) carried: Vec<Carried>,
}

pub(super) struct End {
    pub(super) streams: Streams,
    pub(super) fx: Effects<Effect>,
}

impl End {
    pub(super) fn new(config: &Config, smaller: bool) -> Self {
        config.check().unwrap();
        let (ours, peers) = if smaller { (3, 8) } else { (8, 3) };
        Self {
            streams: Streams::new(config.clone().into(), smaller, ours, Some(peers)),
            fx: Effects::new(config.effects_max()),
        }
    }

    pub(super) fn effects(&mut self) -> Vec<Effect> {
        core::iter::from_fn(|| self.fx.pop()).collect()
    }

    pub(super) fn pack(&mut self, size: usize) -> Packet {
        let (mut plain, mut carried) = (vec![0; size], Vec::new());
        let mut writer = Writer::new(&mut plain);
        self.streams.fill(&mut writer, &mut carried);
        let len = writer.len();
        plain.truncate(len);
        Packet { plain, carried }
    }

    pub(super) fn take(&mut self, now: Time, plain: &[u8]) -> Result<(), Misbehaviour> {
        let (streams, fx) = (&mut self.streams, &mut self.fx);
        for frame in Frames::new(plain) {
            match frame.unwrap() {
                Frame::Stream {
                    id,
                    offset,
                    data,
                    end,
                } => {
                    let taken = streams.on_bytes(now, id, offset, data, end, fx)?;
                    assert_eq!(taken, Taken::Acted, "there is room");
                }
                Frame::LineCredit { bytes } => streams.on_line_credit(bytes),
                Frame::StreamCredit { id, bytes } => streams.on_stream_credit(id, bytes, fx)?,
                Frame::StreamsCredit { count } => streams.on_streams_credit(count, fx),
                Frame::Reset { id, code, size } => streams.on_reset(now, id, code, size, fx)?,
                Frame::Stop { id, code } => streams.on_stop(id, code, fx)?,
                Frame::Padding
                | Frame::Ping
                | Frame::Ranges(_)
                | Frame::Challenge(_)
                | Frame::Response(_)
                | Frame::Close { .. }
                | Frame::Packet(_)
                | Frame::Rekey { .. }
                | Frame::Rekeyed { .. }
                | Frame::Skipped { .. } => panic!("streams send no such frame"),
            }
        }
        Ok(())
    }

    pub(super) fn arrived(&mut self, packet: &Packet) {
        for what in &packet.carried {
            self.streams.on_arrived(*what, &mut self.fx);
        }
    }

    pub(super) fn lost(&mut self, packet: &Packet) {
        for what in &packet.carried {
            self.streams.on_lost(*what);
        }
    }

    pub(super) fn bytes(
        &mut self,
        id: u64,
        offset: u64,
        data: &[u8],
        end: bool,
    ) -> Result<(), Misbehaviour> {
        self.streams
            .on_bytes(Time::ZERO, id, offset, data, end, &mut self.fx)
            .map(|taken| assert_eq!(taken, Taken::Acted, "there is room"))
    }

    pub(super) fn read(&mut self, id: u64, most: usize) -> Result<Vec<u8>, ReadError> {
        let mut out = vec![0; most];
        match self.streams.read(Time::ZERO, id, &mut out, &mut self.fx)? {
            Read::Bytes(len) => {
                out.truncate(len);
                Ok(out)
            }
            Read::End => Ok(Vec::new()),
        }
    }
}

/// Two ends: the first has the smaller hashname, so its streams are 6, 8, 10 … and those of the
/// second are 17, 19, 21 ….
pub(super) fn ends(config: &Config) -> (End, End) {
    (End::new(config, true), End::new(config, false))
}

pub(super) const HEAD: &str = r#"{"sock":"127.0.0.1:80"}"#;

/// Two ends and a stream that the first opened and the second knows of.
pub(super) fn opened() -> (End, End, u64) {
    let (mut a, mut b) = ends(&Config::default());
    let id = a.streams.open(HEAD).unwrap();
    pump(&mut a, &mut b);
    assert_eq!(b.effects(), [Effect::Opened { id }]);
    (a, b, id)
}

pub(super) fn write(end: &mut End, id: u64, data: &[u8]) {
    assert_eq!(end.streams.write(id, data), Ok(data.len()));
}

/// Everything that goes out arrives, until neither has anything to say.
pub(super) fn pump(a: &mut End, b: &mut End) {
    while a.streams.has_output() || b.streams.has_output() {
        carry(a, b);
        carry(b, a);
    }
}

/// One packet, if there is one.
pub(super) fn carry(from: &mut End, to: &mut End) {
    if from.streams.has_output() {
        let packet = from.pack(1200);
        assert!(
            !packet.plain.is_empty(),
            "what is announced as output goes out"
        );
        to.take(Time::ZERO, &packet.plain).unwrap();
        from.arrived(&packet);
    }
}

/// The seed of a property: printed, and settable.
pub(super) fn checker(tests: u64) -> quickcheck::QuickCheck {
    let seed = std::env::var("HYDROID_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok())
        .unwrap_or(20_260_301);
    std::println!("HYDROID_SEED={seed}");
    quickcheck::QuickCheck::new()
        .rng(quickcheck::Gen::from_size_and_seed(64, seed))
        .tests(tests)
}

/// How many bytes of streams a packet carried.
pub(super) fn bytes_in(packet: &Packet) -> u64 {
    let len = |what: &Carried| match what {
        Carried::Bytes { len, .. } => u64::from(*len),
        Carried::LineCredit
        | Carried::StreamCredit { .. }
        | Carried::StreamsCredit
        | Carried::Reset { .. }
        | Carried::Stop { .. } => 0,
    };
    packet.carried.iter().map(len).sum()
}
