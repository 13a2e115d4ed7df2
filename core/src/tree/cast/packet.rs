//! The packets of broadcasts, byte by byte (PROTOCOL, section Broadcasts).

use alloc::{sync::Arc, vec::Vec};

use sha2::{Digest as _, Sha256};

use super::{CHUNK, Fault, MESSAGE_MOST};
use crate::identity::{PublicKey, Signature};

/// The heads, one byte each.
pub(super) const HAVE: u8 = 1;
pub(super) const MESSAGE: u8 = 2;
pub(super) const MORE: u8 = 3;
pub(super) const DIGEST: u8 = 4;
pub(super) const LACKED: u8 = 5;

/// Flags of a packet of positions.
pub(super) const FRESH: u8 = 1;
pub(super) const FULL: u8 = 2;
pub(super) const LAST: u8 = 4;

/// Bytes of one position, and the chunk that stands in one that is not proved.
pub(super) const ENTRY: usize = 49;
pub(super) const UNPROVED: u8 = 0xff;
/// Bytes of the count that begins a digest.
pub(super) const COUNT: usize = 2;
/// Bytes of one origin in a digest.
pub(super) const SHORT: usize = 12;

/// The largest number of a message; an origin that gets there is silent for the rest of its life.
pub(super) const SEQUENCE_MOST: u64 = 1 << 62;

const DIGEST_LEN: usize = 32;
const FIXED: usize = 32 + 8 + 8 + 8 + 4;
pub(super) const MORE_FIXED: usize = 32 + 8 + 8 + 1;

/// What is expected next of an origin: the chunk of the message of the life. Later is greater.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(super) struct Position {
    pub(super) epoch: u64,
    pub(super) sequence: u64,
    pub(super) chunk: u8,
}

impl Position {
    pub(super) const ZERO: Self = Self::new(0, 0, 0);

    pub(super) const fn new(epoch: u64, sequence: u64, chunk: u8) -> Self {
        Self {
            epoch,
            sequence,
            chunk,
        }
    }

    /// Where the message begins that follows the one this is in, or this if it is in none.
    pub(super) const fn next_whole(self) -> Self {
        let within = (self.chunk > 0) as u64;
        Self::new(self.epoch, self.sequence + within, 0)
    }

    pub(super) const fn next_message(self) -> Self {
        Self::new(self.epoch, self.sequence + 1, 0)
    }
}

/// The beginning of a message: the signed statement and the first chunk.
#[derive(Debug)]
pub(super) struct Opening<'a> {
    pub(super) key: &'a [u8; 32],
    pub(super) position: Position,
    pub(super) wall: u64,
    pub(super) size: u32,
    /// What is signed.
    pub(super) statement: &'a [u8],
    pub(super) signature: Signature,
    pub(super) chunk: &'a [u8],
}

/// A later chunk of a message.
#[derive(Debug)]
pub(super) struct More<'a> {
    pub(super) key: &'a [u8; 32],
    pub(super) position: Position,
    pub(super) chunk: &'a [u8],
}

/// How many chunks a message of `size` bytes has; an empty one has one.
pub(super) const fn chunks(size: u32) -> u8 {
    let chunks = (size as usize).div_ceil(CHUNK);
    if chunks == 0 { 1 } else { chunks as u8 }
}

fn chunk_len(size: u32, chunk: u8) -> usize {
    let before = usize::from(chunk) * CHUNK;
    (size as usize).saturating_sub(before).min(CHUNK)
}

/// Takes bytes from the front.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, len: usize) -> Result<&'a [u8], Fault> {
        let parts = self.0.split_at_checked(len).ok_or(Fault::Malformed)?;
        self.0 = parts.1;
        Ok(parts.0)
    }

    fn array<const N: usize>(&mut self) -> Result<&'a [u8; N], Fault> {
        let parts = self.0.split_first_chunk().ok_or(Fault::Malformed)?;
        self.0 = parts.1;
        Ok(parts.0)
    }

    fn u64(&mut self) -> Result<u64, Fault> {
        Ok(u64::from_be_bytes(*self.array()?))
    }

    fn byte(&mut self) -> Result<u8, Fault> {
        Ok(self.array::<1>()?[0])
    }

    fn sequence(&mut self) -> Result<u64, Fault> {
        let sequence = self.u64()?;
        let legal = (1..=SEQUENCE_MOST).contains(&sequence);
        legal.then_some(sequence).ok_or(Fault::Malformed)
    }
}

impl<'a> Opening<'a> {
    pub(super) fn parse(body: &'a [u8]) -> Result<Self, Fault> {
        let mut reader = Reader(body);
        let key = reader.array()?;
        let (epoch, sequence) = (reader.u64()?, reader.sequence()?);
        let wall = reader.u64()?;
        let size = u32::from_be_bytes(*reader.array()?);
        if size as usize > MESSAGE_MOST {
            return Err(Fault::Malformed);
        }
        let digests = usize::from(chunks(size)) * DIGEST_LEN;
        reader.take(digests)?;
        let signature = Signature(*reader.array()?);
        if reader.0.len() != chunk_len(size, 0) {
            return Err(Fault::Malformed);
        }
        Ok(Self {
            key,
            position: Position::new(epoch, sequence, 0),
            wall,
            size,
            statement: &body[..FIXED + digests],
            signature,
            chunk: reader.0,
        })
    }

    /// True if these bytes are that chunk of the message.
    pub(super) fn has(&self, chunk: u8, bytes: &[u8]) -> bool {
        let at = FIXED + usize::from(chunk) * DIGEST_LEN;
        let digest = self.statement.get(at..at + DIGEST_LEN);
        bytes.len() == chunk_len(self.size, chunk)
            && digest.is_some_and(|digest| digest == Sha256::digest(bytes).as_slice())
    }
}

