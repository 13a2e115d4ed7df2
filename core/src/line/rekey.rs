//! New keys within a line (PROTOCOL, section Rekey): a handshake in frames of the line, chained to
//! the one before it. Time is looked at only where packets are sealed or opened, so that a line at
//! rest renews nothing.

use alloc::{boxed::Box, vec::Vec};

use sha2::{Digest as _, Sha256};

use super::{
    Config, Dropped, Effect, Lines, Place,
    mac::Digest,
    noise::{Handshake, MESSAGE_1_OVERHEAD, MESSAGE_2_OVERHEAD},
    session::Session,
    state::Line,
};
use crate::{
    base::{Effects, Rng, Slot, Time},
    wire::VARINT_MAX,
};

/// A session seals no more packets than this, whatever the config says.
pub(super) const SEALED_MAX: u64 = 1 << 24;
/// Where the config asks for it later, new keys are asked for after this many packets.
const RENEW_AFTER_MAX: u64 = SEALED_MAX / 2;

/// The first message without a payload.
type Message1 = [u8; MESSAGE_1_OVERHEAD];
/// The second message without a payload.
type Message2 = [u8; MESSAGE_2_OVERHEAD];

/// What is under way about new keys of a line.
#[derive(Debug, Default)]
pub(super) struct Renewal {
    /// Our rekey that waits for its answer.
    asked: Option<Box<Asked>>,
    /// The session that we answered a rekey with and that we have heard nothing in.
    next: Option<Box<Next>>,
    /// When a rekey was answered last.
    answered: Option<Time>,
    /// When the line ends because its keys are used up.
    pub(super) exhausted_until: Option<Time>,
}

/// A rekey of ours.
pub(super) struct Asked {
    /// The id that we want to receive on.
    line: u32,
    message: Message1,
    handshake: Handshake,
    /// When it was said last.
    said: Time,
}

/// A rekey of the peer's that was answered.
pub(super) struct Next {
    session: Session,
    /// The hash of the rekey: one that comes again gets the same answer.
    digest: Digest,
    message: Message2,
}

impl core::fmt::Debug for Asked {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Asked({:08x})", self.line)
    }
}

impl core::fmt::Debug for Next {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Next({:?})", self.session)
    }
}

impl Renewal {
    /// True if a rekey was answered and its session was not heard yet.
    pub(super) const fn waits(&self) -> bool {
        self.next.is_some()
    }

    /// The session that waits to be heard, if it receives on this id.
    pub(super) fn next_mut(&mut self, ours: u32) -> Option<&mut Session> {
        let session = &mut self.next.as_mut()?.session;
        (session.ours == ours).then_some(session)
    }

    /// Drops the key schedules of what waits.
    pub(super) fn rest(&mut self) {
        if let Some(next) = &mut self.next {
            next.session.rest();
        }
    }

    /// The ids that lead to what is under way.
    pub(super) fn ids(&self) -> impl Iterator<Item = u32> {
        let asked = self.asked.as_ref().map(|asked| asked.line);
        let next = self.next.as_ref().map(|next| next.session.ours);
        asked.into_iter().chain(next)
    }
}

/// What both ends hash before the first message: it chains the handshake to the one before.
pub(super) fn prologue(before: &[u8; 32]) -> Vec<u8> {
    [b"hydroid/1 rekey".as_slice(), before].concat()
}

fn digest(line: u32, message: &[u8]) -> Digest {
    let mut hash = Sha256::new();
    hash.update(line.to_be_bytes());
    hash.update(message);
    hash.finalize().into()
}

/// True if new keys are to be asked for. The larger hashname waits an eighth longer, so that two
/// ends seldom ask at once.
fn is_worn(session: &Session, now: Time, config: &Config, larger: bool) -> bool {
    let slack = |of: u64| of.saturating_add(if larger { of / 8 } else { 0 });
    let packets = slack(config.rekey_after_packets.min(RENEW_AFTER_MAX));
    let may = session.since.plus_ms(config.rekeys_min_ms) <= now;
    let is_old = || session.since.plus_ms(slack(config.rekey_after_ms)) <= now;
    may && (session.sealed.max(session.opened) >= packets || is_old())
}

