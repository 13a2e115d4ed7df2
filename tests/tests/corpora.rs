//! The corpora of the fuzz targets, run through the very functions that are fuzzed: what was found
//! once stays found, with no fuzzer at hand.

use std::{
    fs,
    path::{Path, PathBuf},
};

use hydroid_tests::fuzz::{TARGETS, Target};

/// Files of one corpus.
const FILES_MAX: usize = 50;
/// Bytes of one file.
const FILE_BYTES_MAX: usize = 4_096;

fn fuzz() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz")
}

/// The files of a folder, in the order of their names.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("the folder is there");
    let mut files: Vec<_> = entries
        .map(|entry| entry.expect("an entry can be read").path())
        .collect();
    files.sort();
    files
}

/// Runs every file of the corpus of a target through it.
fn replay((name, run): Target) {
    let files = files(&fuzz().join("corpus").join(name));
    assert!((1..=FILES_MAX).contains(&files.len()), "{}", files.len());
    for file in files {
        let bytes = fs::read(&file).expect("a file of a corpus can be read");
        println!("{}: {} bytes", file.display(), bytes.len());
        assert!(bytes.len() < FILE_BYTES_MAX, "a corpus is small");
        run(&bytes);
    }
    // The least that anybody can say.
    run(&[]);
}

#[test]
fn corpora_are_all_run() {
    for (name, _) in TARGETS {
        RUN.set(0);
        replay((name, |_| RUN.set(RUN.get() + 1)));
        let committed = files(&fuzz().join("corpus").join(name)).len();
        assert_eq!(RUN.get(), committed + 1, "{name}, and nothing at all");
    }
}

thread_local! {
    static RUN: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

fn target(name: &str) -> Target {
    let found = TARGETS.into_iter().find(|(known, _)| *known == name);
    found.expect("a target of this name")
}

#[test]
fn corpora_there_are_for_every_target_and_no_other() {
    let names = |folder: &str| -> Vec<_> {
        let files = files(&fuzz().join(folder));
        let stems = files.iter().filter_map(|file| file.file_stem());
        stems
            .map(|stem| stem.to_string_lossy().into_owned())
            .collect()
    };
    let known = TARGETS.map(|(name, _)| name.to_owned());
    assert_eq!(names("corpus"), known);
    assert_eq!(names("fuzz_targets"), known);
}

#[test]
fn corpora_announcements_at_a_live_switch() {
    replay(target("announcement"));
}

#[test]
fn corpora_datagrams_into_a_live_switch() {
    replay(target("datagram"));
}

#[test]
fn corpora_operations_on_two_switches() {
    replay(target("operations"));
}

#[test]
fn corpora_packets_and_what_is_in_them() {
    replay(target("packet"));
}

#[test]
fn corpora_tapes() {
    replay(target("tape"));
}

#[test]
fn corpora_tickets() {
    replay(target("ticket"));
}
