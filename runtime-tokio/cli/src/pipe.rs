//! Stdin and stdout on a stream. Each is moved by a thread of its own, for reading and writing
//! them blocks; little waits between thread and stream, so that whoever is slow slows the other.

use std::{
    fs::File,
    io::{self, Read, Write},
    thread,
    time::Duration,
};

use hydroid_core::switch::{DownReason, ReadError, WriteError};
use hydroid_tokio::{Line, Stream, WriteHalf};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _},
    sync::{mpsc, oneshot},
    time::timeout,
};

use crate::{exit::Failure, relay::Relayed};

/// Bytes that are read at once.
const CHUNK: usize = 64 << 10;

/// Chunks that wait between a thread and the stream.
const WAITING: usize = 4;

/// A stdin or stdout that was made not to block is asked again after this long.
const AGAIN_AFTER: Duration = Duration::from_millis(5);

/// By this code a peer learns that the other end's stdin or stdout is of no more use.
const UNUSABLE: u64 = 1;

/// The reason by which an end closes the line once it has everything and so has the other.
const DONE: &str = "done";

/// How long the end that was dialled waits for the other to close the line.
const LAST_WORD: Duration = Duration::from_secs(2);

/// Bytes that went each way.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Moved {
    pub(crate) sent: u64,
    pub(crate) received: u64,
}

/// What is moved into a stream, and where what comes from it goes.
#[derive(Debug)]
pub(crate) struct Ends {
    /// The chunks to send.
    pub(crate) input: mpsc::Receiver<io::Result<Vec<u8>>>,
    /// Takes the chunks that come.
    pub(crate) output: mpsc::Sender<Vec<u8>>,
    /// How that went: when everything is written, or nothing more can be.
    pub(crate) written: oneshot::Receiver<io::Result<()>>,
}

impl Ends {
    /// Stdin and stdout.
    fn standard() -> Self {
        let (output, written) = write_stdout();
        Self {
            input: read_stdin(),
            output,
            written,
        }
    }
}

/// Who closes the line once everything has arrived.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Closer {
    /// This end, which has opened it.
    Us,
    /// The peer, which has.
    Peer,
    /// Nobody: it has other uses.
    Other,
}

/// Moves stdin into the stream and the stream to stdout until both have ended.
///
/// # Errors
/// As [`run`].
pub(crate) async fn run_standard(stream: Stream, closer: Closer) -> Result<Moved, Failure> {
    run(stream, Ends::standard(), closer).await
}

/// The same through the `up` of this home, which holds the stream.
///
/// # Errors
/// [`Failure`] if either could not be moved to its end; the peer was told.
pub(crate) async fn run_relayed(stream: Relayed) -> Result<Moved, Failure> {
    let ends = Ends::standard();
    let (mut input, mut moved) = (ends.input, Moved::default());
    let (bytes, pumps, mut over) = stream.split();
    let (mut reader, mut writer) = tokio::io::split(bytes);
    // Gone before what it pumps: what was given up does not look ended.
    let mut pumps = pumps;
    let outgoing = async {
        loop {
            let chunk = tokio::select! {
                chunk = input.recv() => chunk,
                _ended = &mut over => return Ok(()),
            };
            let Some(chunk) = chunk else { break };
            let chunk = chunk.map_err(|error| stdin_failed(&error))?;
            // Where it fails, the outcome tells why.
            let _gone = writer.write_all(&chunk).await;
            moved.sent += chunk.len() as u64;
        }
        let _gone = writer.shutdown().await;
        Ok(())
    };
    let incoming = receive(&mut reader, ends.output, ends.written, &mut moved.received);
    match tokio::try_join!(outgoing, incoming) {
        Ok(((), ())) => pumps.outcome().await.map(|()| moved),
        Err(End::Local(failure) | End::Remote(failure)) => Err(failure),
    }
}

