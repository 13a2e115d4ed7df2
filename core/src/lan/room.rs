//! The room: which identities are announced where and when, and what comes of what is heard.

use alloc::{collections::VecDeque, vec::Vec};
use core::net::SocketAddr;

use zeroize::Zeroizing;

use super::{
    Announcement, Capabilities, Config, Found, Heard, LocalNetwork, PORTS, TagKey, Unheard, Verify,
    echoes::{Echoes, sender},
    known::{Change, Known},
    leaving::{GoodByes, Sheet},
    rhythm::Rhythm,
};
use crate::{
    base::{Bucket, Effects, Finder, Rng, Time, Wall},
    identity::{Hashname, Keys, SecretKey, SpaceId},
    wire::{Path, Route},
};

/// Networks that are announced on, at most; of more, the first count.
pub const NETWORKS_MOST: usize = 64;
/// Announcements that wait to be sent; beyond it all of them are dropped for newer ones.
const OUT_MOST: usize = 4_096;
/// Longest pauses after which somebody is not there any more.
const SILENT_PAUSES: u64 = 3;
/// Purses for those who are heard: a sender has one of them, by a hash that only we know.
const PURSES: usize = 64;
/// How many bursts of answers may follow each other at once; then there is one a second.
const ANSWERS_AT_ONCE: u32 = 8;
/// From so many switches on, an answer may take its whole time.
const CROWD: usize = 8;
/// How often it is looked who has been silent for too long.
const LOOK_MS: u64 = 3_000;

/// What the switch learns.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Effect {
    /// Others came, went, or are to be reached elsewhere.
    Changed {
        /// Whose neighbours.
        local: Hashname,
    },
}

/// One of our identities that is announced.
#[derive(Debug)]
pub struct Member {
    /// Its name.
    pub local: Hashname,
    /// Its space.
    pub space: SpaceId,
    /// It signs the announcements.
    pub secret: SecretKey,
    /// What the space knows its announcements by, the one that is used first.
    pub tag_keys: Vec<Zeroizing<TagKey>>,
}

/// What is said of an identity beside where it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Own {
    /// How much it has to do already.
    pub load: u8,
    /// It takes part in the tree of its space.
    pub tree: bool,
    /// It takes nobody below itself there.
    pub leaf: bool,
}

/// Where an announcement came from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Came {
    /// The system's index of the interface, 0 if it does not say.
    pub interface: u32,
    /// Its sender.
    pub from: SocketAddr,
}

/// A network, and the port at which lines are taken there.
type Station = (LocalNetwork, u16);

/// Announcements of one switch.
#[derive(Debug)]
pub struct Lan {
    config: Config,
    rng: Rng,
    instance: u32,
    members: Vec<Member>,
    stations: Vec<Station>,
    rhythm: Option<Rhythm>,
    known: Known,
    good_byes: GoodByes,
    echoes: Echoes,
    /// Somebody was heard since the burst began.
    is_answered: bool,
    /// The time that our last announcement bears.
    said_ms: u64,
    /// The rounds of announcements so far.
    rounds: u64,
    /// Signatures of those who are not known yet, and of those who are.
    checks: [Bucket; 2],
    /// So many of the latter are not spent on what adds nothing.
    spare: u32,
    answers: Bucket,
    purses: Vec<Bucket>,
    finder: Finder,
    looked: Time,
    out: VecDeque<Sheet>,
}

impl Lan {
    /// Nobody is announced yet.
    pub fn new(config: &Config, mut rng: Rng) -> Self {
        let half = config.checks_per_s.div_ceil(2);
        let at_once = config.checks_at_once.div_ceil(2);
        Self {
            // 0 stands for nobody.
            instance: rng.u32().max(1),
            finder: Finder::new(&mut rng),
            rng,
            members: Vec::new(),
            stations: Vec::new(),
            rhythm: None,
            known: Known::default(),
            good_byes: GoodByes::default(),
            echoes: Echoes::default(),
            is_answered: false,
            said_ms: 0,
            rounds: 0,
            spare: at_once / 2,
            checks: [0; 2].map(|_| Bucket::new(half, at_once)),
            answers: Bucket::new(1, ANSWERS_AT_ONCE),
            purses: Vec::new(),
            looked: Time::ZERO,
            out: VecDeque::new(),
            config: config.clone(),
        }
    }

    /// True if somebody is announced.
    pub const fn is_announcing(&self) -> bool {
        !self.members.is_empty()
    }

