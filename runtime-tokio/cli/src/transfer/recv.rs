//! The side that takes a file.

use std::{
    io::{self, Write as _},
    path::PathBuf,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt as _, split},
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
}

/// Takes a file, after the heads; returns when it is where it belongs and the giver was told so.
/// `taken` is told the bytes of each group that was proved and written.
///
/// # Errors
/// [`TransferError`]; the giver was told, as far as it can be. The target was dropped unlanded.
pub(crate) async fn receive<T: Target>(
    stream: impl AsyncRead + AsyncWrite,
    offer: &Offer,
    target: T,
    taken: impl FnMut(u64),
) -> Result<Option<PathBuf>, TransferError> {
    let (mut reader, mut writer) = split(stream);
    match take(&mut reader, offer, target, taken).await {
        Ok(landed) => {
            // The file is there, whatever becomes of the confirmation.
            let _gone = pieces::write(&mut writer, Kind::Whole, &[], SILENCE).await;
            end(&mut writer).await;
            Ok(landed)
        }
        Err(error) => {
            pieces::stop(&mut writer, &error, SILENCE).await;
            Err(error)
        }
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
    offer: &Offer,
    target: T,
    mut taken: impl FnMut(u64),
) -> Result<Option<PathBuf>, TransferError> {
    let mut desk = Desk::new(target);
    let read = take_groups(reader, offer, &mut desk, &mut taken).await;
    // Also after a failure: what is being written must be over before anybody hears of it.
    let cleared = desk.clear().await;
    read?;
    let (written, target) = cleared?;
    taken(written);
    pieces::read(reader, Kind::Whole, &mut [], SILENCE).await?;
    joined(spawn_blocking(move || target.land())).await
}

async fn take_groups<T: Target>(
    reader: &mut (impl AsyncRead + Unpin),
    offer: &Offer,
    desk: &mut Desk<T>,
    taken: &mut impl FnMut(u64),
) -> Result<(), TransferError> {
    let mut walk = Walk::new(offer.root, offer.size);
    let mut buffer = Vec::new();
    loop {
        match walk.step() {
            Step::Parent => {
                let mut parent = [0; 64];
                pieces::read(reader, Kind::Parent, &mut parent, SILENCE).await?;
                walk.parent(&parent).map_err(mismatch)?;
            }
            Step::Group(proof) => {
                debug_assert!(proof.len <= GROUP, "the walk gives groups");
                buffer.resize(proof.len as usize, 0);
                pieces::read(reader, Kind::Group, &mut buffer, SILENCE).await?;
                // While one group is proved and written the next one may come.
                let (written, free) = desk.put(proof, buffer).await?;
                taken(written);
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
            proof.check(&buffer).map_err(mismatch)?;
            target.write(&buffer)?;
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
