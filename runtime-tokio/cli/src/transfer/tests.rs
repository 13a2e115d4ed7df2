//! Whole transfers over a pipe in memory, and what happens to them when a byte, a file or a peer
//! is not what it should be.

use std::{
    fs,
    io::{Seek as _, Write as _},
    path::{Path, PathBuf},
};

use data_encoding::HEXLOWER;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex, join};

mod folders;
mod listings;
mod resume;

use super::{
    TransferError,
    hashes::{GROUP, SIZE_MAX},
    heads::{self, Answer, Offer, Request},
    landing::Landing,
    pieces::PREFIX,
    recv::{Moved, Taken, receive},
    send::{Source, send},
};
use crate::exit::{Exit, Failure};

/// What a taker says first that has nothing yet.
const FROM_NOTHING: [u8; 13] = [5, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0];

/// Bytes that the pipe holds; less than a group, so that both sides wait for each other.
const PIPE: usize = 64 << 10;

struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("in")).unwrap();
        Self { folder }
    }

    fn sent(&self) -> PathBuf {
        self.folder.path().join("file")
    }

    fn inbox(&self) -> PathBuf {
        self.folder.path().join("in")
    }

    /// Writes a file of pseudo-random bytes and hashes it.
    fn source(&self, size: u64) -> Source {
        let mut bytes = vec![0; size as usize];
        blake3::Hasher::new().finalize_xof().fill(&mut bytes);
        fs::write(self.sent(), bytes).unwrap();
        Source::open(&self.sent(), |_done, _size| {}).unwrap()
    }

    fn landing(&self, offer: &Offer) -> Landing {
        Landing::begin(&self.inbox(), "file", offer, false).unwrap()
    }

    fn is_untouched(&self) -> bool {
        fs::read_dir(self.inbox()).unwrap().next().is_none()
    }
}

type Outcome<T> = Result<T, TransferError>;

/// Sends and receives over a pipe.
async fn transfer(place: &Place, source: &Source) -> (Outcome<()>, Outcome<Taken>) {
    let (near, far) = duplex(PIPE);
    let landing = place.landing(&source.offer);
    let mut counted = (0, 0);
    let bytes = |moved| match moved {
        Moved::Held(bytes) | Moved::More(bytes) => bytes,
    };
    let outcome = tokio::join!(
        send(near, source, |moved| counted.0 += bytes(moved)),
        receive(far, &source.offer, landing, |moved| counted.1 +=
            bytes(moved)),
    );
    if outcome.1.is_ok() {
        assert_eq!(counted, (source.offer.size, source.offer.size));
    }
    outcome
}

/// All that a giver writes for this file, to be given again with a change.
async fn recorded(source: &Source) -> Vec<u8> {
    let (near, far) = duplex(PIPE);
    let (mut reader, mut writer) = tokio::io::split(far);
    let mut bytes = Vec::new();
    let taker = async {
        writer.write_all(&FROM_NOTHING).await.unwrap();
        reader.read_to_end(&mut bytes).await.unwrap();
        writer.write_all(&[3, 0, 0, 0, 0]).await.unwrap();
    };
    let (sent, ()) = tokio::join!(send(near, source, |_moved| {}), taker);
    sent.unwrap();
    bytes
}

/// Lets a taker read these bytes; gives what it makes of them and what it says.
async fn replayed(place: &Place, offer: &Offer, bytes: &[u8]) -> (Outcome<()>, Vec<u8>) {
    let (near, far) = duplex(PIPE);
    let (mut said_reader, mut writer) = tokio::io::split(near);
    let mut said = Vec::new();
    let giver = async {
        // The taker may end before it has read everything.
        let _refused = writer.write_all(bytes).await;
        let _refused = writer.shutdown().await;
        said_reader.read_to_end(&mut said).await.unwrap();
    };
    let landing = place.landing(offer);
    let (taken, ()) = tokio::join!(receive(far, offer, landing, |_moved| {}), giver);
    let said = said.strip_prefix(&FROM_NOTHING).map(<[u8]>::to_vec);
    (taken.map(|_taken| ()), said.unwrap())
}

fn exit(error: TransferError) -> Exit {
    Failure::from(error).exit
}

#[tokio::test]
async fn transfer_files_of_every_edge_arrive_as_they_were() {
    for size in [0, 1, GROUP - 1, GROUP, GROUP + 1, 2 * GROUP, 3 * GROUP + 1] {
        let place = Place::new();
        let source = place.source(size);
        let (sent, received) = transfer(&place, &source).await;
        sent.unwrap();
        let path = received.unwrap().path.unwrap();
        assert_eq!(path.file_name().unwrap(), "file");
        assert!(
            fs::read(path).unwrap() == fs::read(place.sent()).unwrap(),
            "{size}"
        );
        assert_eq!(fs::read_dir(place.inbox()).unwrap().count(), 1, "{size}");
    }
}

