//! A stream of a running `up` in the hands of another command: what `up` reads from the stream goes
//! over the control socket to the command, and back. After the line that answers the command, both
//! sides send frames: `kind: 1 byte | length: 4 bytes, big-endian | body`. Nothing here is heard by
//! anybody but the two processes.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

use tokio::{
    io::{
        AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, DuplexStream, ReadBuf, duplex,
    },
    sync::{mpsc, oneshot},
    task::JoinHandle,
    time::{Duration, timeout},
};

use crate::{
    control::Told,
    exit::Failure,
    node::Stream,
    pipe::{self, Closer, Ends},
};

/// Bytes of a frame's body at most.
const BODY_MAX: usize = 64 << 10;

/// Bytes that wait between the command and the socket, each way.
const BETWEEN: usize = 256 << 10;

/// Chunks that wait between the socket and the stream.
const WAITING: usize = 4;

/// How long the command may take to fetch the last word.
const LAST_WORD: Duration = Duration::from_secs(5);

/// What a frame has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    /// Bytes of the stream.
    Bytes = 0,
    /// This direction has ended.
    End = 1,
    /// How it went, of [`Told`], from `up` only and last.
    Outcome = 2,
}

/// A stream that `up` holds. Dropped before it has ended, it gives the stream up.
#[derive(Debug)]
pub(crate) struct Relayed {
    // Dropped before the bytes: what was given up does not look ended.
    pumps: Pumps,
    bytes: DuplexStream,
    over: oneshot::Receiver<()>,
}

/// What moves the bytes between the command and the socket.
#[derive(Debug)]
pub(crate) struct Pumps {
    into: JoinHandle<()>,
    from: JoinHandle<Result<(), Failure>>,
}

impl Relayed {
    /// Begins on a socket whose lines are exchanged.
    pub(crate) fn new<R, W>(reader: R, writer: W) -> Self
    where
        R: AsyncRead + Unpin + Send + 'static,
        W: AsyncWrite + Unpin + Send + 'static,
    {
        let (bytes, other) = duplex(BETWEEN);
        let (command, mut to_command) = tokio::io::split(other);
        let (told, over) = oneshot::channel();
        let into = tokio::spawn(async move {
            // Where it fails, the other direction tells why.
            let _gone = copy_into(command, writer).await;
        });
        let from = tokio::spawn(async move {
            let outcome = copy_from(reader, &mut to_command).await;
            let _gone = to_command.shutdown().await;
            drop(told);
            outcome
        });
        let pumps = Pumps { into, from };
        Self { pumps, bytes, over }
    }

    /// The bytes, what moves them, and what resolves when nothing more will come.
    pub(crate) fn split(self) -> (DuplexStream, Pumps, oneshot::Receiver<()>) {
        (self.bytes, self.pumps, self.over)
    }

    /// As [`Pumps::outcome`].
    ///
    /// # Errors
    /// As [`Pumps::outcome`].
    pub(crate) async fn outcome(&mut self) -> Result<(), Failure> {
        self.pumps.outcome().await
    }
}

impl Pumps {
    /// How it went, once both directions have ended and everything has arrived; to be asked once.
    ///
    /// # Errors
    /// [`Failure`]: what `up` says, or that it is gone.
    pub(crate) async fn outcome(&mut self) -> Result<(), Failure> {
        let outcome = (&mut self.from).await;
        outcome.unwrap_or_else(|error| Err(Failure::failed(error.to_string())))
    }
}

impl Drop for Pumps {
    fn drop(&mut self) {
        // What ends without a frame that says so was given up.
        self.into.abort();
        self.from.abort();
    }
}

impl AsyncRead for Relayed {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().bytes).poll_read(cx, buf)
    }
}

impl AsyncWrite for Relayed {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().bytes).poll_write(cx, data)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().bytes).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().bytes).poll_shutdown(cx)
    }
}

async fn copy_into(
    mut from: impl AsyncRead + Unpin,
    mut into: impl AsyncWrite + Unpin,
) -> io::Result<()> {
    let mut body = vec![0; BODY_MAX];
    loop {
        match from.read(&mut body).await? {
            0 => return write(&mut into, Kind::End, &[]).await,
            read => write(&mut into, Kind::Bytes, &body[..read]).await?,
        }
    }
}

async fn copy_from(
    mut from: impl AsyncRead + Unpin,
    mut into: impl AsyncWrite + Unpin,
) -> Result<(), Failure> {
    loop {
        let read = read(&mut from).await;
        let (kind, body) = read.map_err(|error| {
            Failure::unreachable(format!("the `up` of this home is gone: {error}"))
        })?;
        match kind {
            // A command that reads no more hears the outcome all the same.
            Kind::Bytes => _ = into.write_all(&body).await,
            Kind::End => _ = into.shutdown().await,
            Kind::Outcome => return Told::of_line(&body).map(drop),
        }
    }
}

async fn write(into: &mut (impl AsyncWrite + Unpin), kind: Kind, body: &[u8]) -> io::Result<()> {
    let length = u32::try_from(body.len()).map_err(io::Error::other)?;
    let mut frame = Vec::with_capacity(5 + body.len());
    frame.push(kind as u8);
    frame.extend(length.to_be_bytes());
    frame.extend(body);
    into.write_all(&frame).await
}