/// Moves both directions until both have ended.
///
/// # Errors
/// [`Failure`] if either could not be moved to its end; the peer was told.
pub(crate) async fn run(stream: Stream, ends: Ends, closer: Closer) -> Result<Moved, Failure> {
    let line = stream.line().clone();
    let (mut reader, mut writer) = stream.split();
    let mut moved = Moved::default();
    let moving = async {
        let outgoing = send(&mut writer, ends.input, &line, &mut moved.sent);
        let incoming = receive(&mut reader, ends.output, ends.written, &mut moved.received);
        tokio::pin!(outgoing, incoming);
        tokio::select! {
            // What came before the line was lost is printed in any case.
            sent = &mut outgoing => match sent {
                Err(End::Local(failure)) => Err(End::Local(failure)),
                sent => incoming.await.and(sent),
            },
            taken = &mut incoming => match taken {
                Ok(()) => outgoing.await,
                failed => failed,
            },
        }
    };
    match moving.await {
        Ok(()) => {}
        Err(end) => {
            let failure = match end {
                End::Local(failure) => {
                    reader.stop(UNUSABLE);
                    writer.reset(UNUSABLE);
                    failure
                }
                End::Remote(failure) => failure,
            };
            return Err(failure);
        }
    }
    match closer {
        // Until the other end has closed the line, it may still ask for what it has not seen.
        Closer::Peer => _ = timeout(LAST_WORD, line.closed()).await,
        Closer::Us => line.close(0, DONE),
        Closer::Other => {}
    }
    Ok(moved)
}

/// Why a direction ended early, and on whose side.
enum End {
    Local(Failure),
    Remote(Failure),
}

fn stdin_failed(error: &io::Error) -> End {
    End::Local(Failure::failed(format!("stdin cannot be read: {error}")))
}

async fn send(
    writer: &mut WriteHalf,
    mut input: mpsc::Receiver<io::Result<Vec<u8>>>,
    line: &Line,
    sent: &mut u64,
) -> Result<(), End> {
    let closed = line.closed();
    tokio::pin!(closed);
    loop {
        let chunk = tokio::select! {
            biased;
            chunk = input.recv() => chunk,
            // Whoever sits at a terminal would wait for a peer that takes nothing more, or is gone.
            stopped = writer.stopped() => match stopped {
                Ok(()) => return Ok(()),
                Err(error) => return Err(of_write(&error)),
            },
            down = &mut closed => return Err(lost_by(&down)),
        };
        let Some(chunk) = chunk else { break };
        let chunk = chunk.map_err(|error| stdin_failed(&error))?;
        writer
            .write_all(&chunk)
            .await
            .map_err(|error| of_write(&error))?;
        *sent += chunk.len() as u64;
    }
    match writer.finished().await {
        Err(error) if !is_done(&error) => Err(of_write(&error)),
        Ok(()) | Err(_) => Ok(()),
    }
}

async fn receive(
    reader: &mut (impl AsyncRead + Unpin),
    output: mpsc::Sender<Vec<u8>>,
    mut written: oneshot::Receiver<io::Result<()>>,
    received: &mut u64,
) -> Result<(), End> {
    let local = |error: &io::Error| {
        End::Local(Failure::failed(format!(
            "stdout takes nothing more: {error}"
        )))
    };
    loop {
        let mut chunk = Vec::with_capacity(CHUNK);
        let read = tokio::select! {
            biased;
            failed = &mut written => {
                let failed = failed.unwrap_or_else(|_gone| Err(io::ErrorKind::BrokenPipe.into()));
                return failed.map_err(|error| local(&error));
            }
            read = reader.read_buf(&mut chunk) => read.map_err(|error| of_read(&error))?,
        };
        if read == 0 {
            break;
        }
        *received += read as u64;
        // A thread that has ended says why below.
        let _ended = output.send(chunk).await;
    }
    drop(output);
    let written = written
        .await
        .unwrap_or_else(|error| Err(io::Error::other(error)));
    written.map_err(|error| local(&error))
}

/// True if the line was closed by a peer that had everything.
fn is_done(error: &io::Error) -> bool {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref());
    matches!(
        inner,
        Some(WriteError::LineDown(DownReason::Closed { code: 0, reason })) if reason == DONE
    )
}

fn of_write(error: &io::Error) -> End {
    match error.get_ref().and_then(|inner| inner.downcast_ref()) {
        Some(WriteError::Stopped(UNUSABLE)) => {
            End::Remote(Failure::failed("the peer's stdout takes nothing more"))
        }
        Some(WriteError::LineDown(reason)) => lost_by(reason),
        Some(_) | None => lost(&error.to_string()),
    }
}

