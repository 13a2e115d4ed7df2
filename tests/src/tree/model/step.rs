//! What may happen next, and what it does.

use hydroid_core::base::Effects;
use hydroid_core::tree::place::{
    EFFECTS_MOST, Effect, Message, Place, Settings, State as Told, Take, Timer,
};

use super::{Eye, Flight, Member, Small, State, print::print};

/// One thing that may happen.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Step {
    /// What is on its way arrives.
    Arrive(usize),
    /// It arrives, and once more later.
    ArriveTwice(usize),
    /// It is lost.
    Vanish(usize),
    Fire(usize, Timer),
    Join(usize, Small),
    Leave(usize),
    Crash(usize),
    Restart(usize),
    /// A neighbour's end, true or not, is noticed.
    Notice(usize, Small),
    Raise(usize),
    Beat(usize),
    /// The second is offered a place by the first, or told its state, as it is or was before.
    Old(usize, usize, bool),
}

impl State {
    /// All that may happen now.
    pub(super) fn steps(&self) -> Vec<Step> {
        let mut steps = Vec::new();
        for at in 0..self.flights.len() {
            steps.push(Step::Arrive(at));
            let message = matches!(self.flights[at].1, Flight::Message(..));
            if message && self.budget.twice > 0 {
                steps.push(Step::ArriveTwice(at));
            }
            if message && self.budget.vanish > 0 {
                steps.push(Step::Vanish(at));
            }
        }
        for (at, member) in self.members.iter().enumerate() {
            self.steps_of(at, member, &mut steps);
        }
        steps
    }

    fn steps_of(&self, at: usize, member: &Member, steps: &mut Vec<Step>) {
        let budget = &self.budget;
        if !member.alive {
            if budget.restart > 0 {
                steps.push(Step::Restart(at));
            }
            return;
        }
        if budget.fire > 0 {
            let timers = member.armed.iter();
            steps.extend(timers.map(|timer| Step::Fire(at, *timer)));
        }
        for node in &member.linked {
            let dead = !self.lives(*node);
            if dead || budget.suspect > 0 {
                steps.push(Step::Notice(at, *node));
            }
        }
        if budget.join > 0 {
            let others = self
                .members
                .iter()
                .filter(|other| other.name != member.name);
            steps.extend(others.map(|other| Step::Join(at, other.name)));
        }
        if budget.old > 0 {
            let others = (0..self.members.len()).filter(|from| *from != at);
            let others = others.filter(|from| self.members[*from].alive);
            for from in others {
                steps.push(Step::Old(from, at, false));
                if self.members[from].before.is_some() {
                    steps.push(Step::Old(from, at, true));
                }
            }
        }
        let may = [
            (budget.leave, Step::Leave(at)),
            (budget.crash, Step::Crash(at)),
            (budget.raise, Step::Raise(at)),
            (budget.beat, Step::Beat(at)),
        ];
        steps.extend(
            may.into_iter()
                .filter(|(left, _)| *left > 0)
                .map(|(_, step)| step),
        );
    }

    fn lives(&self, node: Small) -> bool {
        let member = &self.members[node.member()];
        member.alive && member.name == node
    }

    /// Does it, and sees that no reign falls.
    pub(super) fn take(&mut self, step: &Step) -> Result<(), String> {
        match *step {
            Step::Arrive(at) => {
                let (_, flight) = self.flights.remove(at);
                return self.arrive(flight);
            }
            Step::ArriveTwice(at) => {
                self.budget.twice -= 1;
                let (_, flight) = self.flights[at].clone();
                return self.arrive(flight);
            }
            Step::Vanish(at) => {
                self.budget.vanish -= 1;
                self.flights.remove(at);
            }
            Step::Fire(at, timer) => {
                self.budget.fire -= 1;
                self.members[at].armed.retain(|armed| *armed != timer);
                return self.call(at, |place, eye, fx| place.on_timer(timer, eye, fx));
            }
            Step::Join(at, contact) => {
                self.budget.join -= 1;
                return self.call(at, |place, eye, fx| place.join(&[contact], eye, fx));
            }
            Step::Leave(at) => {
                self.budget.leave -= 1;
                self.call(at, |place, _, fx| place.leave(fx))?;
                self.members[at].alive = false;
            }
            Step::Crash(at) => {
                self.budget.crash -= 1;
                self.members[at].alive = false;
            }
            Step::Restart(at) => {
                self.budget.restart -= 1;
                let name = Small(self.members[at].name.0 + 8);
                let settings = *self.members[at].place.settings();
                self.members[at] = Member::new(name, settings);
            }
            Step::Notice(at, node) => {
                if self.lives(node) {
                    self.budget.suspect -= 1;
                }
                return self.call(at, |place, eye, fx| place.on_lost(node, eye, fx));
            }
            Step::Raise(at) => {
                self.budget.raise -= 1;
                return self.call(at, |place, eye, fx| place.raise(eye, fx));
            }
            Step::Beat(at) => {
                self.budget.beat -= 1;
                return self.call(at, |place, eye, fx| place.on_beat(eye, fx));
            }
            Step::Old(from, to, before) => {
                self.budget.old -= 1;
                return self.tell_old(from, to, before);
            }
        }
        Ok(())
    }

