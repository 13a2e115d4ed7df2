//! Does again what a tape says, and compares.

use alloc::{format, string::String, vec::Vec};
use core::fmt;

use super::{
    Config, End, Recorded,
    loose::Watch,
    perform::perform,
    reader::{Reader, Unread, Unreadable},
    record::Record,
    recorded::VERSION,
};
use crate::{
    base::{Seed, Time},
    switch::{self, Provider, Switch},
};

/// How a tape is replayed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Mode {
    Strict,
    Redacting,
    Loose,
}

/// A tape that is being replayed. It takes the tape in pieces of any size and needs no more
/// memory than the switch, one piece and one record.
#[derive(Debug)]
pub struct Player {
    mode: Mode,
    provider: &'static dyn Provider,
    reader: Reader,
    switch: Option<Recorded>,
    /// The same switch once more, whose tape holds no secrets.
    redacted: Option<Recorded>,
    /// What is watched of it, where the replay is loose.
    watch: Option<Watch>,
    end: Option<End>,
    /// The record that the replay gave.
    made: Vec<u8>,
    scratch: Vec<u8>,
}

/// One record that was replayed, and was right.
#[derive(Debug)]
pub struct Step<'a> {
    /// The record.
    pub record: Record<'a>,
}

/// Why a replay stopped.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Stop {
    /// It went otherwise than the tape says.
    Differs(Difference),
    /// The tape cannot be read on.
    Unreadable(Unreadable),
}

/// The first record in which a replay differs from its tape.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Difference {
    /// The number of the record, from 0.
    pub n: u64,
    /// Its time.
    pub at: Time,
    /// The record on the tape, as text.
    pub expected: String,
    /// What the replay gave instead, as text, or a sentence.
    pub got: String,
}

impl Player {
    /// A replay that compares everything and stops at the first difference. `provider` computes as
    /// the switch on the tape did: any of the same scheme.
    pub const fn strict(provider: &'static dyn Provider) -> Self {
        Self::new(Mode::Strict, provider)
    }

    /// A replay that gives a switch the inputs of the tape, whatever it makes of them, and sees
    /// that it keeps what every switch promises.
    pub const fn loose(provider: &'static dyn Provider) -> Self {
        Self::new(Mode::Loose, provider)
    }

    /// A strict replay that makes a redacted tape of the tape.
    pub const fn redacting(provider: &'static dyn Provider) -> Self {
        Self::new(Mode::Redacting, provider)
    }

    const fn new(mode: Mode, provider: &'static dyn Provider) -> Self {
        Self {
            mode,
            provider,
            reader: Reader::new(),
            switch: None,
            redacted: None,
            watch: None,
            end: None,
            made: Vec::new(),
            scratch: Vec::new(),
        }
    }

    /// The next bytes of the tape.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.reader.feed(bytes);
    }

    /// Replays the next record, once all of it is there.
    ///
    /// # Errors
    /// [`Stop`]; there is nothing to go on with.
    pub fn step(&mut self) -> Result<Option<Step<'_>>, Stop> {
        let n = self.reader.count();
        let Some(record) = self.reader.record().map_err(Stop::Unreadable)? else {
            return Ok(None);
        };
        let unreadable = |why: Unread| Stop::Unreadable(why.at(n));
        if self.end.is_some() {
            return Err(unreadable(Unread::AfterEnd));
        }
        let is_first = self.switch.is_none();
        if is_first != record.fields.tape.is_some() {
            return Err(unreadable(Unread::NoTape));
        }
        let switch = match &mut self.switch {
            Some(switch) => switch,
            none => {
                let is_loose = self.mode == Mode::Loose;
                let config = record.fields.config.as_deref().filter(|_| is_loose);
                self.watch = config.map(Watch::new);
                let tape = (!is_loose).then(|| kept(false));
                none.insert(begin(&record, tape, self.provider).map_err(unreadable)?)
            }
        };
        self.end = record.end();
        if let Some(end) = self.end {
            switch.end_tape(record.at(), end);
        } else if let (false, Some(watch)) = (is_first, &mut self.watch) {
            let broken = watch.perform(switch, &record, &mut self.scratch);
            if let Some(broken) = broken.map_err(unreadable)? {
                return Err(differs(
                    &record,
                    n,
                    format!("a contract is broken: {broken}"),
                ));
            }
        } else if !is_first {
            perform(switch, &record, &mut self.scratch).map_err(unreadable)?;
        }
        if self.mode != Mode::Loose {
            self.made.clear();
            switch.take_tape(&mut self.made);
            compare(&record, n, &self.made)?;
        }
        if self.mode == Mode::Redacting {
            let (redacted, scratch) = (&mut self.redacted, &mut self.scratch);
            redact(redacted, &record, self.provider, scratch).map_err(unreadable)?;
        }
        Ok(Some(Step { record }))
    }

    /// Moves what there is of the redacted tape to the end of `out`.
    pub fn take_redacted(&mut self, out: &mut Vec<u8>) {
        if let Some(redacted) = &mut self.redacted {
            redacted.take_tape(out);
        }
    }

    /// The switch as far as it was replayed.
    pub fn switch(&self) -> Option<&Switch> {
        self.switch.as_deref()
    }

    /// Records that were read.
    pub const fn count(&self) -> u64 {
        self.reader.count()
    }

    /// Why the tape ended, once its last record was replayed. A tape without one was cut off.
    pub const fn end(&self) -> Option<End> {
        self.end
    }

    /// Bytes that are not a whole record yet; see [`Reader::left`].
    pub fn left(&self) -> usize {
        self.reader.left()
    }
}

