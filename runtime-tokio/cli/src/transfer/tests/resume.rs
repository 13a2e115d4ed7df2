//! Transfers that stop and are run again.

use super::*;

/// Takes what comes until `bytes` of it have come, then loses the giver.
async fn cut(place: &Place, source: &Source, bytes: usize) -> TransferError {
    let (near, far) = duplex(PIPE);
    let all = recorded(source).await;
    let (reader, mut writer) = tokio::io::split(near);
    let landing = place.landing(&source.offer);
    let giver = async {
        writer
            .write_all(&all[..bytes.min(all.len() - PREFIX)])
            .await
            .unwrap();
        writer.shutdown().await.unwrap();
        drop(reader);
    };
    let (taken, ()) = tokio::join!(receive(far, &source.offer, landing, |_moved| {}), giver);
    taken.unwrap_err()
}

/// A file or a folder.
fn source(place: &Place, folder: bool, size: u64) -> Source {
    if !folder {
        return place.source(size);
    }
    fs::create_dir_all(place.sent().join("in")).unwrap();
    let mut bytes = vec![0; size as usize];
    blake3::Hasher::new().finalize_xof().fill(&mut bytes);
    for (n, part) in bytes.chunks(300_000).enumerate() {
        fs::write(place.sent().join(format!("in/{n:03}")), part).unwrap();
    }
    Source::open(&place.sent(), |_done, _size| {}).unwrap()
}

fn same(place: &Place, folder: bool) {
    let (sent, received) = (place.sent(), place.inbox().join("file"));
    if !folder {
        assert!(fs::read(sent).unwrap() == fs::read(received).unwrap());
        return;
    }
    let names = |path: &Path| fs::read_dir(path.join("in")).unwrap().count();
    assert_eq!(names(&sent), names(&received));
    for n in 0..names(&sent) {
        let name = format!("in/{n:03}");
        assert!(fs::read(sent.join(&name)).unwrap() == fs::read(received.join(&name)).unwrap());
    }
}

#[tokio::test]
async fn resume_receives_what_was_missing_and_no_more() {
    for folder in [false, true] {
        let place = Place::new();
        let source = source(&place, folder, 7 * GROUP + 5);
        let piece = (GROUP as usize) + PREFIX;
        for groups in [2, 4, 5, 7] {
            let bytes = if groups == 7 {
                usize::MAX
            } else {
                groups * piece + 500
            };
            let error = cut(&place, &source, bytes).await;
            assert_eq!(exit(error), Exit::Resumable, "{groups}");
            let part = place.inbox().join(".file.hydroid-part");
            assert!(part.join("record").exists());
            let (sent, received) = transfer(&place, &source).await;
            sent.unwrap();
            let taken = received.unwrap();
            // The last one: everything had come but the word that it was all.
            let size = source.offer.size;
            let held = if groups == 7 {
                size
            } else {
                groups as u64 * GROUP
            };
            assert_eq!(taken.resumed_from, held, "{groups}");
            let missing = size - held;
            assert!(taken.came >= missing && taken.came < missing + 2000);
            same(&place, folder);
            assert!(!part.exists());
            let target = place.inbox().join("file");
            let _file = fs::remove_file(&target);
            let _folder = fs::remove_dir_all(&target);
        }
    }
}

#[tokio::test]
async fn resume_goes_on_more_than_once_and_after_bytes_that_no_record_tells_of() {
    for folder in [false, true] {
        let place = Place::new();
        let source = source(&place, folder, 5 * GROUP);
        let piece = (GROUP as usize) + PREFIX;
        cut(&place, &source, 2 * piece + 400).await;
        let record = place.inbox().join(".file.hydroid-part/record");
        let text = fs::read_to_string(&record).unwrap();
        assert!(text.contains("\"groups\":2"), "{text}");
        // As if it had been killed before the second group was recorded.
        fs::write(&record, text.replace("\"groups\":2", "\"groups\":1")).unwrap();
        let (sent, received) = transfer(&place, &source).await;
        sent.unwrap();
        assert_eq!(received.unwrap().resumed_from, GROUP);
        same(&place, folder);
    }
}

#[tokio::test]
async fn resume_against_a_changed_source_starts_over_and_says_so() {
    for folder in [false, true] {
        let place = Place::new();
        let first = source(&place, folder, 3 * GROUP);
        cut(&place, &first, 2 * (GROUP as usize + PREFIX) + 300).await;
        let changed = if folder { "in/000" } else { "" };
        let changed = place.sent().join(changed);
        let changed = changed.to_str().unwrap().trim_end_matches('/');
        let mut bytes = fs::read(changed).unwrap();
        bytes[0] ^= 1;
        fs::write(changed, bytes).unwrap();
        let second = Source::open(&place.sent(), |_done, _size| {}).unwrap();
        let landing = place.landing(&second.offer);
        assert!(landing.useless().unwrap().contains("another file"));
        drop(landing);
        let (sent, received) = transfer(&place, &second).await;
        sent.unwrap();
        assert_eq!(received.unwrap().resumed_from, 0);
        same(&place, folder);
    }
}

