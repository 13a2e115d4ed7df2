//! Following what goes on in a space that we are in: who comes and goes, where we stand in its tree,
//! and whom to ask for what was said before. It tells nobody; whoever follows does.

use std::{collections::BTreeMap, sync::Arc};

use hydroid_core::identity::PublicKey;
use tokio::time::Instant;

use crate::{
    chat::room::Room,
    company::{Change, Company},
    presence::Member,
};

/// Times that a neighbour in the tree is asked what was said before.
const ASKED_MOST: u8 = 2;

/// A space that is followed.
#[derive(Debug)]
pub(crate) struct Gathering {
    room: Arc<Room>,
    company: Company,
    /// Neighbours in the tree, and how often each was asked.
    asked: BTreeMap<PublicKey, Asked>,
    /// Who was told of as the member above us last, and below it in how many steps.
    told: Option<Stand>,
}

/// How often somebody was asked, and whether it is to be asked again.
#[derive(Clone, Copy, Debug, Default)]
struct Asked {
    times: u8,
    again: bool,
}

/// Where we stand, as far as it is told to people.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Stand {
    /// The member above; none for the root.
    pub(crate) parent: Option<PublicKey>,
    /// Steps to the root.
    pub(crate) depth: u16,
    /// True if others stand there, too.
    pub(crate) company: bool,
}

impl Gathering {
    pub(crate) const fn new(room: Arc<Room>, company: Company) -> Self {
        Self {
            room,
            company,
            asked: BTreeMap::new(),
            told: None,
        }
    }

    /// What is said there.
    pub(crate) const fn room(&self) -> &Arc<Room> {
        &self.room
    }

    /// Who came and who went since it was asked last.
    pub(crate) fn changes(&mut self) -> Vec<Change> {
        let now = Instant::now();
        self.company.see(self.room.presence().members(), now);
        self.company.changes(now)
    }

    /// Where we stand, if that is somewhere else than it was last.
    pub(crate) fn moved(&mut self) -> Option<Stand> {
        let standing = self.room.presence().standing();
        let stand = Stand {
            parent: standing.parent.map(|parent| parent.key),
            depth: standing.depth,
            company: standing.parent.is_some() || standing.children > 0,
        };
        let is_news = standing.is_settled && self.told.as_ref() != Some(&stand);
        // Whoever stands alone at the beginning has not been told of as anything.
        let was_alone = self.told.as_ref().is_none_or(|told| !told.company);
        if !is_news || (was_alone && !stand.company) {
            return None;
        }
        self.told = Some(stand.clone());
        Some(stand)
    }

    /// When there will be something to tell, if nothing happens before.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.company.due()
    }

    /// A new neighbour in the tree, who is to be asked what was said before.
    pub(crate) fn next_asked(&mut self) -> Option<Member> {
        let links = self.room.presence().links();
        self.asked.retain(|key, _| links.contains(key));
        let asked = &self.asked;
        let is_due = |key: &&PublicKey| asked.get(key).is_none_or(|asked| asked.again);
        let due = links.iter().filter(is_due);
        let members = due.filter_map(|key| self.room.presence().member(key));
        // Those without a name only look, and have heard nothing.
        let member = members.into_iter().find(|member| member.name.is_some())?;
        let asked = self.asked.entry(member.key).or_default();
        (asked.times, asked.again) = (asked.times + 1, false);
        Some(member)
    }

    /// A neighbour told nothing: it is asked once more when something happens.
    pub(crate) fn told_nothing(&mut self, key: &PublicKey) {
        if let Some(asked) = self.asked.get_mut(key) {
            asked.again = asked.times < ASKED_MOST;
        }
    }
}
