//! The side that gives a file.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime},
};

use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt as _, split},
    task::spawn_blocking,
    time::timeout,
};

use super::{
    PATIENCE, TransferError, folder,
    hashes::{GROUP, Outline, Parent, Proof, Step, Walk, groups_of},
    heads::Offer,
    landing_name::plain_name,
    listing::Listing,
    pieces::{self, Kind, PREFIX},
    recv::Moved,
    scan::scan,
};
use crate::{
    exit::{Exit, Failure},
    files,
};

/// How long a stream that takes no more may still bring the reason.
const LAST_WORD: Duration = Duration::from_secs(2);

/// A file or folder that was hashed and can be given, to several peers at once.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    /// What is told of it.
    pub(crate) offer: Offer,
    parents: Arc<Vec<Parent>>,
    body: Arc<Body>,
    given: Arc<AtomicU64>,
}

/// What the bytes come from, and by what a change is noticed that no group shows: one behind the
/// place that is read, or one that made it longer.
#[derive(Debug)]
enum Body {
    File {
        file: File,
        modified: Option<SystemTime>,
        size: u64,
    },
    Folder {
        root: PathBuf,
        listing: Listing,
        mark: blake3::Hash,
    },
}

impl Body {
    fn of_file(path: &Path) -> Result<Self, Failure> {
        let open = || {
            let file = File::open(path)?;
            let facts = file.metadata()?;
            let (size, modified) = (facts.len(), facts.modified().ok());
            Ok(Self::File {
                file,
                modified,
                size,
            })
        };
        open().map_err(|error| missing(path, &error))
    }

    fn of_folder(root: PathBuf) -> Result<Self, Failure> {
        let scan = scan(&root)?;
        let listing = Listing::parse(scan.listing).map_err(|wrong| wrong.refused())?;
        Ok(Self::Folder {
            root,
            listing,
            mark: scan.mark,
        })
    }

    fn size(&self) -> u64 {
        match self {
            Self::File { size, .. } => *size,
            Self::Folder { listing, .. } => listing.bytes().len() as u64 + listing.content(),
        }
    }

    fn read_exact_at(&self, into: &mut [u8], offset: u64) -> io::Result<()> {
        match self {
            Self::File { file, .. } => files::read_exact_at(file, into, offset),
            Self::Folder { root, listing, .. } => {
                folder::read_exact_at(listing, root, into, offset)
            }
        }
    }

    fn is_unchanged(&self) -> bool {
        match self {
            Self::File {
                file,
                modified,
                size,
            } => file
                .metadata()
                .is_ok_and(|facts| facts.len() == *size && facts.modified().ok() == *modified),
            Self::Folder { root, mark, .. } => scan(root).is_ok_and(|scan| scan.mark == *mark),
        }
    }
}

impl Source {
    /// Opens and hashes a file, or all files of a folder; it blocks. `done` is told the bytes of
    /// each group, and of the whole.
    ///
    /// # Errors
    /// [`Failure`] if there is none, if it is neither, if it cannot be read, or if a name or a link
    /// in it can not be told to a peer.
    pub(crate) fn open(path: &Path, mut done: impl FnMut(u64, u64)) -> Result<Self, Failure> {
        let shown = path.display();
        let facts = fs::metadata(path).map_err(|error| missing(path, &error))?;
        let mut path = path.to_owned();
        // A link gives its own name to what it leads to.
        let mut name = path.file_name().map(ToOwned::to_owned);
        if facts.is_dir() {
            // `.` has a name too, and the folder is the same wherever the process goes.
            path = fs::canonicalize(&path).map_err(|error| missing(&path, &error))?;
            name = name.or_else(|| path.file_name().map(ToOwned::to_owned));
        } else if !facts.is_file() {
            return Err(Failure::usage(format!("{shown} is no ordinary file")));
        }
        let name = name.as_ref().and_then(|name| name.to_str());
        let name = name
            .ok_or_else(|| Failure::failed(format!("{shown} has no name, or none in UTF-8")))?
            .to_owned();
        plain_name(&name)?;
        let body = if facts.is_dir() {
            Body::of_folder(path.clone())?
        } else {
            Body::of_file(&path)?
        };
        let size = body.size();
        let read = |into: &mut [u8], offset| body.read_exact_at(into, offset);
        let outline = Outline::of(size, read, |bytes| done(bytes, size));
        let outline = outline.map_err(|error| {
            if error.kind() == io::ErrorKind::UnexpectedEof || !body.is_unchanged() {
                TransferError::Changed.into()
            } else {
                missing(&path, &error)
            }
        })?;
        let listing = match &body {
            Body::File { .. } => None,
            Body::Folder { listing, .. } => Some(listing.bytes().len() as u64),
        };
        Ok(Self {
            offer: Offer {
                name,
                size,
                root: outline.root,
                listing,
            },
            parents: Arc::new(outline.parents),
            body: Arc::new(body),
            given: Arc::default(),
        })
    }

    /// Bytes that streams have taken, to all peers together.
    pub(crate) fn given(&self) -> u64 {
        self.given.load(Ordering::Relaxed)
    }

