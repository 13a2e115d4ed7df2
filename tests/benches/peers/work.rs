//! What is done: each work in the words of [`Net`], the same for all who do it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    task::JoinSet,
    time::timeout,
};

use super::{Failure, Outcome, net::Net};

const MIB: usize = 1 << 20;
const BULK_MIB: usize = 1024;
const STREAMS: usize = 100;
const STREAM_MIB: usize = 4;
const LINES: usize = 2_000;
const AT_ONCE: usize = 64;
const TRIPS: usize = 20_000;
/// Bytes of a round trip each way.
pub(super) const SMALL: usize = 64;
const MESSAGES: usize = 1_000_000;
const MESSAGE_BYTES: usize = 100;
/// No message for so long: the rest was lost.
const SILENCE: Duration = Duration::from_millis(300);
static PIECE: [u8; 1 << 16] = [9; 1 << 16];

/// Something to do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Work {
    /// One stream of 1 GiB.
    Bulk,
    /// The same, with packets as large as the interface carries.
    BulkFree,
    /// 100 streams of 4 MiB at once.
    Streams,
    /// 2,000 lines, one after the other.
    Lines,
    /// 2,000 lines, 64 at a time.
    LinesAtOnce,
    /// 20,000 times 64 bytes there and back, both ends on one thread.
    Trips,
    /// The same on as many threads as there are cores.
    TripsApart,
    /// 1,000,000 unreliable messages of 100 bytes.
    Messages,
}

impl Work {
    pub(super) const ALL: [Self; 8] = [
        Self::Bulk,
        Self::BulkFree,
        Self::Streams,
        Self::Lines,
        Self::LinesAtOnce,
        Self::Trips,
        Self::TripsApart,
        Self::Messages,
    ];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Bulk => "bulk",
            Self::BulkFree => "bulk-free",
            Self::Streams => "streams",
            Self::Lines => "lines",
            Self::LinesAtOnce => "lines-at-once",
            Self::Trips => "trips",
            Self::TripsApart => "trips-apart",
            Self::Messages => "messages",
        }
    }

    pub(super) const fn unit(self) -> &'static str {
        match self {
            Self::Bulk | Self::BulkFree | Self::Streams => "MiB",
            Self::Lines | Self::LinesAtOnce => "lines",
            Self::Trips | Self::TripsApart => "trips",
            Self::Messages => "messages",
        }
    }

    /// Threads of the runtime, both ends together.
    pub(super) const fn threads(self) -> usize {
        match self {
            Self::Trips => 1,
            Self::Bulk
            | Self::BulkFree
            | Self::Streams
            | Self::Lines
            | Self::LinesAtOnce
            | Self::TripsApart
            | Self::Messages => 2,
        }
    }

    /// How many lines there are at once.
    pub(super) const fn at_once(self) -> usize {
        match self {
            Self::LinesAtOnce => AT_ONCE,
            Self::Bulk
            | Self::BulkFree
            | Self::Streams
            | Self::Lines
            | Self::Trips
            | Self::TripsApart
            | Self::Messages => 1,
        }
    }

    /// True if packets may be as large as the interface carries.
    pub(super) const fn is_free(self) -> bool {
        matches!(self, Self::BulkFree)
    }

    /// True if the setting up is the work itself.
    const fn is_lines(self) -> bool {
        matches!(self, Self::Lines | Self::LinesAtOnce)
    }
}

/// The line that a work begins with, at both ends, where it begins with one.
pub(super) async fn prepare<N: Net>(net: &N, work: Work) -> Outcome<Option<[N::Line; 2]>> {
    if work.is_lines() {
        return Ok(None);
    }
    let line = net.dial(0).await?;
    let (mut write, mut read) = net.open(&line).await?;
    write.write_all(b"?").await?;
    write.shutdown().await?;
    let (theirs, answer, asked) = net.take().await?;
    swallow(answer, asked).await?;
    while read.read(&mut [0; SMALL]).await? > 0 {}
    Ok(Some([line, theirs]))
}

/// What was done.
pub(super) struct Done {
    pub(super) units: f64,
    /// How long nothing came at the end before it was clear that nothing would.
    pub(super) idle: Duration,
}

