//! What a switch tells its owner, and the ids it uses for that.

use alloc::string::String;
use core::{fmt, net::SocketAddr};

use super::LanEvent;
use crate::{
    base::Wall,
    identity::{Hashname, PublicKey, Refusal},
    tree::News,
    wire::{Path, Route, SocketId},
};

/// A line, in the calls and events of one switch; never used again.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct LineId(pub(super) u64);

/// A stream, in the calls and events of one switch; never used again.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct StreamId {
    /// The line that the stream runs in.
    pub line: LineId,
    pub(super) id: u64,
}

impl LineId {
    /// The line of this number, which a tape has.
    pub(crate) const fn of_number(number: u64) -> Self {
        Self(number)
    }

    /// The number, the same in every run that does the same.
    pub(crate) const fn number(self) -> u64 {
        self.0
    }
}

impl StreamId {
    /// The stream of this number in a line, which a tape has.
    pub(crate) const fn of_number(line: LineId, id: u64) -> Self {
        Self { line, id }
    }

    /// The number in its line.
    pub(crate) const fn number(self) -> u64 {
        self.id
    }
}

impl fmt::Display for LineId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}", self.0)
    }
}

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "stream {}.{}", self.line.0, self.id)
    }
}

/// A socket and the address that it is bound to, as the shell tells by `handle_network_change`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Interface {
    /// The socket.
    pub socket: SocketId,
    /// Its address; an unspecified one stands for every address of its family.
    pub local: SocketAddr,
}

/// Explicit congestion notification, the two bits of RFC 3168.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Ecn {
    /// Not capable, or not known.
    #[default]
    None,
    /// Capable, codepoint 0.
    Ect0,
    /// Capable, codepoint 1.
    Ect1,
    /// A router on the way met congestion.
    Congested,
}

/// What the shell knows of one buffer of datagrams that it received.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Meta {
    /// The socket that they came in by.
    pub socket: SocketId,
    /// Where they came from and, where it is known, which of our addresses they came to.
    pub path: Path,
    /// The system's index of the interface; 0 if not known.
    pub interface: u32,
    /// What routers marked.
    pub ecn: Ecn,
    /// Bytes of each datagram in the buffer but the last, which may be shorter; 0 if the buffer is
    /// one datagram.
    pub stride: usize,
}

/// What the shell is to send: the bytes are in the buffer that it gave to `poll_transmit`. They are
/// not to be cut into fragments on their way, or `Life::datagram_most_bytes` has to say so.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Transmit {
    /// The socket to send by.
    pub socket: SocketId,
    /// From where, if it matters, and to where.
    pub path: Path,
    /// How to mark the datagrams.
    pub ecn: Ecn,
    /// The time to live; `None` is the system's own.
    pub ttl: Option<u8>,
    /// Bytes in the buffer.
    pub len: usize,
    /// Bytes of each datagram but the last, which may be shorter.
    pub segment: usize,
}

impl Transmit {
    /// What goes by `route` as the system sends it by itself.
    pub(super) const fn of(route: Route, len: usize, segment: usize) -> Self {
        Self {
            socket: route.socket,
            path: route.path,
            ecn: Ecn::None,
            ttl: None,
            len,
            segment,
        }
    }
}

/// Something happened. Events are edges: data is pulled by the calls that they point to.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Event {
    /// About a line.
    Line(LineEvent),
    /// About a stream.
    Stream(StreamEvent),
    /// About a closed space.
    Space(SpaceEvent),
    /// About the tree of a space.
    Tree(TreeEvent),
    /// About the local network.
    Lan(LanEvent),
    /// A packet without a line came. Told once until `recv_anon` gives `Blocked`.
    Anon,
    /// An unreliable packet came on a line where none was left: [`Switch::recv`] has it. The next of
    /// these comes once that has said that there is no more.
    ///
    /// [`Switch::recv`]: super::Switch::recv
    Packet {
        /// The line.
        line: LineId,
    },
    /// Unreliable packets find room on a line again. Told once after [`Switch::send`] gave
    /// `Blocked`.
    ///
    /// [`Switch::send`]: super::Switch::send
    MaySend {
        /// The line.
        line: LineId,
    },
}

