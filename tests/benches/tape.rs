//! What recording and replay cost: `cargo bench -p hydroid-tests --bench tape`. Each figure is the
//! least of several rounds.

use std::{hint::black_box, time::Instant};

use hydroid_core::{
    base::Time,
    line::{self, Provider, PureRust},
    switch::{Ecn, Meta, Path, SocketId},
    tape::{Config, Player},
};
use hydroid_tests::duet::{One, brief, everything};

const ROUNDS: u32 = 15;
const CALLS: u64 = 20_000;

/// The calls that are timed.
const WORK: [(&str, Work); 4] = [
    ("handle_timeout, nothing due", |one, now, _| {
        one.switch.handle_timeout(now);
    }),
    ("poll_transmit, nothing to send", |one, now, buf| {
        black_box(one.switch.poll_transmit(now, buf));
    }),
    ("handle_datagram, 39 B of noise", |one, now, buf| {
        one.switch.handle_datagram(now, &META, &mut buf[..39]);
    }),
    ("handle_datagram, 1,200 B of noise", |one, now, buf| {
        one.switch.handle_datagram(now, &META, &mut buf[..1200]);
    }),
];

type Work = fn(&mut One, Time, &mut [u8]);

const META: Meta = Meta {
    socket: SocketId(0),
    path: Path {
        local: None,
        remote: std::net::SocketAddr::V4(std::net::SocketAddrV4::new(
            std::net::Ipv4Addr::new(198, 51, 100, 70),
            40_000,
        )),
    },
    interface: 0,
    ecn: Ecn::None,
    stride: 1200,
};

/// Nanoseconds of one call of a switch that is recorded like this.
fn call(work: Work, tape: Option<Config>) -> u64 {
    let mut one = One::new(1, 1, Time::ZERO, &PureRust, tape);
    let (mut buf, mut taken) = (vec![0xff; 65_535], Vec::new());
    let mut least = u64::MAX;
    for round in 0..u64::from(ROUNDS) {
        let begun = Instant::now();
        for n in 0..CALLS {
            work(&mut one, Time::from_us(round * CALLS + n), &mut buf);
            if n % 1000 == 0 {
                taken.clear();
                one.switch.take_tape(&mut taken);
            }
        }
        least = least.min(begun.elapsed().as_nanos() as u64 / CALLS);
    }
    least
}

/// Microseconds of a replay.
fn replay(tape: &[u8], provider: &'static dyn Provider, loose: bool) -> u64 {
    let mut least = u64::MAX;
    for _ in 0..3 {
        let mut player = if loose {
            Player::loose(provider)
        } else {
            Player::strict(provider)
        };
        let begun = Instant::now();
        for piece in tape.chunks(65_536) {
            player.feed(piece);
            while player.step().expect("it is replayed").is_some() {}
        }
        least = least.min(begun.elapsed().as_micros() as u64);
        assert!(player.end().is_some(), "to its end");
    }
    least.max(1)
}

fn main() {
    let config = Config {
        buffer_bytes: 1 << 30,
        ..Config::default()
    };
    println!(
        "{:36}{:>10}{:>10}{:>10}{:>10}",
        "ns a call", "plain", "tape", "redacted", "digest"
    );
    for (name, work) in WORK {
        let redacted = Config {
            redacted: true,
            ..config.clone()
        };
        let digest = Config {
            digest_only: true,
            ..config.clone()
        };
        let figures = [None, Some(config.clone()), Some(redacted), Some(digest)];
        print!("{name:36}");
        for tape in figures {
            print!("{:>10}", call(work, tape));
        }
        println!();
    }
    let fast = line::fast().unwrap_or(&PureRust);
    // An hour in which a line is held and little is said.
    let mut idle = brief(&config);
    idle.run(3_600_000);
    let (mut busy, _) = everything([fast, fast], Some(&config));
    for (name, duet, seconds) in [
        ("a mostly idle hour", &mut idle, 3600),
        ("everything", &mut busy, 3618),
    ] {
        let tape = duet.tapes().swap_remove(0);
        let (strict, loose) = (replay(&tape, fast, false), replay(&tape, fast, true));
        println!(
            "{name}: {} bytes; strict {strict} us, {} x real time; loose {loose} us",
            tape.len(),
            seconds * 1_000_000 / strict
        );
    }
}
