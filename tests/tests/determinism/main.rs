//! The same inputs give the same outputs, byte for byte: small stories are lived twice in this
//! process and once in another, with either arithmetic, in every build, and each time their tapes
//! are those that are committed.

mod scenarios;
mod trees;

use std::{fs, path::PathBuf, process::Command};

use hydroid_core::{
    line::{self, Provider, PureRust},
    tape::{Player, Reader, of_text},
};
use sha2::{Digest as _, Sha256};

use scenarios::Scenario;

/// Lines of one committed tape.
const LINES_MAX: usize = 200;
/// Set in the process that only tells what it made.
const TELL: &str = "HYDROID_GOLDEN_TELL";
/// Set where what is made now is right from now on.
const BLESS: &str = "HYDROID_BLESS";

/// The fast arithmetic, or, where the processor has none, pure Rust against itself.
fn fast() -> &'static dyn Provider {
    line::fast().unwrap_or(&PureRust)
}

/// The records of a tape, each as a line of JSON.
fn texts(tape: &[u8]) -> Vec<String> {
    let mut reader = Reader::new();
    reader.feed(tape);
    let records = std::iter::from_fn(|| Some(reader.record().expect("is read")?.text()));
    let texts = records.collect();
    assert_eq!(reader.left(), 0, "a tape holds whole records");
    texts
}

/// What a story came to: the tapes of the switch that it is about, and a hash over all of them.
fn lived(scenario: Scenario, subject: usize, provider: &'static dyn Provider) -> (String, String) {
    let tapes = scenario(provider);
    let mut hash = Sha256::new();
    let mut lines = Vec::new();
    for (n, tape) in &tapes {
        hash.update([*n as u8]);
        hash.update(tape);
        if *n == subject {
            lines.extend(texts(tape));
        }
    }
    lines.push(String::new());
    let hash = hash
        .finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    (lines.join("\n"), hash)
}

/// The first line, from 1, in which two texts differ, and what each has there.
fn difference<'a>(one: &'a str, other: &'a str) -> Option<(usize, &'a str, &'a str)> {
    let (mut ones, mut others) = (one.split('\n'), other.split('\n'));
    for n in 1.. {
        match (ones.next(), others.next()) {
            (None, None) => break,
            (one, other) if one == other => {}
            (one, other) => return Some((n, one.unwrap_or(""), other.unwrap_or(""))),
        }
    }
    None
}

/// The hash that another process comes to.
fn told_elsewhere(name: &str) -> String {
    let own = std::env::current_exe().expect("this is a program");
    let mut other = Command::new(own);
    other.args([&format!("determinism_{name}"), "--exact", "--nocapture"]);
    let output = other.env(TELL, "1").output().expect("it runs once more");
    let output = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut words = output.split_whitespace();
    let told = words.by_ref().find(|word| *word == "golden:");
    assert!(told.is_some(), "{output}");
    words.next().expect("a hash").to_owned()
}

/// Lives a story and compares; `subject` is the node whose tapes are committed.
fn golden(name: &str, scenario: Scenario, subject: usize) {
    let (tape, hash) = lived(scenario, subject, &PureRust);
    if std::env::var_os(TELL).is_some() {
        println!("\ngolden: {hash}");
        return;
    }
    for provider in [&PureRust as &dyn Provider, fast()] {
        let (again, other) = lived(scenario, subject, provider);
        let differs = difference(&tape, &again);
        assert_eq!(differs, None, "with {provider:?}");
        assert_eq!(hash, other, "of a peer, with {provider:?}");
    }
    assert_eq!(told_elsewhere(name), hash, "in another process");
    let lines = tape.lines().count();
    println!("{name}: {lines} lines, {} bytes", tape.len());
    assert!(lines < LINES_MAX, "{name}: {lines} lines");
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tapes");
    let file = folder.join(format!("{name}.jsonl"));
    if std::env::var_os(BLESS).is_some() {
        fs::write(&file, &tape).expect("a tape can be written");
    }
    let committed = fs::read_to_string(&file).unwrap_or_default();
    if let Some((line, was, is)) = difference(&committed, &tape) {
        panic!(
            "tests/tapes/{name}.jsonl differs in line {line}:\n  was {was}\n  is  {is}\n\
             If that is meant: {BLESS}=1 cargo test -p hydroid-tests --test determinism"
        );
    }
    assert_eq!(committed, tape);
    replayed(&committed);
}

/// The committed tapes replay, with either arithmetic.
fn replayed(committed: &str) {
    for provider in [&PureRust as &dyn Provider, fast()] {
        let mut player = Player::strict(provider);
        let mut count = 0;
        for line in committed.lines() {
            if line.contains(r#""tape":"hydroid""#) {
                player = Player::strict(provider);
            }
            player.feed(&of_text(line).expect("a record"));
            match player.step() {
                Ok(step) => assert!(step.is_some(), "a whole record"),
                Err(stop) => panic!("{stop}"),
            }
            count += 1;
        }
        assert_eq!(count, committed.lines().count());
    }
}

#[test]
fn determinism_echo() {
    golden("echo", scenarios::echoes, 0);
}

#[test]
fn determinism_loss() {
    golden("loss", scenarios::loses, 0);
}

#[test]
fn determinism_kick() {
    golden("kick", scenarios::kicks, 1);
}

#[test]
fn determinism_expiry() {
    golden("expiry", scenarios::expels, 1);
}

#[test]
fn determinism_restart() {
    golden("restart", scenarios::restarts, 1);
}

#[test]
fn determinism_roaming() {
    golden("roaming", scenarios::roams, 0);
}

#[test]
fn determinism_refusals() {
    golden("refusals", scenarios::refuses, 0);
}

#[test]
fn determinism_join() {
    golden("join", trees::joins, 1);
}

#[test]
fn determinism_lan() {
    golden("lan", trees::lan, 1);
}

#[test]
fn determinism_plug() {
    golden("plug", trees::plugs, 1);
}

#[test]
fn determinism_merge() {
    golden("merge", trees::merges, 2);
}

#[test]
fn determinism_notices_a_line_that_is_another_one_or_none() {
    assert_eq!(difference("a\nb\n", "a\nb\n"), None);
    assert_eq!(difference("a\nb\n", "a\nc\n"), Some((2, "b", "c")));
    assert_eq!(difference("a\n", "a\nb\n"), Some((2, "", "b")));
    assert_eq!(difference("a\n\n", "a\n"), Some((3, "", "")));
    assert_eq!(difference("", "a\n"), Some((1, "", "a")));
}