#[tokio::test]
async fn transfer_pieces_are_as_documented() {
    let place = Place::new();
    let source = place.source(GROUP + 1);
    let bytes = recorded(&source).await;
    let data = fs::read(place.sent()).unwrap();
    let (first, second) = data.split_at(GROUP as usize);
    let mut expected = vec![1, 0, 0, 0, 64];
    for (offset, group) in [(0, first), (GROUP, second)] {
        use blake3::hazmat::HasherExt as _;
        let mut hasher = blake3::Hasher::new();
        hasher.set_input_offset(offset).update(group);
        expected.extend(hasher.finalize_non_root());
    }
    expected.extend([2, 0, 0x10, 0, 0]);
    expected.extend(first);
    expected.extend([2, 0, 0, 0, 1]);
    expected.extend(second);
    expected.extend([3, 0, 0, 0, 0]);
    assert!(bytes == expected);

    let (taken, said) = replayed(&place, &source.offer, &bytes).await;
    taken.unwrap();
    assert_eq!(said, [3, 0, 0, 0, 0]);
}

/// A line of the examples in the document, after its name.
fn documented(name: &str) -> Vec<&'static str> {
    let lines = include_str!("../../TRANSFER.md").lines();
    let lines = lines.filter_map(|line| line.strip_prefix(name)?.strip_prefix("   "));
    lines.map(str::trim).collect()
}

#[tokio::test]
async fn transfer_document_has_the_bytes_that_are_sent() {
    let place = Place::new();
    let path = place.folder.path().join("hello.txt");
    fs::write(&path, "hello").unwrap();
    let source = Source::open(&path, |_done, _size| {}).unwrap();
    let token = HEXLOWER.encode(&[7; 16]);
    let file = source.offer.announce();
    let heads = [
        heads::text(&Request::Get { token }),
        heads::text(&Answer::File { file }),
    ];
    assert_eq!(documented("head "), heads);

    let bytes = recorded(&source).await;
    assert_eq!(documented("giver"), [HEXLOWER.encode(&bytes)]);
    let (taken, whole) = replayed(&place, &source.offer, &bytes).await;
    taken.unwrap();
    let (near, mut far) = duplex(PIPE);
    let full = "the receiver's disk is full";
    super::recv::decline(near, Failure::failed("ours"), full).await;
    let mut stop = Vec::new();
    far.read_to_end(&mut stop).await.unwrap();
    let said = [FROM_NOTHING.to_vec(), whole, stop].map(|said| HEXLOWER.encode(&said));
    assert_eq!(documented("taker"), said);
}

#[tokio::test]
async fn transfer_a_flipped_bit_anywhere_is_found_and_nothing_lands() {
    let place = Place::new();
    let source = place.source(3 * GROUP + 1);
    let bytes = recorded(&source).await;
    // In a prefix, the first parent, the first group, its last byte, a later parent, the last group
    // and the last piece.
    let group_at = 2 * (PREFIX + 64) + PREFIX;
    let places = [
        0,
        4,
        PREFIX,
        PREFIX + 63,
        group_at,
        group_at + GROUP as usize - 1,
        group_at + 2 * (GROUP as usize + PREFIX) + 40,
        bytes.len() - PREFIX - 1,
        bytes.len() - 1,
    ];
    for flipped in places {
        let mut bytes = bytes.clone();
        bytes[flipped] ^= 1;
        let (taken, said) = replayed(&place, &source.offer, &bytes).await;
        assert_eq!(exit(taken.unwrap_err()), Exit::Unverified, "{flipped}");
        assert_eq!(said[0], 4, "{flipped}");
        assert_eq!(said[PREFIX], 6, "{flipped}");
        assert!(place.is_untouched(), "{flipped}");
    }
}

#[tokio::test]
async fn transfer_of_one_group_is_checked_against_the_root_itself() {
    for size in [0, 1, GROUP] {
        let place = Place::new();
        let source = place.source(size);
        let mut offer = source.offer.clone();
        offer.root = blake3::hash(b"something else");
        let bytes = recorded(&source).await;
        let (taken, _said) = replayed(&place, &offer, &bytes).await;
        assert_eq!(exit(taken.unwrap_err()), Exit::Unverified, "{size}");
        assert!(place.is_untouched(), "{size}");
    }
}

