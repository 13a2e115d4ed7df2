//! What a member may look up in a simulation: others of its group, and who of them is silent.

use hydroid_core::tree::place::Sight;

use super::{
    super::{Dice, Name},
    Seat, pair,
};

/// The sight of one member.
#[derive(Debug)]
pub struct Eye<'a> {
    pub(super) me: Name,
    pub(super) known: &'a [Name],
    pub(super) seats: &'a [Seat],
    pub(super) grouped: bool,
    pub(super) dice: &'a mut Dice,
    pub(super) cuts: &'a [(u16, u16)],
    pub(super) lies: u64,
}

impl Sight<Name> for Eye<'_> {
    fn contacts(&mut self, most: usize) -> Vec<Name> {
        let mut contacts = Vec::new();
        let group = self.seats[usize::from(self.me.member)].group;
        for _ in 0..4 * most {
            let at = self.dice.below(self.known.len() as u64);
            let node = self.known[usize::try_from(at).unwrap_or(0)];
            let near = !self.grouped || self.seats[usize::from(node.member)].group == group;
            if near && node != self.me && !contacts.contains(&node) {
                contacts.push(node);
            }
            if contacts.len() == most {
                break;
            }
        }
        contacts
    }

    fn slot(&mut self, _shallower_than: u16) -> Option<Name> {
        None
    }

    fn is_silent(&self, node: Name) -> bool {
        let seat = &self.seats[usize::from(node.member)];
        let cut = self.cuts.contains(&pair(self.me.member, node.member));
        let lie = self.lies > 0 && self.dice.0 % 1_000 < self.lies;
        !seat.alive || seat.name != node || cut || lie
    }

    fn dice(&mut self) -> u64 {
        self.dice.roll()
    }
}
