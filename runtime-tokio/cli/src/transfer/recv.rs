//! The side that takes a file.

use std::{
    io::{self, Write as _},
    path::PathBuf,
    pin::Pin,
    task::{self, Poll},
};

use blake3::hazmat::ChainingValue;
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt as _, ReadBuf, split},
    task::{JoinError, JoinHandle, spawn_blocking},
    time::timeout,
};

use super::{
    SILENCE, TransferError,
    hashes::{GROUP, Mismatch, Proof, Step, Walk},
    heads::Offer,
    pieces::{self, Kind},
};
use crate::exit::Failure;

/// Where the proved bytes of a file go. What it does may block.
pub(crate) trait Target: Send + 'static {
    /// What the groups hash to that an earlier run has kept; they are proved later, like the others.
    ///
    /// # Errors
    /// [`TransferError::Stale`] if they cannot be read.
    fn held(&mut self) -> Result<Vec<ChainingValue>, TransferError> {
        Ok(Vec::new())
    }

    /// Takes the next bytes, which are proved.
    ///
    /// # Errors
    /// [`TransferError::Local`].
    fn write(&mut self, group: &[u8]) -> Result<(), TransferError>;

    /// The file is whole: puts it where it belongs, and says where that is, if it has a path.
    ///
    /// # Errors
    /// [`TransferError::Local`].
    fn land(self) -> Result<Option<PathBuf>, TransferError>;

    /// The file does not become whole: keeps what can be gone on from, and says so by the error.
    fn give_up(self, error: TransferError) -> TransferError
    where
        Self: Sized,
    {
        error
    }
}

/// How far a transfer is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Moved {
    /// So many bytes need not move, since an earlier run has kept them.
    Held(u64),
    /// So many more have moved.
    More(u64),
}

/// A file that was taken.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Taken {
    /// Where it is, if it has a path.
    pub(crate) path: Option<PathBuf>,
    /// Bytes that had been kept before.
    pub(crate) resumed_from: u64,
    /// Bytes that have come on the stream after the heads.
    pub(crate) came: u64,
}

/// Takes a file, after the heads; returns when it is where it belongs and the giver was told so.
/// `moved` is told first what is held, then the bytes of each group that was proved and written.
///
/// # Errors
/// As [`land`].
pub(crate) async fn receive<T: Target>(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    offer: &Offer,
    target: T,
    moved: impl FnMut(Moved),
) -> Result<Taken, TransferError> {
    let taken = land(&mut stream, offer, target, moved).await?;
    confirm(&mut stream).await;
    Ok(taken)
}

/// The same for whoever has something to do before the giver is told: it may end us then.
///
/// # Errors
/// [`TransferError`]; the giver was told, as far as it can be. The target was given up.
pub(crate) async fn land<T: Target>(
    stream: impl AsyncRead + AsyncWrite,
    offer: &Offer,
    target: T,
    moved: impl FnMut(Moved),
) -> Result<Taken, TransferError> {
    let (reader, mut writer) = split(stream);
    let mut reader = Counted {
        inner: reader,
        count: 0,
    };
    match take(&mut reader, &mut writer, offer, target, moved).await {
        Ok((path, resumed_from)) => Ok(Taken {
            path,
            resumed_from,
            came: reader.count,
        }),
        Err(error) => {
            pieces::stop(&mut writer, &error, SILENCE).await;
            Err(error)
        }
    }
}

/// Tells the giver that its file has landed, which is there whatever becomes of that.
pub(crate) async fn confirm(stream: impl AsyncRead + AsyncWrite) {
    let (_reader, mut writer) = split(stream);
    let _gone = pieces::write(&mut writer, Kind::Whole, &[], SILENCE).await;
    end(&mut writer).await;
}

/// Counts what is read.
struct Counted<R> {
    inner: R,
    count: u64,
}

impl<R: AsyncRead + Unpin> AsyncRead for Counted<R> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut task::Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = into.filled().len();
        let read = Pin::new(&mut self.inner).poll_read(context, into);
        self.count += (into.filled().len() - before) as u64;
        read
    }
}

/// Tells the giver that its file is not taken after all, and why.
pub(crate) async fn decline(
    stream: impl AsyncRead + AsyncWrite,
    failure: Failure,
    tell: &'static str,
) {
    let (_reader, mut writer) = split(stream);
    let error = TransferError::Local { failure, tell };
    pieces::stop(&mut writer, &error, SILENCE).await;
}

async fn end(writer: &mut (impl AsyncWrite + Unpin)) {
    let _gone = timeout(SILENCE, writer.shutdown()).await;
}

