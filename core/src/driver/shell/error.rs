//! Errors, and how they look as `io::Error`: a kind that programs know, the core's error inside.

use std::{error, fmt, io};

use crate::{
    identity::Refusal,
    switch::{self, DownReason, LineError, ReadError, WriteError},
};

/// Why there is no line to a peer.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum ConnectError {
    /// The local hashname is not installed.
    NotInstalled,
    /// The ticket is for the local hashname itself.
    Oneself,
    /// The ticket is for another space than the local hashname's.
    OtherSpace,
    /// The ticket has no address that a socket of ours can reach.
    NoAddress,
    /// The switch holds as many lines as its config allows.
    Full,
    /// Nobody answered at any address.
    Unreachable,
    /// The line ended before it was up.
    Down(DownReason),
    /// The endpoint has ended.
    Ended,
    /// In a closed space, one end does not take the other for a member.
    Refused(Refusal),
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Self::NotInstalled => return switch::ConnectError::NotInstalled.fmt(f),
            Self::Oneself => return switch::ConnectError::Oneself.fmt(f),
            Self::NoAddress => return switch::ConnectError::NoAddress.fmt(f),
            Self::Full => return switch::ConnectError::Full.fmt(f),
            Self::Refused(refusal) => return refusal.fmt(f),
            Self::Unreachable => return DownReason::Unreachable.fmt(f),
            Self::Down(reason) => return write!(f, "no line came up: {reason}"),
            Self::Ended => return Ended.fmt(f),
            Self::OtherSpace => "the ticket is for another space",
        };
        f.write_str(text)
    }
}

impl error::Error for ConnectError {}

impl From<switch::ConnectError> for ConnectError {
    fn from(error: switch::ConnectError) -> Self {
        match error {
            switch::ConnectError::NotInstalled => Self::NotInstalled,
            switch::ConnectError::Oneself => Self::Oneself,
            switch::ConnectError::NoAddress => Self::NoAddress,
            switch::ConnectError::Full => Self::Full,
            switch::ConnectError::Refused(refusal) => Self::Refused(refusal),
        }
    }
}

impl From<DownReason> for ConnectError {
    fn from(reason: DownReason) -> Self {
        if reason == DownReason::Unreachable {
            Self::Unreachable
        } else if let DownReason::Refused(refusal) = reason {
            Self::Refused(refusal)
        } else {
            Self::Down(reason)
        }
    }
}

impl From<Ended> for ConnectError {
    fn from(Ended: Ended) -> Self {
        Self::Ended
    }
}

impl From<ConnectError> for io::Error {
    fn from(error: ConnectError) -> Self {
        let kind = match error {
            ConnectError::Unreachable => io::ErrorKind::TimedOut,
            ConnectError::Ended => io::ErrorKind::NotConnected,
            ConnectError::Down(_) => io::ErrorKind::ConnectionReset,
            ConnectError::Refused(_) => io::ErrorKind::PermissionDenied,
            ConnectError::NotInstalled
            | ConnectError::Oneself
            | ConnectError::OtherSpace
            | ConnectError::NoAddress
            | ConnectError::Full => io::ErrorKind::Other,
        };
        Self::new(kind, error)
    }
}

/// The endpoint has ended: it was shut down, or what ran it is gone.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ended;

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the endpoint has ended")
    }
}

impl error::Error for Ended {}

impl From<Ended> for io::Error {
    fn from(ended: Ended) -> Self {
        Self::new(io::ErrorKind::NotConnected, ended)
    }
}

pub(super) fn packet_error(error: LineError) -> io::Error {
    let kind = match error {
        LineError::Blocked => io::ErrorKind::WouldBlock,
        LineError::NoSocket => io::ErrorKind::NetworkUnreachable,
        LineError::UnknownLine => io::ErrorKind::NotConnected,
        LineError::ReservedCode
        | LineError::NoPacket
        | LineError::Reserved
        | LineError::TooLarge => io::ErrorKind::InvalidInput,
    };
    io::Error::new(kind, error)
}

pub(super) fn read_error(error: ReadError) -> io::Error {
    let kind = match error {
        ReadError::Reset(_) | ReadError::LineDown(_) => io::ErrorKind::ConnectionReset,
        ReadError::UnknownStream => io::ErrorKind::NotConnected,
        ReadError::Blocked => io::ErrorKind::Other,
    };
    io::Error::new(kind, error)
}

pub(super) fn write_error(error: WriteError) -> io::Error {
    let kind = match error {
        WriteError::Stopped(_) | WriteError::LineDown(_) => io::ErrorKind::ConnectionReset,
        WriteError::Finished => io::ErrorKind::BrokenPipe,
        WriteError::UnknownStream => io::ErrorKind::NotConnected,
        WriteError::IllegalHead => io::ErrorKind::InvalidInput,
        WriteError::Blocked => io::ErrorKind::Other,
    };
    io::Error::new(kind, error)
}
