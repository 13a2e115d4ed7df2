//! The books: who sent what, who read it, and whether that was right.

use std::collections::HashMap;

use hydroid_core::{base::Time, identity::PublicKey, switch::Broadcasted};

/// Who was told what.
#[derive(Debug, Default)]
pub struct Books {
    members: Vec<Member>,
    /// Every message that was sent.
    sent: Vec<Sent>,
    /// By who sent it, in which life, and its number: its place in `sent`.
    by_number: HashMap<(usize, u64, u64), usize>,
    by_key: HashMap<PublicKey, usize>,
    /// What was read that should not have been, in words.
    pub wrongs: Vec<String>,
    /// Messages that members were told they would never get.
    pub gaps: u64,
    /// Messages read.
    pub read: u64,
}

/// A message.
#[derive(Clone, Debug)]
struct Sent {
    origin: usize,
    at: Time,
    bytes: usize,
    sum: u64,
    /// Members that were there then.
    due: usize,
    read: usize,
    /// When the last of them read it.
    last: Time,
}

#[derive(Clone, Debug, Default)]
struct Member {
    joined: bool,
    gone: bool,
    /// One bit for each message.
    got: Vec<u64>,
    /// The number that it read last, by origin and its life.
    last: HashMap<(usize, u64), u64>,
    /// When it joined.
    at: Time,
    /// What it took until it first had a parent.
    entry: Option<Entry>,
}

/// What it took a member to get its first place.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// Members that it was sent on to.
    pub redirects: u64,
    /// How long.
    pub took_us: u64,
}

/// How a message spread.
#[derive(Clone, Copy, Debug)]
pub struct Heard {
    /// Who sent it.
    pub origin: usize,
    /// When.
    pub at: Time,
    /// Members that read it.
    pub read: usize,
    /// How long until the last of them had it.
    pub took_us: u64,
}

/// Something that happened to a member.
#[derive(Debug)]
pub(super) struct Note {
    pub(super) at: Time,
    pub(super) n: usize,
    what: What,
}

#[derive(Debug)]
enum What {
    /// It has a parent, for which it asked so many.
    Placed { redirects: u64 },
    /// It was told this; a message's bytes have this sum.
    Told { told: Broadcasted, sum: u64 },
}

impl Note {
    pub(super) fn told(at: Time, n: usize, told: Broadcasted, buf: &[u8]) -> Self {
        let len = match told {
            Broadcasted::Message { len, .. } => len,
            Broadcasted::Gap { .. } | _ => 0,
        };
        let sum = sum(&buf[..len]);
        let what = What::Told { told, sum };
        Self { at, n, what }
    }

    pub(super) fn placed(at: Time, n: usize, redirects: u64) -> Self {
        let what = What::Placed { redirects };
        Self { at, n, what }
    }
}

impl Books {
    pub(super) fn new(members: usize) -> Self {
        Self {
            members: vec![Member::default(); members],
            ..Self::default()
        }
    }

    pub(super) fn on_joined(&mut self, now: Time, n: usize) {
        self.members[n] = Member {
            joined: true,
            at: now,
            ..Member::default()
        };
    }

    /// A member has a parent; so many members were asked so far, beside those that it knew.
    fn on_placed(&mut self, now: Time, n: usize, redirects: u64) {
        let member = &mut self.members[n];
        let took_us = now.since_us(member.at);
        member.entry.get_or_insert(Entry { redirects, took_us });
    }

    /// What it took this member to get its first place, if it has had one.
    pub fn entry(&self, n: usize) -> Option<Entry> {
        self.members[n].entry
    }

    pub(super) fn on_gone(&mut self, n: usize) {
        self.members[n].gone = true;
    }

    /// What the next message of this member says.
    pub(super) fn write(&self, bytes: usize) -> Vec<u8> {
        let number = self.sent.len() as u64;
        let mut message = vec![(number % 251) as u8; bytes.max(8)];
        message[..8].copy_from_slice(&number.to_le_bytes());
        message
    }

