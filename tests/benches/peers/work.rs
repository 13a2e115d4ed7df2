//! What is done: each work in the words of [`Net`], the same for all who do it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use super::{
    Outcome,
    net::{Net, Under as _},
};

pub(super) const MIB: usize = 1 << 20;
pub(super) const BULK_MIB: usize = 1024;
pub(super) const STREAMS: usize = 100;
pub(super) const STREAM_MIB: usize = 4;
pub(super) const LINES: usize = 2_000;
const AT_ONCE: usize = 64;
pub(super) const TRIPS: usize = 20_000;
/// Bytes of a round trip each way.
pub(super) const SMALL: usize = 64;
pub(super) const MESSAGES: usize = 1_000_000;
pub(super) const MESSAGE_BYTES: usize = 100;
/// No message for so long: the rest was lost.
pub(super) const SILENCE: Duration = Duration::from_millis(300);
pub(super) static PIECE: [u8; 1 << 16] = [9; 1 << 16];

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

    /// How many streams there are, and the MiB of each, where streams are what is done.
    pub(super) const fn streams(self) -> Option<(usize, usize)> {
        match self {
            Self::Bulk | Self::BulkFree => Some((1, BULK_MIB)),
            Self::Streams => Some((STREAMS, STREAM_MIB)),
            Self::Lines | Self::LinesAtOnce | Self::Trips | Self::TripsApart | Self::Messages => {
                None
            }
        }
    }

    /// True if the setting up is the work itself.
    pub(super) const fn is_lines(self) -> bool {
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
    N::Under::write(&mut write, b"?").await?;
    N::Under::finish(&mut write).await?;
    let (theirs, answer, asked) = net.take().await?;
    swallow::<N>(answer, asked).await?;
    while N::Under::read(&mut read, &mut [0; SMALL]).await? > 0 {}
    Ok(Some([line, theirs]))
}

/// What was done.
pub(super) struct Done {
    pub(super) units: f64,
    /// How long nothing came at the end before it was clear that nothing would.
    pub(super) idle: Duration,
}

impl Done {
    pub(super) const fn all(units: usize) -> Self {
        Self {
            units: units as f64,
            idle: Duration::ZERO,
        }
    }
}

/// How many messages came, and when the last one did.
pub(super) struct Heard {
    begun: Instant,
    count: AtomicUsize,
    last_us: AtomicU64,
}

impl Heard {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            begun: Instant::now(),
            count: AtomicUsize::new(0),
            last_us: AtomicU64::new(0),
        })
    }

    /// One more; true if it was the last one.
    pub(super) fn on_message(&self) -> bool {
        let us = self.begun.elapsed().as_micros();
        let us = u64::try_from(us).unwrap_or(u64::MAX);
        self.last_us.store(us, Ordering::Relaxed);
        self.count.fetch_add(1, Ordering::Release) + 1 == MESSAGES
    }

    /// Once all came, or none for so long that the rest was lost.
    pub(super) fn done(&self) -> Option<Done> {
        let count = self.count.load(Ordering::Acquire);
        let last = Duration::from_micros(self.last_us.load(Ordering::Relaxed));
        let idle = self.begun.elapsed().saturating_sub(last);
        let units = count as f64;
        (count == MESSAGES || idle >= SILENCE).then_some(Done { units, idle })
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
        Work::Bulk | Work::BulkFree | Work::Streams => {
            let count = work.streams().ok_or("streams")?;
            streams(net, &pair?[0], count).await
        }
        Work::Lines | Work::LinesAtOnce => lines(net, work.at_once()).await,
        Work::Trips | Work::TripsApart => trips(&**net, &pair?[0]).await,
        Work::Messages => messages::<N>(pair?).await,
    }
}

