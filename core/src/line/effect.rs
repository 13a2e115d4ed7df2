//! What the room tells the switch: effects, and why something was refused.

use core::fmt;

use super::{Departure, versions::Versions};
use crate::{
    base::Slot,
    identity::{Hashname, Refusal},
};

/// What happened to a line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Effect {
    /// The line at `slot` is open. If it is `ours`, the switch must seal a packet soon (a ping
    /// will do) and again until it hears one: the peer takes the line for open only then.
    Up {
        /// Where the line lives.
        slot: Slot,
        /// True if we opened it.
        ours: bool,
    },
    /// The line that lived at `slot` is no more, and the slot may be used again.
    Down {
        /// Where the line lived.
        slot: Slot,
        /// Why it ended.
        why: Down,
    },
    /// The peer of the line at `slot` is no member of the space any more: the line is to be closed.
    Refused {
        /// Where the line lives.
        slot: Slot,
        /// Why it is none.
        why: Refusal,
    },
    /// An identity of ours is no member of its space any more.
    Expelled {
        /// The identity.
        local: Hashname,
        /// Why it is none.
        why: Refusal,
    },
    /// A packet that came showed that new keys are due: [`Lines::rekey`](super::Lines::rekey) is
    /// to be sent.
    Renew {
        /// Where the line lives.
        slot: Slot,
    },
    /// The line has new keys, and what is sealed from now on is sealed under them.
    Renewed {
        /// Where the line lives.
        slot: Slot,
    },
    /// Something is to be sent on the paths of the line at `slot`, or they have changed.
    Paths {
        /// Where the line lives.
        slot: Slot,
        /// Why another path carries the traffic from now on, if one does.
        moved: Option<Departure>,
    },
}

/// Why a line ended that we did not end.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Down {
    /// Nobody answered our open on any route.
    Unreachable,
    /// The peer has another boot: it started again and has forgotten the line.
    Restarted,
    /// The peer has the same boot and opened another line in place of this one.
    Replaced,
    /// In a closed space, one end does not take the other for a member.
    Refused(Refusal),
    /// As many packets were sealed as one session may, and the peer renewed no keys.
    Exhausted,
    /// Nobody answered our open but somebody who said that the peer speaks other versions only.
    Version(Versions),
}

/// Why a datagram did nothing, or no more than was done before. One reason for each kind.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[non_exhaustive]
pub enum Dropped {
    /// It is too short or too long, or a head is no JSON object of the form that it needs.
    Malformed,
    /// It is an open of a version that we do not know.
    UnknownVersion,
    /// Its MAC fits no installed hashname: it is for somebody else, or was damaged on the way.
    NotInstalled,
    /// It is a copy: it got the answer that the first one got, or needs none.
    Repeated,
    /// As many opens as the config allows wait for their first sealed packet.
    TooManyHalfOpen,
    /// A key in it is no point or one of small order, or an agreement came out as zero.
    WeakKey,
    /// What is sealed in it does not open.
    BadTag,
    /// The Ed25519 key in an open is not the one that the handshake was made with.
    KeyMismatch,
    /// It is an open from the very hashname that it is for.
    Oneself,
    /// It is an open not newer than one that its sender confirmed, and one such was answered less
    /// than a moment ago.
    NotNewer,
    /// It names a line id that we never issued or have forgotten.
    UnknownLine,
    /// A packet with its counter was received before.
    Replayed,
    /// Its counter lies too far below the highest for us to know whether it is a copy.
    TooOld,
    /// It is for a line that we closed.
    Closing,
    /// It is an open from somebody who is no member of the closed space, or for somebody who is none
    /// any more.
    Refused,
    /// It is an open under load: it was told to come again with a cookie.
    CookieAsked,
    /// It is an open under load, and beyond its share.
    Busy,
    /// It would make a line, and there are as many as the config allows.
    Full,
}

impl Dropped {
    /// How many reasons there are.
    pub const COUNT: usize = Self::Full as usize + 1;

    /// All of them, in their order.
    pub const ALL: [Self; Self::COUNT] = [
        Self::Malformed,
        Self::UnknownVersion,
        Self::NotInstalled,
        Self::Repeated,
        Self::TooManyHalfOpen,
        Self::WeakKey,
        Self::BadTag,
        Self::KeyMismatch,
        Self::Oneself,
        Self::NotNewer,
        Self::UnknownLine,
        Self::Replayed,
        Self::TooOld,
        Self::Closing,
        Self::Refused,
        Self::CookieAsked,
        Self::Busy,
        Self::Full,
    ];

    /// A word for logs and figures, which stays the same.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::UnknownVersion => "unknown_version",
            Self::NotInstalled => "not_installed",
            Self::Repeated => "repeated",
            Self::TooManyHalfOpen => "too_many_half_open",
            Self::WeakKey => "weak_key",
            Self::BadTag => "bad_tag",
            Self::KeyMismatch => "key_mismatch",
            Self::Oneself => "oneself",
            Self::NotNewer => "not_newer",
            Self::UnknownLine => "unknown_line",
            Self::Replayed => "replayed",
            Self::TooOld => "too_old",
            Self::Closing => "closing",
            Self::Refused => "refused",
            Self::CookieAsked => "cookie_asked",
            Self::Busy => "busy",
            Self::Full => "full",
        }
    }
}

/// Why no line is being opened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OpenError {
    /// The hashname to open from is not installed.
    NotInstalled,
    /// The key is that of the hashname to open from.
    Oneself,
    /// There is no route to send the open on.
    NoRoute,
    /// There are as many lines as the config allows.
    Full,
    /// We are no member of the closed space any more.
    Refused(Refusal),
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotInstalled => "the hashname to open the line from is not installed",
            Self::Oneself => "a hashname opens no line to itself",
            Self::NoRoute => "there is no route to send the open on",
            Self::Full => "there are as many lines as the config allows",
            Self::Refused(refusal) => return refusal.fmt(f),
        })
    }
}

impl core::error::Error for OpenError {}

/// Why a hashname is not installed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum InstallError {
    /// It is installed already.
    Twice,
    /// As many are installed as the config allows.
    Full,
    /// The admission is for another key.
    OtherKey,
    /// The membership does not count.
    Refused(Refusal),
}

impl fmt::Display for InstallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Twice => "the hashname is installed already",
            Self::Full => "as many hashnames are installed as the config allows",
            Self::OtherKey => "the admission is for another key",
            Self::Refused(refusal) => return refusal.fmt(f),
        })
    }
}

impl core::error::Error for InstallError {}
