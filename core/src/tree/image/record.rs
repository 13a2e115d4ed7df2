//! What is told about one member, as bytes (PROTOCOL, section Images).

use alloc::vec::Vec;

use super::{
    NAME_BYTES_MAX,
    word::{Places, Prefix, Word, number, six},
};
use crate::{
    identity::{PublicKey, Signature},
    wire::{varint, varint_len},
};

const ENTRY: u8 = 0;
const CHANGE: u8 = 1;
const GONE: u8 = 2;
const NAME: u8 = 3;
const OATH: u8 = 4;
const OVER: u8 = 5;

const KIND: u8 = 0x07;
const LEAF: u8 = 0x08;
const PARENT: u8 = 0x10;
const COUNT_SHIFT: u32 = 5;

/// Bytes of the longest record.
pub(super) const RECORD_MAX: usize = 1 + 32 + 6 + 8 + 6 + 38 + 64;

/// One record.
#[derive(Clone, Copy, Debug)]
pub(super) enum Record<'a> {
    /// All about a member; with an oath it is signed over `signed`.
    Entry {
        key: [u8; 32],
        word: Word,
        oath: Option<Signature>,
        signed: &'a [u8],
    },
    /// The next version of somebody who is known: another parent, the same addresses.
    Change {
        who: Prefix,
        life: u16,
        version: u32,
        parent: Option<Prefix>,
        leaf: bool,
    },
    /// Somebody is gone who has spoken so many times.
    Gone {
        who: Prefix,
        life: u16,
        version: u32,
    },
    /// The same, and every life before is over, too.
    Over {
        who: Prefix,
        epoch: u64,
        version: u32,
    },
    /// A claim.
    Name {
        who: Prefix,
        epoch: u64,
        version: u32,
        name: &'a [u8],
        signature: Signature,
    },
}

fn write_version(version: u32, out: &mut Vec<u8>) {
    let mut bytes = [0; 8];
    let len = varint::write(u64::from(version), &mut bytes);
    out.extend_from_slice(&bytes[..len]);
}

fn flags(leaf: bool, parent: Option<Prefix>, count: u8) -> u8 {
    let leaf = if leaf { LEAF } else { 0 };
    let parent = if parent.is_some() { PARENT } else { 0 };
    leaf | parent | count << COUNT_SHIFT
}

/// Appends all about a member, with its oath if there is one.
pub(super) fn write_entry(
    key: &[u8; 32],
    word: &Word,
    oath: Option<&Signature>,
    out: &mut Vec<u8>,
) {
    write_signed(key, word, if oath.is_some() { OATH } else { ENTRY }, out);
    if let Some(oath) = oath {
        out.extend_from_slice(&oath.0);
    }
}

/// What an oath is over.
pub(super) fn oath_bytes(key: &PublicKey, word: &Word) -> Vec<u8> {
    let mut bytes = Vec::new();
    write_signed(key.as_bytes(), word, OATH, &mut bytes);
    bytes
}

fn write_signed(key: &[u8; 32], word: &Word, kind: u8, out: &mut Vec<u8>) {
    out.push(kind | flags(word.leaf, word.parent, word.places.count()));
    out.extend_from_slice(key);
    out.extend_from_slice(&six(word.epoch));
    write_version(word.version, out);
    if let Some(parent) = word.parent {
        out.extend_from_slice(&six(parent));
    }
    out.extend_from_slice(word.places.bytes());
}

/// Appends the next version of somebody who is known.
pub(super) fn write_change(who: Prefix, word: &Word, out: &mut Vec<u8>) {
    out.push(CHANGE | flags(word.leaf, word.parent, 0));
    out.extend_from_slice(&six(who));
    out.extend_from_slice(&(word.epoch as u16).to_be_bytes());
    write_version(word.version, out);
    if let Some(parent) = word.parent {
        out.extend_from_slice(&six(parent));
    }
}

/// Appends that somebody is gone.
pub(super) fn write_gone(who: Prefix, life: u16, version: u32, out: &mut Vec<u8>) {
    out.push(GONE);
    out.extend_from_slice(&six(who));
    out.extend_from_slice(&life.to_be_bytes());
    write_version(version, out);
}

/// Appends that somebody is gone, and that every life before is over.
pub(super) fn write_over(who: Prefix, epoch: u64, version: u32, out: &mut Vec<u8>) {
    out.push(OVER);
    out.extend_from_slice(&six(who));
    out.extend_from_slice(&six(epoch));
    write_version(version, out);
}

/// Appends a claim.
pub(super) fn write_name(
    who: Prefix,
    epoch: u64,
    (version, name, signature): (u32, &str, &Signature),
    out: &mut Vec<u8>,
) {
    out.push(NAME);
    out.extend_from_slice(&six(who));
    out.extend_from_slice(&six(epoch));
    write_version(version, out);
    out.push(name.len() as u8);
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(&signature.0);
}

/// What a claim is signed over.
pub(super) fn name_bytes(key: &PublicKey, epoch: u64, version: u32, name: &[u8]) -> Vec<u8> {
    let version = version.to_be_bytes();
    [&key.as_bytes()[..], &six(epoch), &version, name].concat()
}

/// True if nobody minds showing it.
pub(super) fn is_legal_name(name: &[u8]) -> bool {
    let text = core::str::from_utf8(name);
    name.len() <= NAME_BYTES_MAX && text.is_ok_and(|text| !hides(text))
}

