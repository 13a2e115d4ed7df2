//! Looking for a parent: whom to ask, and what to do with the answers.

use alloc::vec::Vec;

use super::{Ask, Effect, Fault, GO_MOST, Id, Message, Place, Purpose, Sight, Take, Timer, is_new};
use crate::base::Effects;

/// Members that an orphan asks at once.
const ORPHAN_AT_ONCE: usize = 8;
/// Members that wait to be asked, were asked, or are known to be gone, at most.
const KEPT_MOST: usize = 48;
/// Members that have to have said "later" before an orphan asks no others for some rounds.
const PROMISES: usize = 2;
/// Rounds of questions after which one that said "later" is asked again, for it may have forgotten.
const ROUNDS_AGAIN: u8 = 4;
/// The first time between two probes of a root.
const PROBE_MS: u32 = 100;
/// Probes before a root begins to look more seldom.
const PROBES_QUICK: u8 = 6;
/// Members that have nothing to say before an orphan founds a tree, if nobody else has.
const REFUSED_MOST: u8 = 3;
/// Ancestors of its parent that an orphan asks.
const ABOVE_MOST: usize = 2;
/// How often the founding is put off while somebody says "later".
const WAITS_MOST: u8 = 2;

/// A search for a parent.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Search<I> {
    pub(super) purpose: Purpose,
    /// The deepest parent of use.
    pub(super) most: u16,
    /// Whose place is to be filled by whom, while that is waited for.
    pub(super) heir: Option<(I, I)>,
    /// Whether others than the heir are asked.
    pub(super) alone: bool,
    /// The lost parent's ancestors, nearest first.
    pub(super) above: Vec<I>,
    /// Who has not answered yet.
    pub(super) asked: Vec<I>,
    /// Who said "later".
    pub(super) again: Vec<I>,
    /// Whom to ask next.
    pub(super) leads: Vec<I>,
    /// Who was asked already.
    pub(super) tried: Vec<I>,
    /// Who could not be reached.
    pub(super) lost: Vec<I>,
    /// How many may be asked at once.
    pub(super) window: usize,
    pub(super) waits: u8,
    /// Whether others are asked long before an answer is overdue.
    hurries: bool,
    /// Rounds of questions so far.
    rounds: u8,
    /// Whether the next round has its time already.
    timed: bool,
    /// As a root: whether the other tree takes us, so that anybody in it may.
    agreed: bool,
    /// Whether somebody named a place since it last thought of founding a tree.
    hopes: bool,
    /// Those who had nothing to say, as everybody who is adrift.
    refused: u8,
}

impl<I: Id> Search<I> {
    pub(super) fn new(purpose: Purpose, leads: Vec<I>) -> Self {
        let orphan = purpose == Purpose::Orphan;
        Self {
            purpose,
            most: u16::MAX,
            heir: None,
            alone: !orphan,
            above: Vec::new(),
            asked: Vec::new(),
            again: Vec::new(),
            leads,
            tried: Vec::new(),
            lost: Vec::new(),
            window: if orphan { ORPHAN_AT_ONCE } else { 1 },
            waits: 0,
            hurries: orphan,
            rounds: 0,
            timed: false,
            agreed: false,
            hopes: false,
            refused: 0,
        }
    }

    /// Puts these before the others that wait to be asked.
    pub(super) fn lead(&mut self, to: &[I]) {
        for node in to.iter().rev() {
            self.leads.retain(|lead| lead != node);
            self.leads.insert(0, *node);
        }
        self.leads.truncate(KEPT_MOST);
    }

    /// Whether it asks others when nobody is left to ask: an orphan always, a young root for a
    /// while.
    fn goes_on(&self) -> bool {
        match self.purpose {
            Purpose::Orphan => true,
            Purpose::Root => self.hurries && self.rounds < PROBES_QUICK,
            Purpose::Mover | Purpose::Heir => false,
        }
    }

    /// Whether so many are adrift that an orphan rather founds a tree than looks for one.
    fn is_hopeless(&self) -> bool {
        let orphan = self.purpose == Purpose::Orphan && self.alone;
        orphan && !self.hopes && self.again.is_empty() && self.refused >= REFUSED_MOST
    }

    /// Forgets that this one was asked; false if it was not.
    fn answered(&mut self, node: I) -> bool {
        let before = self.asked.len() + self.again.len();
        self.asked.retain(|asked| *asked != node);
        self.again.retain(|asked| *asked != node);
        self.asked.len() + self.again.len() < before
    }
}

