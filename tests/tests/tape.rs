//! Tapes: every call is on them, they replay to the byte, and whatever is changed in them shows.

use std::{collections::BTreeSet, ops::Range};

use hydroid_core::{
    base::{Rng, Seed},
    line::{self, Provider, PureRust},
    tape::{Config, End, Player, Reader, Stop, of_text},
};
use hydroid_tests::{
    duet::{Duet, PLAIN, SECRETS, brief, everything},
    seed::seed,
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

/// A tape with each head as `change` has it.
fn changed(tape: &[u8], mut change: impl FnMut(String) -> String) -> Vec<u8> {
    let records = texts(tape).into_iter().map(&mut change);
    let bytes = records.map(|text| of_text(&text).expect("is a record"));
    bytes.flatten().collect()
}

#[test]
fn tape_whose_outputs_are_others_is_replayed_loosely_to_its_end() {
    let (tape, _) = brief_tape(&large());
    let end = replay(Player::loose(&PureRust), &tape, 1000);
    let lies = changed(&tape, |text| {
        if text.contains(r#""out":"transmit""#) && !text.contains(r#""none":true"#) {
            return text.replace(r#""len":"#, r#""len":1"#);
        }
        let text = text.replace(r#""event":"readable""#, r#""event":"writable""#);
        text.replace(r#""ok":true"#, r#""err":"Blocked""#)
    });
    assert_ne!(tape, lies);
    assert!(replay(Player::strict(&PureRust), &lies, 1000).is_err());
    assert_eq!(replay(Player::loose(&PureRust), &lies, 1000), end);
    // Events that nobody took when it was recorded are taken all the same.
    let fewer: Vec<_> = texts(&tape)
        .into_iter()
        .filter(|text| !text.contains(r#""out":"event""#))
        .flat_map(|text| of_text(&text).expect("is a record"))
        .collect();
    assert!(fewer.len() < tape.len());
    let replayed = replay(Player::loose(&PureRust), &fewer, 1000);
    assert_eq!(replayed.map(|(_, end)| end), end.map(|(_, end)| end));
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

/// The tape of the first in a short conversation, and where each of its records begins and ends.
fn brief_tape(tape: &Config) -> (Vec<u8>, Vec<Range<usize>>) {
    let tape = brief(tape).tapes().swap_remove(0);
    let mut places = Vec::new();
    let mut at = 0;
    while let Some(length) = tape[at..].first_chunk() {
        let end = at + 4 + u32::from_be_bytes(*length) as usize;
        places.push(at..end);
        at = end;
    }
    (tape, places)
}

#[test]
fn tape_with_one_byte_changed_is_found_out_at_that_record() {
    let (tape, places) = brief_tape(&large());
    assert!(places.len() > 40, "{} records", places.len());
    let mut rng = rng(0x7a9e);
    for (n, place) in places.iter().enumerate() {
        // Within the length, the head, the digest and the body, and anywhere.
        let head = usize::from(u16::from_be_bytes([
            tape[place.start + 4],
            tape[place.start + 5],
        ]));
        let body = place.start + 6 + head;
        let far = place.end - 1 - rng.below((place.end - place.start) as u64) as usize;
        let near = place.start + rng.below(6 + head as u64) as usize;
        for at in [
            place.start + 3,
            place.start + 5,
            near,
            body - 5,
            place.end - 1,
            far,
        ] {
            let mut changed = tape.clone();
            changed[at] ^= 1 << rng.below(7);
            let found = replay(Player::strict(&PureRust), &changed, 8192);
            let named = match &found {
                Ok((count, None)) => *count,
                Ok((_, Some(_))) => panic!("byte {at} of record {n} is not missed"),
                Err(Stop::Differs(difference)) => {
                    assert_ne!(difference.expected, difference.got);
                    difference.n
                }
                Err(Stop::Unreadable(unreadable)) => unreadable.n,
            };
            assert_eq!(named, n as u64, "byte {at}: {found:?}");
        }
    }
}

#[test]
fn tape_difference_names_the_record_its_time_and_both_texts() {
    let (tape, places) = brief_tape(&large());
    let lines = texts(&tape);
    let is_input = |line: &String| line.contains("handle_datagram");
    let n = lines.iter().position(is_input).expect("something came");
    let mut changed = tape;
    changed[places[n].end - 1] ^= 1;
    let Err(Stop::Differs(found)) = replay(Player::strict(&PureRust), &changed, 500) else {
        panic!("the change is missed");
    };
    assert!(found.is_altered(), "the record was changed, not the switch");
    assert_eq!(found.n, n as u64);
    assert!(lines[n].contains(&format!("\"t\":{},", found.at.as_us())));
    assert_eq!(found.expected, texts(&changed)[n]);
    let told = found.to_string();
    assert!(told.starts_with(&format!("record {n} at t=0.")), "{told}");
    assert!(told.contains(&found.expected) && told.contains(&found.got));
    // A switch that does otherwise than the tape says is not taken for a change of the tape.
    let missing = [&changed[..places[n].start], &changed[places[n].end..]].concat();
    let Err(Stop::Differs(found)) = replay(Player::strict(&PureRust), &missing, 500) else {
        panic!("the gap is missed");
    };
    assert!(!found.is_altered());
}

#[test]
fn tape_cut_at_any_byte_replays_to_its_last_whole_record() {
    let (tape, places) = brief_tape(&large());
    let mut player = Player::strict(&PureRust);
    for (at, byte) in tape.iter().enumerate() {
        player.feed(&[*byte]);
        while player.step().expect("what is there is right").is_some() {}
        let whole = places.partition_point(|place| place.end <= at + 1);
        let begun = whole.checked_sub(1).map_or(0, |last| places[last].end);
        assert_eq!(player.count(), whole as u64);
        assert_eq!(player.left(), at + 1 - begun);
        assert_eq!(player.end().is_some(), whole == places.len());
    }
    let on = player.switch().expect("a switch").status();
    assert_eq!((on.installed, on.lines), (1, 1));
}

#[test]
fn tape_whose_buffer_is_full_says_so_and_keeps_nobody_waiting() {
    let (whole, places) = brief_tape(&large());
    for buffer_bytes in [0, 100, 2_000, 3_000, whole.len() as u64 - 1] {
        let config = Config {
            buffer_bytes,
            ..Config::default()
        };
        let mut duet = brief(&config);
        assert!(!duet.both[0].switch.is_recording());
        let digest = duet.both[0].switch.digest();
        let tape = duet.tapes().swap_remove(0);
        assert_eq!(duet.both[0].switch.digest(), digest, "it has ended");
        assert!(tape.len() as u64 <= buffer_bytes.max(256), "{}", tape.len());
        let kept = texts(&tape).len();
        assert_eq!(
            tape[..places[kept - 1].start],
            whole[..places[kept - 1].start]
        );
        if kept > 1 {
            let replayed = replay(Player::strict(&PureRust), &tape, 100);
            assert_eq!(replayed, Ok((kept as u64, Some(End::Behind))));
        }
    }
}

#[test]
fn tape_that_is_taken_as_it_comes_needs_a_small_buffer_only() {
    let (whole, _) = brief_tape(&large());
    let mut duet = Duet::new([&PureRust, &PureRust], Some(&large()));
    let switch = &mut duet.both[0].switch;
    let (mut taken, before) = (vec![7], switch.tape_bytes());
    switch.take_tape(&mut taken);
    assert_eq!(taken.len(), 1 + before, "behind what was there");
    assert_eq!((switch.tape_bytes(), taken[0]), (0, 7));
    assert_eq!(taken[1..], whole[..before]);
}

#[test]
fn tape_text_is_turned_back_into_the_tape() {
    let (tape, _) = brief_tape(&large());
    let lines = texts(&tape);
    assert!(lines.iter().all(|line| !line.contains('\n')));
    let back: Vec<u8> = lines
        .iter()
        .flat_map(|line| of_text(line).expect("a line of a tape"))
        .collect();
    assert!(back == tape);
    for line in ["", "{", "{\"n\":1.5}", "[1,2,3,4,5,6]"] {
        assert!(of_text(line).is_err(), "{line}");
    }
}

#[test]
fn tape_in_words_can_be_read_by_people() {
    let mut words = String::new();
    for tape in tapes(&large()).iter().chain(&tapes(&Config {
        redacted: true,
        ..large()
    })) {
        let mut reader = Reader::new();
        reader.feed(tape);
        while let Some(record) = reader.record().expect("is read") {
            let said = record.words();
            assert!(
                said.starts_with("t=") && !said.contains('?'),
                "{record:?}: {said}"
            );
            words.push_str(&said);
            words.push('\n');
        }
    }
    for said in [
        "t=0.000000 s  a tape of a switch that computes by x25519; it holds secrets\n",
        "redacted, it cannot be replayed\n",
        "t=0.001000 s  the sockets are now: 0 at 192.0.2.1:4000;\n",
        "t=0.001000 s  the wall time is 1700000000.001 s\n",
        " from 192.0.2.1:4000 on socket 0\n",
        " to 192.0.2.2:4000 on socket 0\n",
        "datagrams of 1,200 bytes",
        "line 0 is up to ",
        " is opened\n",
        "line 0 is down: ",
        "nothing to send; next at t=",
        " for keep_alive\n",
        "asks to keep 'peers', ",
        ": no, Blocked\n",
        "could not be sent: unreachable\n",
        "connect as ",
        "end: the tape was ended in order\n",
    ] {
        assert!(words.contains(said), "{said} is not in\n{words}");
    }
}

#[test]
fn tape_that_was_tampered_with_ends_no_player() {
    let (tape, places) = brief_tape(&large());
    let mut rng = rng(0xbad);
    for _ in 0..300 {
        let mut changed = tape.clone();
        for _ in 0..1 + rng.below(40) {
            // The first record has the config.
            let n = rng.below(places.len() as u64) * rng.below(2);
            let place = &places[n as usize];
            let at = place.start + 4 + rng.below((place.end - place.start - 4) as u64) as usize;
            // A digit for a digit keeps most heads legal.
            changed[at] = match changed[at] {
                b'0'..=b'9' => b'0' + rng.below(10) as u8,
                byte => byte ^ (1 << rng.below(8)),
            };
        }
        let piece = 1 + rng.below(5_000) as usize;
        if let Err(Stop::Differs(broken)) = replay(Player::loose(&PureRust), &changed, piece) {
            panic!("{broken}");
        }
        let _stopped = replay(Player::strict(&PureRust), &changed, piece);
    }
}

#[test]
fn tape_example_of_the_document_is_what_is_recorded() {
    let tree = Tree::of_project();
    let document = &tree.files["core/TAPE.md"];
    let example = document.split("```json\n").nth(1).expect("an example");
    let example: Vec<&str> = example.lines().take_while(|line| *line != "```").collect();
    let (tape, _) = brief_tape(&large());
    // The digests hang on every default of the config.
    let without = |line: &str| {
        line.split_once(",\"digest\":")
            .map(|(line, _)| line.to_owned())
    };
    let told: Vec<_> = example.iter().map(|line| without(line)).collect();
    let lines = texts(&tape);
    let made: Vec<_> = lines[1..].iter().map(|line| without(line)).collect();
    assert!(told.len() > 1 && told == made[..told.len()], "{lines:#?}");
}

fn rng(default: u64) -> Rng {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed(default).to_le_bytes());
    Rng::new(&Seed::new(bytes))
}