#[tokio::test]
async fn transfer_cut_off_anywhere_leaves_nothing_but_what_can_be_gone_on_from() {
    let place = Place::new();
    let source = place.source(2 * GROUP + 1);
    let bytes = recorded(&source).await;
    let all = bytes.len();
    for cut in [
        0,
        1,
        PREFIX + 10,
        all / 2,
        all / 2 + 1000,
        all - PREFIX,
        all - 1,
    ] {
        let (taken, said) = replayed(&place, &source.offer, &bytes[..cut]).await;
        let expected = if cut <= all / 2 {
            Exit::Unreachable
        } else {
            Exit::Resumable
        };
        assert_eq!(exit(taken.unwrap_err()), expected, "{cut}");
        assert!(said.is_empty(), "{cut}");
        assert_eq!(place.is_untouched(), expected == Exit::Unreachable, "{cut}");
        let _kept = fs::remove_dir_all(place.inbox().join(".file.hydroid-part"));
    }
}

#[tokio::test]
async fn transfer_of_an_untrue_size_takes_no_memory_and_no_disk() {
    let place = Place::new();
    let source = place.source(1);
    let bytes = recorded(&source).await;
    let offer = Offer {
        size: SIZE_MAX,
        ..source.offer.clone()
    };
    let (near, far) = duplex(PIPE);
    let (mut reader, mut writer) = tokio::io::split(near);
    let giver = async {
        let _refused = writer.write_all(&bytes).await;
        let mut said = Vec::new();
        reader.read_to_end(&mut said).await.unwrap();
    };
    // The landing was asked for less room than the offer says: only the proofs stand in the way.
    let landing = place.landing(&source.offer);
    let (taken, ()) = tokio::join!(receive(far, &offer, landing, |_moved| {}), giver);
    assert_eq!(exit(taken.unwrap_err()), Exit::Unverified);
    assert!(place.is_untouched());
}

/// Changes the file after it was hashed; both sides must notice.
async fn changed(size: u64, change: impl FnOnce(&Path)) {
    let place = Place::new();
    let source = place.source(size);
    change(&place.sent());
    let (sent, received) = transfer(&place, &source).await;
    assert!(matches!(sent, Err(TransferError::Changed)), "{sent:?}");
    let failure = Failure::from(received.unwrap_err());
    assert_eq!(failure.exit, Exit::Unverified);
    assert!(failure.sentence.contains("changed"), "{failure}");
    assert!(place.is_untouched());
}

#[tokio::test]
async fn transfer_of_a_file_that_changes_is_noticed_by_both() {
    let patch = |path: &Path, offset| {
        let mut file = fs::OpenOptions::new().write(true).open(path).unwrap();
        file.seek(std::io::SeekFrom::Start(offset)).unwrap();
        file.write_all(b"other bytes").unwrap();
    };
    changed(2 * GROUP, |path| patch(path, GROUP + 7)).await;
    changed(100, |path| patch(path, 0)).await;
    changed(2 * GROUP, |path| patch(path, 2 * GROUP)).await;
    changed(2 * GROUP, |path| {
        let file = fs::OpenOptions::new().write(true).open(path).unwrap();
        file.set_len(GROUP + 1).unwrap();
    })
    .await;
}

#[tokio::test]
#[cfg(target_os = "linux")]
async fn transfer_onto_a_disk_that_becomes_full_ends_and_leaves_nothing() {
    let place = Place::new();
    let source = place.source(3 * GROUP);
    let (near, far) = duplex(PIPE);
    let landing = place.landing(&source.offer).onto(Path::new("/dev/full"));
    let (sent, received) = tokio::join!(
        send(near, &source, |_moved| {}),
        receive(far, &source.offer, landing, |_moved| {}),
    );
    let (sent, received) = (sent.unwrap_err(), received.unwrap_err());
    let (sent, received) = (Failure::from(sent), Failure::from(received));
    assert_eq!((sent.exit, received.exit), (Exit::Failed, Exit::Failed));
    assert_eq!(sent.sentence, "the peer says: the receiver's disk is full");
    assert!(received.sentence.contains("the disk is full"), "{received}");
    assert!(place.is_untouched());
}

/// Lets a giver send to somebody who behaves as given.
async fn sent_to(source: &Source, taker: impl AsyncFnOnce(DuplexStream)) -> TransferError {
    let (near, far) = duplex(PIPE);
    let (sent, ()) = tokio::join!(send(near, source, |_moved| {}), taker(far));
    sent.unwrap_err()
}

