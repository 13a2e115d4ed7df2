//! One line: who said it, when, and that nobody else can have said it.

use data_encoding::HEXLOWER;
use hydroid_core::identity::{PublicKey, SecretKey, Signature, SpaceId};
use serde::{Deserialize, Serialize};

use super::TEXT_MAX;

/// Bytes of the longest name.
const NAME_MAX: usize = 64;

/// What the signature is for.
const KIND: &str = "chat";

/// The form of lines that this version writes and reads.
const VERSION: u32 = 1;

/// What somebody said. The signature was checked, or made here.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Line {
    pub(crate) key: PublicKey,
    /// What the speaker called itself.
    pub(crate) name: String,
    pub(crate) text: String,
    /// What the speaker's clock showed, in milliseconds since 1970.
    pub(crate) wall_ms: u64,
    /// Random, so that whoever says the same twice says two things.
    pub(crate) id: [u8; 16],
    signature: Signature,
}

/// A line as it travels: what is broadcast has its key from the broadcast.
#[derive(Serialize, Deserialize)]
struct Written {
    v: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    #[serde(default)]
    name: String,
    text: String,
    wall: u64,
    id: String,
    sig: String,
}

impl Line {
    /// Says something.
    pub(crate) fn say(
        secret: &SecretKey,
        space: &SpaceId,
        (name, text): (&str, &str),
        (wall_ms, id): (u64, [u8; 16]),
    ) -> Self {
        let bytes = signed(name, text, wall_ms, &id);
        Self {
            key: secret.public(),
            name: name.into(),
            text: text.into(),
            wall_ms,
            id,
            signature: secret.sign(KIND, space, &bytes),
        }
    }

    /// The line for a broadcast, which tells whose it is by itself.
    pub(crate) fn broadcast(&self) -> Vec<u8> {
        self.written(None).into_bytes()
    }

    /// The line for somebody who asks what was said.
    pub(crate) fn record(&self) -> String {
        self.written(Some(self.key.to_string()))
    }

    fn written(&self, key: Option<String>) -> String {
        let written = Written {
            v: VERSION,
            key,
            name: self.name.clone(),
            text: self.text.clone(),
            wall: self.wall_ms,
            id: HEXLOWER.encode(&self.id),
            sig: HEXLOWER.encode(&self.signature.0),
        };
        serde_json::to_string(&written).expect("a line is text and numbers")
    }

    /// The line that was broadcast by `origin`; `None` if it is none, or not signed by it.
    pub(crate) fn of_broadcast(bytes: &[u8], origin: &PublicKey, space: &SpaceId) -> Option<Self> {
        let written: Written = serde_json::from_slice(bytes).ok()?;
        Self::check(written, *origin, space)
    }

    /// The line of a record; `None` if it is none, or not signed by whom it names.
    pub(crate) fn of_record(record: &[u8], space: &SpaceId) -> Option<Self> {
        let written: Written = serde_json::from_slice(record).ok()?;
        let key = written.key.as_ref()?.parse().ok()?;
        Self::check(written, key, space)
    }

    fn check(written: Written, key: PublicKey, space: &SpaceId) -> Option<Self> {
        let legal = written.v == VERSION
            && (1..=TEXT_MAX).contains(&written.text.len())
            && written.name.len() <= NAME_MAX;
        if !legal {
            return None;
        }
        let id = bytes_of(&written.id)?;
        let signature = Signature(bytes_of(&written.sig)?);
        let bytes = signed(&written.name, &written.text, written.wall, &id);
        let holds = key.verify(KIND, space, &bytes, &signature);
        holds.then_some(Self {
            key,
            name: written.name,
            text: written.text,
            wall_ms: written.wall,
            id,
            signature,
        })
    }
}

/// What is signed: the time and the id, the name behind its length, the text.
fn signed(name: &str, text: &str, wall_ms: u64, id: &[u8; 16]) -> Vec<u8> {
    let length = u8::try_from(name.len()).unwrap_or(u8::MAX);
    let parts: [&[u8]; 5] = [
        &wall_ms.to_be_bytes(),
        id,
        &[length],
        name.as_bytes(),
        text.as_bytes(),
    ];
    parts.concat()
}

fn bytes_of<const N: usize>(hex: &str) -> Option<[u8; N]> {
    HEXLOWER.decode(hex.as_bytes()).ok()?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use hydroid_core::identity::Space;

    use super::*;

    fn secret(seed: u8) -> SecretKey {
        SecretKey::from_bytes(&[seed; 32])
    }

    fn space(name: &str) -> SpaceId {
        Space::open(name).unwrap().id()
    }

    #[test]
    fn chat_line_is_its_speakers_in_its_space_and_nobody_elses() {
        let (here, there) = (space("here"), space("there"));
        let line = Line::say(&secret(1), &here, ("anna", "hi\u{1b}"), (5, [7; 16]));
        let record = line.record();
        assert_eq!(
            Line::of_record(record.as_bytes(), &here),
            Some(line.clone())
        );
        let bytes = line.broadcast();
        let (anna, bob) = (secret(1).public(), secret(2).public());
        assert_eq!(Line::of_broadcast(&bytes, &anna, &here), Some(line));
        assert_eq!(Line::of_broadcast(&bytes, &bob, &here), None);
        assert_eq!(Line::of_broadcast(&bytes, &anna, &there), None);
        let bob = bob.to_string();
        for (true_part, lie) in [
            ("anna", "anne"),
            ("hi", "ho"),
            ("\"wall\":5", "\"wall\":6"),
            ("0707", "0708"),
            ("\"v\":1", "\"v\":2"),
            (&*anna.to_string(), &*bob),
        ] {
            assert!(record.contains(true_part), "{true_part}: {record}");
            let forged = record.replacen(true_part, lie, 1);
            assert_eq!(Line::of_record(forged.as_bytes(), &here), None, "{forged}");
        }
    }

    #[test]
    fn chat_line_that_is_garbage_or_beyond_the_limits_is_none() {
        let here = space("here");
        for garbage in ["", "{}", "[1]", "{\"v\":1,\"text\":\"x\"}", "\u{0}"] {
            assert_eq!(
                Line::of_record(garbage.as_bytes(), &here),
                None,
                "{garbage}"
            );
        }
        for (name, text) in [
            ("", String::new()),
            ("", "x".repeat(TEXT_MAX + 1)),
            (&*"n".repeat(65), "x".into()),
        ] {
            let line = Line::say(&secret(1), &here, (name, &text), (1, [0; 16]));
            assert_eq!(Line::of_record(line.record().as_bytes(), &here), None);
        }
        let full = Line::say(
            &secret(1),
            &here,
            ("n", &"x".repeat(TEXT_MAX)),
            (1, [0; 16]),
        );
        assert_eq!(Line::of_record(full.record().as_bytes(), &here), Some(full));
    }
}