    pub(super) fn on_sent(
        &mut self,
        now: Time,
        (n, epoch): (usize, u64),
        sequence: u64,
        message: &[u8],
    ) {
        let place = self.sent.len();
        let there = |member: &&Member| member.joined && !member.gone;
        self.by_number.insert((n, epoch, sequence), place);
        self.sent.push(Sent {
            origin: n,
            at: now,
            bytes: message.len(),
            sum: sum(message),
            due: self.members.iter().filter(there).count() - 1,
            read: 0,
            last: now,
        });
    }

    /// Notes the key of a member, so that it is known as an origin.
    pub fn name(&mut self, key: PublicKey, n: usize) {
        self.by_key.insert(key, n);
    }

    pub(super) fn on_note(&mut self, note: &Note) {
        match note.what {
            What::Placed { redirects } => self.on_placed(note.at, note.n, redirects),
            What::Told { told, sum } => self.on_read((note.at, note.n), told, sum),
        }
    }

    fn on_read(&mut self, (now, n): (Time, usize), told: Broadcasted, sum: u64) {
        let (origin, epoch, sequence, len) = match told {
            Broadcasted::Message {
                origin,
                epoch,
                sequence,
                len,
                ..
            } => (origin, epoch, sequence, len),
            Broadcasted::Gap { first, last, .. } => {
                self.gaps += last - first + 1;
                return;
            }
            _ => return,
        };
        self.read += 1;
        let origin = self.by_key.get(&origin.key).copied();
        let number = origin.map(|origin| (origin, epoch, sequence));
        let place = number.and_then(|number| self.by_number.get(&number).copied());
        let (Some(origin), Some(place)) = (origin, place) else {
            let wrong = format!("member {n} read number {sequence} of nobody");
            return self.wrongs.push(wrong);
        };
        let sent = &mut self.sent[place];
        if sent.bytes != len || sent.sum != sum {
            self.wrongs.push(format!("member {n} read another text"));
        }
        sent.read += 1;
        sent.last = now;
        let member = &mut self.members[n];
        if member.got.len() <= place / 64 {
            member.got.resize(place / 64 + 1, 0);
        }
        let bit = 1 << (place % 64);
        if member.got[place / 64] & bit != 0 {
            let wrong = format!("member {n} read number {sequence} of {origin} twice");
            self.wrongs.push(wrong);
        }
        member.got[place / 64] |= bit;
        let last = member.last.insert((origin, epoch), sequence);
        if last.is_some_and(|last| last >= sequence) {
            let wrong = format!("member {n} read number {sequence} of {origin} behind {last:?}");
            self.wrongs.push(wrong);
        }
    }

    /// True if this member has read that message, by its place among all.
    pub fn has(&self, n: usize, place: usize) -> bool {
        let word = self.members[n].got.get(place / 64);
        word.is_some_and(|word| word & 1 << (place % 64) != 0)
    }

    /// How every message spread.
    pub fn heard(&self) -> impl Iterator<Item = Heard> + '_ {
        self.sent.iter().map(|sent| Heard {
            origin: sent.origin,
            at: sent.at,
            read: sent.read,
            took_us: sent.last.since_us(sent.at),
        })
    }

    /// Pairs of a member that is there and a message of a member that is, where the one has not
    /// read the other; of messages from this place on.
    pub fn missing(&self, from: usize) -> Vec<(usize, usize)> {
        let mut missing = Vec::new();
        for (place, sent) in self.sent.iter().enumerate().skip(from) {
            if self.members[sent.origin].gone {
                continue;
            }
            for (n, member) in self.members.iter().enumerate() {
                let is_due = member.joined && !member.gone && n != sent.origin;
                if is_due && !self.has(n, place) {
                    missing.push((n, place));
                }
            }
        }
        missing
    }

    /// How many messages were sent.
    pub fn len(&self) -> usize {
        self.sent.len()
    }

    /// True if none was.
    pub fn is_empty(&self) -> bool {
        self.sent.is_empty()
    }

    /// How many members were there when this message was sent, beside its sender.
    pub fn due(&self, place: usize) -> usize {
        self.sent[place].due
    }
}

fn sum(bytes: &[u8]) -> u64 {
    let mut sum = 0xcbf2_9ce4_8422_2325_u64;
    for byte in bytes {
        sum = (sum ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    sum
}