#[tokio::test]
async fn transfer_giver_learns_why_the_taker_stops() {
    let place = Place::new();
    let source = place.source(3 * GROUP);
    let error = sent_to(&source, async |far| {
        let failure = Failure::failed("a sentence of the receiver's own");
        super::recv::decline(far, failure, "the disk is full").await;
    })
    .await;
    let failure = Failure::from(error);
    assert_eq!(failure.exit, Exit::Failed);
    assert_eq!(failure.sentence, "the peer says: the disk is full");
}

#[tokio::test]
async fn transfer_giver_notices_that_the_taker_is_gone() {
    let place = Place::new();
    let source = place.source(3 * GROUP);
    let error = sent_to(&source, async |far| drop(far)).await;
    assert_eq!(exit(error), Exit::Unreachable);
    let error = sent_to(&source, async |mut far| {
        far.write_all(&FROM_NOTHING).await.unwrap();
        let mut some = vec![0; 100_000];
        far.read_exact(&mut some).await.unwrap();
    })
    .await;
    assert_eq!(exit(error), Exit::Unreachable);
}

#[tokio::test]
async fn transfer_giver_believes_no_early_confirmation() {
    let place = Place::new();
    let source = place.source(3 * GROUP);
    let error = sent_to(&source, async |mut far| {
        far.write_all(&FROM_NOTHING).await.unwrap();
        far.write_all(&[3, 0, 0, 0, 0]).await.unwrap();
        let mut rest = Vec::new();
        far.read_to_end(&mut rest).await.unwrap();
    })
    .await;
    assert_eq!(exit(error), Exit::Unverified);
}

#[tokio::test]
async fn transfer_taker_reads_no_endless_sentence() {
    let place = Place::new();
    let source = place.source(1);
    for stop in [
        [4, 0xff, 0xff, 0xff, 0xff],
        [4, 0, 0, 0, 0],
        [9, 0, 0, 0, 1],
    ] {
        let (taken, _said) = replayed(&place, &source.offer, &stop).await;
        assert_eq!(exit(taken.unwrap_err()), Exit::Unverified);
    }
    let stop = [&[4, 0, 0, 0, 6, 1][..], b"tired"].concat();
    let (taken, said) = replayed(&place, &source.offer, &stop).await;
    let failure = Failure::from(taken.unwrap_err());
    assert_eq!(failure, Failure::failed("the peer says: tired"));
    assert!(said.is_empty());
}

#[tokio::test]
async fn transfer_dropped_halfway_leaves_nothing() {
    let place = Place::new();
    let source = place.source(3 * GROUP);
    let bytes = recorded(&source).await;
    let (mut near, far) = duplex(PIPE);
    let landing = place.landing(&source.offer);
    assert!(!place.is_untouched());
    let far = join(far, tokio::io::sink());
    let taking = receive(far, &source.offer, landing, |_moved| {});
    tokio::select! {
        _taken = taking => panic!("half a file is no file"),
        written = near.write_all(&bytes[..bytes.len() / 2]) => written.unwrap(),
    }
    // The group that is being written beside it may take a moment more.
    tokio::task::spawn_blocking(|| {}).await.unwrap();
    for _turn in 0..10_000 {
        if place.is_untouched() {
            return;
        }
        tokio::task::yield_now().await;
        std::thread::yield_now();
    }
    panic!("the half of a file is still there");
}

#[test]
fn transfer_source_is_an_ordinary_file_that_is_there() {
    let place = Place::new();
    let open = |path: &Path| Source::open(path, |_done, _size| {}).unwrap_err().exit;
    assert_eq!(open(&place.folder.path().join("missing")), Exit::NotFound);
    #[cfg(unix)]
    assert_eq!(open(Path::new("/dev/null")), Exit::Usage);
}

#[test]
#[cfg(unix)]
fn transfer_source_has_the_name_that_it_was_given() {
    let place = Place::new();
    let folder = place.folder.path().join("folder");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("file"), "x").unwrap();
    let link = |name: &str, to: &Path| {
        let link = place.folder.path().join(name);
        std::os::unix::fs::symlink(to, &link).unwrap();
        link
    };
    let link_to_folder = link("one", &folder);
    let link_to_file = link("two", &folder.join("file"));
    for (path, name) in [
        (folder.join("."), "folder"),
        (folder.join("../folder/"), "folder"),
        (link_to_folder, "one"),
        (link_to_file, "two"),
    ] {
        let source = Source::open(&path, |_done, _size| {}).unwrap();
        assert_eq!(source.offer.name, name, "{}", path.display());
    }
}
