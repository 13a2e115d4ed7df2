//! What the image does.

mod churn;
mod costs;
mod liars;
mod memory;
mod names;
mod protocol;
mod slots;
mod sums;
mod traffic;
mod world;

use std::{sync::OnceLock, vec};

use super::*;
use crate::{base::Seed, identity::SecretKey};
use sha2::{Digest as _, Sha256};

/// Keys, made once: making one costs more than most of what is done with it.
pub(super) fn key(at: usize) -> PublicKey {
    static KEYS: OnceLock<Vec<PublicKey>> = OnceLock::new();
    let keys = KEYS.get_or_init(|| {
        let secret = |at: u32| {
            let bytes: [u8; 32] = Sha256::digest(at.to_be_bytes()).into();
            SecretKey::from_bytes(&bytes).public()
        };
        (0..256).map(secret).collect()
    });
    keys[at]
}

/// A stand-in for a signature, which is as false when it is not over these bytes.
pub(super) fn seal(key: &PublicKey, kind: &str, bytes: &[u8]) -> Signature {
    let half: [u8; 32] = Sha256::new()
        .chain_update(key.as_bytes())
        .chain_update(kind)
        .chain_update(bytes)
        .finalize()
        .into();
    let mut whole = [0; 64];
    whole[..32].copy_from_slice(&half);
    Signature(whole)
}

/// Checks a stand-in.
pub(super) fn sealed(key: &PublicKey, kind: &str, bytes: &[u8], seal_: &Signature) -> bool {
    seal(key, kind, bytes) == *seal_
}

pub(super) fn rng(seed: u64) -> Rng {
    let mut bytes = [0x1d; 32];
    bytes[..8].copy_from_slice(&seed.to_be_bytes());
    Rng::new(&Seed::new(bytes))
}

/// A member's node in its first life.
pub(super) fn node(at: usize) -> Node {
    Node {
        key: key(at),
        epoch: 1_700_000_000_000,
    }
}

/// The image of a member that knows nobody yet.
pub(super) fn image(at: usize, config: Config) -> Image {
    Image::new(config.into(), node(at), 2, &mut rng(at as u64))
}

/// What a member with this key says in its first life.
pub(super) fn word(version: u32, parent: Option<PublicKey>, host: u32) -> word::Word {
    let address = SocketAddr::from((host.to_be_bytes(), 4000));
    word::Word {
        epoch: 1_700_000_000_000,
        version,
        parent: parent.map(|key| prefix(&key)),
        leaf: false,
        places: word::Places::of(&[address]),
    }
}

/// A packet of news.
pub(super) fn news(records: &[&[u8]]) -> Vec<u8> {
    [&[0, 1, 0x10][..], &records.concat()].concat()
}

/// All about a member as a record.
pub(super) fn record(key: &PublicKey, word: &word::Word) -> Vec<u8> {
    let mut out = Vec::new();
    record::write_entry(key.as_bytes(), word, None, &mut out);
    out
}

/// Hands over a packet.
pub(super) fn hear(image: &mut Image, now: Time, link: Slot, bytes: &[u8]) -> Result<(), Fault> {
    let packet = Packet::decode(bytes).unwrap();
    image.on_packet(now, link, &packet, &sealed)
}

/// Everything that waits for a link.
pub(super) fn drain(image: &mut Image, now: Time, link: Slot) -> Vec<Vec<u8>> {
    let (mut all, mut packet) = (vec![], Vec::new());
    while image.poll(now, link, 4096, &mut packet) {
        all.push(core::mem::take(&mut packet));
    }
    all
}

/// Carries packets between two images until neither has any. Each swears when it has to.
pub(super) fn exchange(now: Time, one: &mut Image, other: &mut Image, link: Slot) {
    loop {
        let (to, from) = (drain(one, now, link), drain(other, now, link));
        if to.is_empty() && from.is_empty() {
            break;
        }
        for (image, packets) in [(&mut *other, to), (&mut *one, from)] {
            for packet in packets {
                assert_eq!(hear(image, now, link, &packet), Ok(()));
            }
            let me = image.me.key;
            image.swear(now, &|kind: &str, bytes: &[u8]| seal(&me, kind, bytes));
        }
    }
}

/// Makes two images neighbours, the second below the first, and lets them compare.
pub(super) fn join(now: Time, one: &mut Image, other: &mut Image, link: Slot) {
    one.on_linked(now, link, other.me, false);
    other.set_own(now, Some(one.me.key), &[], false);
    other.on_linked(now, link, one.me, false);
    exchange(now, one, other, link);
}
