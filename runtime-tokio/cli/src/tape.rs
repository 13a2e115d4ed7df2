//! Reads tapes, by pieces, so that they may be larger than the memory.

use std::{
    fs::File,
    io::{self, Read as _, Write as _},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use hydroid_core::tape::{
    Difference, End, Player, Reader, Record, Stop, Unread, Unreadable, of_text,
};
use hydroid_tokio::Config;
use serde_json::json;
use tokio::sync::mpsc::Sender;

use crate::{files, output::printable};

/// Bytes that are read at once.
const PIECE: usize = 1 << 18;

/// Bytes of lines that are printed at once.
const BLOCK: usize = 1 << 16;

/// Records before and after the first difference that are shown with it.
const AROUND: u64 = 3;

/// Characters of a line about a difference.
const LINE_MAX: usize = 400;

/// What is to be done with a tape.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Work {
    /// Everything again, and compared.
    Strict,
    /// The inputs again, and the contracts looked at.
    Loose,
    /// Nothing again.
    Text,
    /// Everything again, written to this file without secrets.
    Redact(PathBuf),
}

/// How a tape ended that has been gone through.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Ended {
    /// By a record.
    By(End),
    /// In the middle, with so many bytes of a further record.
    Cut { left: usize },
    /// Where it was to be left.
    Until,
}

/// What came of it.
#[derive(Debug)]
pub(crate) struct Verdict {
    pub(crate) work: Work,
    pub(crate) records: u64,
    /// The time of the last of them.
    pub(crate) at_us: u64,
    pub(crate) ended: Ended,
    pub(crate) took: Duration,
}

/// Why nothing came of it.
#[derive(Debug)]
pub(crate) enum Stopped {
    Differs(Differs),
    Unreadable(Unreadable),
    /// There is no whole record.
    Empty,
    File(io::Error),
    /// What was to be written is there already.
    There(PathBuf),
    Out(io::Error),
    /// Nobody reads what is printed.
    Unheard,
}

/// The first difference.
#[derive(Debug)]
pub(crate) struct Differs {
    pub(crate) record: u64,
    pub(crate) at_us: u64,
    pub(crate) expected: String,
    pub(crate) got: String,
    /// The records are the same but for what shows that the tape was changed.
    pub(crate) altered: bool,
    pub(crate) before: Vec<String>,
    pub(crate) after: Vec<String>,
}

type Outcome<T> = Result<T, Box<Stopped>>;

/// Lines on their way to stdout.
pub(crate) struct Lines {
    sender: Sender<String>,
    block: String,
    json: bool,
}

impl Lines {
    pub(crate) const fn new(sender: Sender<String>, json: bool) -> Self {
        Self {
            sender,
            block: String::new(),
            json,
        }
    }

    fn push(&mut self, line: &str) -> Outcome<()> {
        if !self.block.is_empty() {
            self.block.push('\n');
        }
        self.block.push_str(line);
        if self.block.len() < BLOCK {
            return Ok(());
        }
        self.flush()
    }

    fn flush(&mut self) -> Outcome<()> {
        let block = std::mem::take(&mut self.block);
        if block.is_empty() {
            return Ok(());
        }
        let sent = self.sender.blocking_send(block);
        sent.map_err(|_gone| Stopped::Unheard.into())
    }

    /// A record in words.
    fn explain(&mut self, record: &Record<'_>) -> Outcome<()> {
        if self.json {
            let object = json!({
                "event": "record", "record": record.n(), "at_us": record.at().as_us(),
                "text": record.words(),
            });
            return self.push(&object.to_string());
        }
        self.push(&printable(&line_of(record)))
    }
}

/// Goes through a tape. There is no verdict on what was only printed as it is.
///
/// # Errors
/// [`Stopped`].
pub(crate) fn work(
    file: &Path,
    work: &Work,
    until_us: Option<u64>,
    explain: bool,
    mut lines: Lines,
) -> Outcome<Option<Verdict>> {
    let until_us = until_us.unwrap_or(u64::MAX);
    let done = match work {
        Work::Text => {
            let put = |lines: &mut Lines, record: &Record<'_>| lines.push(&record.text());
            read(file, until_us, &mut lines, put).map(|_verdict| None)
        }
        Work::Redact(out) => redact(file, out, until_us).map(Some),
        Work::Strict | Work::Loose => {
            let told = explain.then_some(&mut lines);
            match replay(file, work, until_us, told, None) {
                Err(stopped) if explain && is_redacted(&stopped) => {
                    read(file, until_us, &mut lines, Lines::explain).map(Some)
                }
                done => done.map(Some),
            }
        }
    };
    lines.flush()?;
    done
}

