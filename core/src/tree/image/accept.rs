//! Records that come in: what is believed, and what is passed on.

use super::{
    Fault, Image, Verify,
    entry::flag,
    link::How,
    record::{self, Record, is_legal_name, name_bytes},
    store::Claim,
    word::{Places, Prefix, Word, prefix, prefix_of},
};
use crate::{
    base::Time,
    identity::{Keys, PublicKey, Signature},
};
use alloc::string::String;

/// A whole entry that came in.
struct Told<'a> {
    key: &'a [u8; 32],
    word: &'a Word,
    oath: Option<&'a Signature>,
    signed: &'a [u8],
}

impl Told<'_> {
    /// The key, if it is one and has signed what it should have.
    fn checked(&self, keys: Keys, verify: Verify<'_>) -> Result<PublicKey, Fault> {
        let key = keys(self.key);
        let key = key.map_err(|_illegal| Fault::Malformed)?;
        let valid = |oath: &Signature| verify(&key, "member", self.signed, oath);
        if self.oath.is_none_or(valid) {
            return Ok(key);
        }
        Err(Fault::Forged)
    }
}

impl Image {
    /// Takes all records of a packet.
    pub(super) fn on_news(
        &mut self,
        now: Time,
        from: usize,
        mut body: &[u8],
        verify: Verify<'_>,
    ) -> Result<(), Fault> {
        while !body.is_empty() {
            let record = record::read(&mut body).ok_or(Fault::Malformed)?;
            if !self.link(from).spend(now) {
                self.stats.flooded += 1;
                let again = now.plus_ms(u64::from(self.config.refute_ms));
                self.link(from).amends_at.get_or_insert(again);
                continue;
            }
            self.on_record(now, from, record, verify)?;
        }
        Ok(())
    }

    fn on_record(
        &mut self,
        now: Time,
        from: usize,
        record: Record<'_>,
        verify: Verify<'_>,
    ) -> Result<(), Fault> {
        match record {
            Record::Entry {
                key,
                word,
                oath,
                signed,
            } => {
                let told = Told {
                    key: &key,
                    word: &word,
                    oath: oath.as_ref(),
                    signed,
                };
                self.on_entry(now, from, &told, verify)
            }
            Record::Change {
                who,
                life,
                version,
                parent,
                leaf,
            } => {
                let word = Word {
                    epoch: u64::from(life),
                    version,
                    parent,
                    leaf,
                    places: Places::NONE,
                };
                self.on_change(now, from, who, word);
                Ok(())
            }
            Record::Gone { who, life, version } => {
                self.on_gone_told(now, from, who, (life, version));
                Ok(())
            }
            Record::Over {
                who,
                epoch,
                version,
            } => {
                // Of the life before it is as true as of the one that is named.
                let held = self.store.find(who).filter(|held| held.epoch() < epoch);
                let before = held.map(|held| (held.life(), held.version()));
                let me = who == prefix(&self.me.key);
                let stamp = before.filter(|_| !me).unwrap_or((epoch as u16, version));
                self.on_gone_told(now, from, who, stamp);
                Ok(())
            }
            Record::Name {
                who,
                epoch,
                version,
                name,
                signature,
            } => self.on_name(from, who, (epoch, version), (name, &signature), verify),
        }
    }

    fn on_entry(
        &mut self,
        now: Time,
        from: usize,
        told: &Told<'_>,
        verify: Verify<'_>,
    ) -> Result<(), Fault> {
        let who = prefix_of(told.key);
        if who == prefix(&self.me.key) {
            return self.on_mine(now, told, verify);
        }
        if !self.whole {
            return self.on_sampled(now, from, told.key, told.word);
        }
        let Some(held) = self.store.find(who) else {
            return self.on_newcomer(now, from, told, verify);
        };
        if held.key.as_bytes() != told.key {
            return self.on_twin(now, from, told, verify);
        }
        let (gone, sworn) = (held.is(flag::GONE), held.is(flag::SWORN));
        let word = self.store.word(held);
        if told.oath.is_none() && sworn {
            if told.word.stamp() > word.stamp() {
                self.stats.unsworn += 1;
                self.queue(from, who, How::Whole);
            } else {
                self.stats.stale += 1;
            }
            return Ok(());
        }
        let later = if gone || sworn == told.oath.is_some() {
            let stamps = told.word.stamp().cmp(&word.stamp());
            stamps.is_gt() || stamps.is_eq() && !gone && *told.word > word
        } else {
            true
        };
        if !later {
            self.stats.stale += 1;
            if gone {
                // Whoever tells it has not heard; the member itself may be there after all.
                self.queue(from, who, How::Whole);
            }
            return Ok(());
        }
        told.checked(self.keys, verify)?;
        self.take(now, from, who, told.word, told.oath);
        Ok(())
    }

    /// Somebody of whom nothing is known.
    fn on_newcomer(
        &mut self,
        now: Time,
        from: usize,
        told: &Told<'_>,
        verify: Verify<'_>,
    ) -> Result<(), Fault> {
        if self.store.len() >= self.config.members_max as usize {
            self.stats.full += 1;
            return Ok(());
        }
        let key = told.checked(self.keys, verify)?;
        self.store.insert(key);
        self.take(now, from, prefix(&key), told.word, told.oath);
        Ok(())
    }