fn of_read(error: &io::Error) -> End {
    match error.get_ref().and_then(|inner| inner.downcast_ref()) {
        Some(ReadError::Reset(UNUSABLE)) => End::Remote(Failure::failed(
            "the peer gave up: its stdin or its stdout is of no more use",
        )),
        Some(ReadError::LineDown(reason)) => lost_by(reason),
        Some(_) | None => lost(&error.to_string()),
    }
}

fn lost_by(reason: &DownReason) -> End {
    if matches!(reason, DownReason::Refused(_) | DownReason::Revoked) {
        End::Remote(Failure::refused(reason.to_string()))
    } else {
        lost(&reason.to_string())
    }
}

fn lost(why: &str) -> End {
    End::Remote(Failure::unreachable(format!(
        "the peer was gone before both directions had ended: {why}"
    )))
}

/// The chunks of stdin, as they come.
fn read_stdin() -> mpsc::Receiver<io::Result<Vec<u8>>> {
    let (into, chunks) = mpsc::channel(WAITING);
    // Whoever reads a terminal cannot be called back: the thread ends with the program.
    thread::spawn(move || {
        let mut stdin = match raw_stdin() {
            Ok(stdin) => stdin,
            Err(error) => return drop(into.blocking_send(Err(error))),
        };
        loop {
            let mut chunk = vec![0; CHUNK];
            match stdin.read(&mut chunk) {
                Ok(0) => return,
                Ok(read) => {
                    chunk.truncate(read);
                    if into.blocking_send(Ok(chunk)).is_err() {
                        return;
                    }
                }
                Err(error) if is_passing(&error) => {}
                Err(error) => return drop(into.blocking_send(Err(error))),
            }
        }
    });
    chunks
}

/// Where chunks for stdout go, and how it went: when everything is written, or nothing can be.
fn write_stdout() -> (mpsc::Sender<Vec<u8>>, oneshot::Receiver<io::Result<()>>) {
    let (output, mut chunks) = mpsc::channel::<Vec<u8>>(WAITING);
    let (done, written) = oneshot::channel();
    thread::spawn(move || {
        let mut write = || {
            let mut stdout = raw_stdout()?;
            while let Some(chunk) = chunks.blocking_recv() {
                write_chunk(&mut stdout, &chunk)?;
            }
            stdout.flush()?;
            drop(stdout);
            close_stdout()
        };
        let written = write();
        let _nobody_waits = done.send(written);
    });
    (output, written)
}

fn write_chunk(stdout: &mut impl Write, mut chunk: &[u8]) -> io::Result<()> {
    while !chunk.is_empty() {
        match stdout.write(chunk) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => chunk = &chunk[written..],
            Err(error) if is_passing(&error) => {}
            Err(error) => return Err(error),
        }
    }
    stdout.flush()
}

/// True if the same call may do later; it has waited then.
fn is_passing(error: &io::Error) -> bool {
    let unready = error.kind() == io::ErrorKind::WouldBlock;
    if unready {
        thread::sleep(AGAIN_AFTER);
    }
    unready || error.kind() == io::ErrorKind::Interrupted
}

/// Stdin without a buffer of its own, so that a byte is there as soon as it has come.
#[cfg(unix)]
fn raw_stdin() -> io::Result<File> {
    use std::os::fd::AsFd as _;
    Ok(File::from(io::stdin().as_fd().try_clone_to_owned()?))
}

/// Stdout without a buffer that waits for the end of a line.
#[cfg(unix)]
fn raw_stdout() -> io::Result<File> {
    use std::os::fd::AsFd as _;
    Ok(File::from(io::stdout().as_fd().try_clone_to_owned()?))
}

/// Whoever reads stdout learns that this was all, while the other direction goes on.
#[cfg(unix)]
fn close_stdout() -> io::Result<()> {
    let nowhere = File::options().write(true).open("/dev/null")?;
    Ok(rustix::stdio::dup2_stdout(nowhere)?)
}

#[cfg(windows)]
#[expect(clippy::unnecessary_wraps, reason = "as on other systems")]
fn close_stdout() -> io::Result<()> {
    Ok(())
}

#[cfg(windows)]
fn raw_stdin() -> io::Result<File> {
    use std::os::windows::io::AsHandle as _;
    Ok(File::from(io::stdin().as_handle().try_clone_to_owned()?))
}

#[cfg(windows)]
fn raw_stdout() -> io::Result<File> {
    use std::os::windows::io::AsHandle as _;
    Ok(File::from(io::stdout().as_handle().try_clone_to_owned()?))
}
