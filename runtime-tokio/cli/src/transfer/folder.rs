//! A folder as one sequence of bytes: its listing, then the contents of its files, one after the
//! other. Read on the side that gives it and, to go on after a stop, on the side that takes it;
//! written on the latter, where no link is there before everything else is.

use std::{
    collections::BTreeSet,
    fs::{self, File, OpenOptions},
    io::{self, Seek as _, SeekFrom, Write as _},
    path::{Path, PathBuf},
};

use super::{
    listing::{Entry, Listing, Wrong},
    scan::scan,
};
use crate::{exit::Failure, files};

/// Fills `into` from `offset` of the sequence.
///
/// # Errors
/// The system's; `UnexpectedEof` if there is less than the listing says.
pub(super) fn read_exact_at(
    listing: &Listing,
    root: &Path,
    mut into: &mut [u8],
    offset: u64,
) -> io::Result<()> {
    let head = listing.bytes();
    let mut offset = offset;
    if let Some(rest) = head.get(offset as usize..) {
        let (now, later) = into.split_at_mut(rest.len().min(into.len()));
        now.copy_from_slice(&rest[..now.len()]);
        offset += now.len() as u64;
        into = later;
    }
    let mut offset = offset - head.len() as u64;
    for (begin, item) in listing.files_from(offset) {
        let Entry::File { size, .. } = item.entry else {
            continue;
        };
        let left = (begin + size).saturating_sub(offset);
        let (now, later) = into.split_at_mut(left.min(into.len() as u64) as usize);
        if !now.is_empty() {
            let file = files::open_plain(&root.join(item.path), OpenOptions::new().read(true))?;
            files::read_exact_at(&file, now, offset - begin)?;
        }
        offset += now.len() as u64;
        into = later;
        if into.is_empty() {
            return Ok(());
        }
    }
    if into.is_empty() {
        Ok(())
    } else {
        Err(io::ErrorKind::UnexpectedEof.into())
    }
}

/// Why a folder cannot be written.
#[derive(Debug)]
pub(super) enum FolderError {
    System(io::Error),
    /// Its listing is not to be followed.
    Listing(Failure),
}

impl From<io::Error> for FolderError {
    fn from(error: io::Error) -> Self {
        Self::System(error)
    }
}

/// A folder that is being written, in a folder that is ours alone.
#[derive(Debug)]
pub(super) struct Growing {
    /// Where its listing is kept.
    kept: PathBuf,
    /// Where it grows.
    pub(super) tree: PathBuf,
    listing_len: u64,
    content_len: u64,
    gathered: Vec<u8>,
    listing: Option<Listing>,
    /// Bytes of the contents that are there.
    content: u64,
    /// The file that they end in, and where that ends.
    file: Option<(File, u64)>,
    /// What was written since it was asked for, and too much of it.
    unsynced: Vec<PathBuf>,
    uncounted: bool,
}

/// Files that are synced one by one; for more of them the whole file system is, which is one step
/// for a thousand files, though it takes with it what others have written there.
const SYNCED_MAX: usize = 256;

/// What is to be made durable.
#[derive(Debug)]
pub(super) enum Unsynced {
    Paths(Vec<PathBuf>),
    Everything(PathBuf),
}

impl Unsynced {
    /// Makes it durable.
    ///
    /// # Errors
    /// The system's.
    pub(super) fn sync(self) -> io::Result<()> {
        match self {
            Self::Paths(paths) => files::sync_all(&paths),
            Self::Everything(folder) => files::sync_tree(&folder),
        }
    }
}

