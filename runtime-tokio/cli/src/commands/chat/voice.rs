//! Printing what others say, and whose it is.

use std::collections::{BTreeMap, BTreeSet};

use hydroid_core::identity::PublicKey;
use serde_json::{Value, json};
use tokio::{sync::mpsc, task::JoinHandle};

use crate::{
    chat::line::Line,
    company::Change,
    exit::Failure,
    output::Output,
    presence::{Member, Presence},
    who::{shown, visible},
};

/// Lines that wait for a stdout that nobody reads. What is beyond is missed, so that one halted
/// terminal holds nobody else up.
const WAITING: usize = 1024;

/// What prints.
#[derive(Debug)]
pub(super) struct Voice {
    lines: mpsc::Sender<(String, Value)>,
    printing: JoinHandle<Result<(), Failure>>,
    /// Lines that were missed since the last that was taken.
    missed: u64,
}

impl Voice {
    pub(super) fn start(output: Output) -> Self {
        let (lines, mut taken) = mpsc::channel::<(String, Value)>(WAITING);
        let printing = tokio::spawn(async move {
            while let Some((plain, object)) = taken.recv().await {
                output.data(&plain, &object).await?;
            }
            Ok(())
        });
        Self {
            lines,
            printing,
            missed: 0,
        }
    }

    /// Prints a line, or misses it; true if it is the first one that is taken again, and how many
    /// were missed before.
    pub(super) fn print(&mut self, plain: String, object: Value) -> Option<u64> {
        match self.lines.try_send((plain, object)) {
            Ok(()) => Some(std::mem::take(&mut self.missed)).filter(|missed| *missed > 0),
            Err(_full) => {
                self.missed += 1;
                None
            }
        }
    }

    /// Returns when nothing can be printed any more, with the reason.
    pub(super) async fn broken(&mut self) -> Failure {
        ended((&mut self.printing).await)
    }

    /// Waits until everything is printed.
    ///
    /// # Errors
    /// [`Failure`] if stdout takes nothing more.
    pub(super) async fn finish(self) -> Result<(), Failure> {
        drop(self.lines);
        let printed = self.printing.await;
        printed.unwrap_or_else(|error| Err(Failure::failed(error.to_string())))
    }
}

fn ended(printed: Result<Result<(), Failure>, tokio::task::JoinError>) -> Failure {
    match printed {
        Ok(Err(failure)) => failure,
        Ok(Ok(())) => Failure::failed("stdout has ended"),
        Err(error) => Failure::failed(error.to_string()),
    }
}

/// Who is there.
#[derive(Debug)]
pub(super) enum There {
    /// As our own switch sees it.
    Own(Presence),
    /// As the `up` tells that the chat goes through.
    Told {
        closed: bool,
        members: BTreeMap<PublicKey, String>,
    },
}

impl There {
    /// True if an operator has let everybody in who is there.
    fn is_closed(&self) -> bool {
        match self {
            Self::Own(presence) => presence.is_closed(),
            Self::Told { closed, .. } => *closed,
        }
    }

    /// Everybody else, and the names.
    fn names(&self) -> BTreeMap<PublicKey, String> {
        match self {
            Self::Own(presence) => {
                let all = presence.members().into_iter();
                all.map(|it| (it.key, it.name.unwrap_or_default()))
                    .collect()
            }
            Self::Told { members, .. } => members.clone(),
        }
    }

    /// Somebody is there by this name, as is told: what there is to tell of it.
    fn is(&mut self, key: PublicKey, name: &str) -> Option<Change> {
        let Self::Told { members, .. } = self else {
            return None;
        };
        match members.insert(key, name.to_owned()) {
            None => Some(Change::Came(Member::named(key, name))),
            Some(before) if before != name => {
                Some(Change::Renamed(Member::named(key, name), before))
            }
            Some(_same) => None,
        }
    }

    /// Somebody is there no more, as is told: what there is to tell of it.
    fn went(&mut self, key: &PublicKey) -> Option<Change> {
        match self {
            Self::Own(_) => None,
            Self::Told { members, .. } => {
                let name = members.remove(key)?;
                Some(Change::Went(*key, name))
            }
        }
    }
}

/// Whose a voice is: how members are shown here, and which of them are strangers.
#[derive(Debug)]
pub(super) struct Voices {
    there: There,
    /// The keys that this home had met before.
    known: BTreeSet<PublicKey>,
    /// Those met since, until they are remembered.
    met: BTreeSet<PublicKey>,
    fresh: Vec<PublicKey>,
}

impl Voices {
    /// `known` are the keys that this home had met before, ours too.
    pub(super) const fn new(there: There, known: BTreeSet<PublicKey>) -> Self {
        Self {
            there,
            known,
            met: BTreeSet::new(),
            fresh: Vec::new(),
        }
    }

    /// Takes in that somebody is there by this name: what there is to tell of it.
    pub(super) fn is(&mut self, key: PublicKey, name: &str) -> Option<Change> {
        self.there.is(key, name)
    }

    /// Takes in that somebody is there no more: what there is to tell of it.
    pub(super) fn went(&mut self, key: &PublicKey) -> Option<Change> {
        self.there.went(key)
    }

    /// Takes in that these are there and nobody else: what there is to tell of it.
    pub(super) fn only(&mut self, there: &BTreeMap<PublicKey, String>) -> Vec<Change> {
        let before = self.there.names();
        let gone = before.keys().filter(|key| !there.contains_key(*key));
        let went: Vec<_> = gone.filter_map(|key| self.there.went(key)).collect();
        let came = there
            .iter()
            .filter_map(|(key, name)| self.there.is(*key, name));
        went.into_iter().chain(came).collect()
    }

    /// A member as it is shown, who is met by this.
    pub(super) fn meet(&mut self, key: &PublicKey, name: &str) -> String {
        if !self.known.contains(key) && self.met.insert(*key) {
            self.fresh.push(*key);
        }
        self.label(key, name)
    }

    /// The keys that are to be remembered.
    pub(super) fn fresh(&mut self) -> Vec<PublicKey> {
        std::mem::take(&mut self.fresh)
    }

    /// True if this home had not met the key before.
    pub(super) fn is_stranger(&self, key: &PublicKey) -> bool {
        !self.there.is_closed() && !self.known.contains(key)
    }

    /// A member as it is shown.
    pub(super) fn label(&self, key: &PublicKey, name: &str) -> String {
        if !self.there.is_closed() {
            let mark = if self.is_stranger(key) { "?" } else { "" };
            return format!("{}{mark}", shown(Some(name), key));
        }
        // An operator has let everybody in, but two may bear one name.
        let names = self.there.names();
        let others = names.iter().filter(|(other, _)| *other != key);
        if name.is_empty() || others.filter(|(_, other)| *other == name).count() > 0 {
            return shown(Some(name), key);
        }
        visible(name).replace(':', "_")
    }

    /// A line as it is printed.
    pub(super) fn line(&mut self, line: &Line, past: bool) -> (String, Value) {
        let who = self.meet(&line.key, &line.name);
        let plain = format!("{who}: {}", visible(&line.text));
        let object = json!({
            "event": "line", "from": who, "name": line.name, "key": line.key.to_string(),
            "text": line.text, "wall_ms": line.wall_ms, "past": past,
            "stranger": self.is_stranger(&line.key),
        });
        (plain, object)
    }

    /// Everybody else, as they are shown.
    pub(super) fn everybody(&self) -> Vec<String> {
        let names = self.there.names();
        names
            .iter()
            .map(|(key, name)| self.label(key, name))
            .collect()
    }
}