/// So many streams at once, each of so many MiB, until the other end has read all of them.
async fn streams<N: Net>(
    net: &Arc<N>,
    line: &N::Line,
    (count, mib): (usize, usize),
) -> Outcome<Done> {
    let mut giving = Vec::new();
    for _stream in 0..count {
        let (net, line) = (Arc::clone(net), line.clone());
        giving.push(N::Under::spawn(async move {
            let (mut write, mut read) = net.open(&line).await?;
            for _piece in 0..mib * MIB / PIECE.len() {
                N::Under::write(&mut write, &PIECE).await?;
            }
            N::Under::finish(&mut write).await?;
            while N::Under::read(&mut read, &mut [0; 1]).await? > 0 {}
            Ok(())
        }));
    }
    let mut taking = Vec::new();
    for _stream in 0..count {
        let (_, write, read) = net.take().await?;
        taking.push(N::Under::spawn(swallow::<N>(write, read)));
    }
    for task in giving {
        task.await?;
    }
    for task in taking {
        task.await?;
    }
    Ok(Done::all(count * mib))
}

async fn swallow<N: Net>(mut write: N::Write, mut read: N::Read) -> Outcome<()> {
    let mut buf = vec![0; 1 << 18];
    while N::Under::read(&mut read, &mut buf).await? > 0 {}
    N::Under::write(&mut write, b"!").await?;
    N::Under::finish(&mut write).await
}

/// Fills the buffer; false at the end.
async fn fill<N: Net>(read: &mut N::Read, buf: &mut [u8; SMALL]) -> Outcome<bool> {
    let mut filled = 0;
    while filled < SMALL {
        match N::Under::read(read, &mut buf[filled..]).await? {
            0 => return Ok(false),
            bytes => filled += bytes,
        }
    }
    Ok(true)
}

async fn trips<N: Net>(net: &N, line: &N::Line) -> Outcome<Done> {
    let (mut write, mut read) = net.open(line).await?;
    let mut buf = [0; SMALL];
    N::Under::write(&mut write, &buf).await?;
    let (_, mut answer, mut asked) = net.take().await?;
    let echo = N::Under::spawn(async move {
        let mut buf = [0; SMALL];
        while fill::<N>(&mut asked, &mut buf).await? {
            N::Under::write(&mut answer, &buf).await?;
        }
        N::Under::finish(&mut answer).await
    });
    fill::<N>(&mut read, &mut buf).await?;
    for _trip in 1..TRIPS {
        N::Under::write(&mut write, &buf).await?;
        fill::<N>(&mut read, &mut buf).await?;
    }
    N::Under::finish(&mut write).await?;
    echo.await?;
    Ok(Done::all(TRIPS))
}

/// So many lines at a time, each closed once it is up.
async fn lines<N: Net>(net: &Arc<N>, at_once: usize) -> Outcome<Done> {
    let next = Arc::new(AtomicUsize::new(0));
    let mut work = Vec::new();
    for place in 0..at_once {
        let (net, next) = (Arc::clone(net), Arc::clone(&next));
        work.push(N::Under::spawn(async move {
            while next.fetch_add(1, Ordering::Relaxed) < LINES {
                N::close(&net.dial(place).await?).await;
            }
            Ok(())
        }));
    }
    for task in work {
        task.await?;
    }
    Ok(Done::all(LINES))
}

/// Tells how many arrived.
async fn messages<N: Net>([line, theirs]: [N::Line; 2]) -> Outcome<Done> {
    let heard = Heard::new();
    let count = Arc::clone(&heard);
    // Where some are lost it ends with the endpoint.
    let _hears = N::Under::spawn(async move {
        loop {
            N::hear(&theirs).await?;
            if count.on_message() {
                return Ok(theirs);
            }
        }
    });
    for _message in 0..MESSAGES {
        N::say(&line, &[7; MESSAGE_BYTES]).await?;
    }
    loop {
        if let Some(done) = heard.done() {
            return Ok(done);
        }
        N::Under::sleep(Duration::from_millis(1)).await;
    }
}
