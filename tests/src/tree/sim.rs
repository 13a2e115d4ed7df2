//! Members with lines between them, in virtual time: messages on a line arrive in order after a
//! delay; a line breaks when an end of it dies or is cut off, which the other notices some time
//! later. After every step it is checked that no parents form a loop.

mod eye;
mod queue;

use std::collections::HashMap;

use hydroid_core::base::Effects;
use hydroid_core::tree::place::{Effect, Message, Place, Settings, Timer};

use self::{
    eye::Eye,
    queue::{Event, Queue, Wanted},
};
use super::{Dice, Name};

/// Microseconds of a millisecond.
pub const MS: u64 = 1_000;
/// How often a member beats.
const BEAT: u64 = 600 * MS;
/// How often `raise` is called.
const RAISE: u64 = 10_000 * MS;
/// When a line that cannot be made is given up.
const UNREACHABLE: u64 = 500 * MS;
/// Timers that a place has.
const TIMERS: usize = 8;
/// A timer that is not armed.
const NEVER: u64 = u64::MAX;

/// How the network behaves.
#[derive(Clone, Debug)]
pub struct Network {
    /// The shortest way of a message, in microseconds.
    pub delay_least: u64,
    /// The longest.
    pub delay_most: u64,
    /// Whether the first message to one that is no neighbour takes two ways more.
    pub dials: bool,
    /// Messages of a thousand that arrive twice.
    pub twice: u64,
    /// Messages of a thousand that arrive out of order, much later.
    pub stray: u64,
    /// The shortest and the longest time until a dead neighbour is noticed.
    pub notice: (u64, u64),
    /// When others hear no more of the dead.
    pub forget: u64,
    /// Answers of a thousand by which a living neighbour is called silent.
    pub lies: u64,
}

impl Default for Network {
    fn default() -> Self {
        Self {
            delay_least: 10 * MS,
            delay_most: 50 * MS,
            dials: false,
            twice: 0,
            stray: 0,
            notice: (100 * MS, 1_500 * MS),
            forget: 2_000 * MS,
            lies: 0,
        }
    }
}

/// What is known of a member beside its place.
#[derive(Clone, Debug)]
pub struct Seat {
    /// Its name in its latest life.
    pub name: Name,
    /// Whether it lives.
    pub alive: bool,
    /// It knows only others of this group while groups count.
    pub group: u8,
    /// Its neighbours, as its place told.
    pub linked: Vec<Name>,
    due: [u64; TIMERS],
    /// Asks that it got.
    pub asked: Rate,
    /// Children that it got.
    pub adopted: Rate,
    /// Times it was sent elsewhere since its parent last changed.
    pub redirects: u32,
    /// When that was.
    pub placed_at: u64,
}

/// How often something happened in the second that runs, and in the busiest one.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rate {
    second: u64,
    now: u32,
    /// The most in any second.
    pub most: u32,
}

impl Rate {
    fn count(&mut self, now: u64) {
        let second = now / (1_000 * MS);
        if second != self.second {
            self.second = second;
            self.now = 0;
        }
        self.now += 1;
        self.most = self.most.max(self.now);
    }
}

/// The simulation.
#[derive(Clone, Debug)]
pub struct Sim {
    /// Microseconds since it began.
    pub now: u64,
    /// The places of all who ever were, in their latest lives.
    pub places: Vec<Place<Name>>,
    /// What else is known of them.
    pub seats: Vec<Seat>,
    /// How the network behaves.
    pub network: Network,
    /// Where its randomness comes from.
    pub dice: Dice,
    /// Whether members know only those of their group.
    pub grouped: bool,
    /// Pairs that cannot reach each other.
    pub cuts: Vec<(u16, u16)>,
    /// What was wrong first.
    pub wrong: Option<String>,
    /// Whether every step is printed.
    pub talks: bool,
    /// Messages that were sent.
    pub sent: u64,
    /// Times that a member got another parent while it had one.
    pub moves: u64,
    /// How often those who found a parent were sent elsewhere before.
    pub redirected: Vec<u32>,
    known: Vec<Name>,
    queue: Queue,
    order: HashMap<(Name, Name), u64>,
    fx: Wanted,
}

