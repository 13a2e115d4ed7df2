//! Where a file or folder lands: it grows in a part beside its place, and gets its own name only
//! when it is whole and synced. What a stop leaves there is gone on from.

use std::{
    ffi::OsStr,
    fs::{self, File},
    io::{self, Seek as _, SeekFrom, Write as _},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use blake3::hazmat::ChainingValue;

pub(crate) use super::barred::Barred;
use super::{
    TransferError,
    barred::{FULL, is_full, unwritable},
    folder::{FolderError, Growing, Unsynced},
    hashes::{GROUP, group_value},
    heads::Offer,
    part::{Found, Part},
    recv::Target,
};
use crate::{
    exit::{Exit, Failure},
    figures, files,
};

/// Progress is made durable when so many bytes have come since, or so much time has passed.
const DURABLE_EVERY_BYTES: u64 = 64 << 20;
const DURABLE_EVERY: Duration = Duration::from_millis(250);

/// How many bytes the part of a landing has for good; shared with whoever must say so at the end.
#[derive(Clone, Default, Debug)]
pub(crate) struct Kept {
    bytes: Arc<AtomicU64>,
    /// Times that everything was synced.
    syncs: Arc<AtomicU64>,
}

impl Kept {
    /// Bytes that the same command goes on from; nothing once the landing is over.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Times that everything was synced.
    #[cfg(test)]
    pub(super) fn syncs(&self) -> u64 {
        self.syncs.load(Ordering::Relaxed)
    }

    fn set(&self, bytes: u64) {
        self.bytes.store(bytes, Ordering::Relaxed);
    }
}

/// What grows in the part.
#[derive(Debug)]
enum Store {
    File(File),
    Folder(Box<Growing>),
}

/// A file or folder on its way.
#[derive(Debug)]
pub(crate) struct Landing {
    part: Arc<Part>,
    store: Store,
    offer: Offer,
    target: PathBuf,
    folder: PathBuf,
    overwrite: bool,
    kept: Kept,
    /// What there is to say of what was found.
    useless: Option<&'static str>,
    /// Groups that are written.
    groups: u64,
    /// Groups that are durable, or being made so.
    durable: u64,
    durable_since: Instant,
    syncing: Option<JoinHandle<io::Result<()>>>,
    on_the_way: bool,
}

/// Refuses a target that is there, unless it may be replaced; never follows a link.
///
/// # Errors
/// [`Barred`].
pub(crate) fn check_target(target: &Path, overwrite: bool) -> Result<(), Barred> {
    let shown = target.display();
    match fs::symlink_metadata(target) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(unwritable(target, &error)),
        Ok(facts) if facts.is_dir() => Err(Barred::exists(format!(
            "{shown} is a folder, and a folder is never replaced: what is in it would be lost"
        ))),
        // Whoever names a device does not mean to have it replaced, nor a link to one.
        Ok(_) if fs::metadata(target).is_ok_and(|facts| !facts.is_file() && !facts.is_dir()) => {
            Err(Barred::exists(format!("{shown} is no ordinary file")))
        }
        Ok(_) if overwrite => Ok(()),
        Ok(_) => Err(Barred::exists(format!("{shown} exists already"))),
    }
}

fn check_target_of(target: &Path, offer: &Offer, overwrite: bool) -> Result<(), Barred> {
    let shown = target.display();
    match (offer.listing, check_target(target, overwrite)) {
        (None, checked) => checked,
        (Some(_), Ok(())) if fs::symlink_metadata(target).is_err() => Ok(()),
        (Some(_), _) => Err(Barred::exists(format!(
            "{shown} is there, and a folder replaces nothing, with --overwrite neither"
        ))),
    }
}

impl Landing {
    /// Prepares for the offer at `folder/name`, and finds what an earlier run has kept of it.
    ///
    /// # Errors
    /// [`Barred`] if it may not or cannot land there; nothing was touched then.
    pub(crate) fn begin(
        folder: &Path,
        name: impl AsRef<OsStr>,
        offer: &Offer,
        overwrite: bool,
    ) -> Result<Self, Barred> {
        let name = name.as_ref();
        // The folder may be a link; what it stands for now is what is meant throughout.
        let folder = fs::canonicalize(folder).map_err(|error| unwritable(folder, &error))?;
        if !folder.is_dir() {
            return Err(Barred::failed(
                Exit::Failed,
                format!("{} is no folder", folder.display()),
            ));
        }
        let target = folder.join(name);
        check_target_of(&target, offer, overwrite)?;
        let (part, found) = Part::open(&folder, name, offer)?;
        let (mut groups, mut useless) = match found {
            Found::Nothing => (0, None),
            Found::Groups(groups) => (groups, None),
            Found::Useless(why) => (0, Some(why)),
        };
        let opened = Store::open(&part, offer, groups).or_else(|error| {
            if groups == 0 {
                return Err(error);
            }
            (groups, useless) = (0, Some("what was kept is not all there"));
            part.empty()?;
            Store::open(&part, offer, 0)
        });
        let landing = opened.map_err(|error| unwritable(&part.path, &error));
        let landing = landing.map(|store| Self {
            part: Arc::new(part),
            store,
            offer: offer.clone(),
            target,
            folder,
            overwrite,
            kept: Kept::default(),
            useless,
            groups,
            durable: groups,
            durable_since: Instant::now(),
            syncing: None,
            on_the_way: true,
        })?;
        landing.kept.set(landing.bytes());
        landing.check_room()?;
        Ok(landing)
    }

