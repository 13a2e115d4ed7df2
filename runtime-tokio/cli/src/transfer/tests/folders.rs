//! Folders over a pipe in memory.
#![cfg(unix)]

use std::{
    os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink},
    time::Instant,
};

use super::*;

fn tree(root: &Path) {
    for folder in ["empty", "a/b/c"] {
        fs::create_dir_all(root.join(folder)).unwrap();
    }
    fs::write(root.join("a/one"), b"one").unwrap();
    fs::write(root.join("a/nothing"), b"").unwrap();
    let mut large = vec![0; 2 * GROUP as usize + 7];
    blake3::Hasher::new().finalize_xof().fill(&mut large);
    fs::write(root.join("a/b/large"), large).unwrap();
    fs::write(root.join("run"), b"#!/bin/sh\n").unwrap();
    fs::set_permissions(root.join("run"), fs::Permissions::from_mode(0o755)).unwrap();
    symlink("../one", root.join("a/b/link")).unwrap();
    symlink("a/b", root.join("folder")).unwrap();
    symlink("nowhere", root.join("lost")).unwrap();
}

/// Every path below the folder with what is there.
fn contents(root: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let facts = fs::symlink_metadata(&path).unwrap();
            let shown = path.strip_prefix(root).unwrap().display().to_string();
            let what = if facts.is_dir() {
                folders.push(path);
                "folder".into()
            } else if facts.is_symlink() {
                fs::read_link(&path).unwrap().display().to_string()
            } else {
                let hash = blake3::hash(&fs::read(&path).unwrap());
                format!("{hash} {}", facts.mode() & 0o100)
            };
            found.push(format!("{shown}: {what}"));
        }
    }
    found.sort();
    found
}

fn source(place: &Place) -> Source {
    Source::open(&place.sent(), |_done, _size| {}).unwrap()
}

fn made(make: impl FnOnce(&Path)) -> Place {
    let place = Place::new();
    fs::create_dir(place.sent()).unwrap();
    make(&place.sent());
    place
}

#[tokio::test]
async fn folder_arrives_as_it_was() {
    for make in [tree, |_root: &Path| {}] {
        let place = made(make);
        let source = source(&place);
        let (sent, received) = transfer(&place, &source).await;
        sent.unwrap();
        let path = received.unwrap().path.unwrap();
        assert_eq!(path, fs::canonicalize(place.inbox()).unwrap().join("file"));
        assert_eq!(contents(&path), contents(&place.sent()));
        assert_eq!(fs::read_dir(place.inbox()).unwrap().count(), 1);
    }
}

#[tokio::test]
async fn folder_of_a_thousand_files_is_synced_as_seldom_as_one_file() {
    let place = made(|root| {
        for n in 0..1000 {
            fs::write(root.join(format!("{n}")), vec![7; 4096]).unwrap();
        }
    });
    let source = source(&place);
    let (near, far) = duplex(PIPE);
    let landing = place.landing(&source.offer);
    let begun = Instant::now();
    let kept = landing.kept();
    let (sent, received) = tokio::join!(
        send(near, &source, |_moved| {}),
        receive(far, &source.offer, landing, |_moved| {}),
    );
    sent.unwrap();
    let taken = received.unwrap();
    // No byte for a file but its entry: nothing goes there and back for each.
    let pieces = 5 * (PREFIX as u64 + 64) + PREFIX as u64;
    assert!(
        taken.came < source.offer.size + 2 * pieces,
        "{}",
        taken.came
    );
    assert_eq!(contents(&taken.path.unwrap()).len(), 1000);
    let every = begun.elapsed().as_millis() / 250;
    assert!(u128::from(kept.syncs()) <= every + 1, "{}", kept.syncs());
}

#[tokio::test]
async fn folder_document_has_the_bytes_that_are_sent() {
    let place = Place::new();
    let root = place.folder.path().join("box");
    fs::create_dir_all(root.join("empty")).unwrap();
    fs::write(root.join("run"), "hi").unwrap();
    fs::set_permissions(root.join("run"), fs::Permissions::from_mode(0o755)).unwrap();
    symlink("run", root.join("way")).unwrap();
    let source = Source::open(&root, |_done, _size| {}).unwrap();
    let file = source.offer.announce();
    assert_eq!(documented("folder"), [heads::text(&Answer::File { file })]);
    let bytes = HEXLOWER.encode(&recorded(&source).await);
    assert_eq!(documented("box   "), [bytes]);
}