async fn read(from: &mut (impl AsyncRead + Unpin)) -> io::Result<(Kind, Vec<u8>)> {
    let strange = || io::Error::from(io::ErrorKind::InvalidData);
    let kind = [Kind::Bytes, Kind::End, Kind::Outcome];
    let kind = kind.get(usize::from(from.read_u8().await?));
    let length = from.read_u32().await? as usize;
    if length > BODY_MAX {
        return Err(strange());
    }
    let mut body = vec![0; length];
    from.read_exact(&mut body).await?;
    Ok((*kind.ok_or_else(strange)?, body))
}

/// Moves a stream of this `up` for the command at the other end of a socket, until both directions
/// have ended or either side has given up.
pub(crate) async fn serve<R, W>(stream: Stream, reader: R, writer: W) -> Result<(), Failure>
where
    R: AsyncRead + Unpin + Send + 'static,
    W: AsyncWrite + Unpin + Send + 'static,
{
    let (chunks, input) = mpsc::channel(WAITING);
    let (here, mut gone) = oneshot::channel::<()>();
    let reading = tokio::spawn(async move {
        let _until_it_goes = here;
        read_chunks(reader, chunks).await;
    });
    let (output, mut taken) = mpsc::channel::<Vec<u8>>(WAITING);
    let (done, written) = oneshot::channel();
    let writing = tokio::spawn(async move {
        let mut writer = writer;
        let mut copy = async || {
            loop {
                let chunk = tokio::select! {
                    chunk = taken.recv() => chunk,
                    _over = &mut gone => return Err(io::ErrorKind::BrokenPipe.into()),
                };
                let Some(chunk) = chunk else { break };
                for body in chunk.chunks(BODY_MAX) {
                    write(&mut writer, Kind::Bytes, body).await?;
                }
            }
            write(&mut writer, Kind::End, &[]).await
        };
        let copied = copy().await;
        let _nobody_waits = done.send(copied);
        writer
    });
    let ends = Ends {
        input,
        output,
        written,
    };
    let moved = pipe::run(stream, ends, Closer::Other).await;
    reading.abort();
    let last_word = async {
        let mut writer = writing.await.map_err(io::Error::other)?;
        let told = Told::of(moved.clone().map(|_moved| serde_json::Value::Null));
        write(&mut writer, Kind::Outcome, told.line().as_bytes()).await?;
        writer.shutdown().await
    };
    let _gone = timeout(LAST_WORD, last_word).await;
    moved.map(drop)
}

/// The command's bytes, as they come; returns when the command has gone, or sends what it may not.
async fn read_chunks(
    mut reader: impl AsyncRead + Unpin,
    chunks: mpsc::Sender<io::Result<Vec<u8>>>,
) {
    let mut chunks = Some(chunks);
    loop {
        let chunk = match read(&mut reader).await {
            Ok((Kind::Bytes, body)) => Ok(body),
            Ok((Kind::End, _nothing)) => {
                // Nothing else tells that a command dies which has sent all of its own.
                chunks = None;
                continue;
            }
            Ok((Kind::Outcome, _)) => Err(io::ErrorKind::InvalidData.into()),
            Err(error) => Err(error),
        };
        let over = chunk.is_err();
        let Some(chunks) = &chunks else { return };
        if chunks.send(chunk).await.is_err() || over {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn relay_frames_are_read_as_written_and_strange_ones_refused() {
        let (mut one, mut other) = duplex(1 << 20);
        for (kind, body) in [(Kind::Bytes, vec![7; BODY_MAX]), (Kind::End, vec![])] {
            write(&mut one, kind, &body).await.unwrap();
            assert_eq!(read(&mut other).await.unwrap(), (kind, body));
        }
        for strange in [[9, 0, 0, 0, 0], [0, 0, 1, 0, 1], [0, 255, 255, 255, 255]] {
            let (mut one, mut other) = duplex(64);
            one.write_all(&strange).await.unwrap();
            let error = read(&mut other).await.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        }
    }

    #[tokio::test]
    async fn relay_ends_by_the_outcome_and_fails_without_one() {
        for told in [true, false] {
            let (one, other) = duplex(1 << 16);
            let (reader, writer) = tokio::io::split(one);
            let mut relayed = Relayed::new(reader, writer);
            let mut up = other;
            relayed.write_all(b"there").await.unwrap();
            relayed.shutdown().await.unwrap();
            assert_eq!(read(&mut up).await.unwrap(), (Kind::Bytes, b"there".into()));
            assert_eq!(read(&mut up).await.unwrap(), (Kind::End, vec![]));
            write(&mut up, Kind::Bytes, b"back").await.unwrap();
            write(&mut up, Kind::End, &[]).await.unwrap();
            if told {
                let line = Told::of(Ok(serde_json::Value::Null)).line();
                write(&mut up, Kind::Outcome, line.as_bytes())
                    .await
                    .unwrap();
            }
            drop(up);
            let mut back = Vec::new();
            relayed.read_to_end(&mut back).await.unwrap();
            assert_eq!(back, b"back");
            assert_eq!(relayed.outcome().await.is_ok(), told);
        }
    }
}
