//! A flood before a switch: random, half-valid and replayed datagrams, thousands a second. It
//! computes curves for so many a second as it is configured to and no more, takes no memory for
//! them that grows, and the honest line goes on.

use std::{
    net::SocketAddr,
    sync::atomic::{AtomicU64, Ordering},
};

use hydroid_core::{
    base::{Rng, Seed, Time},
    identity::{PublicKey, SecretKey, Space},
    line::{self, Cipher, Lines, Provider, PureRust, Suite},
    switch::{Config, Ecn, Meta, Path, Route},
};
use hydroid_tests::{
    transfer::{CLEAN, Progress, opened, pump},
    world::{SOCKET, World},
};

/// What a responder computes for one open that it reads: its ephemeral key, and four agreements.
const CURVES_AN_OPEN: u64 = 5;
/// Milliseconds of flood, and datagrams in each.
const FLOOD_MS: u64 = 3_000;
const EACH_MS: usize = 12;

/// Counts what it computes.
#[derive(Debug, Default)]
struct Counting {
    curves: AtomicU64,
}

impl Provider for Counting {
    fn public(&self, secret: &[u8; 32]) -> [u8; 32] {
        self.curves.fetch_add(1, Ordering::Relaxed);
        PureRust.public(secret)
    }

    fn agree(&self, secret: &[u8; 32], public: &[u8; 32]) -> [u8; 32] {
        self.curves.fetch_add(1, Ordering::Relaxed);
        PureRust.agree(secret, public)
    }

    fn cipher(&self, suite: Suite, key: &[u8; 32]) -> Box<dyn Cipher> {
        PureRust.cipher(suite, key)
    }
}

static COUNTING: Counting = Counting {
    curves: AtomicU64::new(0),
};

fn stranger(rng: &mut Rng) -> SocketAddr {
    let [a, b, c, d] = (rng.u64() as u32).to_be_bytes();
    SocketAddr::from(([100 + a % 64, b, c, d], 4000))
}

/// Opens to the holder of `key`, each by somebody else: what everybody can make who knows it.
fn opens(key: PublicKey, count: u8) -> Vec<Vec<u8>> {
    let space = Space::open("world").expect("a legal name").id();
    let open = |n: u8| {
        let mut lines = Lines::new(&line::Config::default(), Rng::new(&Seed::new([n; 32])));
        let secret = SecretKey::from_bytes(&[n + 100; 32]);
        let local = lines.install(Time::ZERO, &secret, space).expect("installs");
        let route = Route {
            socket: SOCKET,
            path: Path::to(SocketAddr::from(([100, 0, 0, n], 4000))),
        };
        lines
            .open(Time::ZERO, local, key, &[route], 0)
            .expect("dials");
        let mut buf = [0; 2048];
        let (_, len) = lines.poll_datagram(Time::ZERO, &mut buf).expect("an open");
        buf[..len].to_vec()
    };
    (0..count).map(open).collect()
}

/// One datagram of the flood: chance, an open that is damaged behind its MAC or not at all, or
/// something that was overheard, whole or damaged.
fn hostile(rng: &mut Rng, opens: &[Vec<u8>], overheard: &[Vec<u8>]) -> Vec<u8> {
    let pick =
        |rng: &mut Rng, from: &[Vec<u8>]| from[rng.below(from.len() as u64) as usize].clone();
    match rng.below(6) {
        0 => {
            let len = 1 + rng.below(1_200);
            (0..len).map(|_| rng.u64() as u8).collect()
        }
        1 => {
            let mut sealed = vec![0, 4];
            sealed.extend((0..60).map(|_| rng.u64() as u8));
            sealed
        }
        2 => pick(rng, opens),
        3 => {
            let mut open = pick(rng, opens);
            let at = rng.below(open.len() as u64) as usize;
            open[at] ^= 1 << rng.below(8);
            open
        }
        4 => pick(rng, overheard),
        _ => {
            let mut overheard = pick(rng, overheard);
            let at = rng.below(overheard.len() as u64) as usize;
            overheard[at] ^= 1 << rng.below(8);
            overheard
        }
    }
}

