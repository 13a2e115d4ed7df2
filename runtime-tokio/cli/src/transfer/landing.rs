//! Where a file lands: beside its place under another name, and under its own only when it is
//! whole and synced.

use std::{
    ffi::{OsStr, OsString},
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use super::{TransferError, heads::Why, recv::Target};
use crate::{
    exit::{Exit, Failure},
    figures, files,
};

/// What the name of a file ends with until it is whole.
const PART: &str = ".hydroid-part";

/// Bytes of the longest name that a file system takes.
const NAME_MAX: usize = 255;

/// A file that may not land, for our user and for the peer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Barred {
    /// What our user reads.
    pub(crate) failure: Failure,
    /// What the peer's program reads.
    pub(crate) why: Why,
    /// What the peer's user reads; no path of ours.
    pub(crate) tell: &'static str,
}

impl Barred {
    fn exists(sentence: String) -> Self {
        Self {
            failure: Failure::refused(sentence),
            why: Why::Exists,
            tell: "the receiver has a file of this name",
        }
    }

    fn failed(exit: Exit, sentence: String) -> Self {
        Self {
            failure: Failure::new(exit, sentence),
            why: Why::Failed,
            tell: "the receiver cannot write there",
        }
    }

    fn full(sentence: String) -> Self {
        Self {
            failure: Failure::failed(sentence),
            why: Why::Full,
            tell: FULL,
        }
    }
}

const FULL: &str = "the receiver's disk is full";

/// A file on its way. Dropped before it has landed, it leaves nothing.
#[derive(Debug)]
pub(crate) struct Landing {
    part: PathBuf,
    target: PathBuf,
    folder: PathBuf,
    file: File,
    overwrite: bool,
    on_the_way: bool,
    written: u64,
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
        Ok(facts) if facts.is_dir() => Err(Barred::exists(format!("{shown} is a folder"))),
        // Whoever names a device does not mean to have it replaced, nor a link to one.
        Ok(_) if fs::metadata(target).is_ok_and(|facts| !facts.is_file() && !facts.is_dir()) => {
            Err(Barred::exists(format!("{shown} is no ordinary file")))
        }
        Ok(_) if overwrite => Ok(()),
        Ok(_) => Err(Barred::exists(format!("{shown} exists already"))),
    }
}

impl Landing {
    /// Prepares for a file of `size` bytes at `folder/name`.
    ///
    /// # Errors
    /// [`Barred`] if it may not or cannot land there; nothing was touched then.
    pub(crate) fn begin(
        folder: &Path,
        name: impl AsRef<OsStr>,
        size: u64,
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
        check_target(&target, overwrite)?;
        if let Some(free) = files::free_bytes(&folder).filter(|free| *free < size) {
            return Err(Barred::full(format!(
                "the disk of {} is full: {} are free, and the file has {}",
                folder.display(),
                figures::bytes(free),
                figures::bytes(size)
            )));
        }
        let part = folder.join(part_name(name));
        let file = create_part(&part)?;
        Ok(Self {
            part,
            target,
            folder,
            file,
            overwrite,
            on_the_way: true,
            written: 0,
        })
    }

    /// The same, but what is written goes to another file.
    #[cfg(test)]
    pub(super) fn onto(mut self, file: &Path) -> Self {
        self.file = OpenOptions::new()
            .write(true)
            .open(file)
            .expect("the test names one");
        self
    }

