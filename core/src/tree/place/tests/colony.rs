//! Members named by letters, between whom messages arrive in the order in which they were sent.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    format,
    string::String,
    vec,
};

use serde::{Deserialize, Serialize};

use super::super::*;

/// A member.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Letter(pub(super) char);

impl Id for Letter {
    fn replaces(&self, _other: &Self) -> bool {
        false
    }
}

#[derive(Default)]
pub(super) struct Eye {
    pub(super) contacts: Vec<Letter>,
    pub(super) silent: BTreeSet<Letter>,
    pub(super) slot: Option<Letter>,
}

impl Sight<Letter> for Eye {
    fn contacts(&mut self, most: usize) -> Vec<Letter> {
        self.contacts.iter().copied().take(most).collect()
    }

    fn slot(&mut self, _shallower_than: u16) -> Option<Letter> {
        self.slot
    }

    fn is_silent(&self, node: Letter) -> bool {
        self.silent.contains(&node)
    }

    fn dice(&mut self) -> u64 {
        0
    }
}

pub(super) struct Colony {
    pub(super) places: BTreeMap<Letter, Place<Letter>>,
    pub(super) queue: VecDeque<(Letter, Letter, Message<Letter>)>,
    pub(super) armed: BTreeSet<(Letter, Timer)>,
    /// For how long each was armed last.
    pub(super) waits: BTreeMap<(Letter, Timer), u32>,
    pub(super) counted: Vec<(Letter, Fault)>,
    /// Everybody whose parent changed since this was emptied.
    pub(super) moved: BTreeSet<char>,
    pub(super) eye: Eye,
    fx: Effects<Effect<Letter>>,
}

impl Colony {
    pub(super) fn new() -> Self {
        Self {
            places: BTreeMap::new(),
            queue: VecDeque::new(),
            armed: BTreeSet::new(),
            waits: BTreeMap::new(),
            counted: Vec::new(),
            moved: BTreeSet::new(),
            eye: Eye::default(),
            fx: Effects::new(EFFECTS_MOST),
        }
    }

    /// Members that came in this order, each below the one that stands before it: "a ab ac bd".
    pub(super) fn grown(joins: &str) -> Self {
        let mut colony = Self::new();
        for join in joins.split(' ') {
            let mut letters = join.chars();
            let (first, second) = (letters.next().unwrap(), letters.next());
            colony.start(second.unwrap_or(first), Settings::default());
            if let Some(second) = second {
                colony.join(second, first);
            }
        }
        colony.settle();
        colony.moved.clear();
        colony
    }

    /// The tree of the first example: a(b(d,e) c(f,g)).
    pub(super) fn seven() -> Self {
        Self::grown("a ab ac bd be cf cg")
    }

    pub(super) fn start(&mut self, name: char, settings: Settings) {
        let name = Letter(name);
        self.places.insert(name, Place::new(name, settings));
    }

    pub(super) fn place(&self, name: char) -> &Place<Letter> {
        &self.places[&Letter(name)]
    }

    /// Calls a place, and gives what it sends.
    pub(super) fn call(
        &mut self,
        name: char,
        call: impl FnOnce(&mut Place<Letter>, &mut Eye, &mut Effects<Effect<Letter>>),
    ) {
        let me = Letter(name);
        let place = self.places.get_mut(&me).unwrap();
        let before = place.parent();
        call(place, &mut self.eye, &mut self.fx);
        if place.parent() != before {
            self.moved.insert(name);
        }
        while let Some(effect) = self.fx.pop() {
            match effect {
                Effect::Send { to, message } => self.queue.push_back((me, to, message)),
                Effect::Arm { timer, ms } => {
                    self.waits.insert((me, timer), ms);
                    self.armed.insert((me, timer));
                }
                Effect::Disarm { timer } => {
                    self.armed.remove(&(me, timer));
                }
                Effect::Counted(fault) => self.counted.push((me, fault)),
                Effect::Linked { .. }
                | Effect::Unlinked { .. }
                | Effect::Placed
                | Effect::Bar { .. }
                | Effect::NewLife { .. } => {}
            }
        }
    }