impl Lines {
    /// Asks for new keys of a line that is in use, if that is due. To be called before a
    /// run of packets is sealed. True if [`Lines::rekey`] is to be sent, for the first time or
    /// again.
    pub fn rekey_if_due(&mut self, now: Time, slot: Slot) -> bool {
        let Some(line) = self.slots.get_mut(slot) else {
            return false;
        };
        let is_ours = self.homes[line.home].is_of(line.info.who.local);
        let current = line.current.as_ref();
        let Some(current) = current.filter(|_| line.closing.is_none() && is_ours) else {
            return false;
        };
        let renewal = &mut line.renewal;
        if current.sealed >= SEALED_MAX && renewal.exhausted_until.is_none() {
            renewal.exhausted_until = Some(now.plus_ms(self.config.older_ms));
            self.set_timer(slot);
            return false;
        }
        if let Some(asked) = &mut renewal.asked {
            let again = asked.said.plus_ms(self.config.repeat_most_ms) <= now;
            if again {
                asked.said = now;
            }
            return again;
        }
        let larger = line.info.who.peer_hashname < line.info.who.local;
        if renewal.next.is_some() || !is_worn(current, now, &self.config, larger) {
            return false;
        }
        self.ask(now, slot);
        true
    }

    fn ask(&mut self, now: Time, slot: Slot) {
        let rng = self.rng.fork("rekey");
        let id = self.draw_id(Place::Rekey(slot));
        let line = self.slots.get_mut(slot).expect("the line was just there");
        let current = line.current.as_ref().expect("a line that renews is up");
        let asked = Asked::new(now, id, (&self.homes[line.home], line, current), rng);
        line.renewal.asked = Some(Box::new(asked));
    }

    /// Our rekey that waits for its answer: the id that we want to receive on, and the message.
    pub fn rekey(&self, slot: Slot) -> Option<(u32, &[u8])> {
        let asked = self.slots.get(slot)?.renewal.asked.as_ref()?;
        Some((asked.line, &asked.message))
    }

    /// Our answer to the peer's rekey, until the peer was heard under the new keys.
    pub fn rekeyed(&self, slot: Slot) -> Option<(u32, &[u8])> {
        let next = self.slots.get(slot)?.renewal.next.as_ref()?;
        Some((next.session.ours, &next.message))
    }

    /// Takes a rekey that came in the packet that was unsealed last, from a peer that receives on
    /// `theirs`. True if [`Lines::rekeyed`] is to be sent.
    ///
    /// # Errors
    /// [`Dropped`] if it is garbage: the peer misbehaves.
    pub fn on_rekey(
        &mut self,
        now: Time,
        slot: Slot,
        theirs: u32,
        message: &[u8],
    ) -> Result<bool, Dropped> {
        let message: &Message1 = message.try_into().map_err(|_length| Dropped::Malformed)?;
        let Some(line) = self.slots.get(slot) else {
            return Ok(false);
        };
        let is_ours = self.homes[line.home].is_of(line.info.who.local);
        let current = line.is_of_now();
        let Some(current) = current.filter(|_| line.closing.is_none() && is_ours) else {
            return Ok(false);
        };
        let digest = digest(theirs, message);
        let renewal = &line.renewal;
        if renewal.next.as_ref().is_some_and(|it| it.digest == digest) {
            return Ok(true);
        }
        let ours_stays =
            renewal.asked.is_some() && line.info.who.local < line.info.who.peer_hashname;
        let last = current.since.max(renewal.answered.unwrap_or(Time::ZERO));
        if ours_stays || now < last.plus_ms(self.config.rekeys_min_ms) {
            return Ok(false);
        }
        self.agree(now, slot, (theirs, message), digest)?;
        Ok(true)
    }

    fn agree(
        &mut self,
        now: Time,
        slot: Slot,
        (theirs, message): (u32, &Message1),
        digest: Digest,
    ) -> Result<(), Dropped> {
        let rng = self.rng.fork("rekeyed");
        let ours = self.draw_id(Place::Line(slot));
        let line = self.slots.get_mut(slot).expect("the line was just there");
        let current = line.current.as_ref().expect("a line that renews is up");
        let home = &self.homes[line.home];
        let answered = answer((home, line, current), (ours, theirs), (now, message), rng);
        let (session, message) = match answered {
            Ok(answered) => answered,
            Err(garbage) => {
                self.ids.remove(&ours);
                return Err(garbage);
            }
        };
        let next = Next {
            session,
            digest,
            message,
        };
        line.renewal.answered = Some(now);
        let before = line.renewal.next.replace(Box::new(next));
        if let Some(before) = before {
            self.ids.remove(&before.session.ours);
        }
        self.stop_asking(slot);
        Ok(())
    }