impl<'a> More<'a> {
    pub(super) fn parse(body: &'a [u8]) -> Result<Self, Fault> {
        let mut reader = Reader(body);
        let key = reader.array()?;
        let (epoch, sequence) = (reader.u64()?, reader.sequence()?);
        let chunk = reader.byte()?;
        let legal = (1..chunks(MESSAGE_MOST as u32)).contains(&chunk) && reader.0.len() <= CHUNK;
        if !legal || reader.0.is_empty() {
            return Err(Fault::Malformed);
        }
        Ok(Self {
            key,
            position: Position::new(epoch, sequence, chunk),
            chunk: reader.0,
        })
    }
}

/// The chunk in the bytes of a packet that this member has checked.
pub(super) fn payload(bytes: &[u8], opens: bool) -> &[u8] {
    if !opens {
        return &bytes[MORE_FIXED..];
    }
    let opening = Opening::parse(bytes);
    opening
        .expect("what is in the log was parsed before it came there")
        .chunk
}

/// The statement of a message.
pub(super) fn statement(key: &PublicKey, at: Position, wall: u64, message: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(FIXED + DIGEST_LEN);
    out.extend_from_slice(key.as_bytes());
    for number in [at.epoch, at.sequence, wall] {
        out.extend_from_slice(&number.to_be_bytes());
    }
    out.extend_from_slice(&(message.len() as u32).to_be_bytes());
    for chunk in 0..chunks(message.len() as u32) {
        out.extend_from_slice(&Sha256::digest(slice(message, chunk)));
    }
    out
}

/// The bodies of the packets of a message, in order.
pub(super) fn bodies(
    statement: &[u8],
    signature: &Signature,
    message: &[u8],
) -> impl Iterator<Item = Arc<[u8]>> {
    // A later chunk repeats who, which life and which message; the statement begins with that.
    let who = &statement[..MORE_FIXED - 1];
    (0..chunks(message.len() as u32)).map(move |chunk| {
        let bytes = slice(message, chunk);
        if chunk == 0 {
            [statement, &signature.0, bytes].concat().into()
        } else {
            [who, &[chunk], bytes].concat().into()
        }
    })
}

fn slice(message: &[u8], chunk: u8) -> &[u8] {
    let from = usize::from(chunk) * CHUNK;
    &message[from..message.len().min(from + CHUNK)]
}

/// Writes the head of a packet.
pub(super) fn write_head(kind: u8, out: &mut Vec<u8>) {
    out.extend_from_slice(&[0, 1, kind]);
}

/// Bytes in front of the body of a packet.
pub(super) const HEAD: usize = 3;

pub(super) fn write_entry(key: &PublicKey, at: Position, out: &mut Vec<u8>) {
    out.extend_from_slice(key.as_bytes());
    out.extend_from_slice(&at.epoch.to_be_bytes());
    out.extend_from_slice(&at.sequence.to_be_bytes());
    out.push(at.chunk);
}

/// The flags of a packet of positions, and the positions.
pub(super) fn parse_have(
    body: &[u8],
) -> Result<(u8, impl Iterator<Item = (&[u8; 32], Position)>), Fault> {
    let (flags, entries) = body.split_first().ok_or(Fault::Malformed)?;
    let (entries, rest) = entries.as_chunks::<ENTRY>();
    if !rest.is_empty() || *flags & !(FRESH | FULL | LAST) != 0 {
        return Err(Fault::Malformed);
    }
    Ok((
        *flags,
        entries.iter().filter_map(|entry| read_entry(entry).ok()),
    ))
}

fn read_entry(entry: &[u8]) -> Result<(&[u8; 32], Position), Fault> {
    let mut reader = Reader(entry);
    let key = reader.array()?;
    let (epoch, sequence) = (reader.u64()?, reader.sequence()?);
    let chunk = reader.byte()?;
    Ok((key, Position::new(epoch, sequence, chunk)))
}

/// One origin of a digest: six bytes of its key, two of its epoch, and four of the number of the
/// message that is expected next, the last of both.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Short {
    pub(super) who: [u8; 6],
    pub(super) life: u16,
    pub(super) next: u32,
}

impl Short {
    pub(super) fn of(key: &PublicKey, at: Position) -> Self {
        let [a, b, c, d, e, f, ..] = *key.as_bytes();
        Self {
            who: [a, b, c, d, e, f],
            life: at.epoch as u16,
            next: at.sequence as u32,
        }
    }

    pub(super) fn write(self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.who);
        out.extend_from_slice(&self.life.to_be_bytes());
        out.extend_from_slice(&self.next.to_be_bytes());
    }

    /// The origins in the body of a digest.
    pub(super) fn parse(body: &[u8]) -> Result<impl Iterator<Item = Self> + Clone, Fault> {
        let (shorts, rest) = body.as_chunks::<SHORT>();
        if !rest.is_empty() {
            return Err(Fault::Malformed);
        }
        Ok(shorts.iter().map(|bytes| {
            let [a, b, c, d, e, f, g, h, rest @ ..] = *bytes;
            Self {
                who: [a, b, c, d, e, f],
                life: u16::from_be_bytes([g, h]),
                next: u32::from_be_bytes(rest),
            }
        }))
    }

    /// True if this is of the same origin and life, and further.
    pub(super) fn is_beyond(&self, other: &Self) -> bool {
        let ahead = self.next.wrapping_sub(other.next);
        self.who == other.who && self.life == other.life && (1..1 << 31).contains(&ahead)
    }
}
