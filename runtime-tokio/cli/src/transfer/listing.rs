//! The listing of a folder: its entries in one canonical order and form, which the root hash
//! stands for together with the contents. A listing that was parsed has no name that leads out.

use std::cmp::Ordering;

use super::{landing_name::plain_name, links};
use crate::exit::Failure;

/// Entries of the largest folder that is spoken of.
pub(crate) const ENTRIES_MAX: u32 = 1_000_000;

/// Bytes of the longest listing; both ends hold it.
pub(crate) const LISTING_MAX: u64 = 64 << 20;

/// Bytes of the longest path, and of the longest target of a link.
pub(super) const PATH_MAX: usize = 3072;

/// What an entry is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Entry<'a> {
    Folder,
    File { size: u64, executable: bool },
    Link { target: &'a str },
}

/// An entry and its path below the folder, its parts divided by `/`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Item<'a> {
    pub(super) path: &'a str,
    pub(super) entry: Entry<'a>,
}

/// Why a folder can be neither sent nor received.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Wrong {
    /// The entry's path, not yet made printable; empty if it is none's.
    pub(super) path: String,
    /// What is wrong with it.
    pub(super) what: String,
}

impl Wrong {
    pub(super) fn new(path: &str, what: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            what: what.into(),
        }
    }

    /// A refusal in which the entry is named.
    pub(super) fn refused(&self) -> Failure {
        let shown = self.path.chars().take(200).flat_map(char::escape_debug);
        let shown: String = shown.collect();
        Failure::refused(format!("\"{shown}\" in the folder: {}", self.what))
    }
}

/// A file with bytes in it.
#[derive(Clone, Copy, Debug)]
struct FileAt {
    /// Where its bytes begin, after the listing.
    offset: u64,
    /// Where its entry begins in the listing.
    entry: u32,
}

/// A listing without fault.
#[derive(Debug)]
pub(crate) struct Listing {
    bytes: Vec<u8>,
    files: Vec<FileAt>,
    content: u64,
}

impl Listing {
    /// Reads a listing, and refuses everything in it that could lead out of the folder.
    ///
    /// # Errors
    /// [`Wrong`] with the first entry that is.
    pub(super) fn parse(bytes: Vec<u8>) -> Result<Self, Wrong> {
        if bytes.len() as u64 > LISTING_MAX {
            return Err(Wrong::new("", "there is too much in it"));
        }
        let (mut files, mut content) = (Vec::new(), 0_u64);
        let mut order = Order::default();
        let mut items = Items::of(&bytes);
        let mut links = false;
        loop {
            let at = items.at;
            let Some(item) = items.next().transpose()? else {
                break;
            };
            order.check(&item)?;
            links |= matches!(item.entry, Entry::Link { .. });
            if let Entry::File { size: 1.., .. } = item.entry {
                files.push(FileAt {
                    offset: content,
                    entry: at as u32,
                });
            }
            if let Entry::File { size, .. } = item.entry {
                let sum = content.checked_add(size);
                let sum = sum.filter(|sum| *sum <= super::hashes::SIZE_MAX);
                content = sum.ok_or_else(|| Wrong::new(item.path, "the folder is too large"))?;
            }
        }
        if links {
            links::check(Items::of(&bytes).flatten())?;
        }
        Ok(Self {
            bytes,
            files,
            content,
        })
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Bytes of all files together.
    pub(super) const fn content(&self) -> u64 {
        self.content
    }

    pub(super) fn items(&self) -> impl Iterator<Item = Item<'_>> {
        Items::of(&self.bytes).flatten()
    }

    /// The files that have the bytes from `offset` of the content on: each with where it begins.
    pub(super) fn files_from(&self, offset: u64) -> impl Iterator<Item = (u64, Item<'_>)> {
        let after = self.files.partition_point(|file| file.offset <= offset);
        let files = &self.files[after.saturating_sub(1)..];
        files.iter().filter_map(|file| {
            let mut items = Items::of(&self.bytes);
            items.at = file.entry as usize;
            Some((file.offset, items.next()?.ok()?))
        })
    }
}

