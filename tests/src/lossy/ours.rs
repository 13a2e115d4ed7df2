use std::{collections::VecDeque, net::SocketAddr};

use hydroid_core::{
    base::{Seed, Time},
    identity::{SecretKey, Space},
    line::Provider,
    switch::{
        Config, Ecn, Event, Interface, LineEvent, LineId, Meta, Path, Read, SocketId, StreamEvent,
        StreamId, Switch,
    },
};

use super::{DATAGRAM_MOST, Ends, Outcome};

/// Two switches, the first of which sends.
#[derive(Debug)]
pub struct Ours {
    ends: [Switch; 2],
    line: LineId,
    up: bool,
    streams: [Option<StreamId>; 2],
    buf: Vec<u8>,
    /// What is left of the last run of datagrams of each end.
    run: [VecDeque<Vec<u8>>; 2],
}

fn address(end: usize) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, end as u8 + 1], 4000))
}

impl Ours {
    /// As they come, with the arithmetic of this provider.
    ///
    /// # Errors
    /// There are no two such ends.
    pub fn new(provider: &'static dyn Provider) -> Outcome<Self> {
        let now = Time::from_us(1000);
        let space = Space::open("bench")?;
        let keys = [1, 2].map(|byte| SecretKey::from_bytes(&[byte; 32]));
        let mut ends = Vec::new();
        for (end, key) in keys.iter().enumerate() {
            let seed = Seed::new([end as u8 + 3; 32]);
            let mut config = Config::default();
            config.life.datagram_most_bytes = DATAGRAM_MOST;
            let mut switch = Switch::with_provider(config, &seed, provider)?;
            let (socket, local) = (SocketId(0), address(end));
            switch.handle_network_change(now, &[Interface { socket, local }]);
            let name = switch.install(now, key, &space)?;
            ends.push((switch, name));
        }
        let both = <[_; 2]>::try_from(ends).map_err(|ends| format!("{} ends", ends.len()))?;
        let [(mut first, name), (second, _)] = both;
        let line = first.connect(now, name, &keys[1].public(), &[address(1)])?;
        Ok(Self {
            ends: [first, second],
            line,
            up: false,
            streams: [None; 2],
            buf: vec![0; 65_535],
            run: Default::default(),
        })
    }

    fn hear(&mut self, now: Time) {
        for end in 0..2 {
            while let Some(event) = self.ends[end].poll_event() {
                match event {
                    Event::Line(LineEvent::Up { .. }) if end == 0 => self.up = true,
                    Event::Stream(StreamEvent::Opened { stream }) if end == 1 => {
                        self.streams[1] = Some(stream);
                    }
                    Event::Line(_)
                    | Event::Stream(_)
                    | Event::Space(_)
                    | Event::Tree(_)
                    | Event::Lan(_)
                    | Event::Anon
                    | Event::Packet { .. }
                    | Event::MaySend { .. } => {}
                    _ => unreachable!("an event that nobody knew"),
                }
            }
            while self.ends[end].poll_need().is_some() {}
        }
        if self.up && self.streams[0].is_none() {
            let stream = self.ends[0].open_stream(now, self.line, "{}");
            self.streams[0] = stream.ok();
        }
    }
}

impl Ends for Ours {
    fn poll(&mut self, now_us: u64, end: usize) -> Option<Vec<u8>> {
        let now = Time::from_us(now_us);
        self.hear(now);
        let run = &mut self.run[end];
        if run.is_empty() {
            let transmit = self.ends[end].poll_transmit(now, &mut self.buf)?;
            let datagrams = self.buf[..transmit.len].chunks(transmit.segment);
            run.extend(datagrams.map(<[u8]>::to_vec));
        }
        run.pop_front()
    }

    fn deliver(&mut self, now_us: u64, end: usize, mut datagram: Vec<u8>) {
        let meta = Meta {
            socket: SocketId(0),
            path: Path::new(Some(address(end).ip()), address(1 - end)),
            interface: 0,
            ecn: Ecn::None,
            stride: datagram.len(),
        };
        self.ends[end].handle_datagram(Time::from_us(now_us), &meta, &mut datagram);
    }

    fn deadline_us(&mut self, end: usize) -> Option<u64> {
        self.ends[end].poll_timeout().map(|it| it.at.as_us())
    }

    fn on_deadline(&mut self, now_us: u64, end: usize) {
        self.ends[end].handle_timeout(Time::from_us(now_us));
    }

    fn write(&mut self, now_us: u64, bytes: u64) -> Option<u64> {
        static PIECE: [u8; 1 << 16] = [9; 1 << 16];
        let now = Time::from_us(now_us);
        self.hear(now);
        let stream = self.streams[0]?;
        let mut taken = 0;
        while taken < bytes {
            let piece = (bytes - taken).min(PIECE.len() as u64) as usize;
            match self.ends[0].write(now, stream, &PIECE[..piece]) {
                Ok(more @ 1..) => taken += more as u64,
                Ok(0) | Err(_) => break,
            }
        }
        Some(taken)
    }

    fn read(&mut self, now_us: u64) -> u64 {
        let Some(stream) = self.streams[1] else {
            return 0;
        };
        let mut got = 0;
        let mut buf = [0; 1 << 14];
        let now = Time::from_us(now_us);
        while let Ok(Read::Bytes(bytes @ 1..)) = self.ends[1].read(now, stream, &mut buf) {
            got += bytes as u64;
        }
        got
    }
}
