//! A ticket: text that says how to reach a member. It owns the text's form (PROTOCOL, section
//! Tickets) and never decides whether whoever shows a token may do anything.

mod bytes;
#[cfg(test)]
mod tests;

use alloc::vec::Vec;
use core::{fmt, net::SocketAddr, str::FromStr};

use data_encoding::{Encoding, Specification};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use super::{Hashname, KeyError, PublicKey, Space, SpaceId};

/// Who is meant, in which space, where that member may be found, and what authorises the bearer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ticket {
    /// The member's key.
    pub key: PublicKey,
    /// The space that it is a member of.
    pub space: SpaceRef,
    /// Where it may be found, the most promising first. The text carries the first
    /// [`Self::ADDRESSES_MOST`], each once, folded and without a scope.
    pub addresses: Vec<SocketAddr>,
    /// What authorises the bearer, if anything.
    pub token: Option<Token>,
}

impl Ticket {
    /// Addresses in one ticket; each costs up to 31 characters of text.
    pub const ADDRESSES_MOST: usize = 16;

    /// The ticket of these parts, with its addresses as the text carries them.
    pub fn new(
        key: PublicKey,
        space: impl Into<SpaceRef>,
        addresses: &[SocketAddr],
        token: Option<Token>,
    ) -> Self {
        Self {
            key,
            space: space.into(),
            addresses: bytes::carried(addresses),
            token,
        }
    }

    /// The id of the space.
    pub fn space_id(&self) -> SpaceId {
        self.space.id()
    }

    /// The member's hashname.
    pub fn hashname(&self) -> Hashname {
        Hashname::of(&self.key, &self.space_id())
    }
}

/// A space as a ticket tells it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SpaceRef {
    /// An open space, by name: whoever has the ticket can join it.
    Open(Space),
    /// Any space, by id: only who knows it already can make use of the ticket.
    Id(SpaceId),
}

impl SpaceRef {
    /// The id of the space.
    pub fn id(&self) -> SpaceId {
        match self {
            Self::Open(space) => space.id(),
            Self::Id(id) => *id,
        }
    }
}

impl From<Space> for SpaceRef {
    fn from(space: Space) -> Self {
        Self::Open(space)
    }
}

impl From<SpaceId> for SpaceRef {
    fn from(id: SpaceId) -> Self {
        Self::Id(id)
    }
}

/// A secret of 16 to 32 bytes that authorises whoever shows it. It wipes itself, never prints, and
/// two are compared in a time that tells nothing of their bytes.
#[derive(Clone)]
pub struct Token(Zeroizing<Vec<u8>>);

impl Token {
    /// The token of these bytes.
    ///
    /// # Errors
    /// [`TokenError`] if there are fewer than 16 bytes, which somebody could guess, or more than
    /// 32, which guard no better.
    pub fn new(bytes: &[u8]) -> Result<Self, TokenError> {
        if !(16..=32).contains(&bytes.len()) {
            return Err(TokenError);
        }
        Ok(Self(Zeroizing::new(bytes.to_vec())))
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl PartialEq for Token {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for Token {}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

/// Bytes are no token.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TokenError;

impl fmt::Display for TokenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a token has 16 to 32 bytes")
    }
}

impl core::error::Error for TokenError {}

/// What every ticket begins with.
const PREFIX: &str = "hyd1";

/// Characters of a text that is read at all; the longest ticket of this version has 708.
const TEXT_MOST: usize = 4096;

fn base32() -> Encoding {
    let mut alphabet = Specification::new();
    alphabet
        .symbols
        .push_str("abcdefghijklmnopqrstuvwxyz234567");
    alphabet
        .encoding()
        .expect("32 characters, none twice, are an alphabet")
}

impl fmt::Display for Ticket {
    /// The text. It shows the token, so it is a secret where there is one.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{PREFIX}{}",
            base32().encode_display(&bytes::write(self))
        )
    }
}

impl FromStr for Ticket {
    type Err = TicketError;

    fn from_str(text: &str) -> Result<Self, TicketError> {
        let coded = without_prefix(text)?;
        if let Some((at, character)) = coded.chars().enumerate().find(|(_, c)| !in_alphabet(*c)) {
            let place = PREFIX.len() + at + 1;
            return Err(TicketError::Character { character, place });
        }
        if coded.len() > TEXT_MOST {
            return Err(TicketError::Checksum);
        }
        let decoded = base32().decode(coded.as_bytes());
        let decoded = Zeroizing::new(decoded.map_err(|_length| TicketError::Checksum)?);
        bytes::read(&decoded)
    }
}

const fn in_alphabet(character: char) -> bool {
    matches!(character, 'a'..='z' | '2'..='7')
}

fn without_prefix(text: &str) -> Result<&str, TicketError> {
    text.strip_prefix(PREFIX).ok_or_else(|| {
        let same = text.chars().zip(PREFIX.chars()).take_while(|(a, b)| a == b);
        let same = same.count();
        TicketError::Prefix {
            character: text.chars().nth(same),
            place: same + 1,
        }
    })
}

/// Why a text is no ticket.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TicketError {
    /// It does not begin with `hyd1`.
    Prefix {
        /// The first character that differs; none if the text ends there.
        character: Option<char>,
        /// Its place, counted from 1 in characters from the start of the text.
        place: usize,
    },
    /// A character is outside the alphabet.
    Character {
        /// The first such character.
        character: char,
        /// Its place, counted from 1 in characters from the start of the text.
        place: usize,
    },
    /// The checksum does not match: a typo, or a part is missing.
    Checksum,
    /// Of a later version than 1.
    Version(u8),
    /// The key is none that anybody may use.
    Key(KeyError),
    /// The checksum matches, but whoever made the ticket did not keep to its form.
    Malformed,
}

impl fmt::Display for TicketError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Prefix {
                character: Some(character),
                place,
            } => write!(
                f,
                "a ticket begins with {PREFIX}, this text does not: character {character:?} at place {place}"
            ),
            Self::Prefix {
                character: None, ..
            } => write!(
                f,
                "a ticket begins with {PREFIX}, this text ends before that"
            ),
            Self::Character { character, place } => write!(
                f,
                "character {character:?} at place {place} is not in the alphabet a-z 2-7 of a ticket"
            ),
            Self::Checksum => f.write_str(
                "the checksum of the ticket does not match: a character is wrong or missing",
            ),
            Self::Version(version) => write!(
                f,
                "the ticket has version {version}, and this program knows version 1 only"
            ),
            Self::Key(error) => write!(f, "the ticket names nobody: {error}"),
            Self::Malformed => f.write_str("the ticket was made by a program that errs"),
        }
    }
}

impl core::error::Error for TicketError {}
