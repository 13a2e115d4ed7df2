//! What is kept of a transfer until it is whole: the folder `.NAME.hydroid-part`, which is ours
//! alone and locked for as long as somebody works in it, and in it a record of how much is there
//! for good. The record never says more than what was synced before.

use std::{
    ffi::{OsStr, OsString},
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Read as _, Write as _},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::{
    barred::{Barred, unwritable},
    hashes::groups_of,
    heads::Offer,
};
use crate::files;

/// What the name of a file ends with until it is whole.
const PART: &str = ".hydroid-part";

/// Bytes of the longest name that a file system takes.
const NAME_MAX: usize = 255;

/// Bytes of the longest record.
const RECORD_MAX: u64 = 1024;

/// The form of the record and of what is beside it.
const VERSION: u32 = 1;

/// What is there for good.
#[derive(Serialize, Deserialize, PartialEq, Eq, Debug)]
struct Record {
    version: u32,
    root: String,
    size: u64,
    listing: Option<u64>,
    groups: u64,
}

/// The folder of a part, held by its lock.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) path: PathBuf,
    lock: File,
}

/// What was in it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Found {
    Nothing,
    /// So many groups of the same file, if the record is right.
    Groups(u64),
    /// Something that is of no use, which is removed; why.
    Useless(&'static str),
}

impl Part {
    /// Makes or finds the part of `name`, and locks it.
    ///
    /// # Errors
    /// [`Barred`] if somebody else works in it, or if it cannot be.
    pub(super) fn open(
        folder: &Path,
        name: &OsStr,
        offer: &Offer,
    ) -> Result<(Self, Found), Barred> {
        let path = folder.join(part_name(name));
        let mut found = Found::Nothing;
        let made = match make(&path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                if remove_file_of_old(&path)? {
                    found = Found::Useless("what was there is of another version");
                    make(&path)
                } else {
                    Ok(())
                }
            }
            made => made,
        };
        made.map_err(|error| unwritable(folder, &error))?;
        let part = Self::hold(path)?;
        if let Some(there) = part.found(offer) {
            found = there;
        }
        if !matches!(found, Found::Groups(_)) {
            part.empty()
                .map_err(|error| unwritable(&part.path, &error))?;
        }
        Ok((part, found))
    }

    fn hold(path: PathBuf) -> Result<Self, Barred> {
        let in_the_way = || Barred::in_the_way(&path);
        let lock = path.join("lock");
        let mut options = files::private();
        let file = files::open_plain(&lock, options.create(true).write(true));
        let file = file.map_err(|_error| in_the_way())?;
        // Between its opening and the lock, whoever had it may have removed everything.
        if file.try_lock().is_err() || !files::is_at(&file, &lock) {
            return Err(in_the_way());
        }
        let part = Self { path, lock: file };
        // A folder that others may write in could have links in it that lead anywhere.
        if part.is_ours().unwrap_or(false) {
            Ok(part)
        } else {
            Err(Barred::not_ours(&part.path))
        }
    }

    fn is_ours(&self) -> io::Result<bool> {
        let probe = self.path.join("probe");
        let _left = fs::remove_file(&probe);
        files::private().write(true).create_new(true).open(&probe)?;
        let ours = files::have_one_owner(&probe, &self.path)? && !files::is_loose(&self.path)?;
        fs::remove_file(&probe)?;
        Ok(ours)
    }

    /// What is there; `None` if that is nothing.
    fn found(&self, offer: &Offer) -> Option<Found> {
        let mut text = String::new();
        let path = self.path.join("record");
        let file = match files::open_plain(&path, OpenOptions::new().read(true)) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
            Err(_error) => return Some(Found::Useless("its record cannot be read")),
        };
        let record = file
            .take(RECORD_MAX)
            .read_to_string(&mut text)
            .ok()
            .and_then(|_len| serde_json::from_str::<Record>(&text).ok())
            .filter(|record| record.version == VERSION);
        let Some(record) = record else {
            return Some(Found::Useless(
                "its record is damaged, or of another version",
            ));
        };
        let groups = record.groups;
        if record != self::record(offer, groups) {
            return Some(Found::Useless("what was kept is of another file"));
        }
        if groups > groups_of(offer.size) {
            return Some(Found::Useless("its record is damaged"));
        }
        // An empty file has nothing to go on from.
        (offer.size > 0 && groups > 0).then_some(Found::Groups(groups))
    }

    /// Says that so many groups are there for good; they were synced before.
    ///
    /// # Errors
    /// The system's.
    pub(super) fn record(&self, offer: &Offer, groups: u64) -> io::Result<()> {
        let text = serde_json::to_string(&record(offer, groups)).map_err(io::Error::other)?;
        let new = self.path.join("record.new");
        let mut options = files::private();
        let mut file = files::open_plain(&new, options.create(true).write(true).truncate(true))?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&new, self.path.join("record"))?;
        files::sync_folder(&self.path)
    }

    /// Removes everything but the lock.
    ///
    /// # Errors
    /// The system's.
    pub(super) fn empty(&self) -> io::Result<()> {
        // The record goes first: nothing may be gone that it still tells of.
        ["record", "record.new", "listing", "data", "tree"]
            .iter()
            .try_for_each(|name| files::remove_all(&self.path.join(name)))
    }

    /// Removes it, as far as it can be.
    pub(super) fn remove(&self) {
        // Another's that took its place, though locked by us no more, is left alone.
        if files::is_at(&self.lock, &self.path.join("lock")) {
            let _left = self.empty();
            let _left = fs::remove_file(self.path.join("lock"));
            let _left = fs::remove_dir(&self.path);
        }
    }
}

fn record(offer: &Offer, groups: u64) -> Record {
    Record {
        version: VERSION,
        root: offer.root.to_hex().to_string(),
        size: offer.size,
        listing: offer.listing,
        groups,
    }
}

fn make(path: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// Removes a part that is a file, as earlier versions made it; true if it was one.
fn remove_file_of_old(path: &Path) -> Result<bool, Barred> {
    let in_the_way = || Barred::in_the_way(path);
    let facts = fs::symlink_metadata(path).map_err(|_gone| in_the_way())?;
    if facts.is_dir() {
        return Ok(false);
    }
    let file = files::open_plain(path, OpenOptions::new().read(true));
    let file = file.map_err(|_error| in_the_way())?;
    if file.try_lock().is_err() || !files::is_at(&file, path) {
        return Err(in_the_way());
    }
    fs::remove_file(path).map_err(|_error| in_the_way())?;
    Ok(true)
}

/// The name until then: `.name.hydroid-part`, or with the name's hash where that would be too long.
fn part_name(name: &OsStr) -> OsString {
    let mut part = OsString::from(".");
    if name.len() + 1 + PART.len() <= NAME_MAX {
        part.push(name);
    } else {
        part.push(blake3::hash(name.as_encoded_bytes()).to_hex().as_str());
    }
    part.push(PART);
    part
}