    /// A key that begins like another: the first one stays, unless only the other has sworn.
    fn on_twin(
        &mut self,
        now: Time,
        from: usize,
        told: &Told<'_>,
        verify: Verify<'_>,
    ) -> Result<(), Fault> {
        let who = prefix_of(told.key);
        self.stats.twins += 1;
        let sworn = self
            .store
            .find(who)
            .is_some_and(|held| held.is(flag::SWORN));
        if sworn || told.oath.is_none() {
            // The other may not know that its place is taken: it has to swear.
            self.queue(from, who, How::Whole);
            return Ok(());
        }
        let key = told.checked(self.keys, verify)?;
        self.store.remove(who);
        self.store.insert(key);
        self.take(now, from, who, told.word, told.oath);
        Ok(())
    }

    /// Writes what is news and passes it on.
    fn take(&mut self, now: Time, from: usize, who: Prefix, word: &Word, oath: Option<&Signature>) {
        let held = self.store.find(who).map(|held| {
            let word = self.store.word(held);
            (word, held.is(flag::GONE | flag::SWORN))
        });
        let next = held.is_some_and(|(held, other)| {
            let follows = held.version.checked_add(1) == Some(word.version);
            !other && follows && held.epoch == word.epoch && held.places == word.places
        });
        self.store.write(who, word, oath);
        let how = if next && oath.is_none() {
            How::Short
        } else {
            How::Whole
        };
        self.stats.taken += 1;
        self.touch(now, who);
        self.pass_on(Some(from), who, how);
    }

    fn on_change(&mut self, now: Time, from: usize, who: Prefix, mut word: Word) {
        if who == prefix(&self.me.key) {
            let (epoch, version) = self.own.stamp();
            if word.epoch as u16 == epoch as u16 && word.version > version {
                self.on_lie(now);
            } else {
                self.stats.stale += 1;
            }
            return;
        }
        if !self.whole {
            return;
        }
        let Some(held) = self.store.find(who) else {
            self.stats.unknown += 1;
            self.want(from, who);
            return;
        };
        let same = held.life() == word.epoch as u16;
        if same && word.version <= held.version() {
            self.stats.stale += 1;
            if held.is(flag::GONE) {
                self.queue(from, who, How::Whole);
            }
            return;
        }
        let follows = held.version().checked_add(1) == Some(word.version);
        if !same || !follows || held.is(flag::GONE | flag::SWORN) {
            self.want(from, who);
            return;
        }
        word.epoch = held.epoch();
        word.places = self.store.places(held);
        self.take(now, from, who, &word, None);
    }

    fn on_gone_told(&mut self, now: Time, from: usize, who: Prefix, (life, version): (u16, u32)) {
        if who == prefix(&self.me.key) {
            let (epoch, mine) = self.own.stamp();
            if life == epoch as u16 && version >= mine {
                self.stats.mourned += 1;
                self.refute(now);
            } else {
                self.stats.stale += 1;
            }
            return;
        }
        let Some(held) = self.store.find(who) else {
            self.stats.unknown += 1;
            return;
        };
        if held.is(flag::GONE) || held.life() != life {
            self.stats.stale += 1;
        } else if version < held.version() {
            // It has spoken since, and whoever tells this has not heard.
            self.stats.stale += 1;
            self.queue(from, who, How::Whole);
        } else {
            self.stats.taken += 1;
            self.bury(now, Some(from), who);
        }
    }

    fn on_name(
        &mut self,
        from: usize,
        who: Prefix,
        (epoch, version): (u64, u32),
        (name, signature): (&[u8], &Signature),
        verify: Verify<'_>,
    ) -> Result<(), Fault> {
        if !is_legal_name(name) {
            return Err(Fault::Name);
        }
        let held = self.store.find(who).filter(|held| !held.is(flag::GONE));
        let Some(held) = held.filter(|held| held.epoch() == epoch) else {
            self.stats.unknown += 1;
            return Ok(());
        };
        let before = self.store.claim(who).map_or(0, |claim| claim.version);
        if version <= before || held.key == self.me.key {
            self.stats.replayed += 1;
            return Ok(());
        }
        let key = held.key;
        if !verify(
            &key,
            "name",
            &name_bytes(&key, epoch, version, name),
            signature,
        ) {
            return Err(Fault::Forged);
        }
        let name = core::str::from_utf8(name).expect("a legal name is text");
        let claim = Claim {
            version,
            name: String::from(name),
            signature: *signature,
        };
        self.store.call(who, claim);
        self.stats.taken += 1;
        self.pass_on(Some(from), who, How::Name);
        Ok(())
    }

    /// Something about me.
    fn on_mine(&mut self, now: Time, told: &Told<'_>, verify: Verify<'_>) -> Result<(), Fault> {
        if told.key != self.me.key.as_bytes() {
            self.stats.twins += 1;
            self.on_lie(now);
            return Ok(());
        }
        let own = self.own_word();
        let false_life = told.oath.is_some() && told.word.epoch != own.epoch;
        let later = told.word.stamp() >= own.stamp() && *told.word != own;
        if !(later || false_life) || self.is_swearing() && told.oath.is_none() && !later {
            self.stats.stale += 1;
            return Ok(());
        }
        if told.oath.is_some() {
            told.checked(self.keys, verify)?;
        }
        self.on_lie(now);
        Ok(())
    }

    /// A neighbour tells what I know better; asks for all of it.
    fn want(&mut self, from: usize, who: Prefix) {
        let most = self.config.members_max as usize;
        let link = self.link(from);
        if link.wants.len() < most && !link.wants.contains(&who) {
            link.wants.push(who);
        }
    }
}
