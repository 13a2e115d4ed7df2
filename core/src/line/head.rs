//! Heads of handshake packets: what they may measure, and which of the two kinds one is.

use serde::{Deserialize, de::IgnoredAny};

use super::Dropped;
use crate::wire::json::{self, Limits};

/// What a head in clear may measure.
pub(super) const CLEAR: Limits = Limits::of_bytes(128);
/// What the head of a packet without a line may measure.
const ANONYMOUS: Limits = Limits::of_bytes(1024);
/// What a head inside the handshake may measure.
pub(super) const INNER: Limits = Limits::of_bytes(512);

/// The kinds of handshake datagram.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// For [`Lines::on_open`](super::Lines::on_open).
    Open,
    /// For [`Lines::on_answer`](super::Lines::on_answer).
    Answer,
    /// For [`Lines::on_cookie`](super::Lines::on_cookie).
    Cookie,
    /// For [`Lines::on_versions`](super::Lines::on_versions).
    Versions,
}

/// A key that stands in a head, whatever its value, `null` too.
#[derive(Default, Deserialize)]
#[serde(from = "IgnoredAny")]
struct Shown(bool);

impl From<IgnoredAny> for Shown {
    fn from(_: IgnoredAny) -> Self {
        Self(true)
    }
}

/// Which kind of handshake datagram begins with this head; none if the head is of another kind.
///
/// # Errors
/// [`Dropped::Malformed`] if it is no legal head, or longer than one in clear may be.
pub fn kind(head: &[u8]) -> Result<Option<Kind>, Dropped> {
    #[derive(Deserialize)]
    struct Keys {
        #[serde(default)]
        open: Shown,
        #[serde(default)]
        line: Shown,
        #[serde(default)]
        cookie: Shown,
        #[serde(default)]
        versions: Shown,
    }
    let keys: Keys = parse(head, &CLEAR)?;
    Ok(match (keys.open, keys.line) {
        (Shown(true), _) => Some(Kind::Open),
        (Shown(false), Shown(false)) => None,
        (Shown(false), Shown(true)) if keys.cookie.0 => Some(Kind::Cookie),
        (Shown(false), Shown(true)) if keys.versions.0 => Some(Kind::Versions),
        (Shown(false), Shown(true)) => Some(Kind::Answer),
    })
}

/// True for the head of a packet without a line (PROTOCOL, section Anonymous packets): a legal one
/// of at most 1,024 bytes that could be no handshake's, of this or any other version.
pub fn is_anonymous(head: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Keys {
        #[serde(default)]
        open: Shown,
        #[serde(default)]
        line: Shown,
    }
    parse(head, &ANONYMOUS).is_ok_and(|Keys { open, line }| !open.0 && !line.0)
}

/// Reads a head (PROTOCOL, section Heads).
pub(super) fn parse<'a, T: Deserialize<'a>>(
    bytes: &'a [u8],
    limits: &Limits,
) -> Result<T, Dropped> {
    json::parse(bytes, limits).map_err(|_illegal| Dropped::Malformed)
}

/// A number of 64 bits that stands as 16 hex digits in lower case.
pub(super) fn hex64(text: &str) -> Result<u64, Dropped> {
    let mut bytes = [0; 8];
    hex(text, &mut bytes)?;
    Ok(u64::from_be_bytes(bytes))
}

/// Bytes that stand as hex digits in lower case, exactly as many as `out` has.
pub(super) fn hex(text: &str, out: &mut [u8]) -> Result<(), Dropped> {
    if text.len() != 2 * out.len() {
        return Err(Dropped::Malformed);
    }
    data_encoding::HEXLOWER
        .decode_mut(text.as_bytes(), out)
        .map_err(|_illegal| Dropped::Malformed)?;
    Ok(())
}