/// Characters that show nothing or turn text round, beside control characters: those of Unicode's
/// category Cf, separators of lines and paragraphs, and fillers (PROTOCOL, section Images).
const HIDDEN: [(char, char); 22] = [
    ('\u{ad}', '\u{ad}'),
    ('\u{34f}', '\u{34f}'),
    ('\u{600}', '\u{605}'),
    ('\u{61c}', '\u{61c}'),
    ('\u{6dd}', '\u{6dd}'),
    ('\u{70f}', '\u{70f}'),
    ('\u{890}', '\u{891}'),
    ('\u{8e2}', '\u{8e2}'),
    ('\u{115f}', '\u{1160}'),
    ('\u{17b4}', '\u{17b5}'),
    ('\u{180b}', '\u{180f}'),
    ('\u{200b}', '\u{200b}'),
    ('\u{200e}', '\u{200f}'),
    ('\u{2028}', '\u{202e}'),
    ('\u{2060}', '\u{206f}'),
    ('\u{2800}', '\u{2800}'),
    ('\u{3164}', '\u{3164}'),
    ('\u{feff}', '\u{feff}'),
    ('\u{ffa0}', '\u{ffa0}'),
    ('\u{fff9}', '\u{fffb}'),
    ('\u{1d173}', '\u{1d17a}'),
    ('\u{e0000}', '\u{e0fff}'),
];

/// The two joiners, without which some scripts and signs cannot be written.
const JOINERS: [char; 2] = ['\u{200c}', '\u{200d}'];
/// Selectors of how the character before them looks.
const SELECTORS: core::ops::RangeInclusive<char> = '\u{fe00}'..='\u{fe0f}';

/// True of a text that shows as another one, or as none.
pub(super) fn hides(text: &str) -> bool {
    let is_hidden = |char: char| {
        let within = |(first, last): &(char, char)| (*first..=*last).contains(&char);
        char.is_control() || HIDDEN.iter().any(within)
    };
    let is_joiner = |char: char| JOINERS.contains(&char);
    let is_bare = |char: char| char.is_whitespace() || is_joiner(char);
    let mut pairs = text.chars().zip(text.chars().skip(1));
    text.chars().any(is_hidden)
        || text.starts_with(|char| is_bare(char) || SELECTORS.contains(&char))
        || text.ends_with(is_bare)
        || pairs.any(|(one, next)| is_joiner(one) && is_joiner(next))
}

/// Takes bytes off the front.
pub(super) fn take<const N: usize>(input: &mut &[u8]) -> Option<[u8; N]> {
    let (bytes, rest) = input.split_first_chunk()?;
    *input = rest;
    Some(*bytes)
}

/// Takes a prefix off the front.
pub(super) fn take_prefix(input: &mut &[u8]) -> Option<Prefix> {
    take(input).map(number)
}

/// A version stands in its shortest form only: an oath is passed on in the bytes that we write.
fn take_version(input: &mut &[u8]) -> Option<u32> {
    let before = input.len();
    let version = varint::read(input)?;
    let shortest = before - input.len() == varint_len(version);
    u32::try_from(version).ok().filter(|_| shortest)
}

/// Takes a record off the front; none if there is none of the form.
pub(super) fn read<'a>(input: &mut &'a [u8]) -> Option<Record<'a>> {
    let whole = *input;
    let [first] = take(input)?;
    let (leaf, count) = (first & LEAF != 0, first >> COUNT_SHIFT);
    let has_parent = first & PARENT != 0;
    if count > 2 {
        return None;
    }
    match first & KIND {
        ENTRY | OATH => {
            let key = take(input)?;
            let epoch = number(take(input)?);
            let version = take_version(input)?;
            let parent = if has_parent {
                Some(take_prefix(input)?)
            } else {
                None
            };
            let places = Places::read(input, count)?;
            let signed = &whole[..whole.len() - input.len()];
            let oath = match first & KIND {
                OATH => Some(Signature(take(input)?)),
                _ => None,
            };
            let word = Word {
                epoch,
                version,
                parent,
                leaf,
                places,
            };
            Some(Record::Entry {
                key,
                word,
                oath,
                signed,
            })
        }
        CHANGE if count == 0 => {
            let who = take_prefix(input)?;
            let life = u16::from_be_bytes(take(input)?);
            let version = take_version(input)?;
            let parent = if has_parent {
                Some(take_prefix(input)?)
            } else {
                None
            };
            Some(Record::Change {
                who,
                life,
                version,
                parent,
                leaf,
            })
        }
        GONE if first == GONE => Some(Record::Gone {
            who: take_prefix(input)?,
            life: u16::from_be_bytes(take(input)?),
            version: take_version(input)?,
        }),
        OVER if first == OVER => Some(Record::Over {
            who: take_prefix(input)?,
            epoch: number(take(input)?),
            version: take_version(input)?,
        }),
        NAME if first == NAME => read_name(input),
        _ => None,
    }
}

fn read_name<'a>(input: &mut &'a [u8]) -> Option<Record<'a>> {
    let who = take_prefix(input)?;
    let epoch = number(take(input)?);
    let version = take_version(input)?;
    let [len] = take(input)?;
    let (name, rest) = input.split_at_checked(usize::from(len))?;
    *input = rest;
    Some(Record::Name {
        who,
        epoch,
        version,
        name,
        signature: Signature(take(input)?),
    })
}
