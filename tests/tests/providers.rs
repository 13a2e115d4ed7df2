//! Whatever computes the curve and the ciphers, a switch sends the same bytes.

use std::fmt::Write as _;

use hydroid_core::{
    identity::SecretKey,
    line::{self, Provider, PureRust, Suite},
    switch::{Config, Event},
};
use hydroid_tests::{
    transfer::{Progress, opened, pump},
    world::{Link, World},
};
use sha2::{Digest as _, Sha256};

/// What every byte of the scripted run hashes to, under either provider. It changes with what
/// switches send and with which datagrams the world draws for its faults, and with nothing else.
const PINNED: [(Suite, &str); 2] = [
    (
        Suite::Aes256Gcm,
        "fb7612c83c6425abffef943125c58d6512fdf3a1d04e8aa8242c9d23fbdf88ac",
    ),
    (
        Suite::ChaCha20Poly1305,
        "66cb5956bf658648a62f30c55a495cbf8340a94c5e81c1150a9d8abb4036eeae",
    ),
];

/// Every datagram with its way, and every event, of a scripted run between two switches with fixed
/// seeds over a link that loses, doubles, reorders and damages.
fn scripted(suite: Suite, providers: [&'static dyn Provider; 2]) -> (Vec<String>, Vec<Event>) {
    let mut config = Config::default();
    config.line.suite = suite;
    let link = Link {
        latency_us: 5_000,
        jitter_us: 3_000,
        loss: 30,
        double: 20,
        damage: 20,
        ..Link::default()
    };
    let mut world = World::with_providers(11, providers.to_vec(), &config, link);
    world.kept = Some(Vec::new());
    let mut events = Vec::new();
    let (line, _) = world.line(0, 1);
    exchange(&mut world, line, &mut events);
    world.restart(1, &SecretKey::from_bytes(&[1; 32]), &config);
    let line = world.connect(0, 1);
    world.until(20_000, |world| world.nodes[0].take_up());
    exchange(&mut world, line, &mut events);
    let now = world.now;
    let closed = world.nodes[0].switch.close(now, line, 7, "enough");
    closed.expect("closes");
    world.run(20_000);
    events.extend(
        world
            .nodes
            .iter_mut()
            .flat_map(|node| node.events.drain(..)),
    );
    let kept = world.kept.expect("was kept");
    let told = kept.iter().map(|(from, to, bytes)| {
        let mut text = format!("{from} {to} ");
        for byte in bytes {
            write!(text, "{byte:02x}").expect("a text grows");
        }
        text
    });
    (told.collect(), events)
}

/// Bytes each way through a stream that node 0 opens.
fn exchange(world: &mut World, line: hydroid_core::switch::LineId, events: &mut Vec<Event>) {
    const BYTES: u64 = 60_000;
    let now = world.now;
    let switch = &mut world.nodes[0].switch;
    let ours = switch.open_stream(now, line, "{\"n\":1}").expect("opens");
    let (mut here, mut there) = (Progress::default(), Progress::default());
    let mut theirs = None;
    let done = world.until(120_000, |world| {
        pump(world, 0, ours, BYTES, &mut here);
        theirs = theirs.or_else(|| opened(world, 1));
        pump(world, 1, theirs?, BYTES, &mut there);
        (here.ended && there.ended).then_some(())
    });
    assert_eq!((done, here.read, there.read), (Some(()), BYTES, BYTES));
    events.extend(
        world
            .nodes
            .iter_mut()
            .flat_map(|node| node.events.drain(..)),
    );
}

/// The fast one, or, where the processor has none, pure Rust against itself.
fn fast() -> &'static dyn Provider {
    line::fast().unwrap_or(&PureRust)
}

#[test]
fn provider_changes_no_byte_of_a_run_and_no_event() {
    let made = PINNED.map(|(suite, _)| {
        let (datagrams, events) = scripted(suite, [&PureRust, &PureRust]);
        assert!(datagrams.len() > 200, "something was said");
        for providers in [[fast(), fast()], [fast(), &PureRust], [&PureRust, fast()]] {
            let (others, told) = scripted(suite, providers);
            let differs = datagrams.iter().zip(&others).position(|(a, b)| a != b);
            assert_eq!(differs, None, "the first that differs, {providers:?}");
            assert_eq!(datagrams.len(), others.len());
            assert_eq!(events, told);
        }
        let hash = Sha256::digest(datagrams.join("\n"));
        let hash = hash.iter().map(|byte| format!("{byte:02x}"));
        (suite, hash.collect::<String>())
    });
    let pinned = PINNED.map(|(suite, hash)| (suite, hash.to_owned()));
    assert_eq!(made, pinned, "if other bytes are meant, pin their hashes");
}

#[test]
#[cfg(target_arch = "x86_64")]
fn provider_is_fast_wherever_the_processor_has_what_it_needs() {
    let has = is_x86_feature_detected!("aes")
        && is_x86_feature_detected!("pclmulqdq")
        && is_x86_feature_detected!("avx2")
        && is_x86_feature_detected!("bmi1")
        && is_x86_feature_detected!("adx");
    assert_eq!(line::fast().is_some(), has);
}
