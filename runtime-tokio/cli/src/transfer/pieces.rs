//! The pieces that both directions of a transfer consist of: `kind: u8 | length: u32 big-endian |
//! body`.

use std::{io, time::Duration};

use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    time::timeout,
};

use super::TransferError;
use crate::exit::Exit;

/// Bytes before the body of a piece.
pub(super) const PREFIX: usize = 5;

/// Bytes of the longest sentence in a stop.
const SENTENCE_MAX: usize = 500;

/// What a piece is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    /// 64 bytes: the halves of a parent.
    Parent = 1,
    /// The bytes of a group.
    Group = 2,
    /// No bytes. From the giver: that was all, and the file is still the same. From the taker: the
    /// file is whole and where it belongs.
    Whole = 3,
    /// One byte, the exit, and a sentence: the transfer ends here.
    Stop = 4,
    /// Eight bytes, from the taker before everything else: the groups that it has.
    From = 5,
}

/// The first bytes of a piece.
pub(super) fn prefix(kind: Kind, len: usize) -> [u8; PREFIX] {
    let mut prefix = [kind as u8; PREFIX];
    prefix[1..].copy_from_slice(&(len as u32).to_be_bytes());
    prefix
}

/// Reads the piece that must come next into `body`, whose length is the piece's.
///
/// # Errors
/// [`TransferError::Stopped`] if a stop came instead, [`TransferError::Mismatch`] if anything else
/// did, [`TransferError::Vanished`] if nothing more comes.
pub(super) async fn read(
    reader: &mut (impl AsyncRead + Unpin),
    kind: Kind,
    body: &mut [u8],
    patience: Duration,
) -> Result<(), TransferError> {
    let mut first = [0; PREFIX];
    fill(reader, &mut first, patience).await?;
    if first == prefix(kind, body.len()) {
        return fill(reader, body, patience).await;
    }
    let [found, length @ ..] = first;
    let len = u32::from_be_bytes(length) as usize;
    if found != Kind::Stop as u8 || !(1..=1 + SENTENCE_MAX).contains(&len) {
        return Err(TransferError::Mismatch(
            "what the peer sends is no transfer of the file that it announced",
        ));
    }
    let mut stop = vec![0; len];
    fill(reader, &mut stop, patience).await?;
    Err(TransferError::Stopped {
        exit: Exit::of_peer(stop[0]),
        sentence: String::from_utf8_lossy(&stop[1..]).into_owned(),
    })
}

/// Writes a piece of no or few bytes.
///
/// # Errors
/// [`TransferError::Vanished`] if it cannot be written.
pub(super) async fn write(
    writer: &mut (impl AsyncWrite + Unpin),
    kind: Kind,
    body: &[u8],
    patience: Duration,
) -> Result<(), TransferError> {
    let mut piece = prefix(kind, body.len()).to_vec();
    piece.extend_from_slice(body);
    write_raw(writer, &piece, patience).await
}

/// Tells the peer why the transfer ends, if it does not know yet, and ends our direction. That the
/// peer is gone meanwhile changes nothing.
pub(super) async fn stop(
    writer: &mut (impl AsyncWrite + Unpin),
    error: &TransferError,
    patience: Duration,
) {
    if let Some((exit, sentence)) = error.tell() {
        let mut body = vec![exit.code()];
        body.extend_from_slice(&sentence.as_bytes()[..sentence.len().min(SENTENCE_MAX)]);
        let _gone = write(writer, Kind::Stop, &body, patience).await;
    }
    let _gone = timeout(patience, writer.shutdown()).await;
}

/// Writes bytes; each step of it may take `patience`.
///
/// # Errors
/// [`TransferError::Vanished`] if they cannot be written.
pub(super) async fn write_raw(
    writer: &mut (impl AsyncWrite + Unpin),
    mut bytes: &[u8],
    patience: Duration,
) -> Result<(), TransferError> {
    while !bytes.is_empty() {
        let written = in_time(patience, writer.write(bytes)).await?;
        if written == 0 {
            return Err(TransferError::Vanished(io::ErrorKind::WriteZero.into()));
        }
        bytes = &bytes[written..];
    }
    in_time(patience, writer.flush()).await
}

async fn fill(
    reader: &mut (impl AsyncRead + Unpin),
    mut into: &mut [u8],
    patience: Duration,
) -> Result<(), TransferError> {
    while !into.is_empty() {
        let read = in_time(patience, reader.read(into)).await?;
        if read == 0 {
            return Err(TransferError::Vanished(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                "it ended the stream",
            )));
        }
        into = &mut into[read..];
    }
    Ok(())
}

async fn in_time<T>(
    patience: Duration,
    work: impl Future<Output = io::Result<T>>,
) -> Result<T, TransferError> {
    match timeout(patience, work).await {
        Ok(done) => done.map_err(TransferError::Vanished),
        Err(_elapsed) => Err(TransferError::Vanished(io::Error::new(
            io::ErrorKind::TimedOut,
            format!("it was silent for {} s", patience.as_secs()),
        ))),
    }
}
