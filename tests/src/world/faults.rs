//! What went wrong, counted by kind.

use std::{fmt, ops::AddAssign};

/// A kind of fault.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Fault {
    /// A datagram was lost.
    Loss,
    /// A datagram came twice.
    Double,
    /// A datagram was held up.
    Reorder,
    /// A bit of a datagram was turned.
    Damage,
    /// A datagram found the queue of its link full.
    QueueFull,
    /// A datagram was longer than its link carries.
    TooLarge,
    /// A datagram met a way that was cut, or a host that was off line.
    Cut,
    /// A host stopped without a word.
    Crash,
    /// A host started again and had forgotten everything but who it is.
    Restart,
    /// A host started again with what it had kept.
    RestartKept,
    /// A host fell asleep.
    Sleep,
    /// A host moved to another address.
    Move,
    /// A host's clock was put wrong.
    Clock,
    /// A host lost one of its addresses, and nobody told it.
    AddressLost,
    /// A path carried nothing in one direction from then on.
    OneWay,
    /// A link carried no datagrams as long as before.
    Shrink,
    /// A link carried longer ones again.
    Grow,
}

impl Fault {
    /// All of them.
    pub const ALL: [Self; 17] = [
        Self::Loss,
        Self::Double,
        Self::Reorder,
        Self::Damage,
        Self::QueueFull,
        Self::TooLarge,
        Self::Cut,
        Self::Crash,
        Self::Restart,
        Self::RestartKept,
        Self::Sleep,
        Self::Move,
        Self::Clock,
        Self::AddressLost,
        Self::OneWay,
        Self::Shrink,
        Self::Grow,
    ];

    /// A word for figures.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Loss => "loss",
            Self::Double => "double",
            Self::Reorder => "reorder",
            Self::Damage => "damage",
            Self::QueueFull => "queue_full",
            Self::TooLarge => "too_large",
            Self::Cut => "cut",
            Self::Crash => "crash",
            Self::Restart => "restart",
            Self::RestartKept => "restart_kept",
            Self::Sleep => "sleep",
            Self::Move => "move",
            Self::Clock => "clock",
            Self::AddressLost => "address_lost",
            Self::OneWay => "one_way",
            Self::Shrink => "shrink",
            Self::Grow => "grow",
        }
    }
}

/// How often each kind of fault fired.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Faults([u64; Fault::ALL.len()]);

impl Faults {
    /// How often this one did.
    pub const fn of(&self, fault: Fault) -> u64 {
        self.0[fault as usize]
    }

    /// Every kind and how often it fired.
    pub fn iter(&self) -> impl Iterator<Item = (Fault, u64)> + '_ {
        Fault::ALL.into_iter().map(|fault| (fault, self.of(fault)))
    }

    /// It fired once more.
    pub const fn fire(&mut self, fault: Fault) {
        self.0[fault as usize] += 1;
    }
}

impl AddAssign for Faults {
    fn add_assign(&mut self, other: Self) {
        for (mine, more) in self.0.iter_mut().zip(other.0) {
            *mine += more;
        }
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (fault, count)) in self.iter().enumerate() {
            let gap = if at == 0 { "" } else { " " };
            write!(f, "{gap}{}={count}", fault.word())?;
        }
        Ok(())
    }
}