impl Step<'_> {
    /// The number of the record, from 0.
    pub fn n(&self) -> u64 {
        self.record.n()
    }

    /// Its time.
    pub fn at(&self) -> Time {
        self.record.at()
    }

    /// What it says, for people.
    pub fn words(&self) -> String {
        self.record.words()
    }
}

/// The switch that the first record tells of.
fn begin(
    record: &Record<'_>,
    tape: Option<Config>,
    provider: &'static dyn Provider,
) -> Result<Recorded, Unread> {
    let fields = &record.fields;
    if fields.tape.as_deref() != Some("hydroid") {
        return Err(Unread::NoTape);
    }
    match fields.version {
        Some(VERSION) => {}
        Some(other) => return Err(Unread::Version(other)),
        None => return Err(Unread::Field("version")),
    }
    if fields.secrets != Some(true) {
        return Err(Unread::Redacted);
    }
    if fields.scheme.as_deref() != Some(provider.scheme()) {
        return Err(Unread::Scheme(fields.scheme.clone().unwrap_or_default()));
    }
    let config: &switch::Config = fields.config.as_deref().ok_or(Unread::Field("config"))?;
    let seed = record.body().try_into().ok().ok_or(Unread::Field("body"))?;
    Recorded::new(config.clone(), &Seed::new(seed), provider, tape).map_err(Unread::Config)
}

/// Does a record again for the redacted tape.
fn redact(
    switch: &mut Option<Recorded>,
    record: &Record<'_>,
    provider: &'static dyn Provider,
    scratch: &mut Vec<u8>,
) -> Result<(), Unread> {
    let Some(switch) = switch else {
        *switch = Some(begin(record, Some(kept(true)), provider)?);
        return Ok(());
    };
    match record.end() {
        Some(end) => {
            switch.end_tape(record.at(), end);
            Ok(())
        }
        None => perform(switch, record, scratch),
    }
}

/// A tape that is taken record by record.
const fn kept(redacted: bool) -> Config {
    Config {
        buffer_bytes: u64::MAX,
        redacted,
        digest_only: false,
    }
}

fn compare(record: &Record<'_>, n: u64, made: &[u8]) -> Result<(), Stop> {
    let same = made.split_first_chunk::<4>();
    if same.is_some_and(|(_, made)| made == record.packet()) {
        return Ok(());
    }
    let mut reader = Reader::new();
    reader.feed(made);
    let got = match reader.record() {
        Ok(Some(got)) => got.text(),
        Ok(None) | Err(_) => String::from("nothing was given"),
    };
    Err(differs(record, n, got))
}

fn differs(record: &Record<'_>, n: u64, got: String) -> Stop {
    Stop::Differs(Difference {
        n,
        at: record.at(),
        expected: record.text(),
        got,
    })
}

impl Difference {
    /// True if the record is right but for its digest: the tape was changed in this record's body,
    /// or before it.
    pub fn is_altered(&self) -> bool {
        let without = |text: &str| {
            let (before, digest) = text.split_once(DIGEST)?;
            Some((String::from(before), String::from(digest.get(16..)?)))
        };
        self.expected != self.got && without(&self.expected) == without(&self.got)
    }
}

const DIGEST: &str = ",\"digest\":\"";

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (n, us) = (self.n, self.at.as_us());
        let (s, us) = (us / 1_000_000, us % 1_000_000);
        write!(f, "record {n} at t={s}.{us:06} s differs")?;
        if self.is_altered() {
            f.write_str(" in its digest alone: the tape was changed after it was recorded")?;
        }
        write!(f, "\n  tape:   {}\n  replay: {}", self.expected, self.got)
    }
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Differs(difference) => difference.fmt(f),
            Self::Unreadable(unreadable) => unreadable.fmt(f),
        }
    }
}

impl core::error::Error for Stop {}