    /// The network may hold a message for ever: whatever was true of a member may arrive now.
    fn tell_old(&mut self, from: usize, to: usize, before: bool) -> Result<(), String> {
        let member = &self.members[from];
        let (name, place) = (member.name, &member.place);
        let now = (place.reign(), place.depth());
        let (reign, depth) = member.before.filter(|_| before).unwrap_or(now);
        let path = place.path().to_vec();
        let message = if self.members[to].place.parent() == Some(name) {
            Message::State(Told {
                reign,
                depth,
                path: Some(path),
                adrift: false,
                moving: false,
                plug: None,
                rest: Vec::new(),
                size: 1,
            })
        } else {
            Message::Take(Take {
                reign,
                depth,
                path,
                adrift: false,
                size: 1,
                hole: None,
            })
        };
        self.call(to, |place, eye, fx| {
            place.on_message(name, message, eye, fx);
        })
    }

    /// A member hears from its parent that it is none.
    pub(super) fn part(&mut self, parent: Small, member: usize) {
        let part = Message::Part { to: Vec::new() };
        self.arrive(Flight::Message(parent, self.members[member].name, part))
            .expect("parting keeps the invariant");
    }

    fn arrive(&mut self, flight: Flight) -> Result<(), String> {
        match flight {
            Flight::Message(from, to, message) if self.lives(to) => {
                self.call(to.member(), |place, eye, fx| {
                    place.on_message(from, message, eye, fx);
                })
            }
            Flight::Lost(who, node) if self.lives(who) => {
                self.call(who.member(), |place, eye, fx| place.on_lost(node, eye, fx))
            }
            Flight::Message(..) | Flight::Lost(..) => Ok(()),
        }
    }

    fn call(
        &mut self,
        at: usize,
        call: impl FnOnce(&mut Place<Small>, &mut Eye, &mut Effects<Effect<Small>>),
    ) -> Result<(), String> {
        let mut fx = Effects::new(EFFECTS_MOST);
        let names = self.members.iter();
        let mut eye = Eye {
            me: self.members[at].name,
            known: names.clone().map(|member| member.name).collect(),
            dead: names
                .filter(|member| !member.alive)
                .map(|member| member.name)
                .collect(),
        };
        let place = &self.members[at].place;
        let (before, depth) = (place.reign(), place.depth());
        call(&mut self.members[at].place, &mut eye, &mut fx);
        let after = self.members[at].place.reign();
        let changed = (before, depth) != (after, self.members[at].place.depth());
        if changed && self.budget.old > 0 {
            self.members[at].before = Some((before, depth));
        }
        while let Some(effect) = fx.pop() {
            self.carry_out(at, effect);
        }
        if after < before {
            return Err(format!("{:?} fell from {before:?} to {after:?}", eye.me));
        }
        Ok(())
    }

    fn carry_out(&mut self, at: usize, effect: Effect<Small>) {
        let alive: Vec<Small> = self
            .members
            .iter()
            .filter(|m| m.alive)
            .map(|m| m.name)
            .collect();
        let member = &mut self.members[at];
        match effect {
            Effect::Send { to, message } => {
                let flight = if alive.contains(&to) {
                    Flight::Message(member.name, to, message)
                } else {
                    Flight::Lost(member.name, to)
                };
                let entry = (print(&flight), flight);
                let place = self.flights.partition_point(|(print, _)| *print <= entry.0);
                self.flights.insert(place, entry);
            }
            Effect::Arm { timer, .. } => {
                if let Err(place) = member.armed.binary_search(&timer) {
                    member.armed.insert(place, timer);
                }
            }
            Effect::Disarm { timer } => member.armed.retain(|armed| *armed != timer),
            Effect::Linked { node } => {
                if let Err(place) = member.linked.binary_search(&node) {
                    member.linked.insert(place, node);
                }
            }
            Effect::Unlinked { node } => member.linked.retain(|linked| *linked != node),
            Effect::Placed | Effect::Counted(_) | Effect::Bar { .. } => {}
            Effect::NewLife { .. } => unreachable!("nobody lies here"),
        }
    }

    /// Lets everything that is on its way arrive in the order in which it was sent, and timers
    /// fire in their order where nothing is on its way.
    pub(super) fn quiesce(&mut self, fires: u32) {
        for _ in 0..fires {
            while !self.flights.is_empty() {
                let (_, flight) = self.flights.remove(0);
                self.arrive(flight)
                    .expect("the invariant holds while it grows");
            }
            for at in 0..self.members.len() {
                for timer in self.members[at].armed.clone() {
                    self.members[at].armed.retain(|armed| *armed != timer);
                    self.call(at, |place, eye, fx| place.on_timer(timer, eye, fx))
                        .expect("the invariant holds while it grows");
                }
            }
        }
        while !self.flights.is_empty() {
            let (_, flight) = self.flights.remove(0);
            self.arrive(flight)
                .expect("the invariant holds while it grows");
        }
    }
}

impl Member {
    pub(super) fn new(name: Small, settings: Settings) -> Self {
        Self {
            name,
            alive: true,
            place: Place::new(name, settings),
            armed: Vec::new(),
            linked: Vec::new(),
            before: None,
        }
    }
}