    /// The bytes of a group, checked against what was hashed.
    fn group(&self, proof: &Proof, into: &mut [u8]) -> Result<(), TransferError> {
        match self.body.read_exact_at(into, proof.offset) {
            Ok(()) => proof.check(into).map_err(|_other| TransferError::Changed),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                Err(TransferError::Changed)
            }
            Err(_error) if !self.body.is_unchanged() => Err(TransferError::Changed),
            Err(error) => Err(unreadable(&error)),
        }
    }
}

fn missing(path: &Path, error: &io::Error) -> Failure {
    let exit = if error.kind() == io::ErrorKind::NotFound {
        Exit::NotFound
    } else {
        Exit::Failed
    };
    Failure::new(exit, format!("cannot read {}: {error}", path.display()))
}

fn unreadable(error: &io::Error) -> TransferError {
    TransferError::Local {
        failure: Failure::failed(format!("the file cannot be read any more: {error}")),
        tell: "the file cannot be read any more",
    }
}

/// Gives the file, after the heads; returns when the peer has it whole and has said so. `moved` is
/// told first what the peer has already, then the bytes of each group that the stream has taken.
///
/// # Errors
/// [`TransferError`]; the peer was told, as far as it can be.
pub(crate) async fn send(
    stream: impl AsyncRead + AsyncWrite,
    source: &Source,
    mut moved: impl FnMut(Moved),
) -> Result<(), TransferError> {
    let (mut reader, mut writer) = split(stream);
    let held = match held(&mut reader, source).await {
        Ok(held) => held,
        Err(error) => {
            pieces::stop(&mut writer, &error, PATIENCE).await;
            return Err(error);
        }
    };
    moved(Moved::Held((held * GROUP).min(source.offer.size)));
    let verdict = pieces::read(&mut reader, Kind::Whole, &mut [], PATIENCE);
    tokio::pin!(verdict);
    // The taker may speak first, to say that it stops.
    let written = tokio::select! {
        biased;
        early = &mut verdict => {
            early?;
            Err(TransferError::Mismatch("the peer confirms what it cannot have yet"))
        }
        written = write_file(&mut writer, source, held, &mut moved) => written,
    };
    match written {
        Ok(()) => verdict.await,
        // A stream that takes no more has a reason, which may be on its way to us.
        Err(error @ TransferError::Vanished(_)) => match timeout(LAST_WORD, verdict).await {
            Ok(Err(stopped @ TransferError::Stopped { .. })) => Err(stopped),
            Ok(Ok(()) | Err(_)) | Err(_) => Err(error),
        },
        Err(error) => {
            pieces::stop(&mut writer, &error, PATIENCE).await;
            Err(error)
        }
    }
}

/// The groups that the taker has already.
async fn held(
    reader: &mut (impl AsyncRead + Unpin),
    source: &Source,
) -> Result<u64, TransferError> {
    let mut groups = [0; 8];
    pieces::read(reader, Kind::From, &mut groups, PATIENCE).await?;
    let groups = u64::from_be_bytes(groups);
    if groups > groups_of(source.offer.size) {
        return Err(TransferError::Mismatch("the peer has more than there is"));
    }
    Ok(groups)
}

async fn write_file(
    writer: &mut (impl AsyncWrite + Unpin),
    source: &Source,
    held: u64,
    moved: &mut impl FnMut(Moved),
) -> Result<(), TransferError> {
    let mut walk = Walk::new(source.offer.root, source.offer.size, held);
    let mut parents = source.parents.iter();
    let mut piece = Vec::new();
    loop {
        match walk.step() {
            Step::Parent => {
                let parent = parents.next().expect("the outline has every parent");
                walk.parent(parent).expect("the outline is the root's own");
                pieces::write(writer, Kind::Parent, parent, PATIENCE).await?;
            }
            Step::Held(proof) => {
                let inside = proof.groups() as usize - 1;
                parents = parents.as_slice()[inside..].iter();
            }
            Step::Group(proof) => {
                piece = read_group(source.clone(), proof, piece).await?;
                pieces::write_raw(writer, &piece, PATIENCE).await?;
                source.given.fetch_add(proof.len, Ordering::Relaxed);
                moved(Moved::More(proof.len));
            }
            Step::End => break,
        }
    }
    let body = Arc::clone(&source.body);
    let unchanged = spawn_blocking(move || body.is_unchanged()).await;
    if !unchanged.unwrap_or(false) {
        return Err(TransferError::Changed);
    }
    pieces::write(writer, Kind::Whole, &[], PATIENCE).await?;
    writer.shutdown().await.map_err(TransferError::Vanished)
}

/// The piece of a group, read and checked where blocking does no harm.
async fn read_group(
    source: Source,
    proof: Proof,
    mut piece: Vec<u8>,
) -> Result<Vec<u8>, TransferError> {
    let work = move || {
        let len = proof.len as usize;
        piece.resize(PREFIX + len, 0);
        piece[..PREFIX].copy_from_slice(&pieces::prefix(Kind::Group, len));
        source.group(&proof, &mut piece[PREFIX..])?;
        Ok(piece)
    };
    spawn_blocking(work)
        .await
        .unwrap_or_else(|error| Err(unreadable(&io::Error::other(error))))
}
