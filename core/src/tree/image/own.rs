//! What I say about myself, and what I answer to those who say it for me.

use super::{
    EPOCH_MAX, Image, NAME_BYTES_MAX, NameError, Sign,
    link::How,
    record::{hides, name_bytes, oath_bytes},
    store::Claim,
    word::{Places, Word, prefix},
};
use crate::{base::Time, identity::PublicKey, tree::Node};
use alloc::string::String;
use core::net::SocketAddr;

/// How much longer than other changes it waits to be said that there is no parent.
const ADRIFT_DELAYS: u64 = 5;

/// My own word, and what is to be said next.
#[derive(Debug)]
pub(super) struct Own {
    /// What stands at my place; told when it is due.
    next: Word,
    /// What was told last.
    told: Word,
    /// When the next word is due.
    pub(super) due: Option<Time>,
    /// It is due although nothing changed.
    contradict: bool,
    /// When I contradicted last.
    contradicted_at: Option<Time>,
    /// Somebody lied about me: from now on I sign what I say.
    swearing: bool,
    /// What I say waits for my signature.
    pub(super) owes: bool,
    /// Nobody was there when I spoke last, so that I may say something else as the same version.
    pub(super) unheard: bool,
}

impl Own {
    pub(super) fn new(epoch: u64) -> Self {
        let word = Word {
            epoch,
            version: 1,
            parent: None,
            leaf: false,
            places: Places::NONE,
        };
        Self {
            next: word,
            told: word,
            due: None,
            contradict: false,
            contradicted_at: None,
            swearing: false,
            owes: false,
            unheard: true,
        }
    }

    pub(super) const fn stamp(&self) -> (u64, u32) {
        self.told.stamp()
    }

    pub(super) const fn word(&self) -> Word {
        self.told
    }
}

impl Image {
    pub(super) const fn own_word(&self) -> Word {
        self.own.word()
    }

    pub(super) const fn is_swearing(&self) -> bool {
        self.own.swearing
    }

    pub(super) fn stand(
        &mut self,
        now: Time,
        parent: Option<PublicKey>,
        addresses: &[SocketAddr],
        leaf: bool,
    ) {
        let next = Word {
            parent: parent.map(|key| prefix(&key)),
            leaf,
            places: Places::of(addresses),
            ..self.own.next
        };
        if next == self.own.next {
            return;
        }
        self.own.next = next;
        // Who has lost a parent mostly has another before long, and says only that.
        let delays = if next.parent.is_none() {
            ADRIFT_DELAYS
        } else {
            1
        };
        let due = now.plus_ms(delays * u64::from(self.config.own_delay_ms));
        self.own.due.get_or_insert(due);
    }

    /// Says what is to be said, if something is.
    pub(super) fn speak(&mut self, now: Time) {
        self.own.due = None;
        let changed = self.own.next != self.own.told;
        if !changed && !self.own.contradict {
            return;
        }
        self.own.contradict = false;
        let step = u32::from(!self.own.unheard);
        self.own.next.version = self.own.told.version.saturating_add(step);
        self.own.unheard = self.links.iter().flatten().next().is_none();
        if self.own.swearing {
            self.own.owes = true;
            return;
        }
        let before = self.own.told;
        self.own.told = self.own.next;
        let who = prefix(&self.me.key);
        self.store.write(who, &self.own.told, None);
        self.touch(now, who);
        let same = before.places == self.own.told.places;
        let how = if same { How::Short } else { How::Whole };
        self.pass_on(None, who, how);
    }

    pub(super) fn sign_word(&mut self, now: Time, sign: Sign<'_>) {
        if !self.own.owes {
            return;
        }
        self.own.owes = false;
        self.own.told = self.own.next;
        let oath = sign("member", &oath_bytes(&self.me.key, &self.own.told));
        let who = prefix(&self.me.key);
        self.store.write(who, &self.own.told, Some(&oath));
        self.touch(now, who);
        self.pass_on(None, who, How::Whole);
    }

    /// A later life of mine begins, without neighbours: I say all of it again, and sign what is to
    /// be signed. What others said stays.
    pub fn begin_life(&mut self, now: Time, me: Node, sign: Sign<'_>) {
        self.me = me;
        let who = prefix(&me.key);
        let name = self.store.claim(who).map(|claim| claim.name.clone());
        let word = Own::new(me.epoch.min(EPOCH_MAX)).word();
        let (leaf, places) = (self.own.told.leaf, self.own.told.places);
        let word = Word {
            leaf,
            places,
            ..word
        };
        (self.own.told, self.own.next, self.own.due) = (word, word, None);
        self.own.owes = self.own.swearing;
        self.store.write(who, &word, None);
        self.touch(now, who);
        self.sign_word(now, sign);
        if let Some(name) = name {
            let claimed = self.claim_name(&name, sign);
            claimed.expect("it was a name before");
        }
    }

    /// I was said to be gone.
    pub(super) fn refute(&mut self, now: Time) {
        let period = u64::from(self.config.refute_ms);
        let before = self.own.contradicted_at.filter(|at| *at > now);
        let at = before.unwrap_or(now);
        if !self.own.contradict {
            self.own.contradict = true;
            self.own.contradicted_at = Some(at.plus_ms(period));
        }
        let due = self.own.due.map_or(at, |due| due.min(at));
        self.own.due = Some(due);
        if due <= now {
            self.speak(now);
        }
    }

    /// Somebody said in my name what I did not say.
    pub(super) fn on_lie(&mut self, now: Time) {
        self.stats.lies += 1;
        self.own.swearing = true;
        self.refute(now);
    }

    pub(super) fn claim_name(&mut self, name: &str, sign: Sign<'_>) -> Result<(), NameError> {
        let most = self.config.name_bytes_max.min(NAME_BYTES_MAX as u8);
        if name.len() > usize::from(most) {
            return Err(NameError::TooLong { most });
        }
        if hides(name) {
            return Err(NameError::Hidden);
        }
        let who = prefix(&self.me.key);
        let (same, version) = match self.store.claim(who) {
            Some(claim) => (claim.name == name, claim.version.saturating_add(1)),
            None => (name.is_empty(), 1),
        };
        if same {
            return Ok(());
        }
        let bytes = name_bytes(&self.me.key, self.own.told.epoch, version, name.as_bytes());
        let signature = sign("name", &bytes);
        let claim = Claim {
            version,
            name: String::from(name),
            signature,
        };
        self.store.call(who, claim);
        self.pass_on(None, who, How::Name);
        Ok(())
    }
}