/// Adds to a list that forgets its oldest.
fn keep<I>(list: &mut Vec<I>, node: I) {
    if list.len() == KEPT_MOST {
        list.remove(0);
    }
    list.push(node);
}

impl<I: Id> Place<I> {
    /// Begins to look for a parent, in place of whatever search there was.
    pub(super) fn begin(&mut self, search: Search<I>, fx: &mut Effects<Effect<I>>) {
        self.search = Some(search);
        self.ask_more(fx);
    }

    pub(super) fn end_search(&mut self, fx: &mut Effects<Effect<I>>) {
        if self.search.take().is_some() {
            for timer in [Timer::Ask, Timer::Plug, Timer::Found] {
                fx.push(Effect::Disarm { timer });
            }
        }
    }

    pub(super) fn ask(&self, purpose: Purpose, most: u16, hole: Option<I>) -> Message<I> {
        let idle = self.settings.leaf && purpose == Purpose::Root;
        Message::Ask(Ask {
            r#as: purpose,
            reign: self.reign(),
            least: self.depth(),
            // One that takes no children cannot be joined: it counts as the smallest of trees.
            size: if idle { 0 } else { self.below_size() },
            height: self.height(),
            leaf: self.settings.leaf,
            most,
            hole,
        })
    }

    /// Asks as many as may be asked at once.
    pub(super) fn ask_more(&mut self, fx: &mut Effects<Effect<I>>) {
        let Some(mut search) = self.search.take() else {
            return;
        };
        if !search.alone {
            self.search = Some(search);
            return;
        }
        while search.asked.len() < search.window && !search.leads.is_empty() {
            let node = search.leads.remove(0);
            let new = is_new(&search.tried, node) && is_new(&search.lost, node);
            if new && node != self.me && !self.children.contains(node) {
                keep(&mut search.tried, node);
                search.asked.push(node);
                let taken = search.agreed && search.purpose == Purpose::Root;
                let purpose = if taken {
                    Purpose::Orphan
                } else {
                    search.purpose
                };
                let message = self.ask(purpose, search.most, None);
                self.send(node, message, fx);
            }
        }
        let waits = !search.asked.is_empty() || !search.again.is_empty();
        let hurry = !search.again.is_empty() || search.hurries;
        let goes_on = search.goes_on();
        let timed = search.timed && goes_on;
        search.timed = true;
        self.search = Some(search);
        if timed {
            return;
        }
        if waits || goes_on {
            let ms = if hurry {
                self.settings.again_ms
            } else {
                self.settings.ask_ms
            };
            let timer = Timer::Ask;
            fx.push(Effect::Arm { timer, ms });
        } else {
            self.end_search(fx);
            self.rest_root(fx);
        }
    }

    /// A root that looks for nobody will do so again, ever more seldom.
    pub(super) fn rest_root(&mut self, fx: &mut Effects<Effect<I>>) {
        if self.is_root() && !self.probe_armed && self.search.is_none() {
            self.probe_armed = true;
            let slower = self.probes.saturating_sub(PROBES_QUICK);
            let ms = PROBE_MS.saturating_mul(1 << slower.min(16));
            let ms = ms.min(self.settings.settle_ms);
            self.probes = (self.probes + 1).min(16 + PROBES_QUICK);
            let timer = Timer::Probe;
            fx.push(Effect::Arm { timer, ms });
        }
    }

    pub(super) fn on_probe(&mut self, sight: &mut impl Sight<I>, fx: &mut Effects<Effect<I>>) {
        self.probe_armed = false;
        if !self.is_root() || self.search.is_some() {
            return;
        }
        let contacts = sight.strangers(GO_MOST);
        let mut search = Search::new(Purpose::Root, contacts);
        if self.probes < PROBES_QUICK && self.reign().generation > 0 {
            search.window = ORPHAN_AT_ONCE;
            search.hurries = true;
        }
        self.begin(search, fx);
    }