    pub(super) fn tell(&mut self, from: char, to: char, message: Message<Letter>) {
        self.call(to, |place, eye, fx| {
            place.on_message(Letter(from), message, eye, fx);
        });
    }

    /// The messages that one has sent to another and that have not arrived.
    pub(super) fn sent(&self, from: char, to: char) -> Vec<Message<Letter>> {
        let all = self.queue.iter();
        all.filter(|(one, other, _)| (one.0, other.0) == (from, to))
            .map(|(.., message)| message.clone())
            .collect()
    }

    pub(super) fn join(&mut self, name: char, contact: char) {
        self.call(name, |place, eye, fx| {
            place.join(&[Letter(contact)], eye, fx);
        });
        self.run();
    }

    /// Lets everything arrive; who is gone cannot be reached.
    pub(super) fn run(&mut self) {
        for _ in 0..10_000 {
            let Some((from, to, message)) = self.queue.pop_front() else {
                return;
            };
            if self.places.contains_key(&to) {
                self.tell(from.0, to.0, message);
            } else if self.places.contains_key(&from) {
                self.call(from.0, |place, eye, fx| place.on_lost(to, eye, fx));
            }
        }
        panic!("it never ends");
    }

    pub(super) fn fire(&mut self, timer: Timer) {
        self.fire_quietly(timer);
        self.run();
    }

    /// The same, but nothing that is sent arrives.
    pub(super) fn fire_quietly(&mut self, timer: Timer) {
        for name in self.places.keys().copied().collect::<Vec<_>>() {
            if self.armed.remove(&(name, timer)) {
                self.call(name.0, |place, eye, fx| place.on_timer(timer, eye, fx));
            }
        }
    }

    /// All that a search waits for runs out, once.
    pub(super) fn fire_all(&mut self) {
        for timer in [
            Timer::Plug,
            Timer::Duty,
            Timer::Ask,
            Timer::Raise,
            Timer::Found,
            Timer::Probe,
        ] {
            self.fire(timer);
        }
    }

    pub(super) fn beat(&mut self) {
        for name in self.places.keys().copied().collect::<Vec<_>>() {
            self.call(name.0, |place, eye, fx| place.on_beat(eye, fx));
            self.run();
        }
    }

    /// Summaries travel up and words down, and what was kept is forgotten.
    pub(super) fn settle(&mut self) {
        self.run();
        for _ in 0..4 {
            self.fire(Timer::Tell);
            self.fire(Timer::Age);
            self.beat();
        }
    }

    /// Lets one die; those who dealt with it notice, in the order of their names.
    pub(super) fn kill(&mut self, name: char) {
        self.places.remove(&Letter(name));
        self.armed.retain(|(who, _)| who.0 != name);
        for other in self.places.keys().copied().collect::<Vec<_>>() {
            let place = &self.places[&other];
            if place.parent() == Some(Letter(name)) || place.children().any(|c| c.0 == name) {
                self.call(other.0, |place, eye, fx| {
                    place.on_lost(Letter(name), eye, fx);
                });
            }
        }
        self.run();
    }

    /// The trees as text, "a(b(d e) c)", children in the order of their names.
    pub(super) fn draw(&self) -> String {
        let roots = self
            .places
            .values()
            .filter(|place| place.parent().is_none());
        let trees: Vec<String> = roots.map(|place| self.draw_below(place.me())).collect();
        trees.join(" ")
    }

    fn draw_below(&self, name: Letter) -> String {
        let Some(place) = self.places.get(&name) else {
            return String::from("?");
        };
        let mut children: Vec<Letter> = place.children().collect();
        children.sort();
        for child in &children {
            assert_eq!(self.places[child].parent(), Some(name));
        }
        let below: Vec<String> = children.into_iter().map(|c| self.draw_below(c)).collect();
        if below.is_empty() {
            return vec![name.0].into_iter().collect();
        }
        format!("{}({})", name.0, below.join(" "))
    }
}