#[test]
fn folder_with_what_cannot_be_sent_is_refused_by_name() {
    let refusal = |make: fn(&Path)| {
        let place = made(make);
        let failure = Source::open(&place.sent(), |_done, _size| {}).unwrap_err();
        assert_eq!(failure.exit, Exit::Refused, "{failure}");
        failure.sentence
    };
    assert!(
        refusal(|root| {
            let name: &std::ffi::OsStr = std::os::unix::ffi::OsStrExt::from_bytes(b"n\xff");
            fs::write(root.join(name), b"").unwrap();
        })
        .contains("not UTF-8")
    );
    assert!(refusal(|root| fs::write(root.join("new\nline"), b"").unwrap()).contains("new\\nline"));
    assert!(refusal(|root| fs::write(root.join("back\\slash"), b"").unwrap()).contains("slash"));
    assert!(refusal(|root| symlink("/etc/passwd", root.join("l")).unwrap()).contains("\"l\""));
    assert!(refusal(|root| symlink("..", root.join("l")).unwrap()).contains("leads out"));
    let socket = |root: &Path| {
        std::os::unix::net::UnixListener::bind(root.join("s")).unwrap();
    };
    assert!(refusal(socket).contains("\"s\" in the folder: it is no file"));
}

#[tokio::test]
async fn folder_that_changes_is_noticed_by_both() {
    let changes: [fn(&Path); 5] = [
        |root| fs::write(root.join("a/one"), b"two").unwrap(),
        |root| fs::write(root.join("new"), b"").unwrap(),
        |root| fs::remove_file(root.join("a/nothing")).unwrap(),
        |root| fs::remove_file(root.join("a/b/large")).unwrap(),
        |root| {
            fs::remove_file(root.join("lost")).unwrap();
            symlink("elsewhere", root.join("lost")).unwrap();
        },
    ];
    for change in changes {
        let place = made(tree);
        let source = source(&place);
        change(&place.sent());
        let (sent, received) = transfer(&place, &source).await;
        assert!(matches!(sent, Err(TransferError::Changed)), "{sent:?}");
        assert_eq!(exit(received.unwrap_err()), Exit::Unverified);
        assert!(place.is_untouched());
    }
}

/// A sequence that begins with this listing, as a giver without scruples makes it.
fn forged(
    items: &[(&str, crate::transfer::listing::Entry<'_>)],
    content: &[u8],
) -> (Offer, Vec<u8>) {
    let mut bytes = Vec::new();
    for (path, entry) in items {
        let item = crate::transfer::listing::Item {
            path,
            entry: *entry,
        };
        crate::transfer::listing::append(&mut bytes, &item);
    }
    let listing = bytes.len() as u64;
    bytes.extend(content);
    let offer = Offer {
        name: "file".into(),
        size: bytes.len() as u64,
        root: blake3::hash(&bytes),
        listing: Some(listing),
    };
    let len = (bytes.len() as u32).to_be_bytes();
    (offer, [&[2], &len[..], &bytes, &[3, 0, 0, 0, 0]].concat())
}

#[tokio::test]
async fn folder_listings_that_lead_out_are_refused_and_nothing_is_touched() {
    use crate::transfer::listing::Entry;
    let file = Entry::File {
        size: 4,
        executable: false,
    };
    let link = |target| Entry::Link { target };
    for (items, name) in [
        (vec![("../evil", file)], "../evil"),
        (vec![("/evil", file)], "/evil"),
        (vec![("a", file), ("a/evil", file)], "a/evil"),
        (vec![("a", link("/")), ("b", file)], "\"a\""),
        (vec![("a", link("..")), ("a/evil", file)], "a/evil"),
        (vec![("a", file)], "another size"),
    ] {
        let place = Place::new();
        let (offer, bytes) = forged(&items, b"data!");
        let (taken, said) = replayed(&place, &offer, &bytes).await;
        let failure = Failure::from(taken.unwrap_err());
        assert_eq!(failure.exit, Exit::Refused, "{failure}");
        assert!(failure.sentence.contains(name), "{failure}");
        assert_eq!((said[0], said[PREFIX]), (4, 5));
        assert!(place.is_untouched());
        assert_eq!(fs::read_dir(place.folder.path()).unwrap().count(), 1);
    }
    let place = Place::new();
    let (offer, bytes) = forged(&[("a", file), ("l", link("a"))], b"data");
    replayed(&place, &offer, &bytes).await.0.unwrap();
    assert_eq!(fs::read(place.inbox().join("file/l")).unwrap(), b"data");
}

#[test]
fn folder_replaces_nothing() {
    let place = made(tree);
    let offer = source(&place).offer;
    let target = place.inbox().join("file");
    for make in [
        |target: &Path| fs::create_dir(target).unwrap(),
        |target: &Path| fs::write(target, "mine").unwrap(),
        |target: &Path| symlink("nowhere", target).unwrap(),
    ] {
        make(&target);
        for overwrite in [false, true] {
            let barred = Landing::begin(&place.inbox(), "file", &offer, overwrite).unwrap_err();
            assert_eq!(barred.failure.exit, Exit::Refused);
            assert!(barred.failure.sentence.contains("folder"), "{barred:?}");
        }
        let _is_file = fs::remove_file(&target);
        let _is_folder = fs::remove_dir(&target);
    }
    assert!(place.is_untouched());
}
