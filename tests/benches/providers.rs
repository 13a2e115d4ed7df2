//! What each provider takes, in nanoseconds: `cargo bench -p hydroid-tests --bench providers`.
//! The least of several rounds, in which the providers take turns, so that a machine that has
//! other things to do tells the same.

use std::{hint::black_box, time::Instant};

use hydroid_core::{
    line::{self, Provider, PureRust, Suite},
    switch::Config,
};
use hydroid_tests::{transfer::CLEAN, world::World};

const ROUNDS: u32 = 15;
const NONCE: [u8; 12] = [7; 12];
const AAD: [u8; 12] = [1; 12];

type Work = fn(&'static dyn Provider) -> u64;

/// Nanoseconds for one of `count`.
fn time(count: u32, mut work: impl FnMut()) -> u64 {
    work();
    let begun = Instant::now();
    (0..count).for_each(|_| work());
    let ns = begun.elapsed().as_nanos() / u128::from(count);
    u64::try_from(ns).expect("it ends")
}

fn seal<const LEN: usize>(provider: &dyn Provider, suite: Suite) -> u64 {
    let cipher = provider.cipher(suite, &[5; 32]);
    let mut text = [0; LEN];
    time(5_000, || {
        black_box(cipher.seal(&NONCE, &AAD, black_box(&mut text)));
    })
}

fn open<const LEN: usize>(provider: &dyn Provider, suite: Suite) -> u64 {
    let cipher = provider.cipher(suite, &[5; 32]);
    let mut sealed = [0; LEN];
    let tag = cipher.seal(&NONCE, &AAD, &mut sealed);
    time(5_000, || {
        let mut text = black_box(sealed);
        assert!(cipher.open(&NONCE, &AAD, &mut text, &tag));
        black_box(&text);
    })
}

fn schedule(provider: &dyn Provider, suite: Suite) -> u64 {
    time(5_000, || {
        black_box(provider.cipher(suite, black_box(&[5; 32])));
    })
}

/// A handshake and the first packets each way, with all that two switches do about them.
fn line(provider: &'static dyn Provider) -> u64 {
    const LINES: u32 = 20;
    let worlds = (0..LINES.into())
        .map(|seed| World::with_providers(seed, vec![provider; 2], &Config::default(), CLEAN));
    let mut worlds: Vec<_> = worlds.collect();
    let begun = Instant::now();
    for world in &mut worlds {
        black_box(world.line(0, 1));
    }
    let ns = begun.elapsed().as_nanos() / u128::from(LINES);
    u64::try_from(ns).expect("it ends")
}

const WORK: [(&str, Work); 13] = [
    ("AES-256-GCM, seal 1,200 B", |it| {
        seal::<1200>(it, Suite::Aes256Gcm)
    }),
    ("AES-256-GCM, open 1,200 B", |it| {
        open::<1200>(it, Suite::Aes256Gcm)
    }),
    ("AES-256-GCM, seal 64 B", |it| {
        seal::<64>(it, Suite::Aes256Gcm)
    }),
    ("AES-256-GCM, open 64 B", |it| {
        open::<64>(it, Suite::Aes256Gcm)
    }),
    ("AES-256-GCM, key schedule", |it| {
        schedule(it, Suite::Aes256Gcm)
    }),
    ("ChaCha20-Poly1305, seal 1,200 B", |it| {
        seal::<1200>(it, Suite::ChaCha20Poly1305)
    }),
    ("ChaCha20-Poly1305, open 1,200 B", |it| {
        open::<1200>(it, Suite::ChaCha20Poly1305)
    }),
    ("ChaCha20-Poly1305, seal 64 B", |it| {
        seal::<64>(it, Suite::ChaCha20Poly1305)
    }),
    ("ChaCha20-Poly1305, open 64 B", |it| {
        open::<64>(it, Suite::ChaCha20Poly1305)
    }),
    ("ChaCha20-Poly1305, key schedule", |it| {
        schedule(it, Suite::ChaCha20Poly1305)
    }),
    ("X25519, agreement", |it| {
        let peer = it.public(&[9; 32]);
        time(200, || {
            black_box(it.agree(black_box(&[3; 32]), &peer));
        })
    }),
    ("X25519, public key", |it| {
        time(200, || {
            black_box(it.public(black_box(&[3; 32])));
        })
    }),
    ("a new line, both ends", line),
];

fn main() {
    let providers = [Some(&PureRust as &dyn Provider), line::fast()];
    let providers: Vec<_> = providers.into_iter().flatten().collect();
    print!("{:34}", "ns");
    for provider in &providers {
        print!("{:>10}", format!("{provider:?}"));
    }
    println!();
    for (name, work) in WORK {
        let mut least = vec![u64::MAX; providers.len()];
        for _ in 0..ROUNDS {
            for (least, provider) in least.iter_mut().zip(&providers) {
                *least = work(*provider).min(*least);
            }
        }
        print!("{name:34}");
        least.iter().for_each(|ns| print!("{ns:>10}"));
        println!();
    }
}