    /// Takes the answer to our rekey, which came in the packet that was unsealed last. The new
    /// session is in the effects, and packets are sealed in it from now on.
    ///
    /// # Errors
    /// [`Dropped`] if it is garbage: the peer misbehaves.
    pub fn on_rekeyed(
        &mut self,
        now: Time,
        slot: Slot,
        theirs: u32,
        message: &[u8],
        fx: &mut Effects<Effect>,
    ) -> Result<(), Dropped> {
        let message: &Message2 = message.try_into().map_err(|_length| Dropped::Malformed)?;
        let Some(line) = self.slots.get_mut(slot) else {
            return Ok(());
        };
        if line.is_of_now().is_none() || line.closing.is_some() {
            return Ok(());
        }
        let Some(asked) = line.renewal.asked.take() else {
            return Ok(());
        };
        let Asked {
            line: ours,
            mut handshake,
            ..
        } = *asked;
        self.ids.remove(&ours);
        handshake.read(message, &mut [])?;
        let hash = handshake.hash();
        let keys = handshake.split();
        let session = Session::new(line.info.suite, true, (ours, theirs), keys).begun(now, hash);
        self.ids.insert(ours, Place::Line(slot));
        self.move_to(slot, session, fx);
        Ok(())
    }

    /// A packet has come in the session that we answered a rekey with: the peer seals in it, and so
    /// do we.
    pub(super) fn on_next_heard(&mut self, slot: Slot, fx: &mut Effects<Effect>) {
        let line = self.slots.get_mut(slot).expect("an id leads to its line");
        if let Some(next) = line.renewal.next.take() {
            self.move_to(slot, next.session, fx);
        }
    }

    /// Seals in `session` from now on; what was sealed in so far is accepted for a while.
    fn move_to(&mut self, slot: Slot, session: Session, fx: &mut Effects<Effect>) {
        self.stop_asking(slot);
        let line = self.slots.get_mut(slot).expect("a line that renews is up");
        let before = line.current.replace(session).map(Box::new);
        let oldest = core::mem::replace(&mut line.older, before);
        line.older_until = None;
        line.renewal.exhausted_until = None;
        line.info.sessions += 1;
        if let Some(oldest) = oldest {
            self.ids.remove(&oldest.ours);
        }
        fx.push(Effect::Renewed { slot });
        self.set_timer(slot);
    }

    /// Drops our rekey, if one is under way.
    pub(super) fn stop_asking(&mut self, slot: Slot) {
        let line = self.slots.get_mut(slot);
        if let Some(asked) = line.and_then(|line| line.renewal.asked.take()) {
            self.ids.remove(&asked.line);
        }
    }

    /// True if the session that a line seals in has sealed as many packets as it may: nothing can
    /// be sent before it is renewed, and without that the line ends.
    pub fn is_exhausted(&self, slot: Slot) -> bool {
        let line = self.slots.get(slot);
        let current = line.and_then(|line| line.current.as_ref());
        current.is_some_and(|current| current.sealed >= SEALED_MAX)
    }

    /// One above the highest counter that was sealed on a line.
    pub fn counter(&self, slot: Slot) -> u64 {
        let line = self.slots.get(slot);
        line.map_or(0, |line| line.counter.min(VARINT_MAX + 1))
    }
}

/// Who renews: our end, the line, and the session that the handshake is chained to.
type Chain<'a> = (&'a super::home::Home, &'a Line, &'a Session);

impl Asked {
    fn new(now: Time, line: u32, (home, of, current): Chain<'_>, rng: Rng) -> Self {
        let prologue = prologue(&current.hash);
        let peer = of.info.who.peer.agreement();
        let own = &home.agreement;
        let mut handshake = Handshake::initiator(of.info.suite, own, &peer, &prologue, rng);
        let mut message = [0; MESSAGE_1_OVERHEAD];
        handshake
            .write(&[], &mut message)
            .expect("a key that is not weak agrees to more than zero");
        Self {
            line,
            message,
            handshake,
            said: now,
        }
    }
}

/// Answers a rekey: four agreements and a key.
fn answer(
    (home, line, current): Chain<'_>,
    (ours, theirs): (u32, u32),
    (now, message): (Time, &Message1),
    rng: Rng,
) -> Result<(Session, Message2), Dropped> {
    let prologue = prologue(&current.hash);
    let suite = line.info.suite;
    let mut handshake = Handshake::responder(suite, &home.agreement, &prologue, rng);
    handshake.read(message, &mut [])?;
    if handshake.remote_static() != Some(line.info.who.peer.agreement()) {
        return Err(Dropped::KeyMismatch);
    }
    let mut answer = [0; MESSAGE_2_OVERHEAD];
    handshake.write(&[], &mut answer)?;
    let hash = handshake.hash();
    let keys = handshake.split();
    let session = Session::new(suite, false, (ours, theirs), keys).begun(now, hash);
    Ok((session, answer))
}