impl Done {
    const fn all(units: usize) -> Self {
        Self {
            units: units as f64,
            idle: Duration::ZERO,
        }
    }
}

/// Does it.
pub(super) async fn perform<N: Net>(
    net: &Arc<N>,
    ready: Option<[N::Line; 2]>,
    work: Work,
) -> Outcome<Done> {
    let pair = ready.ok_or("a line");
    match work {
        Work::Bulk | Work::BulkFree => streams(net, &pair?[0], 1, BULK_MIB).await,
        Work::Streams => streams(net, &pair?[0], STREAMS, STREAM_MIB).await,
        Work::Lines | Work::LinesAtOnce => lines(net, work.at_once()).await,
        Work::Trips | Work::TripsApart => trips(&**net, &pair?[0]).await,
        Work::Messages => messages::<N>(pair?).await,
    }
}

/// So many streams at once, each of so many MiB, until the other end has read all of them.
async fn streams<N: Net>(net: &Arc<N>, line: &N::Line, count: usize, mib: usize) -> Outcome<Done> {
    let mut work = JoinSet::new();
    for _stream in 0..count {
        let (net, line) = (Arc::clone(net), line.clone());
        work.spawn(async move {
            let (mut write, mut read) = net.open(&line).await?;
            for _piece in 0..mib * MIB / PIECE.len() {
                write.write_all(&PIECE).await?;
            }
            write.shutdown().await?;
            read.read_u8().await?;
            Ok::<_, Failure>(())
        });
    }
    for _stream in 0..count {
        let (_, write, read) = net.take().await?;
        work.spawn(swallow(write, read));
    }
    while let Some(done) = work.join_next().await {
        done??;
    }
    Ok(Done::all(count * mib))
}

async fn swallow(
    mut write: impl AsyncWrite + Unpin,
    mut read: impl AsyncRead + Unpin,
) -> Outcome<()> {
    let mut buf = vec![0; 1 << 18];
    while read.read(&mut buf).await? > 0 {}
    write.write_all(b"!").await?;
    write.shutdown().await?;
    Ok(())
}

async fn trips<N: Net>(net: &N, line: &N::Line) -> Outcome<Done> {
    let (mut write, mut read) = net.open(line).await?;
    let mut buf = [0; SMALL];
    write.write_all(&buf).await?;
    let (_, mut answer, mut asked) = net.take().await?;
    let echo = tokio::spawn(async move {
        let mut buf = [0; SMALL];
        while asked.read_exact(&mut buf).await.is_ok() {
            answer.write_all(&buf).await?;
        }
        answer.shutdown().await
    });
    read.read_exact(&mut buf).await?;
    for _trip in 1..TRIPS {
        write.write_all(&buf).await?;
        read.read_exact(&mut buf).await?;
    }
    write.shutdown().await?;
    echo.await??;
    Ok(Done::all(TRIPS))
}

/// So many lines at a time, each closed once it is up.
async fn lines<N: Net>(net: &Arc<N>, at_once: usize) -> Outcome<Done> {
    let next = Arc::new(AtomicUsize::new(0));
    let mut work = JoinSet::new();
    for place in 0..at_once {
        let (net, next) = (Arc::clone(net), Arc::clone(&next));
        work.spawn(async move {
            while next.fetch_add(1, Ordering::Relaxed) < LINES {
                N::close(&net.dial(place).await?).await;
            }
            Ok::<_, Failure>(())
        });
    }
    while let Some(done) = work.join_next().await {
        done??;
    }
    Ok(Done::all(LINES))
}

/// Tells how many arrived.
async fn messages<N: Net>([line, theirs]: [N::Line; 2]) -> Outcome<Done> {
    let send = tokio::spawn(async move {
        for _message in 0..MESSAGES {
            N::say(&line, &[7; MESSAGE_BYTES]).await?;
        }
        Ok::<_, Failure>(())
    });
    let (mut heard, mut last) = (0, Instant::now());
    while heard < MESSAGES && timeout(SILENCE, N::hear(&theirs)).await.is_ok() {
        (heard, last) = (heard + 1, Instant::now());
    }
    let idle = last.elapsed();
    send.await??;
    Ok(Done {
        units: heard as f64,
        idle,
    })
}