/// Appends an entry.
pub(super) fn append(bytes: &mut Vec<u8>, item: &Item<'_>) {
    let text = |bytes: &mut Vec<u8>, text: &str| {
        bytes.extend((text.len() as u16).to_be_bytes());
        bytes.extend(text.as_bytes());
    };
    let kind = match item.entry {
        Entry::Folder => 1,
        Entry::File { executable, .. } => 2 + u8::from(executable),
        Entry::Link { .. } => 4,
    };
    bytes.push(kind);
    text(bytes, item.path);
    match item.entry {
        Entry::Folder => {}
        Entry::File { size, .. } => bytes.extend(size.to_be_bytes()),
        Entry::Link { target } => text(bytes, target),
    }
}

/// The entries as they stand there; ends after the first that is malformed.
struct Items<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Items<'a> {
    fn of(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let taken = self.bytes.get(self.at..)?.get(..len)?;
        self.at += len;
        Some(taken)
    }

    fn text(&mut self) -> Option<&'a str> {
        let len = u16::from_be_bytes(self.take(2)?.try_into().ok()?);
        std::str::from_utf8(self.take(len.into())?).ok()
    }

    fn read(&mut self) -> Option<Item<'a>> {
        let kind = self.take(1)?[0];
        let path = self.text()?;
        let entry = match kind {
            1 => Entry::Folder,
            2 | 3 => Entry::File {
                size: u64::from_be_bytes(self.take(8)?.try_into().ok()?),
                executable: kind == 3,
            },
            4 => Entry::Link {
                target: self.text()?,
            },
            _ => return None,
        };
        Some(Item { path, entry })
    }
}

impl<'a> Iterator for Items<'a> {
    type Item = Result<Item<'a>, Wrong>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.at >= self.bytes.len() {
            return None;
        }
        let item = self.read();
        if item.is_none() {
            self.at = self.bytes.len();
        }
        Some(item.ok_or_else(|| Wrong::new("", "its listing is malformed")))
    }
}

/// What the order of the entries proves: each is there once, and in a folder that is there.
#[derive(Default)]
struct Order<'a> {
    before: &'a str,
    /// The folders around the last entry, the outermost first.
    open: Vec<&'a str>,
    count: u32,
}

impl<'a> Order<'a> {
    fn check(&mut self, item: &Item<'a>) -> Result<(), Wrong> {
        let wrong = |what: &str| Err(Wrong::new(item.path, what));
        self.count += 1;
        if self.count > ENTRIES_MAX {
            return wrong("there are too many entries");
        }
        if item.path.len() > PATH_MAX {
            return wrong("the path is too long");
        }
        for name in item.path.split('/') {
            plain_name(name).map_err(|failure| Wrong::new(item.path, failure.sentence))?;
        }
        if self.count > 1 && compare(self.before, item.path) != Ordering::Less {
            return wrong("it is there twice, or not in its order");
        }
        let (folder, _name) = item.path.rsplit_once('/').unwrap_or_default();
        while self.open.last().is_some_and(|open| *open != folder) {
            self.open.pop();
        }
        if self.open.is_empty() && !folder.is_empty() {
            return wrong("what it is in is no folder of the listing");
        }
        if item.entry == Entry::Folder {
            self.open.push(item.path);
        }
        if let Entry::Link { target } = item.entry {
            if target.is_empty() || target.len() > PATH_MAX {
                return wrong("what the link leads to has no legal length");
            }
            if target.starts_with('/') {
                return wrong("the link leads out of the folder");
            }
            if target.contains(|c: char| c.is_control() || c == '\\') {
                return wrong("the link leads to an illegal name");
            }
        }
        self.before = item.path;
        Ok(())
    }
}

/// The order of paths: part by part, so that what is in a folder follows it at once.
fn compare(one: &str, other: &str) -> Ordering {
    one.split('/').cmp(other.split('/'))
}