    fn check_room(&self) -> Result<(), Barred> {
        let missing = self.offer.size - self.bytes();
        match files::free_bytes(&self.folder).filter(|free| *free < missing) {
            None => Ok(()),
            Some(free) => Err(Barred::full(format!(
                "the disk of {} is full: {} are free, and {} are missing",
                self.folder.display(),
                figures::bytes(free),
                figures::bytes(missing)
            ))),
        }
    }

    /// What becomes known of how much is kept.
    pub(crate) fn kept(&self) -> Kept {
        self.kept.clone()
    }

    /// Why something that was there of an earlier run is of no use, if it was so.
    pub(crate) const fn useless(&self) -> Option<&'static str> {
        self.useless
    }

    /// Bytes that are written.
    fn bytes(&self) -> u64 {
        (self.groups * GROUP).min(self.offer.size)
    }

    /// The same, but what is written goes to another file.
    #[cfg(test)]
    pub(super) fn onto(mut self, file: &Path) -> Self {
        let file = fs::OpenOptions::new().write(true).open(file);
        self.store = Store::File(file.expect("the test names one"));
        self
    }

    fn local(&self, error: &io::Error) -> TransferError {
        let shown = self.target.display();
        let (sentence, tell) = if is_full(error) {
            let written = figures::bytes(self.bytes());
            (
                format!("the disk is full: {written} of {shown} had come; nothing was kept"),
                FULL,
            )
        } else {
            (
                format!("cannot write {shown}: {error}; nothing was kept"),
                "the receiver cannot write the file",
            )
        };
        TransferError::Local {
            failure: Failure::failed(sentence),
            tell,
        }
    }

    fn folder_error(&self, error: FolderError) -> TransferError {
        match error {
            FolderError::System(error) => self.local(&error),
            FolderError::Listing(failure) => TransferError::Local {
                failure,
                tell: "the receiver does not take what is in that folder",
            },
        }
    }

    /// Begins to make durable what is written, beside what goes on, if it is time to.
    fn make_durable_if_due(&mut self) -> io::Result<()> {
        let due = (self.groups - self.durable) * GROUP >= DURABLE_EVERY_BYTES
            || self.durable_since.elapsed() >= DURABLE_EVERY;
        let busy = self
            .syncing
            .as_ref()
            .is_some_and(|sync| !sync.is_finished());
        if due && !busy && self.groups > self.durable {
            self.make_durable()?;
        }
        Ok(())
    }

    fn make_durable(&mut self) -> io::Result<()> {
        self.durable_made()?;
        let sync = self.store.sync()?;
        let (part, offer, kept) = (
            Arc::clone(&self.part),
            self.offer.clone(),
            self.kept.clone(),
        );
        let (groups, bytes, folder) = (self.groups, self.bytes(), self.folder.clone());
        let first = kept.bytes() == 0;
        self.syncing = Some(thread::spawn(move || {
            sync()?;
            part.record(&offer, groups)?;
            if first {
                files::sync_folder(&folder)?;
            }
            kept.set(bytes);
            Ok(())
        }));
        self.kept.syncs.fetch_add(1, Ordering::Relaxed);
        self.durable = groups;
        self.durable_since = Instant::now();
        Ok(())
    }

    /// Waits until what is being made durable is so.
    fn durable_made(&mut self) -> io::Result<()> {
        match self.syncing.take().map(JoinHandle::join) {
            None => Ok(()),
            Some(Ok(synced)) => synced,
            Some(Err(_panic)) => Err(io::Error::other("the sync was interrupted")),
        }
    }

    fn put_in_place(&mut self) -> io::Result<()> {
        self.durable_made()?;
        let grown = match &mut self.store {
            Store::File(file) => {
                let grown = self.part.path.join("data");
                if !files::is_at(file, &grown) {
                    return Err(io::Error::other("another file took its place meanwhile"));
                }
                grown
            }
            Store::Folder(growing) => {
                growing.finish()?;
                growing.tree.clone()
            }
        };
        self.store.sync()?()?;
        self.kept.syncs.fetch_add(1, Ordering::Relaxed);
        if self.overwrite && matches!(self.store, Store::File(_)) {
            fs::rename(grown, &self.target)
        } else {
            files::rename_new(&grown, &self.target)
        }
    }
}

