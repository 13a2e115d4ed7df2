//! The side that gives a file.

use std::{
    fs::{self, File},
    io,
    path::Path,
    sync::Arc,
    time::{Duration, SystemTime},
};

use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt as _, split},
    task::spawn_blocking,
    time::timeout,
};

use super::{
    PATIENCE, TransferError,
    hashes::{Outline, Proof, Step, Walk},
    heads::Offer,
    landing_name::plain_name,
    pieces::{self, Kind, PREFIX},
};
use crate::{
    exit::{Exit, Failure},
    files,
};

/// How long a stream that takes no more may still bring the reason.
const LAST_WORD: Duration = Duration::from_secs(2);

/// A file that was hashed and can be given, to several peers at once.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    /// What is told of it.
    pub(crate) offer: Offer,
    parents: Arc<Vec<[u8; 64]>>,
    file: Arc<File>,
    state: State,
}

/// By what a change of a file is noticed that no group shows: one behind the place that is read,
/// or one that made the file longer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct State {
    size: u64,
    modified: Option<SystemTime>,
}

impl State {
    fn of(file: &File) -> io::Result<Self> {
        let facts = file.metadata()?;
        Ok(Self {
            size: facts.len(),
            modified: facts.modified().ok(),
        })
    }
}

impl Source {
    /// Opens and hashes a file; it blocks. `done` is told the bytes of each group.
    ///
    /// # Errors
    /// [`Failure`] if there is none, if it is no file, if it cannot be read, or if its name can
    /// not be told to a peer.
    pub(crate) fn open(path: &Path, done: impl FnMut(u64)) -> Result<Self, Failure> {
        let shown = path.display();
        let facts = fs::metadata(path).map_err(|error| missing(path, &error))?;
        if facts.is_dir() {
            return Err(Failure::usage(format!(
                "{shown} is a folder, and only a file can be sent"
            )));
        }
        if !facts.is_file() {
            return Err(Failure::usage(format!("{shown} is no ordinary file")));
        }
        let name = path.file_name().and_then(|name| name.to_str());
        let name =
            name.ok_or_else(|| Failure::failed(format!("the name of {shown} is not UTF-8")))?;
        plain_name(name)?;
        let file = File::open(path).map_err(|error| missing(path, &error))?;
        let (state, outline) = State::of(&file)
            .and_then(|state| {
                let read = |into: &mut [u8], offset| files::read_exact_at(&file, into, offset);
                Ok((state, Outline::of(state.size, read, done)?))
            })
            .map_err(|error| {
                if error.kind() == io::ErrorKind::UnexpectedEof {
                    TransferError::Changed.into()
                } else {
                    missing(path, &error)
                }
            })?;
        Ok(Self {
            offer: Offer {
                name: name.into(),
                size: state.size,
                root: outline.root,
            },
            parents: Arc::new(outline.parents),
            file: Arc::new(file),
            state,
        })
    }

    /// The bytes of a group, checked against what was hashed.
    fn group(&self, proof: &Proof, into: &mut [u8]) -> Result<(), TransferError> {
        match files::read_exact_at(&self.file, into, proof.offset) {
            Ok(()) => proof.check(into).map_err(|_other| TransferError::Changed),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                Err(TransferError::Changed)
            }
            Err(error) => Err(unreadable(&error)),
        }
    }

    fn is_unchanged(&self) -> Result<(), TransferError> {
        match State::of(&self.file) {
            Ok(state) if state == self.state => Ok(()),
            Ok(_other) => Err(TransferError::Changed),
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

/// Gives the file, after the heads; returns when the peer has it whole and has said so. `sent` is
/// told the bytes of each group that the stream has taken.
///
/// # Errors
/// [`TransferError`]; the peer was told, as far as it can be.
pub(crate) async fn send(
    stream: impl AsyncRead + AsyncWrite,
    source: &Source,
    mut sent: impl FnMut(u64),
) -> Result<(), TransferError> {
    let (mut reader, mut writer) = split(stream);
    let verdict = pieces::read(&mut reader, Kind::Whole, &mut [], PATIENCE);
    tokio::pin!(verdict);
    // The taker may speak first, to say that it stops.
    let written = tokio::select! {
        biased;
        early = &mut verdict => {
            early?;
            Err(TransferError::Mismatch("the peer confirms what it cannot have yet"))
        }
        written = write_file(&mut writer, source, &mut sent) => written,
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

async fn write_file(
    writer: &mut (impl AsyncWrite + Unpin),
    source: &Source,
    sent: &mut impl FnMut(u64),
) -> Result<(), TransferError> {
    let mut walk = Walk::new(source.offer.root, source.offer.size);
    let mut parents = source.parents.iter();
    let mut piece = Vec::new();
    loop {
        match walk.step() {
            Step::Parent => {
                let parent = parents.next().expect("the outline has every parent");
                walk.parent(parent).expect("the outline is the root's own");
                pieces::write(writer, Kind::Parent, parent, PATIENCE).await?;
            }
            Step::Group(proof) => {
                piece = read_group(source.clone(), proof, piece).await?;
                pieces::write_raw(writer, &piece, PATIENCE).await?;
                sent(proof.len);
            }
            Step::End => break,
        }
    }
    source.is_unchanged()?;
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