    /// Nobody of those who were asked helped in time: others are asked, too.
    pub(super) fn on_ask_timer(&mut self, sight: &mut impl Sight<I>, fx: &mut Effects<Effect<I>>) {
        let Some(search) = &mut self.search else {
            return;
        };
        search.rounds = search.rounds.saturating_add(1);
        search.timed = false;
        let orphan = search.purpose == Purpose::Orphan;
        // Who promised an orphan a place comes back to it unasked.
        if !orphan || search.rounds.is_multiple_of(ROUNDS_AGAIN) {
            let again = core::mem::take(&mut search.again);
            search.tried.retain(|node| !again.contains(node));
            search.lead(&again);
        }
        if search.goes_on() {
            let beyond = (search.asked.len() + ORPHAN_AT_ONCE).saturating_sub(KEPT_MOST);
            search.asked.drain(..beyond);
            search.window = search.asked.len() + ORPHAN_AT_ONCE;
            let done = search.leads.is_empty() && search.again.is_empty();
            let few = orphan && search.again.len() < PROMISES;
            if done || few || search.rounds.is_multiple_of(ROUNDS_AGAIN) {
                self.refill(sight);
            }
        } else if search.rounds.is_multiple_of(ROUNDS_AGAIN) {
            search.asked.clear();
        } else {
            // A line may take longer than an answer: who was asked may still give a place.
            search.window = search.asked.len() + 1;
        }
        self.ask_more(fx);
    }

    /// Whom an orphan asks when nobody is left: those above the one it lost, and any others.
    pub(super) fn refill(&mut self, sight: &mut impl Sight<I>) {
        let Some(search) = &mut self.search else {
            return;
        };
        let asked = search.asked.clone();
        search.tried.retain(|node| asked.contains(node));
        let mut contacts = sight.contacts(GO_MOST);
        if search.rounds < ROUNDS_AGAIN {
            // Everybody below an ancestor knows it, and would ask it first.
            let far = search.above.iter().skip(ABOVE_MOST);
            contacts.retain(|node| far.clone().all(|above| above != node));
        }
        if search.rounds.is_multiple_of(ROUNDS_AGAIN) {
            // The nearest ones: those further up would be asked by all.
            search.leads.extend(search.above.iter().take(ABOVE_MOST));
        }
        search.leads.extend(contacts);
        search.leads.truncate(KEPT_MOST);
    }

    pub(super) fn on_go(
        &mut self,
        from: I,
        to: &[I],
        sight: &mut impl Sight<I>,
        fx: &mut Effects<Effect<I>>,
    ) {
        if self
            .duty
            .as_ref()
            .is_some_and(|duty| duty.upper == Some(from))
        {
            return self.end_duty(to, sight, fx);
        }
        let Some(search) = &mut self.search else {
            return;
        };
        if let Some((hole, _)) = search.heir.filter(|(_, heir)| *heir == from) {
            self.on_heir_says(hole, to, sight, fx);
        } else if search.answered(from) {
            search.hopes |= !to.is_empty();
            search.refused = search.refused.saturating_add(u8::from(to.is_empty()));
            if search.is_hopeless() && !self.settings.leaf {
                return self.found_quickly(fx);
            }
            // Who is not to be taken is sent to the root alone.
            search.agreed |= to.len() > 1 && self.standing.reign().generation > 0;
            search.lead(to);
            self.ask_more(fx);
        }
    }

    pub(super) fn on_later(&mut self, from: I, fx: &mut Effects<Effect<I>>) {
        let Some(search) = &mut self.search else {
            return;
        };
        if search.heir.is_some_and(|(_, heir)| heir == from) {
            if !search.alone {
                let ms = self.settings.heir_ms;
                let timer = Timer::Plug;
                fx.push(Effect::Arm { timer, ms });
            }
        } else if search.answered(from) {
            keep(&mut search.again, from);
            self.ask_more(fx);
            self.on_put_off(from, fx);
        }
    }

    pub(super) fn on_unreachable(
        &mut self,
        node: I,
        sight: &mut impl Sight<I>,
        fx: &mut Effects<Effect<I>>,
    ) {
        let Some(search) = &mut self.search else {
            return;
        };
        keep(&mut search.lost, node);
        if search.heir.is_some_and(|(_, heir)| heir == node) {
            search.heir = None;
            self.alone(sight, fx);
        } else if search.answered(node) {
            self.ask_more(fx);
        }
    }