/// One order for a pair.
pub fn pair(one: u16, other: u16) -> (u16, u16) {
    (one.min(other), one.max(other))
}

fn index(timer: Timer) -> usize {
    match timer {
        Timer::Ask => 0,
        Timer::Plug => 1,
        Timer::Duty => 2,
        Timer::Found => 3,
        Timer::Probe => 4,
        Timer::Age => 5,
        Timer::Tell => 6,
        Timer::Raise => 7,
    }
}

impl Sim {
    /// Nobody, yet.
    pub fn new(seed: u64, network: Network) -> Self {
        Self {
            now: 0,
            places: Vec::new(),
            seats: Vec::new(),
            network,
            dice: Dice(seed),
            grouped: false,
            cuts: Vec::new(),
            wrong: None,
            talks: std::env::var_os("HYDROID_TALK").is_some(),
            sent: 0,
            moves: 0,
            redirected: Vec::new(),
            known: Vec::new(),
            queue: Queue::default(),
            order: HashMap::new(),
            fx: Wanted::default(),
        }
    }

    /// Begins a member that stands alone.
    pub fn start(&mut self, settings: Settings, group: u8) -> u16 {
        let member = u16::try_from(self.seats.len()).expect("members have 16 bits");
        let name = Name { member, life: 0 };
        self.places.push(Place::new(name, settings));
        self.seats.push(Seat {
            name,
            alive: true,
            group,
            linked: Vec::new(),
            due: [NEVER; TIMERS],
            asked: Rate::default(),
            adopted: Rate::default(),
            redirects: 0,
            placed_at: 0,
        });
        self.known.push(name);
        self.wind(name);
        member
    }

    /// Lets one that is dead live again, as another.
    pub fn restart(&mut self, member: u16, settings: Settings) {
        let seat = &mut self.seats[usize::from(member)];
        if seat.alive {
            return;
        }
        seat.name.life += 1;
        seat.alive = true;
        seat.linked.clear();
        seat.due = [NEVER; TIMERS];
        let name = seat.name;
        self.places[usize::from(member)] = Place::new(name, settings);
        self.known.retain(|known| known.member != member);
        self.known.push(name);
        self.wind(name);
    }

    fn wind(&mut self, name: Name) {
        let (beat, raise) = (self.dice.below(BEAT), self.dice.below(RAISE));
        self.queue.push(self.now + beat, Event::Beat(name));
        self.queue.push(self.now + raise, Event::Raise(name));
    }

    /// Lets a member die without a word.
    pub fn crash(&mut self, member: u16) {
        let seat = &mut self.seats[usize::from(member)];
        if !seat.alive {
            return;
        }
        seat.alive = false;
        let name = seat.name;
        self.queue
            .push(self.now + self.network.forget, Event::Forget(name));
        for other in 0..self.seats.len() {
            let seat = &self.seats[other];
            if seat.alive && seat.linked.contains(&name) {
                let to = seat.name;
                self.notice(to, name);
            }
        }
    }

    /// Lets a member go politely.
    pub fn leave(&mut self, member: u16) {
        if self.seats[usize::from(member)].alive {
            self.call(member, |place, _, fx| place.leave(fx));
            self.seats[usize::from(member)].alive = false;
            let name = self.seats[usize::from(member)].name;
            self.queue
                .push(self.now + self.network.forget, Event::Forget(name));
        }
    }

    /// Cuts the way between two, or mends it.
    pub fn cut(&mut self, one: u16, other: u16) {
        let cut = pair(one, other);
        if one == other || self.cuts.contains(&cut) {
            return;
        }
        self.cuts.push(cut);
        for (here, there) in [(one, other), (other, one)] {
            let there = self.seats[usize::from(there)].name;
            let seat = &self.seats[usize::from(here)];
            if seat.alive && seat.linked.contains(&there) {
                let here = seat.name;
                self.notice(here, there);
            }
        }
    }