#[test]
fn flood_costs_the_configured_curves_and_the_honest_line_goes_on() {
    let mut config = Config::default();
    config.line.opens_per_second = 20;
    config.line.opens_burst = 40;
    config.line.half_open = 64;
    let providers: Vec<&'static dyn Provider> = vec![&COUNTING, &PureRust];
    let mut world = World::with_providers(5, providers, &config, CLEAN);
    world.kept = Some(Vec::new());
    let (line, theirs) = world.line(1, 0);
    let now = world.now;
    let ours = world.nodes[1].switch.open_stream(now, line, r#"{"n":1}"#);
    let ours = ours.expect("opens");
    let (mut here, mut there) = (Progress::default(), Progress::default());
    let mut come = None;
    let mut rng = Rng::new(&Seed::new([7; 32]));
    let opens = opens(world.nodes[0].key, 100);
    let before = COUNTING.curves.load(Ordering::Relaxed);
    let sent = world.kept.take().expect("was kept");
    let overheard: Vec<_> = sent.into_iter().map(|(_, _, bytes)| bytes).collect();
    let (mut most_bytes, mut injected) = (0, 0);
    for _ in 0..FLOOD_MS {
        for _ in 0..EACH_MS {
            let from = stranger(&mut rng);
            world.inject(from, 0, &hostile(&mut rng, &opens, &overheard));
            injected += 1;
        }
        world.run(1);
        pump(&mut world, 1, ours, 2_000_000, &mut here);
        come = come.or_else(|| opened(&mut world, 0));
        if let Some(come) = come {
            pump(&mut world, 0, come, 2_000_000, &mut there);
        }
        most_bytes = most_bytes.max(world.nodes[0].switch.status().ledger_bytes);
    }
    let switch = &world.nodes[0].switch;
    let curves = COUNTING.curves.load(Ordering::Relaxed) - before;
    let read_most = 40 + 20 * FLOOD_MS / 1_000 + 1;
    println!(
        "{injected} datagrams: {} opens read of {read_most}, {curves} curves; {most_bytes} bytes held, {} and {} read",
        switch.opens_read(),
        here.read,
        there.read,
    );
    assert!(switch.opens_read() > 20, "some are read");
    assert!(switch.opens_read() <= read_most + 1, "and the honest one");
    assert!(curves <= read_most * CURVES_AN_OPEN, "{curves} curves");
    assert!(
        most_bytes <= config.ledger.line_bytes,
        "{most_bytes} bytes held"
    );
    assert_eq!(switch.status().lines, 1);
    assert!(switch.line(theirs).is_some(), "the honest line is there");
    let (here, there) = (here.read, there.read);
    assert!(here > 1_000_000 && there > 1_000_000, "{here} and {there}");
}

/// Bytes that a switch of its own takes beyond what it took before, after so much flood.
fn taken_by(kind: usize, count: u64) -> (u64, u64) {
    let config = Config::default();
    let mut world = World::new(6, 2, &config, CLEAN);
    world.kept = Some(Vec::new());
    world.line(1, 0);
    let sent = world.kept.take().expect("was kept");
    let overheard: Vec<_> = sent.into_iter().map(|(_, _, bytes)| bytes).collect();
    let opens = opens(world.nodes[0].key, 100);
    let mut rng = Rng::new(&Seed::new([8; 32]));
    let floods: Vec<_> = (0..500)
        .map(|_| {
            let from = stranger(&mut rng);
            let datagram = match kind {
                0 => hostile(&mut rng, &opens, &overheard),
                _ => opens[rng.below(100) as usize].clone(),
            };
            (from, datagram)
        })
        .collect();
    let now = world.now;
    let switch = &mut world.nodes[0].switch;
    let mut buf = vec![0; 65_536];
    let mut bytes = vec![0; 2_048];
    let info = allocation_counter::measure(|| {
        for n in 0..count {
            let (from, datagram) = &floods[n as usize % floods.len()];
            let bytes = &mut bytes[..datagram.len()];
            bytes.copy_from_slice(datagram);
            let meta = Meta {
                socket: SOCKET,
                path: Path::to(*from),
                interface: 0,
                ecn: Ecn::None,
                stride: bytes.len(),
            };
            let now = now.plus_us(n * 20);
            switch.handle_datagram(now, &meta, bytes);
            while switch.poll_transmit(now, &mut buf).is_some() {}
            while switch.poll_event().is_some() {}
        }
    });
    (
        info.bytes_max,
        u64::try_from(info.bytes_current).unwrap_or(0),
    )
}

#[test]
fn flood_takes_memory_that_does_not_grow_with_it() {
    for kind in 0..2 {
        let (short, _) = taken_by(kind, 10_000);
        let (long, left) = taken_by(kind, 40_000);
        println!("{short} bytes at most after 10,000, {long} after 40,000, {left} left");
        // At most `half_open` answers of some 1.5 kB wait, and half a second of curves.
        let half_open = u64::from(Config::default().line.half_open) * 2_048;
        assert!(long <= half_open, "{long} bytes");
        assert!(left <= half_open, "{left} bytes");
    }
}