impl Growing {
    /// A folder of which the first `held` bytes of the sequence are there.
    ///
    /// # Errors
    /// [`FolderError`], also if they are not there.
    pub(super) fn open(
        part: &Path,
        listing_len: u64,
        size: u64,
        held: u64,
    ) -> Result<Self, FolderError> {
        let mut growing = Self {
            kept: part.join("listing"),
            tree: part.join("tree"),
            listing_len,
            content_len: size - listing_len,
            gathered: Vec::new(),
            listing: None,
            content: held.saturating_sub(listing_len),
            file: None,
            unsynced: Vec::new(),
            uncounted: false,
        };
        if held > 0 {
            let file = files::open_plain(&growing.kept, OpenOptions::new().read(true))?;
            growing.gathered.resize(held.min(listing_len) as usize, 0);
            files::read_exact_at(&file, &mut growing.gathered, 0)?;
            growing.prepare_if_listed()?;
            growing.check_left()?;
        }
        Ok(growing)
    }

    /// What stands in the tree is of the listing: what it does not name would get its name with it.
    fn check_left(&self) -> Result<(), FolderError> {
        let Some(listing) = &self.listing else {
            return Ok(());
        };
        let left = scan(&self.tree).map_err(FolderError::Listing)?;
        let left = Listing::parse(left.listing);
        let left = left.map_err(|wrong| FolderError::Listing(wrong.refused()))?;
        let mut listed = listing.items();
        for item in left.items() {
            // Both are in the same order.
            let entry = listed.find(|listed| listed.path == item.path);
            if !entry.is_some_and(|listed| may_stand_for(&item.entry, &listed.entry)) {
                let what = "it is there and not as it is listed";
                let wrong = Wrong::new(item.path, what);
                return Err(FolderError::Listing(wrong.refused()));
            }
        }
        Ok(())
    }

    /// Fills `into` from `offset` of what is there.
    ///
    /// # Errors
    /// The system's.
    pub(super) fn read_exact_at(&self, into: &mut [u8], offset: u64) -> io::Result<()> {
        match &self.listing {
            Some(listing) => read_exact_at(listing, &self.tree, into, offset),
            None => {
                let held = self.gathered.get(offset as usize..);
                let held = held.and_then(|held| held.get(..into.len()));
                into.copy_from_slice(held.ok_or(io::ErrorKind::UnexpectedEof)?);
                Ok(())
            }
        }
    }

    /// Takes the next bytes of the sequence.
    ///
    /// # Errors
    /// [`FolderError`].
    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<(), FolderError> {
        let mut bytes = bytes;
        if self.listing.is_none() {
            let missing = self.listing_len - self.gathered.len() as u64;
            let (now, later) = bytes.split_at(missing.min(bytes.len() as u64) as usize);
            let mut options = OpenOptions::new();
            let mut file = files::open_plain(&self.kept, options.create(true).write(true))?;
            file.set_len(self.gathered.len() as u64)?;
            file.seek(SeekFrom::End(0))?;
            file.write_all(now)?;
            self.written(self.kept.clone());
            self.gathered.extend_from_slice(now);
            bytes = later;
            self.prepare_if_listed()?;
        }
        while !bytes.is_empty() {
            let (mut file, end) = match self.file.take() {
                Some(open) => open,
                None => self.next_file()?,
            };
            let len = (end - self.content).min(bytes.len() as u64);
            let (now, later) = bytes.split_at(len as usize);
            file.write_all(now)?;
            self.content += len;
            bytes = later;
            if self.content < end {
                self.file = Some((file, end));
            }
        }
        Ok(())
    }

    /// Once the listing is whole: reads it, and makes the folders and the empty files.
    fn prepare_if_listed(&mut self) -> Result<(), FolderError> {
        if self.gathered.len() as u64 != self.listing_len {
            return Ok(());
        }
        let listing = Listing::parse(std::mem::take(&mut self.gathered))
            .map_err(|wrong| FolderError::Listing(wrong.refused()))?;
        if listing.content() != self.content_len {
            return Err(FolderError::Listing(Failure::refused(
                "the folder has another size than its listing",
            )));
        }
        make_folder(&self.tree)?;
        self.written(self.tree.clone());
        for item in listing.items() {
            let path = self.tree.join(item.path);
            match item.entry {
                Entry::Folder => {
                    make_folder(&path)?;
                    self.written(path);
                }
                Entry::File {
                    size: 0,
                    executable,
                } => {
                    create(&path, executable)?;
                    self.written(path);
                }
                Entry::File { .. } | Entry::Link { .. } => {}
            }
        }
        self.listing = Some(listing);
        Ok(())
    }