/// What happened to an identity of ours in a closed space.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum SpaceEvent {
    /// Its admission is newer than before: see `admission`.
    Renewed {
        /// The identity.
        local: Hashname,
        /// The version of the space document.
        version: u64,
    },
    /// It is no member any more: its lines end, and it dials nobody.
    Expelled {
        /// The identity.
        local: Hashname,
        /// Why.
        why: Refusal,
    },
}

/// What happened to an identity of ours in the tree of its space: [`Switch::tree`] has what there is
/// to know. None of them is told again before it was taken.
///
/// [`Switch::tree`]: super::Switch::tree
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum TreeEvent {
    /// It stands elsewhere than before, or the tree has another size.
    Placed {
        /// The identity.
        local: Hashname,
    },
    /// There is something to read. Told once until `read_broadcast` gives `Blocked`.
    Readable {
        /// The identity.
        local: Hashname,
    },
    /// There is room to broadcast again. Told once after `broadcast` gave `Blocked`.
    Writable {
        /// The identity.
        local: Hashname,
    },
    /// Members came, went, or say something else of themselves than before.
    Members {
        /// The identity.
        local: Hashname,
    },
}

/// What was read of broadcasts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Broadcasted {
    /// A message; its bytes are in the buffer.
    Message {
        /// Who sent it, and signed it.
        origin: Peer,
        /// Which life of the sender's: a later one has a larger number.
        epoch: u64,
        /// Its number in that life, from 1.
        sequence: u64,
        /// What the sender's clock showed.
        wall: Wall,
        /// Its length.
        len: usize,
    },
    /// Messages that nobody near has any more: they will not come.
    Gap {
        /// Who sent them.
        origin: Peer,
        /// Which life of the sender's.
        epoch: u64,
        /// The number of the first that is missing.
        first: u64,
        /// The number of the last.
        last: u64,
    },
}

impl TreeEvent {
    /// Whom it is about, and what.
    pub(super) const fn parts(self) -> (Hashname, News) {
        match self {
            Self::Placed { local } => (local, News::Placed),
            Self::Readable { local } => (local, News::Readable),
            Self::Writable { local } => (local, News::Writable),
            Self::Members { local } => (local, News::Members),
        }
    }
}

/// What happened to a line, in the order of a life.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum LineEvent {
    /// The line is open: its peer has proved who it is.
    Up {
        /// The line.
        line: LineId,
        /// Our end.
        local: Hashname,
        /// The other end.
        peer: Peer,
        /// True if we opened it.
        ours: bool,
    },
    /// The packets of the line take another way from now on. Nothing is lost by it.
    Moved {
        /// The line.
        line: LineId,
        /// The way.
        route: Route,
    },
    /// The line is no more. Bytes that had arrived can still be read.
    Down {
        /// The line.
        line: LineId,
        /// Why.
        reason: DownReason,
    },
}

/// Who is at the other end of a line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Peer {
    /// Its hashname in the space of the line.
    pub hashname: Hashname,
    /// Its key, on which every decision about it rests.
    pub key: PublicKey,
}

/// What happened to a stream, in the order of a life.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum StreamEvent {
    /// The peer opened a stream and its head is there: see `stream_head`.
    Opened {
        /// The stream.
        stream: StreamId,
    },
    /// The head of the peer's direction has come: see `stream_head`.
    Answered {
        /// The stream.
        stream: StreamId,
    },
    /// There is something to read, or the end. Told once until `read` gives `Blocked`.
    Readable {
        /// The stream.
        stream: StreamId,
    },
    /// There is room to write again. Told once after `write` gave `Blocked`.
    Writable {
        /// The stream.
        stream: StreamId,
    },
    /// Everything that we wrote, the end too, has reached the peer.
    Finished {
        /// The stream.
        stream: StreamId,
    },
    /// The peer gave up its direction; what had come is dropped.
    Reset {
        /// The stream.
        stream: StreamId,
        /// The peer's reason.
        code: u64,
    },
    /// The peer allows further streams, after `open_stream` gave `Blocked`.
    MayOpen {
        /// The line.
        line: LineId,
    },
    /// The peer reads no more; our direction was reset for it.
    Stopped {
        /// The stream.
        stream: StreamId,
        /// The peer's reason.
        code: u64,
    },
}