    fn notice(&mut self, who: Name, lost: Name) {
        let (least, most) = self.network.notice;
        let after = self.dice.between(least, most);
        self.queue.push(self.now + after, Event::Lost(who, lost));
    }

    /// Begins anew to count what is counted by the second, and redirects.
    pub fn count_anew(&mut self) {
        for seat in &mut self.seats {
            seat.asked = Rate::default();
            seat.adopted = Rate::default();
        }
        self.redirected.clear();
        self.sent = 0;
        self.moves = 0;
    }

    /// Whether this very life goes on.
    pub fn is_alive(&self, name: Name) -> bool {
        let seat = &self.seats[usize::from(name.member)];
        seat.alive && seat.name == name
    }

    /// The members that live.
    pub fn alive(&self) -> impl Iterator<Item = u16> {
        let alive = self.seats.iter().filter(|seat| seat.alive);
        alive.map(|seat| seat.name.member)
    }

    /// Calls a place and carries out what it wants.
    pub fn call(
        &mut self,
        member: u16,
        call: impl FnOnce(&mut Place<Name>, &mut Eye<'_>, &mut Effects<Effect<Name>>),
    ) {
        let at = usize::from(member);
        let before = (self.places[at].parent(), self.places[at].is_root());
        let mut eye = Eye {
            me: self.seats[at].name,
            known: &self.known,
            seats: &self.seats,
            grouped: self.grouped,
            dice: &mut self.dice,
            cuts: &self.cuts,
            lies: self.network.lies,
        };
        call(&mut self.places[at], &mut eye, &mut self.fx.0);
        let after = (self.places[at].parent(), self.places[at].is_root());
        while let Some(effect) = self.fx.0.pop() {
            self.carry_out(at, effect);
        }
        if before != after {
            self.on_placed(at, before.0);
        }
    }

    fn on_placed(&mut self, at: usize, before: Option<Name>) {
        let after = self.places[at].parent();
        if before.is_some() && after.is_some() {
            self.moves += 1;
        }
        if before.is_none() && after.is_some() {
            self.redirected.push(self.seats[at].redirects);
        }
        self.seats[at].redirects = 0;
        self.seats[at].placed_at = self.now;
        self.demand_no_loop(at);
    }

    /// Nobody is its own ancestor. Only the one that changed can be on a new loop.
    fn demand_no_loop(&mut self, at: usize) {
        let first = self.seats[at].name;
        let mut above = self.places[at].parent();
        let mut steps = 0;
        while let Some(node) = above.filter(|node| self.is_alive(*node)) {
            steps += 1;
            if node == first || steps > self.seats.len() {
                let what = format!("at {} us {first:?} stands below itself", self.now);
                self.wrong.get_or_insert(what);
                return;
            }
            above = self.places[usize::from(node.member)].parent();
        }
    }

    fn carry_out(&mut self, at: usize, effect: Effect<Name>) {
        let me = self.seats[at].name;
        match effect {
            Effect::Send { to, message } => self.send(me, to, message),
            Effect::Arm { timer, ms } => {
                let due = self.now + u64::from(ms) * MS;
                self.seats[at].due[index(timer)] = due;
                self.queue.push(due, Event::Timer(me, timer));
            }
            Effect::Disarm { timer } => self.seats[at].due[index(timer)] = NEVER,
            Effect::Linked { node } => {
                self.seats[at].linked.push(node);
                let now = self.now;
                if self.places[at].parent() != Some(node) {
                    self.seats[at].adopted.count(now);
                }
                if !self.is_alive(node) || self.is_cut(me, node) {
                    self.notice(me, node);
                }
            }
            Effect::Unlinked { node } => {
                let linked = &mut self.seats[at].linked;
                match linked.iter().position(|linked| *linked == node) {
                    Some(found) => {
                        linked.swap_remove(found);
                    }
                    None => {
                        self.wrong
                            .get_or_insert(format!("{me:?} unlinks {node:?} twice"));
                    }
                }
            }
            Effect::Placed | Effect::Counted(_) | Effect::Bar { .. } => {}
            Effect::NewLife { .. } => {
                // Nobody lies here.
                let what = format!("{me:?} sees no way into any tree");
                self.wrong.get_or_insert(what);
            }
        }
    }

    fn is_cut(&self, one: Name, other: Name) -> bool {
        !self.cuts.is_empty() && self.cuts.contains(&pair(one.member, other.member))
    }

    fn send(&mut self, from: Name, to: Name, message: Message<Name>) {
        self.sent += 1;
        if !self.is_alive(to) || self.is_cut(from, to) {
            return self
                .queue
                .push(self.now + UNREACHABLE, Event::Lost(from, to));
        }
        let (least, most) = (self.network.delay_least, self.network.delay_most);
        let mut delay = self.dice.between(least, most);
        if self.network.twice > 0 && self.dice.chance(self.network.twice) {
            let later = self.now + self.dice.between(least, 40 * most);
            self.queue
                .push(later, Event::Deliver(from, to, message.clone()));
        }
        if self.network.stray > 0 && self.dice.chance(self.network.stray) {
            let later = self.now + self.dice.between(least, 40 * most);
            return self.queue.push(later, Event::Deliver(from, to, message));
        }
        let new = !self.order.contains_key(&(to, from));
        let last = self.order.entry((from, to)).or_default();
        if new && *last == 0 && self.network.dials {
            delay += self.dice.between(2 * least, 2 * most);
        }
        let arrival = (*last + 1).max(self.now + delay);
        *last = arrival;
        self.queue.push(arrival, Event::Deliver(from, to, message));
    }

    /// Does what is due next, if that is before `until`; else nothing, and the time is `until`.
    pub fn step(&mut self, until: u64) -> bool {
        let Some((at, event)) = self.queue.pop_before(until) else {
            self.now = until;
            return false;
        };
        self.now = at;
        if self.talks {
            println!("{at} {event:?}");
        }
        match event {
            Event::Deliver(from, to, message) => self.deliver(from, to, message),
            Event::Lost(who, lost) => {
                if self.is_alive(who) {
                    self.call(who.member, |place, eye, fx| place.on_lost(lost, eye, fx));
                }
            }
            Event::Timer(who, timer) => {
                let due = &mut self.seats[usize::from(who.member)].due[index(timer)];
                if *due == at {
                    *due = NEVER;
                    if self.is_alive(who) {
                        self.call(who.member, |place, eye, fx| place.on_timer(timer, eye, fx));
                    }
                }
            }
            Event::Beat(who) => {
                if self.is_alive(who) {
                    self.call(who.member, |place, eye, fx| place.on_beat(eye, fx));
                    self.queue.push(at + BEAT, Event::Beat(who));
                }
            }
            Event::Raise(who) => {
                if self.is_alive(who) {
                    self.call(who.member, |place, eye, fx| place.raise(eye, fx));
                    self.queue.push(at + RAISE, Event::Raise(who));
                }
            }
            Event::Forget(name) => self.known.retain(|known| *known != name),
        }
        true
    }

    fn deliver(&mut self, from: Name, to: Name, message: Message<Name>) {
        if !self.is_alive(to) {
            return;
        }
        let seat = &mut self.seats[usize::from(to.member)];
        if let Message::Ask(_) = &message {
            seat.asked.count(self.now);
        }
        if let Message::Go { .. } = &message {
            seat.redirects += 1;
        }
        self.call(to.member, |place, eye, fx| {
            place.on_message(from, message, eye, fx);
        });
    }

    /// Runs until then, or until something is wrong.
    pub fn run(&mut self, until: u64) {
        while self.wrong.is_none() && self.step(until) {}
    }
}
