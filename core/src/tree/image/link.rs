//! What waits for one neighbour, and how much is believed of it.

use alloc::{collections::VecDeque, vec::Vec};

use super::{
    Config,
    word::{PREFIX_BITS, Prefix},
};
use crate::{
    base::{Bucket, Slot, Time},
    tree::Node,
};

/// Links that an image has at most: each is a bit of an entry.
pub(super) const LINKS_MOST: usize = 16;

/// How an entry is told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum How {
    /// All of it, and its name.
    Whole,
    /// What changed, as short as can be; also that it is gone.
    Short,
    /// Its name.
    Name,
}

impl How {
    const fn code(self) -> u64 {
        match self {
            Self::Whole => 0,
            Self::Short => 1,
            Self::Name => 2,
        }
    }
}

/// Why a greeting is said.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Hello {
    /// The link is new: both ends say it.
    New,
    /// One end wants to compare.
    Ask,
    /// The answer of an end that has less.
    Answer,
}

/// One neighbour.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) slot: Slot,
    pub(super) peer: Node,
    pub(super) backup: bool,
    /// Entries to be told, oldest first; how stands in the bits above the prefix.
    queue: VecDeque<u64>,
    /// Entries to be asked for.
    pub(super) wants: Vec<Prefix>,
    /// Entries that the peer lacks and that are in doubt.
    pub(super) withheld: Vec<Prefix>,
    /// Ranges of which the peer should be told what is there.
    pub(super) lists: VecDeque<(Prefix, Prefix)>,
    /// A greeting is owed.
    pub(super) hello: Option<Hello>,
    /// How many members I had when the link came to be, as its greeting says.
    pub(super) had: u32,
    /// The digest is owed.
    pub(super) digest: bool,
    /// A round of gossip is owed.
    pub(super) gossip: bool,
    /// When to greet again, since not all was believed.
    pub(super) amends_at: Option<Time>,
    /// Records that are still believed.
    records: Bucket,
    /// Entries that may still be looked at to compare.
    compared: Bucket,
    /// Surveys that may still be made at its word.
    surveys: Bucket,
}

impl Link {
    pub(super) fn new(config: &Config, (slot, peer, backup): (Slot, Node, bool), had: u32) -> Self {
        let entries = || Bucket::new(config.records_per_s.max(1), burst(config));
        let surveys_per_s = (1000 / config.survey_ms.max(1)).max(1);
        Self {
            slot,
            peer,
            backup,
            queue: VecDeque::new(),
            wants: Vec::new(),
            withheld: Vec::new(),
            lists: VecDeque::new(),
            hello: Some(Hello::New),
            had,
            digest: false,
            gossip: false,
            amends_at: None,
            records: entries(),
            compared: entries(),
            surveys: Bucket::new(surveys_per_s, SURVEYS),
        }
    }

    /// Puts an entry at the end of the queue.
    pub(super) fn push(&mut self, who: Prefix, how: How) {
        self.queue.push_back(who | how.code() << PREFIX_BITS);
    }

    /// The entry at the front of the queue.
    pub(super) fn front(&self) -> Option<(Prefix, How)> {
        let item = *self.queue.front()?;
        let how = match item >> PREFIX_BITS {
            0 => How::Whole,
            1 => How::Short,
            _ => How::Name,
        };
        Some((item & ((1 << PREFIX_BITS) - 1), how))
    }

    pub(super) fn pop(&mut self) {
        self.queue.pop_front();
        if self.queue.is_empty() && self.queue.capacity() > 16 {
            self.queue.shrink_to(4);
        }
    }

    pub(super) fn queued(&self) -> usize {
        self.queue.len()
    }

    pub(super) fn has_output(&self) -> bool {
        let compares = self.hello.is_some() || self.digest || !self.lists.is_empty();
        compares || self.gossip || !self.wants.is_empty() || !self.queue.is_empty()
    }

    /// Takes one of the records that are believed; false if there is none left.
    pub(super) fn spend(&mut self, now: Time) -> bool {
        self.records.take(now, 1, 0)
    }

    /// Takes a look at so many entries that the peer has us compare; false if it has had us look at
    /// too many. It is apart from the records, of which none should be lost by comparing.
    pub(super) fn spend_look(&mut self, now: Time, entries: usize) -> bool {
        let entries = u32::try_from(entries).unwrap_or(u32::MAX);
        self.compared.take(now, entries, 0)
    }

    /// Takes one of the surveys that may be made at its word.
    pub(super) fn spend_survey(&mut self, now: Time) -> bool {
        self.surveys.take(now, 1, 0)
    }

    pub(super) fn held_bytes(&self) -> usize {
        self.queue.capacity() * size_of::<u64>()
            + (self.wants.capacity() + self.withheld.capacity()) * size_of::<Prefix>()
            + self.lists.capacity() * size_of::<(Prefix, Prefix)>()
    }
}

/// Surveys that may be made at a link's word at once, so that no honest neighbour who compares
/// while much changes goes without.
const SURVEYS: u32 = 64;

/// Records that are believed at once: twice a whole image.
fn burst(config: &Config) -> u32 {
    config.members_max.saturating_mul(2).saturating_add(64)
}