    /// The file that the next byte belongs into, and where it ends.
    fn next_file(&mut self) -> io::Result<(File, u64)> {
        let listing = self.listing.as_ref().ok_or(io::ErrorKind::InvalidData)?;
        let next = listing.files_from(self.content).next();
        let (begin, item) = next.ok_or(io::ErrorKind::InvalidData)?;
        let Entry::File { size, executable } = item.entry else {
            return Err(io::ErrorKind::InvalidData.into());
        };
        let path = self.tree.join(item.path);
        let there = self.content - begin;
        let file = if there == 0 {
            create(&path, executable)?
        } else {
            let mut file = files::open_plain(&path, OpenOptions::new().write(true))?;
            file.set_len(there)?;
            file.seek(SeekFrom::End(0))?;
            file
        };
        let end = begin + size;
        self.written(path);
        Ok((file, end))
    }

    fn written(&mut self, path: PathBuf) {
        if self.unsynced.len() < SYNCED_MAX {
            self.unsynced.push(path);
        } else {
            self.uncounted = true;
        }
    }

    /// What was written since this was asked last, for whoever makes it durable.
    pub(super) fn take_unsynced(&mut self) -> Unsynced {
        let mut paths = std::mem::take(&mut self.unsynced);
        // The file that the contents end in is written on.
        if self.file.is_some() {
            self.unsynced.extend(paths.last().cloned());
        }
        if self.uncounted {
            self.uncounted = self.file.is_some();
            return Unsynced::Everything(self.tree.clone());
        }
        let folders: BTreeSet<_> = paths.iter().filter_map(|path| path.parent()).collect();
        let folders: Vec<_> = folders.into_iter().map(Path::to_owned).collect();
        paths.extend(folders);
        Unsynced::Paths(paths)
    }

    /// Makes the links, last of all.
    ///
    /// # Errors
    /// The system's.
    pub(super) fn finish(&mut self) -> io::Result<()> {
        self.file = None;
        let Some(listing) = self.listing.take() else {
            return Err(io::ErrorKind::InvalidData.into());
        };
        for item in listing.items() {
            if let Entry::Link { target } = item.entry {
                let path = self.tree.join(item.path);
                remove_if_there(&path)?;
                files::make_link(target, &path)?;
                self.written(path.parent().unwrap_or(&self.tree).to_owned());
            }
        }
        Ok(())
    }
}

/// True if what a stop has left can become what is listed: a file or a link is made anew if it must
/// be, but a file that was whole keeps its rights.
const fn may_stand_for(left: &Entry<'_>, listed: &Entry<'_>) -> bool {
    match (left, listed) {
        (Entry::File { executable: is, .. }, Entry::File { executable, .. }) => *is == *executable,
        (Entry::Folder, Entry::Folder)
        | (Entry::Link { .. }, Entry::File { .. } | Entry::Link { .. })
        | (Entry::File { .. }, Entry::Link { .. }) => true,
        (Entry::Folder, Entry::File { .. } | Entry::Link { .. })
        | (Entry::File { .. } | Entry::Link { .. }, Entry::Folder) => false,
    }
}

/// Makes a folder; one that was made before a stop is as good, a link to one is not.
fn make_folder(path: &Path) -> io::Result<()> {
    match fs::create_dir(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            let is_folder = fs::symlink_metadata(path)?.is_dir();
            if is_folder { Ok(()) } else { Err(error) }
        }
        made => made,
    }
}

/// Makes a file; what an earlier run left of that name, unproved, is taken away.
fn create(path: &Path, executable: bool) -> io::Result<File> {
    let mut options = files::runnable(executable);
    options.write(true).create_new(true);
    match options.open(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            remove_if_there(path)?;
            options.open(path)
        }
        created => created,
    }
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _gone => Ok(()),
    }
}