impl Store {
    fn open(part: &Part, offer: &Offer, groups: u64) -> io::Result<Self> {
        let held = (groups * GROUP).min(offer.size);
        if let Some(listing) = offer.listing {
            let growing = Growing::open(&part.path, listing, offer.size, held);
            let growing = growing.map_err(|error| match error {
                FolderError::System(error) => error,
                FolderError::Listing(failure) => io::Error::other(failure.sentence),
            })?;
            return Ok(Self::Folder(Box::new(growing)));
        }
        let mut options = files::runnable(false);
        options.read(true).write(true).create_new(groups == 0);
        let mut file = files::open_plain(&part.path.join("data"), &mut options)?;
        if file.metadata()?.len() < held {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        // What came after the last record is not known to be right.
        file.set_len(held)?;
        file.seek(SeekFrom::End(0))?;
        Ok(Self::File(file))
    }

    fn read_exact_at(&self, into: &mut [u8], offset: u64) -> io::Result<()> {
        match self {
            Self::File(file) => files::read_exact_at(file, into, offset),
            Self::Folder(growing) => growing.read_exact_at(into, offset),
        }
    }

    /// What makes everything that is written until now durable.
    fn sync(&mut self) -> io::Result<impl FnOnce() -> io::Result<()> + Send + 'static> {
        let (file, unsynced) = match self {
            Self::File(file) => (Some(file.try_clone()?), None),
            Self::Folder(growing) => (None, Some(growing.take_unsynced())),
        };
        Ok(move || {
            file.map_or(Ok(()), |file| file.sync_all())?;
            unsynced.map_or(Ok(()), Unsynced::sync)
        })
    }
}

impl Target for Landing {
    fn held(&mut self) -> Result<Vec<ChainingValue>, TransferError> {
        let mut values = Vec::new();
        let mut buffer = Vec::new();
        for group in 0..self.groups {
            let offset = group * GROUP;
            buffer.resize((self.offer.size - offset).min(GROUP) as usize, 0);
            let read = self.store.read_exact_at(&mut buffer, offset);
            read.map_err(|_error| TransferError::Stale)?;
            values.push(group_value(self.offer.size, offset, &buffer));
        }
        Ok(values)
    }

    fn write(&mut self, group: &[u8]) -> Result<(), TransferError> {
        let written = match &mut self.store {
            Store::File(file) => file.write_all(group).map_err(FolderError::System),
            Store::Folder(growing) => growing.write(group),
        };
        written.map_err(|error| self.folder_error(error))?;
        self.groups += 1;
        self.make_durable_if_due()
            .map_err(|error| self.local(&error))
    }

    fn land(mut self) -> Result<Option<PathBuf>, TransferError> {
        let placed = self.put_in_place();
        // Either way there is nothing more to go on from.
        self.on_the_way = false;
        self.kept.set(0);
        self.part.remove();
        placed.map_err(|error| {
            if error.kind() != io::ErrorKind::AlreadyExists {
                return self.local(&error);
            }
            let shown = self.target.display();
            TransferError::Local {
                failure: Failure::refused(format!(
                    "{shown} has come into being meanwhile; nothing was kept"
                )),
                tell: "the receiver has a file of this name",
            }
        })?;
        // The file is whole under its name; a folder that cannot be synced changes nothing of that.
        let _lasting = files::sync_folder(&self.folder);
        Ok(Some(self.target.clone()))
    }

    fn give_up(mut self, error: TransferError) -> TransferError {
        let lost = match error {
            TransferError::Vanished(lost) if self.groups > 0 => lost,
            other => {
                let _over = self.durable_made();
                self.kept.set(0);
                return other;
            }
        };
        let mut kept = self.durable_made();
        if kept.is_ok() && self.durable < self.groups {
            kept = self.make_durable().and_then(|()| self.durable_made());
        }
        match (kept, self.kept.bytes()) {
            (Ok(()), bytes @ 1..) => TransferError::Kept { lost, bytes },
            (Ok(()) | Err(_), _) => TransferError::Vanished(lost),
        }
    }
}

impl Drop for Landing {
    fn drop(&mut self) {
        if self.on_the_way && self.kept.bytes() == 0 {
            self.part.remove();
        }
    }
}

#[cfg(test)]
mod tests;
