//! Tapes: every call is on them, they replay to the byte, and whatever is changed in them shows.

use std::collections::BTreeSet;

use hydroid_core::{
    line::{self, Provider, PureRust},
    tape::{Config, End, Player, Reader, Stop},
};
use hydroid_tests::{
    duet::{PLAIN, SECRETS, everything},
    tidy::tree::Tree,
};

/// The tapes of a conversation in which everything happens.
fn tapes(tape: &Config) -> Vec<Vec<u8>> {
    tapes_by([&PureRust, &PureRust], tape)
}

fn tapes_by(providers: [&'static dyn Provider; 2], tape: &Config) -> Vec<Vec<u8>> {
    let (mut duet, mut again) = everything(providers, Some(tape));
    let mut tapes = duet.tapes();
    let mut third = Vec::new();
    again.switch.take_tape(&mut third);
    tapes.push(third);
    tapes
}

fn large() -> Config {
    Config {
        buffer_bytes: 1 << 30,
        ..Config::default()
    }
}

/// Replays a tape in pieces of `piece` bytes: how many records were right, and whether it ended.
fn replay(mut player: Player, tape: &[u8], piece: usize) -> Result<(u64, Option<End>), Stop> {
    for piece in tape.chunks(piece) {
        player.feed(piece);
        while player.step()?.is_some() {}
    }
    Ok((player.count(), player.end()))
}

/// The records of a tape as text.
fn texts(tape: &[u8]) -> Vec<String> {
    let mut reader = Reader::new();
    reader.feed(tape);
    let records = std::iter::from_fn(|| Some(reader.record().expect("is read")?.text()));
    records.collect()
}

#[test]
fn tape_replays_to_the_byte() {
    for tape in tapes(&large()) {
        let records = texts(&tape).len() as u64;
        assert!(records > 100, "{records} records");
        let strict = replay(Player::strict(&PureRust), &tape, 1000);
        if let Err(stop) = &strict {
            panic!("{stop}");
        }
        assert_eq!(strict, Ok((records, Some(End::Closed))));
        let loose = replay(Player::loose(&PureRust), &tape, 77);
        assert_eq!(loose, Ok((records, Some(End::Closed))));
    }
}

/// The name and the signature of each public call that changes its object, in these files.
fn calls(tree: &Tree, folder: &str) -> BTreeSet<(String, String)> {
    let files = tree.files.iter();
    let files = files.filter(|(path, _)| {
        let file = path.strip_prefix(folder);
        file.is_some_and(|file| !file.contains('/') && file.ends_with(".rs"))
    });
    let mut calls = BTreeSet::new();
    for (_, text) in files {
        let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or("");
        for part in text
            .replace("pub const fn ", "pub fn ")
            .split("pub fn ")
            .skip(1)
        {
            let Some((signature, _)) = part.split_once('{') else {
                continue;
            };
            let blank = |c: char| c.is_whitespace();
            let signature = signature.replace(blank, "").replace(",)", ")");
            let Some((name, _)) = signature.split_once('(') else {
                continue;
            };
            if signature.contains("(&mutself") {
                calls.insert((name.into(), signature.clone()));
            }
        }
    }
    calls
}

#[test]
fn tape_has_every_call_of_a_switch() {
    let tree = Tree::of_project();
    let switch = calls(&tree, "core/src/switch/");
    let recorded = calls(&tree, "core/src/tape/");
    assert!(switch.len() >= 33, "{switch:?}");
    let missing: Vec<_> = switch.difference(&recorded).collect();
    assert!(missing.is_empty(), "`Recorded` lacks {missing:#?}");
    let lines: Vec<String> = tapes(&large())
        .iter()
        .flat_map(|tape| texts(tape))
        .collect();
    for (name, _) in switch {
        let kind = name.strip_prefix("poll_").map_or_else(
            || format!("\"call\":\"{name}\""),
            |out| format!("\"out\":\"{out}\""),
        );
        assert!(lines.iter().any(|line| line.contains(&kind)), "{kind}");
    }
}

#[test]
fn tape_is_the_same_under_either_provider() {
    let fast = line::fast().unwrap_or(&PureRust);
    let pure = tapes(&large());
    for providers in [[fast, fast], [&PureRust as &dyn Provider, fast]] {
        assert!(tapes_by(providers, &large()) == pure, "{providers:?}");
    }
    let replayed = replay(Player::strict(fast), &pure[0], 4096);
    assert!(replayed.is_ok());
}

#[test]
fn tape_that_is_redacted_holds_no_secret() {
    let config = Config {
        redacted: true,
        ..large()
    };
    let full = tapes(&large());
    for (tape, full) in tapes(&config).iter().zip(&full) {
        for secret in SECRETS {
            assert!(!tells(tape, secret), "{secret}");
        }
        for word in [PLAIN, "example", "club"] {
            assert!(!holds(tape, word.as_bytes()), "{word}");
        }
        assert_eq!(texts(full).len(), texts(tape).len());
        let refused = replay(Player::strict(&PureRust), tape, 1000);
        assert!(refused.is_err_and(|stop| stop.to_string().contains("redacted")));
    }
    // In a full tape they are, which shows that they are looked for as they should be.
    for secret in SECRETS {
        assert!(full.iter().any(|tape| tells(tape, secret)), "{secret}");
    }
    for word in [PLAIN, "example", "club"] {
        assert!(holds(&full[0], word.as_bytes()), "{word}");
    }
}

/// True if a row of this byte is in a tape, as it is or as digits.
fn tells(tape: &[u8], secret: u8) -> bool {
    let digits = format!("{secret:02x}").repeat(8);
    let in_text = texts(tape).iter().any(|line| line.contains(&digits));
    in_text || holds(tape, &[secret; 8]) || holds(tape, digits.as_bytes())
}

fn holds(tape: &[u8], wanted: &[u8]) -> bool {
    tape.windows(wanted.len()).any(|window| window == wanted)
}
