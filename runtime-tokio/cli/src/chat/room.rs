//! The lines of a space that we are in: saying, hearing, and giving and taking what was said before.

use std::{
    io,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use hydroid_core::{
    identity::{PublicKey, SecretKey},
    switch::{BroadcastError, Broadcasted, ReadBroadcastError},
};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    sync::Semaphore,
    time::timeout,
};

use super::{PAST_MOST, TEXT_MAX, line::Line, log::Log};
use crate::{
    exit::Failure,
    home,
    node::{self, Stream},
    presence::{Member, Presence},
    transfer::heads::{Answer, Request, Why},
};

/// Bytes of a broadcast for which there is room from the beginning.
const BUFFER: usize = 32 << 10;

/// Bytes of what was said before, at most: so many of the longest lines, each byte of them escaped.
const PAST_BYTES: u64 = (PAST_MOST * (TEXT_MAX * 6 + 1024)) as u64;

/// How long what was said before may take to come.
const PAST_WITHIN: Duration = Duration::from_secs(5);

/// Newcomers that are told at once what was said before.
const GIVEN_MOST: usize = 16;

/// The lines of a space.
#[derive(Debug)]
pub(crate) struct Room {
    presence: Presence,
    secret: SecretKey,
    nick: String,
    log: Mutex<Log>,
    buffer: Mutex<Vec<u8>>,
    givers: Semaphore,
}

/// Whether what was said is on its way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Said {
    /// It is.
    Sent,
    /// There is no room: to be said again once the tree tells that there is.
    Blocked,
}

/// What was heard.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Heard {
    /// A line.
    Line(Line),
    /// So many lines of somebody will not come: nobody near has them any more.
    Gap(PublicKey, u64),
}

impl Room {
    pub(crate) fn new(presence: Presence, secret: SecretKey, nick: String) -> Self {
        Self {
            presence,
            secret,
            nick,
            log: Mutex::default(),
            buffer: Mutex::new(vec![0; BUFFER]),
            givers: Semaphore::new(GIVEN_MOST),
        }
    }

    /// Our part in the space.
    pub(crate) const fn presence(&self) -> &Presence {
        &self.presence
    }

    /// A line of ours, of a text within the limit.
    ///
    /// # Errors
    /// [`Failure`] if the system has no randomness.
    pub(crate) fn compose(&self, text: &str) -> Result<Line, Failure> {
        let id = home::random()?;
        let when = (locked(&self.log).next_ms(now_ms()), id);
        let said = (&*self.nick, text);
        Ok(Line::say(&self.secret, &self.presence.id(), said, when))
    }

    /// Says a line of ours to all who are there, and from now on to whoever asks what was said.
    ///
    /// # Errors
    /// [`Failure`] if nobody listens to us.
    pub(crate) fn say(&self, line: &Line) -> Result<Said, Failure> {
        let node = self.presence.node();
        match node.broadcast(self.presence.local(), &line.broadcast()) {
            Ok(_sequence) => {
                locked(&self.log).hear(line, now_ms());
                Ok(Said::Sent)
            }
            Err(BroadcastError::Blocked) => Ok(Said::Blocked),
            Err(error) => Err(Failure::failed(format!("nothing can be said: {error}"))),
        }
    }

    /// The next that was said by somebody else; `None` if there is nothing more for now.
    pub(crate) fn hear(&self) -> Option<Heard> {
        let (node, local) = (self.presence.node(), self.presence.local());
        let mut buffer = locked(&self.buffer);
        loop {
            match node.read_broadcast(local, &mut buffer) {
                Ok(Broadcasted::Message { origin, len, .. }) => {
                    let space = self.presence.id();
                    let line = Line::of_broadcast(&buffer[..len], &origin.key, &space);
                    // What is no line is of another program, or of a later version.
                    if let Some(line) = line.filter(|it| locked(&self.log).hear(it, now_ms())) {
                        return Some(Heard::Line(line));
                    }
                }
                Ok(Broadcasted::Gap {
                    origin,
                    first,
                    last,
                    ..
                }) => return Some(Heard::Gap(origin.key, last.saturating_sub(first) + 1)),
                Ok(_later) => {}
                Err(ReadBroadcastError::TooShort(need)) => buffer.resize(need, 0),
                Err(_none) => return None,
            }
        }
    }

    /// What was said last, the oldest first.
    pub(crate) fn last(&self) -> Vec<Line> {
        locked(&self.log).last(now_ms()).cloned().collect()
    }

    /// Tells a member what was said, who has asked for it by the head of this stream.
    pub(crate) async fn give_past(&self, mut stream: Stream) {
        let Ok(_turn) = self.givers.try_acquire() else {
            return node::turn_down(stream, Why::Busy, "too many ask at once").await;
        };
        let mut lines = String::new();
        for line in self.last() {
            lines.push_str(&line.record());
            lines.push('\n');
        }
        if node::answer(&mut stream, &Answer::Go { ok: true }).is_err() {
            return;
        }
        let given = async {
            stream.write_all(lines.as_bytes()).await?;
            stream.shutdown().await?;
            stream.finished().await
        };
        let _late = timeout(PAST_WITHIN, given).await;
    }

    /// Asks a member what was said, and gives what is new here, the oldest first.
    ///
    /// # Errors
    /// [`Failure`] if it does not tell.
    pub(crate) async fn take_past(&self, from: &Member) -> Result<Vec<Line>, Failure> {
        let ticket = self.presence.ticket(from.key, &from.addresses);
        let node = self.presence.node();
        let line = node.connect(&ticket, PAST_WITHIN).await?;
        let (stream, _answer) = node::ask(&line, &Request::Past {}).await?;
        let read = timeout(PAST_WITHIN, self.read_past(stream)).await;
        let mut lines = read
            .map_err(|_elapsed| Failure::unreachable("the peer takes too long"))?
            .map_err(|error| Failure::unreachable(format!("the peer is gone: {error}")))?;
        let mut log = locked(&self.log);
        let now_ms = now_ms();
        lines.retain(|line| log.learn(line, now_ms));
        Ok(lines)
    }

    /// The lines that hold.
    async fn read_past(&self, stream: Stream) -> io::Result<Vec<Line>> {
        let mut reader = BufReader::new(stream.take(PAST_BYTES));
        let (mut lines, mut record) = (Vec::new(), Vec::new());
        for _line in 0..PAST_MOST {
            record.clear();
            if reader.read_until(b'\n', &mut record).await? == 0 {
                break;
            }
            lines.extend(Line::of_record(&record, &self.presence.id()));
        }
        lines.sort_by_key(|line| (line.wall_ms, line.id));
        Ok(lines)
    }
}

/// The wall clock, in milliseconds since 1970.
pub(crate) fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    })
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