#[tokio::test]
async fn resume_trusts_no_bytes_and_no_record() {
    for folder in [false, true] {
        let place = Place::new();
        let source = source(&place, folder, 4 * GROUP);
        let grown = if folder { "tree/in/001" } else { "data" };
        cut(&place, &source, 2 * (GROUP as usize + PREFIX) + 300).await;
        let part = place.inbox().join(".file.hydroid-part");
        let mut bytes = fs::read(part.join(grown)).unwrap();
        bytes[1000] ^= 1;
        fs::write(part.join(grown), bytes).unwrap();
        let (sent, received) = transfer(&place, &source).await;
        assert!(
            matches!(received, Err(TransferError::Stale)),
            "{received:?}"
        );
        assert_eq!(exit(sent.unwrap_err()), Exit::Failed);
        assert!(place.is_untouched());

        for garbage in ["", "{", "{\"version\":2}", "\u{0}"] {
            cut(&place, &source, 2 * (GROUP as usize + PREFIX) + 300).await;
            fs::write(part.join("record"), garbage).unwrap();
            let landing = place.landing(&source.offer);
            assert!(landing.useless().unwrap().contains("damaged"));
        }
        let said = cut(&place, &source, 2 * (GROUP as usize + PREFIX) + 300).await;
        assert_eq!(exit(said), Exit::Resumable);
        let _gone = fs::remove_file(part.join(grown));
        let _gone = fs::remove_file(part.join("listing"));
        assert!(place.landing(&source.offer).useless().is_some());
        let (sent, received) = transfer(&place, &source).await;
        sent.unwrap();
        assert_eq!(received.unwrap().resumed_from, 0);
        same(&place, folder);
    }
}

#[tokio::test]
#[cfg(unix)]
async fn resume_lands_nothing_that_the_listing_does_not_name() {
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    let tamper: [&dyn Fn(&Path); 5] = [
        &|tree| fs::write(tree.join("extra"), "x").unwrap(),
        &|tree| fs::write(tree.join("in/extra"), "x").unwrap(),
        &|tree| symlink("000", tree.join("in/extra")).unwrap(),
        // In the place of a file that is still to come.
        &|tree| fs::create_dir(tree.join("in/020")).unwrap(),
        &|tree| {
            let rights = fs::Permissions::from_mode(0o755);
            fs::set_permissions(tree.join("in/000"), rights).unwrap();
        },
    ];
    for (n, tamper) in tamper.iter().enumerate() {
        let place = Place::new();
        let source = source(&place, true, 7 * GROUP + 5);
        let piece = (GROUP as usize) + PREFIX;
        let error = cut(&place, &source, 3 * piece + 500).await;
        assert_eq!(exit(error), Exit::Resumable, "{n}");
        tamper(&place.inbox().join(".file.hydroid-part/tree"));
        let landing = place.landing(&source.offer);
        assert!(landing.useless().is_some(), "{n}");
        drop(landing);
        let (sent, received) = transfer(&place, &source).await;
        sent.unwrap();
        let path = received.unwrap().path.unwrap();
        same(&place, true);
        assert_eq!(fs::read_dir(&path).unwrap().count(), 1, "{n}");
        let facts = fs::metadata(path.join("in/000")).unwrap();
        assert_eq!(facts.permissions().mode() & 0o111, 0, "{n}");
    }
}

#[tokio::test]
async fn resume_of_what_the_taker_cannot_have_is_refused() {
    let place = Place::new();
    let source = place.source(3 * GROUP);
    for from in [4, u64::MAX] {
        let error = sent_to(&source, async |mut far| {
            let from = [&[5, 0, 0, 0, 8], &from.to_be_bytes()[..]].concat();
            far.write_all(&from).await.unwrap();
            let mut said = Vec::new();
            far.read_to_end(&mut said).await.unwrap();
            assert_eq!(said[0], 4);
        })
        .await;
        assert_eq!(exit(error), Exit::Unverified);
    }
}

#[tokio::test]
async fn resume_makes_progress_durable_while_it_goes_on() {
    let place = Place::new();
    let source = place.source(130 * GROUP);
    let landing = place.landing(&source.offer);
    let kept = landing.kept();
    let (near, far) = duplex(PIPE);
    let mut before_the_end = 0;
    let (sent, received) = tokio::join!(
        send(near, &source, |_moved| {}),
        receive(far, &source.offer, landing, |_moved| {
            before_the_end = before_the_end.max(kept.bytes());
            if before_the_end == 0 {
                // The disk is another thread's, and has as long as a slow one takes.
                std::thread::sleep(std::time::Duration::from_millis(20));
            }
        }),
    );
    sent.unwrap();
    received.unwrap();
    assert!(before_the_end >= GROUP, "{before_the_end}");
    assert_eq!(kept.bytes(), 0, "nothing is to be gone on from");
}