async fn take<T: Target>(
    reader: &mut (impl AsyncRead + Unpin),
    writer: &mut (impl AsyncWrite + Unpin),
    offer: &Offer,
    mut target: T,
    mut moved: impl FnMut(Moved),
) -> Result<(Option<PathBuf>, u64), TransferError> {
    let (held, target) = joined(spawn_blocking(move || match target.held() {
        Ok(held) => Ok((held, target)),
        Err(error) => Err(target.give_up(error)),
    }))
    .await?;
    let resumed_from = (held.len() as u64 * GROUP).min(offer.size);
    moved(Moved::Held(resumed_from));
    let mut desk = Desk::new(target);
    let groups = (held.len() as u64).to_be_bytes();
    let asked = pieces::write(writer, Kind::From, &groups, SILENCE).await;
    let read = match asked {
        Ok(()) => take_groups(reader, offer, &held, &mut desk, &mut moved).await,
        Err(error) => Err(error),
    };
    // Also after a failure: what is being written must be over before anybody hears of it.
    let cleared = desk.clear().await;
    let (written, target) = match (read, cleared) {
        (Ok(()), Ok(cleared)) => cleared,
        // Where writing has failed, the target was given up there, and reading has given the reason.
        (Err(error), Err(_)) | (Ok(()), Err(error)) => return Err(error),
        (Err(error), Ok((_, target))) => return Err(given_up(target, error).await),
    };
    moved(Moved::More(written));
    match pieces::read(reader, Kind::Whole, &mut [], SILENCE).await {
        Ok(()) => {
            let path = joined(spawn_blocking(move || target.land())).await?;
            Ok((path, resumed_from))
        }
        Err(error) => Err(given_up(target, error).await),
    }
}

async fn given_up<T: Target>(target: T, error: TransferError) -> TransferError {
    let given_up = joined(spawn_blocking(move || Err::<(), _>(target.give_up(error))));
    given_up.await.expect_err("giving up gives an error")
}

async fn take_groups<T: Target>(
    reader: &mut (impl AsyncRead + Unpin),
    offer: &Offer,
    held: &[ChainingValue],
    desk: &mut Desk<T>,
    moved: &mut impl FnMut(Moved),
) -> Result<(), TransferError> {
    let mut walk = Walk::new(offer.root, offer.size, held.len() as u64);
    let mut buffer = Vec::new();
    loop {
        match walk.step() {
            Step::Parent => {
                let mut parent = [0; 64];
                pieces::read(reader, Kind::Parent, &mut parent, SILENCE).await?;
                walk.parent(&parent).map_err(mismatch)?;
            }
            Step::Held(proof) => proof
                .check_held(held)
                .map_err(|Mismatch| TransferError::Stale)?,
            Step::Group(proof) => {
                debug_assert!(proof.len <= GROUP, "the walk gives groups");
                buffer.resize(proof.len as usize, 0);
                pieces::read(reader, Kind::Group, &mut buffer, SILENCE).await?;
                // While one group is proved and written the next one may come.
                let (written, free) = desk.put(proof, buffer).await?;
                moved(Moved::More(written));
                buffer = free;
            }
            Step::End => return Ok(()),
        }
    }
}

/// One group at a time is proved and written beside the reading of the next.
struct Desk<T> {
    /// `None` once it has failed.
    work: Option<JoinHandle<Result<Done<T>, TransferError>>>,
}

struct Done<T> {
    target: T,
    buffer: Vec<u8>,
    written: u64,
}

impl<T: Target> Desk<T> {
    fn new(target: T) -> Self {
        let done = Done {
            target,
            buffer: Vec::new(),
            written: 0,
        };
        Self {
            work: Some(spawn_blocking(move || Ok(done))),
        }
    }

    /// Waits for the group before, then begins with this one; gives the bytes written before and a
    /// buffer.
    async fn put(
        &mut self,
        proof: Proof,
        buffer: Vec<u8>,
    ) -> Result<(u64, Vec<u8>), TransferError> {
        let Done {
            mut target,
            buffer: free,
            written,
        } = self.done().await?;
        self.work = Some(spawn_blocking(move || {
            let written = proof.check(&buffer).map_err(mismatch);
            if let Err(error) = written.and_then(|()| target.write(&buffer)) {
                return Err(target.give_up(error));
            }
            Ok(Done {
                target,
                buffer,
                written: proof.len,
            })
        }));
        Ok((written, free))
    }

    /// Waits for the last group.
    async fn clear(mut self) -> Result<(u64, T), TransferError> {
        let done = self.done().await?;
        Ok((done.written, done.target))
    }

    async fn done(&mut self) -> Result<Done<T>, TransferError> {
        match &mut self.work {
            Some(work) => {
                let done = joined(work).await;
                self.work = None;
                done
            }
            None => Err(mismatch(Mismatch)),
        }
    }
}

async fn joined<R>(
    work: impl Future<Output = Result<Result<R, TransferError>, JoinError>>,
) -> Result<R, TransferError> {
    work.await.unwrap_or_else(|error| {
        Err(TransferError::Local {
            failure: Failure::failed(format!("the file was not written: {error}")),
            tell: "the receiver was interrupted",
        })
    })
}

fn mismatch(_found: Mismatch) -> TransferError {
    TransferError::Mismatch("the bytes that came are not those that the file's hash stands for")
}

/// Standard output, which keeps what was proved before a failure.
#[derive(Debug)]
pub(crate) struct Stdout;

impl Target for Stdout {
    fn write(&mut self, group: &[u8]) -> Result<(), TransferError> {
        let mut stdout = io::stdout().lock();
        stdout
            .write_all(group)
            .and_then(|()| stdout.flush())
            .map_err(|error| TransferError::Local {
                failure: Failure::failed(format!("stdout takes nothing more: {error}")),
                tell: "the receiver's output takes nothing more",
            })
    }

    fn land(self) -> Result<Option<PathBuf>, TransferError> {
        Ok(None)
    }
}