/// Why a line is no more.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum DownReason {
    /// We closed it.
    Local,
    /// The peer closed it.
    Closed {
        /// Its reason for programs; 0 is a graceful end.
        code: u64,
        /// Its reason for people.
        reason: String,
    },
    /// Nobody answered our `open` at any address.
    Unreachable,
    /// The peer was there and is silent now.
    TimedOut,
    /// The peer started again and has forgotten the line.
    Restarted,
    /// The peer opened another line in place of this one.
    Replaced,
    /// The keys of the line were used up, and the peer renewed none.
    Exhausted,
    /// Nobody answered our `open`, and somebody said that the peer speaks other versions of the
    /// protocol only. It is no proof.
    OtherVersions {
        /// Those versions, as in "2, 3".
        versions: String,
    },
    /// The peer broke the protocol.
    Misbehaved(Misbehaviour),
    /// In a closed space: the peer does not take us for a member, or has shown nothing by which we
    /// would take it for one.
    Refused(Refusal),
    /// In a closed space: the peer is no member any more, or we are none.
    Revoked,
}

/// How an authenticated peer broke the protocol; it ends the line and is told to the peer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Misbehaviour {
    /// A frame goes beyond its packet, or has an illegal value.
    MalformedFrame,
    /// A critical frame of a type that this version does not know.
    UnknownCriticalFrame,
    /// It says that it received what was never sent.
    RangesOfUnsent,
    /// It sent more than its credit allows.
    CreditExceeded,
    /// It opened more streams than it may.
    TooManyStreams,
    /// It speaks on a stream of ours that was never opened.
    UnknownStream,
    /// The end of a stream is where it was not, or bytes lie beyond it.
    EndMoved,
    /// The head of a stream is no JSON object, or longer than its limit.
    IllegalHead,
    /// A stream of the switches' own carries what it may not, or there are too many of them.
    IllegalSystem,
}

impl Misbehaviour {
    /// What the peer is told by the close (PROTOCOL, section Close).
    pub const fn code(self) -> u64 {
        match self {
            Self::MalformedFrame => 0x101,
            Self::UnknownCriticalFrame => 0x102,
            Self::RangesOfUnsent => 0x103,
            Self::CreditExceeded => 0x104,
            Self::TooManyStreams => 0x105,
            Self::UnknownStream => 0x106,
            Self::EndMoved => 0x107,
            Self::IllegalHead => 0x108,
            Self::IllegalSystem => 0x109,
        }
    }

    /// The same for people.
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::MalformedFrame => "a frame goes beyond its packet or has an illegal value",
            Self::UnknownCriticalFrame => "a critical frame is of an unknown type",
            Self::RangesOfUnsent => "ranges name a counter that was never sent",
            Self::CreditExceeded => "more bytes came than the credit allows",
            Self::TooManyStreams => "more streams were opened than allowed",
            Self::UnknownStream => "a frame names a stream that was never opened",
            Self::EndMoved => "the end of a stream moved, or bytes lie beyond it",
            Self::IllegalHead => "the head of a stream is no JSON object within its limit",
            Self::IllegalSystem => "a system stream carries what it may not",
        }
    }
}

impl fmt::Display for Misbehaviour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.sentence())
    }
}

impl fmt::Display for DownReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Local => f.write_str("closed by this end"),
            Self::Closed { code, reason } => {
                write!(f, "closed by the peer, code {code}")?;
                if reason.is_empty() {
                    Ok(())
                } else {
                    write!(f, ": {reason}")
                }
            }
            Self::Unreachable => f.write_str("nobody answered at any address"),
            Self::TimedOut => f.write_str("the peer fell silent"),
            Self::Restarted => f.write_str("the peer started again"),
            Self::Replaced => f.write_str("the peer opened another line in place of this one"),
            Self::Exhausted => {
                f.write_str("the keys of the line were used up, and the peer renewed none")
            }
            Self::OtherVersions { versions } => {
                write!(
                    f,
                    "the peer speaks other versions of the protocol: {versions}"
                )
            }
            Self::Misbehaved(how) => write!(f, "the peer broke the protocol: {how}"),
            Self::Refused(refusal) => write!(f, "not let in: {refusal}"),
            Self::Revoked => f.write_str("a membership of the space ended"),
        }
    }
}