    /// True if this identity is announced.
    pub fn has(&self, local: Hashname) -> bool {
        self.members.iter().any(|member| member.local == local)
    }

    /// The identities that are announced.
    pub fn locals(&self) -> impl Iterator<Item = Hashname> + '_ {
        self.members.iter().map(|member| member.local)
    }

    /// The networks to announce on, each with the port at which lines are taken there. If they are
    /// others than before, a burst begins.
    pub fn set_stations(&mut self, now: Time, stations: impl Iterator<Item = Station>) {
        let stations: Vec<Station> = stations.take(NETWORKS_MOST).collect();
        let is_new = stations.iter().any(|it| !self.stations.contains(it));
        let is_other = stations.iter().all(|it| !self.stations.contains(it));
        self.stations = stations;
        if is_new {
            // Where some stay, those who were heard there are known.
            let was_answered = self.is_answered && !is_other;
            self.wake(now);
            self.is_answered = was_answered;
        }
    }

    /// Others are to learn of us again: the machine slept, say.
    pub fn wake(&mut self, now: Time) {
        self.is_answered = false;
        if let Some(rhythm) = &mut self.rhythm {
            rhythm.begin(now);
        }
    }

    /// Announces an identity from now on.
    pub fn announce(&mut self, now: Time, member: Member) {
        self.good_byes.forget(member.local);
        self.members.push(member);
        self.rhythm
            .get_or_insert_with(|| Rhythm::new(now, &mut self.rng));
        if self.purses.is_empty() {
            let most = self.config.heard_per_s.saturating_mul(3);
            let purse = || Bucket::new(self.config.heard_per_s, most);
            self.purses = core::iter::repeat_with(purse).take(PURSES).collect();
        }
        self.wake(now);
    }

    /// The space of an identity has other keys for its tags.
    pub fn set_tag_keys(&mut self, local: Hashname, tag_keys: Vec<Zeroizing<TagKey>>) {
        let member = self.members.iter_mut().find(|it| it.local == local);
        if let Some(member) = member {
            member.tag_keys = tag_keys;
        }
    }

    /// Announces an identity no more, and says so.
    pub fn hush(&mut self, now: Time, wall: Option<Wall>, local: Hashname) {
        let Some(at) = self.members.iter().position(|it| it.local == local) else {
            return;
        };
        let capabilities = Capabilities {
            leaves: true,
            ..Capabilities::default()
        };
        let said = (Own::default(), capabilities);
        self.make_room();
        let before = self.out.len();
        self.say((now, wall), at, said, (0, 0));
        let sheets = self.out.iter().skip(before).cloned().collect();
        self.good_byes.push(now, local, sheets);
        self.members.remove(at);
        self.known.forget(local);
        if self.members.is_empty() {
            self.rhythm = None;
            (self.known, self.echoes) = Default::default();
        }
    }

    /// True while a good-bye is to be said again.
    pub const fn is_taking_leave(&self) -> bool {
        !self.good_byes.is_empty()
    }

    /// Those of the space of `local` who are there.
    pub fn found(&self, local: Hashname) -> impl Iterator<Item = Found> + '_ {
        self.known.found(local)
    }

    /// When something is due.
    pub fn deadline(&self) -> Option<Time> {
        let rhythm = self.rhythm.as_ref().filter(|_| !self.stations.is_empty());
        let says = rhythm.map_or(Time::NEVER, |it| it.next().min(self.echoes.next()));
        let next = says.min(self.good_byes.next());
        let look = if self.known.is_empty() {
            Time::NEVER
        } else {
            self.looked.plus_ms(LOOK_MS)
        };
        Some(next.min(look)).filter(|at| *at < Time::NEVER)
    }

    /// Announces if that is due, and forgets who was silent for long. `own` tells what is to be said
    /// of each identity.
    pub fn on_deadline(
        &mut self,
        now: Time,
        wall: Option<Wall>,
        own: &dyn Fn(Hashname) -> Own,
        fx: &mut Effects<Effect>,
    ) {
        if now >= self.looked.plus_ms(LOOK_MS) && !self.known.is_empty() {
            self.looked = now;
            let changed = self.known.expire(now, SILENT_PAUSES, &self.config);
            for local in changed {
                fx.push(Effect::Changed { local });
            }
        }
        self.good_byes.say(now, &mut self.out);
        let echoes = self.echoes.next() <= now;
        let due = |it: &Rhythm| it.next() <= now || echoes;
        let due = self.rhythm.as_ref().is_some_and(due);
        if !due || self.stations.is_empty() {
            return;
        }
        self.make_room();
        let is_news = self.rhythm.as_ref().is_some_and(Rhythm::is_news);
        let is_answer = self.rhythm.as_ref().is_some_and(Rhythm::is_answering);
        let is_burst = is_news || is_answer || echoes;
        // In a burst each goes to another port, since one may be taken by a program that shares none.
        let turn = if is_burst { self.rounds } else { 0 };
        let (echo, doubts) = self.echoes.pop(now);
        for at in 0..self.members.len() {
            let own = own(self.members[at].local);
            let capabilities = Capabilities {
                leaves: false,
                asks: is_news && !self.is_answered,
                leaf: own.leaf,
                tree: own.tree,
                doubts,
            };
            self.say((now, wall), at, (own, capabilities), (echo, turn));
        }
        self.rounds += 1;
        let switches = self.known.switches();
        if let Some(rhythm) = &mut self.rhythm {
            rhythm.on_said(now, switches);
        }
    }

    /// What nobody fetches is dropped.
    fn make_room(&mut self) {
        if self.out.len() > OUT_MOST {
            self.out.clear();
        }
    }

    /// Queues what is said of an identity, on every network. Each network hears another moment, and
    /// each time another network the first, so that whoever is on several hears of all.
    fn say(
        &mut self,
        (now, wall): (Time, Option<Wall>),
        at: usize,
        (own, capabilities): (Own, Capabilities),
        (echo, turn): (u32, u64),
    ) {
        let nonce = self.echoes.nonce(now, &mut self.rng);
        let pause_ms = Rhythm::longest_ms(self.known.switches());
        let pause_s = u16::try_from(pause_ms.div_ceil(1000)).unwrap_or(u16::MAX);
        let wall_ms = wall.map_or(now.as_us() / 1000, Wall::as_ms);
        let hour = now.as_us() / 1000 / u64::from(self.config.port_ms);
        let port = PORTS[(hour.wrapping_add(turn) % PORTS.len() as u64) as usize];
        let count = self.stations.len();
        let member = &self.members[at];
        for n in 0..count {
            let (network, lines_port) = self.stations[(n + self.rounds as usize) % count];
            self.said_ms = wall_ms.max(self.said_ms.saturating_add(1));
            let announcement = Announcement {
                key: member.secret.public(),
                instance: self.instance,
                nonce,
                echo,
                wall: Wall::from_ms(self.said_ms),
                from: network.local,
                port: lines_port,
                pause_s,
                load: own.load,
                capabilities,
            };
            let Some(tag_key) = member.tag_keys.first() else {
                return;
            };
            let bytes = announcement.write(tag_key, &member.space, &member.secret);
            for to in network.destinations(port) {
                let route = Route {
                    socket: network.socket,
                    path: Path::new(Some(network.local), to),
                };
                self.out.push_back((route, bytes.clone()));
            }
        }
    }

    /// True if something is to be sent.
    pub fn has_output(&self) -> bool {
        !self.out.is_empty()
    }

    /// Writes the next announcement, if `buf` has room for it.
    pub fn poll(&mut self, buf: &mut [u8]) -> Option<(Route, usize)> {
        let (_, bytes) = self.out.front()?;
        buf.get_mut(..bytes.len())?.copy_from_slice(bytes);
        let (route, bytes) = self.out.pop_front()?;
        Some((route, bytes.len()))
    }

    /// An announcement came, the body of a packet that [`is_announcement`](super::is_announcement).
    ///
    /// # Errors
    /// [`Unheard`] if it comes to nothing.
    pub fn on_packet(
        &mut self,
        (now, wall): (Time, Option<Wall>),
        came: Came,
        body: &[u8],
        (keys, verify): (Keys, Verify<'_>),
        fx: &mut Effects<Effect>,
    ) -> Result<(), Unheard> {
        let heard = Heard::parse(body)?;
        if self.members.is_empty() {
            return Err(Unheard::Strange);
        }
        if heard.instance() == self.instance {
            // What we said comes back to us.
            return Ok(());
        }
        if !self.is_near(came) {
            return Err(Unheard::Network);
        }
        let from = came.from.ip();
        let mut members = self.members.iter();
        let is_there = members.any(|it| self.known.is_there(it.local, heard.key(), from));
        if !is_there && !self.pays(now, came.from) {
            return Err(Unheard::Crowd);
        }
        let mut members = self.members.iter();
        let member = members.find(|it| it.tag_keys.iter().any(|key| heard.is_of(key)));
        let Some(member) = member else {
            self.known.pass(now, from, heard.instance());
            return Err(Unheard::Strange);
        };
        let (local, space) = (member.local, member.space);
        if self.known.is_old(local, &heard) {
            return Err(Unheard::Replayed);
        }
        // Where everybody talks there is time left for those who have something to say.
        let adds_nothing = self.known.adds_nothing(now, local, &heard, came.from);
        let left = if adds_nothing { self.spare } else { 0 };
        if !self.checks[usize::from(is_there)].take(now, 1, left) {
            return Err(Unheard::Crowd);
        }
        let key = keys(&heard.key()).map_err(|_illegal| Unheard::Forged)?;
        let said = heard.check(&space, key, verify)?;
        if said.from != from.to_canonical() || said.port == 0 {
            // Somebody else passed it on.
            return Err(Unheard::Network);
        }
        self.hear((now, wall), local, (&said, came.from), fx)
    }

    /// True if this sender has not said too much: those of one address share a purse, but for this
    /// machine's own.
    fn pays(&mut self, now: Time, from: SocketAddr) -> bool {
        let purse = self.finder.hash(&sender(from)) as usize % PURSES;
        let purse = self.purses.get_mut(purse);
        purse.is_some_and(|purse| purse.take(now, 1, 0))
    }

    /// An announcement that its key has signed.
    fn hear(
        &mut self,
        (now, wall): (Time, Option<Wall>),
        local: Hashname,
        (said, from): (&Announcement, SocketAddr),
        fx: &mut Effects<Effect>,
    ) -> Result<(), Unheard> {
        let echoed = self.echoes.is_ours(now, said.echo, &mut self.rng);
        let (at, key) = ((now, wall), said.key.as_bytes());
        let before = self.known.heard_at(local, key);
        let is_twice = self.known.is_twice(now, local, said);
        let heard = self
            .known
            .hear(at, local, (said, from), echoed, &self.config);
        let is_doubted = heard == Err(Unheard::Untimely);
        if (is_doubted && !is_twice) || (echoed && said.capabilities.doubts) {
            let (at, nonce) = (now.plus_us(self.delay_us()), (said.nonce, is_doubted));
            self.echoes.push((now, at), nonce, from, &self.finder);
        }
        let change = heard?;
        self.is_answered = true;
        let Capabilities { leaves, asks, .. } = said.capabilities;
        if let Some(rhythm) = self.rhythm.as_mut().filter(|_| !leaves && !asks) {
            rhythm.on_heard(before, self.config.answers_enough);
        }
        if change != Change::None {
            fx.push(Effect::Changed { local });
        }
        if change == Change::Came || asks {
            // Of a crowd as many are sure to answer as are enough, whichever these are: keys cost
            // nothing, so it is the addresses that count.
            let crowd = self.known.addresses(local) as u64;
            let is_sure = self.rng.below(crowd + 1) < u64::from(self.config.answers_enough);
            self.answer(now, is_sure);
        }
        Ok(())
    }

    /// Lets somebody new learn of us, a little later than others perhaps.
    fn answer(&mut self, now: Time, is_sure: bool) {
        let delay_us = self.delay_us();
        let Some(rhythm) = &mut self.rhythm else {
            return;
        };
        if rhythm.is_answering() {
            rhythm.insist(is_sure);
        } else if self.answers.take(now, 1, 0) {
            rhythm.answer(now, now.plus_us(delay_us), is_sure);
        }
    }

    /// How long somebody waits for us, the longer the more might speak at once.
    fn delay_us(&mut self) -> u64 {
        let most_us = u64::from(self.config.answer_ms) * 1000;
        let crowd = self.known.switches().min(CROWD) as u64;
        self.rng.below(most_us * crowd / CROWD as u64 + 1)
    }

    /// True if it came by a network that is announced on, from an address of that.
    fn is_near(&self, came: Came) -> bool {
        let is_it = |network: &LocalNetwork| {
            let is_there = came.interface == 0 || came.interface == network.interface;
            is_there && network.has(came.from.ip())
        };
        self.stations.iter().any(|(network, _)| is_it(network))
    }
}