    fn local(&self, error: &io::Error) -> TransferError {
        let shown = self.target.display();
        let (sentence, tell) = if is_full(error) {
            let written = figures::bytes(self.written);
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
}

impl Target for Landing {
    fn write(&mut self, group: &[u8]) -> Result<(), TransferError> {
        self.file
            .write_all(group)
            .map_err(|error| self.local(&error))?;
        self.written += group.len() as u64;
        Ok(())
    }

    fn land(mut self) -> Result<Option<PathBuf>, TransferError> {
        self.file.sync_all().map_err(|error| self.local(&error))?;
        if !files::is_at(&self.file, &self.part) {
            let error = io::Error::other("another file took its place meanwhile");
            return Err(self.local(&error));
        }
        let renamed = if self.overwrite {
            fs::rename(&self.part, &self.target)
        } else {
            files::rename_new(&self.part, &self.target)
        };
        renamed.map_err(|error| {
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
        self.on_the_way = false;
        // The file is whole under its name; a folder that cannot be synced changes nothing of that.
        let _lasting = files::sync_folder(&self.folder);
        Ok(Some(self.target.clone()))
    }
}

impl Drop for Landing {
    fn drop(&mut self) {
        if self.on_the_way {
            let _gone = fs::remove_file(&self.part);
        }
    }
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

/// Creates the part, and holds a lock on it for as long as it is open: one that is there without a
/// lock was left by a process that was killed, and is replaced.
fn create_part(part: &Path) -> Result<File, Barred> {
    let create = || OpenOptions::new().write(true).create_new(true).open(part);
    let file = match create() {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            remove_left_over(part)?;
            create()
        }
        created => created,
    };
    let file = file.map_err(|error| unwritable(part.parent().unwrap_or(part), &error))?;
    hold(&file, part)?;
    Ok(file)
}

/// Locks a part. Between its opening and the lock another may have removed it as left over.
fn hold(file: &File, part: &Path) -> Result<(), Barred> {
    let held = file.try_lock().is_ok() && files::is_at(file, part);
    held.then_some(()).ok_or_else(|| in_the_way(part))
}

fn remove_left_over(part: &Path) -> Result<(), Barred> {
    let is_file = fs::symlink_metadata(part).is_ok_and(|facts| facts.is_file());
    let left = is_file.then(|| File::open(part).ok()).flatten();
    let left = left.ok_or_else(|| in_the_way(part))?;
    hold(&left, part)?;
    fs::remove_file(part).map_err(|_error| in_the_way(part))
}

fn in_the_way(part: &Path) -> Barred {
    Barred::exists(format!(
        "the file is being received already: {} is there",
        part.display()
    ))
}

fn is_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
    )
}

fn unwritable(path: &Path, error: &io::Error) -> Barred {
    let shown = path.display();
    if error.kind() == io::ErrorKind::NotFound {
        Barred::failed(Exit::NotFound, format!("there is no folder {shown}"))
    } else if is_full(error) {
        Barred::full(format!("the disk of {shown} is full"))
    } else {
        Barred::failed(Exit::Failed, format!("cannot write in {shown}: {error}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn land(folder: &Path, overwrite: bool, content: &[u8]) -> Result<PathBuf, Failure> {
        let size = content.len() as u64;
        let mut landing =
            Landing::begin(folder, "name", size, overwrite).map_err(|barred| barred.failure)?;
        assert!(folder.join(".name.hydroid-part").exists());
        landing.write(content)?;
        Ok(landing.land()?.unwrap())
    }

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect()
    }

    #[test]
    fn landing_replaces_only_where_that_was_asked() {
        let folder = tempfile::tempdir().unwrap();
        let path = land(folder.path(), false, b"one").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"one");
        let refused = land(folder.path(), false, b"two").unwrap_err();
        assert_eq!(refused.exit, Exit::Refused);
        assert_eq!(fs::read(&path).unwrap(), b"one");
        land(folder.path(), true, b"two").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(names(folder.path()), ["name"]);
    }

    #[test]
    fn landing_leaves_nothing_when_dropped() {
        let folder = tempfile::tempdir().unwrap();
        let mut landing = Landing::begin(folder.path(), "name", 3, false).unwrap();
        landing.write(b"on").unwrap();
        drop(landing);
        assert!(names(folder.path()).is_empty());
    }

    #[test]
    fn landing_does_not_replace_what_came_meanwhile() {
        let folder = tempfile::tempdir().unwrap();
        let mut landing = Landing::begin(folder.path(), "name", 3, false).unwrap();
        landing.write(b"new").unwrap();
        fs::write(folder.path().join("name"), b"old").unwrap();
        let refused = Failure::from(landing.land().unwrap_err());
        assert_eq!(refused.exit, Exit::Refused);
        assert_eq!(fs::read(folder.path().join("name")).unwrap(), b"old");
        assert_eq!(names(folder.path()), ["name"]);
    }

    #[test]
    fn landing_allows_one_at_a_time_and_clears_what_a_killed_one_left() {
        let folder = tempfile::tempdir().unwrap();
        let first = Landing::begin(folder.path(), "name", 3, false).unwrap();
        let second = Landing::begin(folder.path(), "name", 3, false).unwrap_err();
        assert_eq!(second.why, Why::Exists);
        assert!(folder.path().join(".name.hydroid-part").exists());
        drop(first);
        fs::write(folder.path().join(".name.hydroid-part"), b"left over").unwrap();
        land(folder.path(), false, b"new").unwrap();
        assert_eq!(names(folder.path()), ["name"]);
    }

    #[test]
    #[cfg(unix)]
    fn landing_follows_no_link() {
        let folder = tempfile::tempdir().unwrap();
        let other = tempfile::tempdir().unwrap();
        let victim = other.path().join("victim");
        fs::write(&victim, b"untouched").unwrap();
        let link = folder.path().join("name");
        std::os::unix::fs::symlink(&victim, &link).unwrap();
        assert!(land(folder.path(), false, b"new").is_err());
        land(folder.path(), true, b"new").unwrap();
        assert!(!fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read(&victim).unwrap(), b"untouched");

        let part = folder.path().join(".name.hydroid-part");
        std::os::unix::fs::symlink(&victim, &part).unwrap();
        assert!(Landing::begin(folder.path(), "name", 3, true).is_err());
        assert_eq!(fs::read(&victim).unwrap(), b"untouched");
    }

    #[test]
    #[cfg(unix)]
    fn landing_replaces_no_device_and_no_pipe() {
        for device in ["/dev/null", "/dev/tty"].map(Path::new) {
            let folder = tempfile::tempdir().unwrap();
            let link = folder.path().join("link");
            std::os::unix::fs::symlink(device, &link).unwrap();
            for target in [device, &link] {
                let barred = check_target(target, true).unwrap_err();
                assert!(barred.failure.sentence.ends_with("no ordinary file"));
            }
        }
    }

    #[test]
    #[cfg(unix)]
    fn landing_parts_that_another_replaced_are_not_landed() {
        let folder = tempfile::tempdir().unwrap();
        let part = folder.path().join("part");
        let early = File::create(&part).unwrap();
        remove_left_over(&part).unwrap();
        let late = create_part(&part).unwrap();
        assert!(hold(&early, &part).is_err());
        assert!(remove_left_over(&part).is_err());
        drop(late);

        let mut landing = Landing::begin(folder.path(), "name", 4, false).unwrap();
        landing.write(b"mine").unwrap();
        let part = folder.path().join(".name.hydroid-part");
        fs::remove_file(&part).unwrap();
        fs::write(&part, b"half").unwrap();
        assert!(landing.land().is_err());
        assert!(!folder.path().join("name").exists());
    }

    #[test]
    fn landing_asks_for_room_and_a_folder_first() {
        let folder = tempfile::tempdir().unwrap();
        if files::free_bytes(folder.path()).is_some() {
            let full = Landing::begin(folder.path(), "name", 1 << 55, false).unwrap_err();
            assert_eq!((full.why, full.failure.exit), (Why::Full, Exit::Failed));
        }
        assert!(names(folder.path()).is_empty());
        let missing = folder.path().join("missing");
        let missing = Landing::begin(&missing, "name", 1, false).unwrap_err();
        assert_eq!(missing.failure.exit, Exit::NotFound);
        fs::create_dir(folder.path().join("name")).unwrap();
        let is_folder = Landing::begin(folder.path(), "name", 1, true).unwrap_err();
        assert_eq!(is_folder.failure.exit, Exit::Refused);
    }

    #[test]
    fn landing_long_names_have_a_part_too() {
        let folder = tempfile::tempdir().unwrap();
        let name = "x".repeat(255);
        let landing = Landing::begin(folder.path(), &name, 0, false).unwrap();
        assert_eq!(
            landing.land().unwrap().unwrap().file_name().unwrap(),
            name.as_str()
        );
    }
}