fn is_redacted(stopped: &Stopped) -> bool {
    matches!(stopped, Stopped::Unreadable(unreadable) if unreadable.why == Unread::Redacted)
}

/// A tape in pieces.
struct Pieces {
    file: File,
    piece: Vec<u8>,
    begun: Instant,
}

impl Pieces {
    fn open(path: &Path) -> Outcome<Self> {
        Ok(Self {
            file: File::open(path).map_err(Stopped::File)?,
            piece: vec![0; PIECE],
            begun: Instant::now(),
        })
    }

    /// The next bytes; none where the file ends.
    fn next(&mut self) -> Outcome<&[u8]> {
        loop {
            match self.file.read(&mut self.piece) {
                Ok(count) => return Ok(&self.piece[..count]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(Stopped::File(error).into()),
            }
        }
    }

    fn verdict(&self, work: &Work, at: Place, ended: Ended) -> Outcome<Verdict> {
        if at.records == 0 && ended != Ended::Until {
            return Err(Stopped::Empty.into());
        }
        Ok(Verdict {
            work: work.clone(),
            records: at.records,
            at_us: at.at_us,
            ended,
            took: self.begun.elapsed(),
        })
    }
}

/// How far it has gone.
#[derive(Clone, Copy, Default)]
struct Place {
    records: u64,
    at_us: u64,
}

impl Place {
    fn pass(&mut self, record: &Record<'_>) {
        self.records += 1;
        self.at_us = record.at().as_us();
    }
}

/// Gives every record to `put`, and does nothing again.
fn read(
    file: &Path,
    until_us: u64,
    lines: &mut Lines,
    mut put: impl FnMut(&mut Lines, &Record<'_>) -> Outcome<()>,
) -> Outcome<Verdict> {
    let mut pieces = Pieces::open(file)?;
    let mut reader = Reader::new();
    let (mut at, mut end) = (Place::default(), None);
    loop {
        let piece = pieces.next()?;
        if piece.is_empty() {
            break;
        }
        reader.feed(piece);
        while let Some(record) = reader.record().map_err(Stopped::Unreadable)? {
            if record.at().as_us() > until_us {
                return pieces.verdict(&Work::Text, at, Ended::Until);
            }
            put(lines, &record)?;
            at.pass(&record);
            end = record.end();
        }
    }
    let left = reader.left();
    let ended = end.map_or(Ended::Cut { left }, Ended::By);
    pieces.verdict(&Work::Text, at, ended)
}

/// Does everything again, and writes it to `out` without secrets, where there is an `out`.
fn replay(
    file: &Path,
    work: &Work,
    until_us: u64,
    lines: Option<&mut Lines>,
    mut out: Option<&mut File>,
) -> Outcome<Verdict> {
    let provider = Config::default().provider;
    let mut player = match work {
        Work::Loose => Player::loose(provider),
        Work::Redact(_) => Player::redacting(provider),
        Work::Strict | Work::Text => Player::strict(provider),
    };
    let mut pieces = Pieces::open(file)?;
    let (mut at, mut lines) = (Place::default(), lines);
    let mut redacted = Vec::new();
    loop {
        let piece = pieces.next()?;
        if piece.is_empty() {
            break;
        }
        player.feed(piece);
        let told = lines.as_deref_mut();
        let more = steps(file, &mut player, until_us, told, &mut redacted, &mut at)?;
        if let Some(out) = &mut out {
            out.write_all(&redacted).map_err(Stopped::Out)?;
            redacted.clear();
        }
        if !more {
            return pieces.verdict(work, at, Ended::Until);
        }
    }
    let left = player.left();
    let ended = player.end().map_or(Ended::Cut { left }, Ended::By);
    pieces.verdict(work, at, ended)
}

/// Replays what there is, and puts it into `redacted` where the player redacts. False if that is
/// far enough.
fn steps(
    file: &Path,
    player: &mut Player,
    until_us: u64,
    mut lines: Option<&mut Lines>,
    redacted: &mut Vec<u8>,
    at: &mut Place,
) -> Outcome<bool> {
    loop {
        let step = match player.step() {
            Ok(Some(step)) => step,
            Ok(None) => return Ok(true),
            Err(Stop::Differs(difference)) if difference.at.as_us() > until_us => {
                return Ok(false);
            }
            Err(Stop::Differs(difference)) => {
                return Err(Stopped::Differs(differs(file, &difference)).into());
            }
            Err(Stop::Unreadable(unreadable)) => {
                return Err(Stopped::Unreadable(unreadable).into());
            }
        };
        if step.at().as_us() > until_us {
            return Ok(false);
        }
        at.pass(&step.record);
        if let Some(lines) = &mut lines {
            lines.explain(&step.record)?;
        }
        player.take_redacted(redacted);
    }
}

/// The difference in words, with what is around it.
fn differs(file: &Path, difference: &Difference) -> Differs {
    let n = difference.n;
    let mut differs = Differs {
        record: n,
        at_us: difference.at.as_us(),
        expected: words(&difference.expected),
        got: words(&difference.got),
        altered: difference.is_altered(),
        before: Vec::new(),
        after: Vec::new(),
    };
    if differs.altered {
        differs.expected += &digest(&difference.expected);
        differs.got += &digest(&difference.got);
    } else if differs.expected == differs.got {
        // What differs is not in the words.
        differs.expected = short(&difference.expected);
        differs.got = short(&difference.got);
    }
    // Where the file cannot be read a second time, there is nothing around it.
    let _unseen = look_around(file, n, &mut differs);
    differs
}

fn look_around(file: &Path, n: u64, differs: &mut Differs) -> Outcome<()> {
    let mut pieces = Pieces::open(file)?;
    let mut reader = Reader::new();
    loop {
        let piece = pieces.next()?;
        if piece.is_empty() {
            return Ok(());
        }
        reader.feed(piece);
        loop {
            let at = reader.count();
            let Some(record) = reader.record().map_err(Stopped::Unreadable)? else {
                break;
            };
            if at > n + AROUND {
                return Ok(());
            } else if at > n {
                differs.after.push(short(&line_of(&record)));
            } else if at < n && at + AROUND >= n {
                differs.before.push(short(&line_of(&record)));
            }
        }
    }
}

fn line_of(record: &Record<'_>) -> String {
    format!("{:>8}  {}", record.n(), record.words())
}

/// A record that stands as text, in words; or the text, where it is none.
fn words(text: &str) -> String {
    let record = || {
        let mut reader = Reader::new();
        reader.feed(&of_text(text).ok()?);
        let record = reader.record().ok()??;
        Some(line_of(&record))
    };
    short(&record().unwrap_or_else(|| text.into()))
}

/// The digest that a record has as text, in words.
fn digest(text: &str) -> String {
    let digest = text
        .split_once("\"digest\":\"")
        .and_then(|(_, rest)| rest.get(..16));
    digest.map_or_else(String::new, |digest| format!(", digest {digest}"))
}

fn short(text: &str) -> String {
    match text.char_indices().nth(LINE_MAX) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.into(),
    }
}

/// Does everything again, sees that it comes to the same, and writes it without secrets.
fn redact(file: &Path, out: &Path, until_us: u64) -> Outcome<Verdict> {
    let made = files::private().write(true).create_new(true).open(out);
    let mut made = made.map_err(|error| {
        if error.kind() == io::ErrorKind::AlreadyExists {
            return Stopped::There(out.into());
        }
        Stopped::Out(error)
    })?;
    let work = Work::Redact(out.into());
    let done = replay(file, &work, until_us, None, Some(&mut made));
    if done.is_err() {
        // Half a tape is of no use, and the file was ours.
        let _left = std::fs::remove_file(out);
    }
    done
}
