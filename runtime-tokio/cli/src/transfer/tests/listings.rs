//! Listings that no honest giver makes.

use quickcheck::{Gen, QuickCheck};

use crate::transfer::listing::{Entry, Item, LISTING_MAX, Listing, append};

fn bytes(items: &[(&str, Entry<'_>)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (path, entry) in items {
        append(
            &mut bytes,
            &Item {
                path,
                entry: *entry,
            },
        );
    }
    bytes
}

const FOLDER: Entry<'_> = Entry::Folder;
const FILE: Entry<'_> = Entry::File {
    size: 3,
    executable: false,
};

fn link(target: &str) -> Entry<'_> {
    Entry::Link { target }
}

#[track_caller]
fn refused(items: &[(&str, Entry<'_>)], words: &str) {
    let wrong = Listing::parse(bytes(items)).unwrap_err();
    let failure = wrong.refused();
    assert!(failure.sentence.contains(words), "{failure}");
    assert!(!failure.sentence.contains(char::is_control));
}

#[test]
fn listing_is_read_back_as_it_was_written() {
    let items = [
        ("a", FOLDER),
        ("a/b", FOLDER),
        ("a/b/c", FILE),
        ("a/b.txt", FILE),
        ("a.txt", FILE),
        ("b", link("a/b/../b.txt")),
    ];
    let listing = Listing::parse(bytes(&items)).unwrap();
    assert_eq!(listing.content(), 9);
    let read: Vec<_> = listing
        .items()
        .map(|item| (item.path, item.entry))
        .collect();
    assert_eq!(read, items);
    let files = |offset| -> Vec<_> {
        let files = listing.files_from(offset);
        files.map(|(offset, item)| (offset, item.path)).collect()
    };
    assert_eq!(files(0), [(0, "a/b/c"), (3, "a/b.txt"), (6, "a.txt")]);
    assert_eq!(files(5), [(3, "a/b.txt"), (6, "a.txt")]);
    assert_eq!(files(6), [(6, "a.txt")]);
    assert_eq!(Listing::parse(Vec::new()).unwrap().items().count(), 0);
}

#[test]
fn listing_names_that_lead_out_are_refused_by_name() {
    for bad in [
        "..", "../a", "/a", "a/", "", ".", "a\\b", "a\nb", "a//b", "a/../b", "a/./b",
    ] {
        let items = [("a", FOLDER), (bad, FILE)];
        refused(&items, &bad.escape_debug().to_string());
        let items = [(bad, FILE)];
        refused(&items, "no plain file name");
    }
}

#[test]
fn listing_entries_stand_in_folders_and_once() {
    refused(&[("a", FILE), ("a", FILE)], "twice");
    refused(&[("b", FILE), ("a", FILE)], "order");
    refused(&[("a", FILE), ("a/b", FILE)], "no folder");
    refused(&[("a/b", FILE)], "no folder");
    refused(&[("a", FOLDER), ("b", FOLDER), ("a/b", FILE)], "order");
    refused(
        &[("a", link("b")), ("a/x", FILE), ("b", FOLDER)],
        "no folder",
    );
    let huge = Entry::File {
        size: u64::MAX,
        executable: true,
    };
    refused(&[("a", FILE), ("b", huge)], "too large");
    let long = "x/".repeat(2000);
    refused(&[(&long, FILE)], "too long");
}

#[test]
fn listing_links_stay_inside_also_through_others() {
    for bad in [
        "/etc",
        "..",
        "../..",
        "a/../..",
        "",
        "a\\b",
        "nowhere/../..",
    ] {
        refused(&[("a", FOLDER), ("l", link(bad))], "link");
    }
    // Each of these looks as if it stayed inside.
    let up = ("a/b/up", link(".."));
    let folders = [("a", FOLDER), ("a/b", FOLDER), up];
    refused(
        &[&folders[..], &[("out", link("a/b/up/../.."))]].concat(),
        "\"out\"",
    );
    refused(
        &[("l", link("m")), ("m", link("n/../..")), ("n", FOLDER)],
        "leads out",
    );
    refused(&[("l", link("m")), ("m", link("l"))], "circle");
    for good in [
        "a/b/up/..",
        "a/b/up/b",
        "a/b/up",
        "nowhere/x",
        "./a//b",
        "a/..",
    ] {
        Listing::parse(bytes(&[&folders[..], &[("in", link(good))]].concat())).unwrap();
    }
    let deep: Vec<_> = (0..20_000)
        .map(|n| (format!("l{n:05}"), format!("l{:05}", n + 1)))
        .collect();
    let deep: Vec<_> = deep
        .iter()
        .map(|(path, to)| (path.as_str(), link(to)))
        .collect();
    refused(&deep, "too many");
}

fn gen_bytes(seed: &[u8], len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    blake3::Hasher::new()
        .update(seed)
        .finalize_xof()
        .fill(&mut bytes);
    bytes
}

/// A listing of names and targets that are often legal, in an order that often is.
fn hostile(seed: &[u8]) -> Vec<u8> {
    const NAMES: [&str; 9] = [
        "a/a", "a/b", "a/b/a", "b/a", "b/b", "c", "a/..", "/a", "c/x",
    ];
    const TARGETS: [&str; 8] = [
        "a", "b/a", "..", "../a", "a/..", "a/a/..", "c/../b", "../../a",
    ];
    let chosen = gen_bytes(seed, 19);
    let mut items: Vec<_> = chosen[1..]
        .chunks(3)
        .map(|chosen| {
            let bad = usize::from(chosen[2] > 240) * 3;
            let path = NAMES[usize::from(chosen[0]) % (NAMES.len() - 3) + bad];
            let target = TARGETS[usize::from(chosen[2]) % TARGETS.len()];
            let entry = [FOLDER, FILE, link(target)][usize::from(chosen[1]) % 3];
            (path, entry)
        })
        .chain([("a", FOLDER), ("a/b", FOLDER), ("b", FOLDER)])
        .collect();
    if chosen[0] > 20 {
        items.reverse();
        items.sort_by(|one, other| one.0.split('/').cmp(other.0.split('/')));
        items.dedup_by_key(|item| item.0);
    }
    bytes(&items)
}

/// Where a system gets to that follows a target from the root's `at`; `None` if it gets out.
fn follow<'a>(
    items: &[Item<'a>],
    mut at: Vec<&'a str>,
    target: &'a str,
    left: u32,
) -> Option<Vec<&'a str>> {
    if left == 0 {
        return Some(at);
    }
    for name in target.split('/') {
        match name {
            "" | "." => {}
            ".." => _ = at.pop()?,
            name => {
                at.push(name);
                let path = at.join("/");
                let link = items.iter().find(|item| item.path == path);
                if let Some(Entry::Link { target }) = link.map(|item| item.entry) {
                    at.pop();
                    at = follow(items, at, target, left - 1)?;
                }
            }
        }
    }
    Some(at)
}

fn stays_inside(bytes: Vec<u8>) -> bool {
    let Ok(listing) = Listing::parse(bytes) else {
        return true;
    };
    let items: Vec<_> = listing.items().collect();
    items.iter().all(|item| {
        let names = item.path.split('/');
        let plain = names.clone().all(|name| !matches!(name, "" | "." | ".."));
        let mut folder: Vec<_> = names.collect();
        folder.pop();
        let inside = match item.entry {
            Entry::Link { target } => {
                !target.starts_with('/') && follow(&items, folder, target, 40).is_some()
            }
            Entry::Folder | Entry::File { .. } => true,
        };
        plain && inside
    })
}

#[test]
fn listing_never_panics_and_never_leads_out() {
    let seed = std::env::var("HYDROID_SEED").ok();
    let seed = seed.and_then(|seed| seed.parse().ok()).unwrap_or(6);
    println!("HYDROID_SEED={seed}");
    let check = || {
        QuickCheck::new()
            .tests(4000)
            .rng(Gen::from_size_and_seed(200, seed))
    };
    check().quickcheck(stays_inside as fn(Vec<u8>) -> bool);
    check().quickcheck((|seed| stays_inside(hostile(&seed))) as fn(Vec<u8>) -> bool);
    let flipped = |seed: Vec<u8>, at: usize, bit: u8| {
        let mut bytes = hostile(&seed);
        let at = at % bytes.len().max(1);
        if let Some(byte) = bytes.get_mut(at) {
            *byte ^= 1 << (bit % 8);
        }
        stays_inside(bytes)
    };
    check().quickcheck(flipped as fn(Vec<u8>, usize, u8) -> bool);
    let legal = (0..500_u32).filter(|n| Listing::parse(hostile(&n.to_be_bytes())).is_ok());
    let legal = legal.count();
    assert!((20..480).contains(&legal), "{legal} of 500 are legal");
}

#[test]
fn listing_has_a_bound() {
    let wrong = Listing::parse(vec![0; LISTING_MAX as usize + 1]).unwrap_err();
    assert!(wrong.refused().sentence.contains("too much"));
}