    pub(super) fn on_take(
        &mut self,
        from: I,
        take: Take<I>,
        sight: &mut impl Sight<I>,
        fx: &mut Effects<Effect<I>>,
    ) {
        let duty = self.duty.as_ref();
        let for_heir =
            duty.is_some_and(|duty| duty.upper == Some(from) && take.hole == Some(duty.hole));
        let wanted = self.search.as_ref().is_some_and(|search| {
            let heir = search.heir.is_some_and(|(_, heir)| heir == from);
            heir || search.asked.contains(&from) || search.again.contains(&from)
        });
        let useful = for_heir || (wanted && self.is_better(&take));
        if useful && self.standing.is_far(take.reign) && !self.standing.begin_anew(self.me) {
            // As a root it comes nearer with time.
            self.climb_above(take.reign, fx);
            self.on_far_offer(from, fx);
        }
        if !useful || !self.standing.allows(take.reign, take.depth) {
            if useful {
                fx.push(Effect::Counted(Fault::Offer));
            }
            self.send(from, Message::Decline, fx);
            return self.on_go(from, &[], sight, fx);
        }
        self.accept(from, take, fx);
        if for_heir {
            self.settle_duty(fx);
        }
    }

    /// Whether an offer is of use for what is looked for.
    fn is_better(&self, take: &Take<I>) -> bool {
        self.search
            .as_ref()
            .is_some_and(|search| take.depth <= search.most)
    }

    /// Takes the offer: the only way to a parent.
    fn accept(&mut self, from: I, take: Take<I>, fx: &mut Effects<Effect<I>>) {
        let before = self.parent();
        if !self.standing.take_parent(from, take.reign, take.depth) {
            return;
        }
        if let Some(parent) = before {
            self.left = Some((parent, false));
            self.send(parent, Message::Part { to: Vec::new() }, fx);
            fx.push(Effect::Unlinked { node: parent });
        }
        self.lose_child(from, false, fx);
        self.end_search(fx);
        fx.push(Effect::Disarm {
            timer: Timer::Probe,
        });
        self.probe_armed = false;
        self.path = self.path_below(from, take.path);
        self.adrift_above = take.adrift;
        self.moving_above = false;
        self.size_told = take.size;
        self.heir = None;
        self.rest.clear();
        self.raising = None;
        self.apart = None;
        self.stale = 0;
        self.probes = 0;
        let below = self.below();
        self.told_up = Some(below.clone());
        fx.push(Effect::Linked { node: from });
        self.send(from, Message::Attach(below), fx);
        self.tell_path(fx);
        fx.push(Effect::Placed);
    }

    /// Looks for a tree no longer and is one.
    pub(super) fn on_found_timer(&mut self, fx: &mut Effects<Effect<I>>) {
        let Some(search) = &mut self.search else {
            return;
        };
        let hopes = core::mem::take(&mut search.hopes) || !search.again.is_empty();
        if hopes && search.waits < WAITS_MOST {
            search.waits += 1;
            let ms = self.settings.found_ms;
            let timer = Timer::Found;
            return fx.push(Effect::Arm { timer, ms });
        }
        let lost = self.is_head_adrift() && self.standing.is_away();
        if lost && self.standing.begin_anew(self.me) {
            self.on_rooted(fx);
        } else if self.is_head_adrift() {
            self.found(fx);
        }
    }

    /// Becomes a root.
    pub(super) fn found(&mut self, fx: &mut Effects<Effect<I>>) {
        self.found_beyond(0, fx);
    }

    fn found_beyond(&mut self, beyond: u8, fx: &mut Effects<Effect<I>>) {
        let before = self.parent();
        if !self.standing.found(self.me, beyond) {
            return;
        }
        if let Some(parent) = before {
            self.left = Some((parent, false));
            self.send(parent, Message::Part { to: Vec::new() }, fx);
            fx.push(Effect::Unlinked { node: parent });
        }
        self.on_rooted(fx);
    }

    /// So many are adrift that they rather become trees and merge.
    fn found_quickly(&mut self, fx: &mut Effects<Effect<I>>) {
        let leads = self.search.take().map(|search| search.leads);
        self.search = Some(Search::new(Purpose::Orphan, Vec::new()));
        let beyond = u8::try_from(self.below_size().ilog2()).unwrap_or(0);
        self.found_beyond(beyond, fx);
        let mut search = Search::new(Purpose::Root, leads.unwrap_or_default());
        search.window = ORPHAN_AT_ONCE;
        search.hurries = true;
        self.begin(search, fx);
    }

    fn on_rooted(&mut self, fx: &mut Effects<Effect<I>>) {
        self.end_search(fx);
        self.path.clear();
        self.adrift_above = false;
        self.moving_above = false;
        self.heir = None;
        self.rest.clear();
        self.probes = 0;
        self.tell_path(fx);
        fx.push(Effect::Placed);
        self.rest_root(fx);
    }
}
