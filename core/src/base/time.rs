//! Time as the switch knows it: a number that is passed in.

use core::{fmt, num::NonZeroU64};

use serde::{Deserialize, Serialize};

/// Microseconds since the start of the switch; the first argument of every call. One that may be
/// missing takes no more room than one that is there.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "u64", into = "u64")]
pub struct Time(
    /// One more than the microseconds.
    NonZeroU64,
);

impl Time {
    /// The start of the switch.
    pub const ZERO: Self = Self(NonZeroU64::MIN);
    /// Later than anything.
    pub const NEVER: Self = Self(NonZeroU64::MAX);

    /// The time `us` microseconds after the start.
    pub const fn from_us(us: u64) -> Self {
        Self::ZERO.plus_us(us)
    }

    /// Microseconds since the start.
    pub const fn as_us(self) -> u64 {
        self.0.get() - 1
    }

    /// This time and `us` microseconds, saturating.
    #[must_use]
    pub const fn plus_us(self, us: u64) -> Self {
        Self(self.0.saturating_add(us))
    }

    /// This time and `ms` milliseconds, saturating.
    #[must_use]
    pub const fn plus_ms(self, ms: u64) -> Self {
        self.plus_us(ms.saturating_mul(1000))
    }

    /// Microseconds from `earlier` to this time; zero if `earlier` is later.
    pub const fn since_us(self, earlier: Self) -> u64 {
        self.0.get().saturating_sub(earlier.0.get())
    }
}

impl Default for Time {
    fn default() -> Self {
        Self::ZERO
    }
}

impl From<u64> for Time {
    fn from(us: u64) -> Self {
        Self::from_us(us)
    }
}

impl From<Time> for u64 {
    fn from(time: Time) -> Self {
        time.as_us()
    }
}

impl fmt::Debug for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}us", self.as_us())
    }
}

/// Wall time: milliseconds since the Unix epoch, as the shell tells it by `handle_clock`.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Wall(u64);

impl Wall {
    /// The wall time `ms` milliseconds after the Unix epoch.
    pub const fn from_ms(ms: u64) -> Self {
        Self(ms)
    }

    /// Milliseconds since the Unix epoch.
    pub const fn as_ms(self) -> u64 {
        self.0
    }
}

/// When the switch wants to be called next, and what for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct Deadline {
    /// The time at which `handle_timeout` is due.
    pub at: Time,
    /// Who asked for it.
    pub why: Why,
}

impl Deadline {
    /// A deadline at `at`, asked for by `why`.
    pub const fn new(at: Time, why: Why) -> Self {
        Self { at, why }
    }

    /// The earlier of two deadlines that may be missing.
    pub fn earlier(one: Option<Self>, other: Option<Self>) -> Option<Self> {
        match (one, other) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        }
    }
}

/// The reason of a deadline: what `handle_timeout` will do when it is due.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Why {
    /// Output is waiting to be polled.
    Queued,
    /// A handshake is repeated, or given up.
    Handshake,
    /// The congestion controller releases the next packets.
    Pacing,
    /// Ranges received are owed to the peer.
    Ranges,
    /// Packets overtaken long enough are taken for lost.
    Loss,
    /// The tail of what was sent is probed for.
    Probe,
    /// A quiet line that somebody holds shows that it is alive.
    KeepAlive,
    /// A line that heard nothing, or that nobody wants, ends.
    Idle,
    /// A line on which nothing moves gives up what it keeps for later.
    Rest,
    /// A line that was closed is forgotten.
    Closing,
    /// A membership of a closed space ends.
    Membership,
    /// A line that is kept is dialled again.
    Redial,
    /// The shell is asked to keep what has changed.
    Keep,
    /// Members of a tree look after each other.
    Tree,
    /// An identity is announced on the local network, or looks who else is.
    Lan,
}

impl Why {
    /// A word for it, which stays the same.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Handshake => "handshake",
            Self::Pacing => "pacing",
            Self::Ranges => "ranges",
            Self::Loss => "loss",
            Self::Probe => "probe",
            Self::KeepAlive => "keep_alive",
            Self::Idle => "idle",
            Self::Rest => "rest",
            Self::Closing => "closing",
            Self::Membership => "membership",
            Self::Redial => "redial",
            Self::Keep => "keep",
            Self::Tree => "tree",
            Self::Lan => "lan",
        }
    }
}
