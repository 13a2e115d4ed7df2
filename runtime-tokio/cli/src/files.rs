//! What the program asks of the file system beyond `std`, and files that nobody else may read.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Write as _},
    path::{Path, PathBuf},
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

/// Fills `into` from `offset` of the file, whose own place does not matter.
///
/// # Errors
/// The system's; `UnexpectedEof` if the file ends before.
pub(crate) fn read_exact_at(file: &File, into: &mut [u8], offset: u64) -> io::Result<()> {
    #[cfg(unix)]
    {
        std::os::unix::fs::FileExt::read_exact_at(file, into, offset)
    }
    #[cfg(windows)]
    {
        let mut done = 0;
        while done < into.len() {
            let at = offset + done as u64;
            match std::os::windows::fs::FileExt::seek_read(file, &mut into[done..], at)? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                read => done += read,
            }
        }
        Ok(())
    }
}

/// Renames a file; `AlreadyExists` if there is something of that name, even a link to nowhere.
///
/// # Errors
/// The system's.
pub(crate) fn rename_new(from: &Path, to: &Path) -> io::Result<()> {
    #[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
    {
        use rustix::{
            fs::{CWD, RenameFlags, renameat_with},
            io::Errno,
        };
        match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
            // Some file systems cannot: a second name and then one less is the same there.
            Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => move_new(from, to),
            renamed => Ok(renamed?),
        }
    }
    #[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
    {
        move_new(from, to)
    }
}

/// The same in two steps. A folder has no second name: it replaces an empty one that is made for it.
fn move_new(from: &Path, to: &Path) -> io::Result<()> {
    if !fs::symlink_metadata(from)?.is_dir() {
        return link_then_unlink(from, to);
    }
    #[cfg(unix)]
    fs::create_dir(to)?;
    fs::rename(from, to)
}

fn link_then_unlink(from: &Path, to: &Path) -> io::Result<()> {
    fs::hard_link(from, to)?;
    fs::remove_file(from)
}

/// Opens a file, never by following a link, and never waiting for the other end of a pipe.
///
/// # Errors
/// The system's; `InvalidInput` if it is no ordinary file.
pub(crate) fn open_plain(path: &Path, options: &mut OpenOptions) -> io::Result<File> {
    #[cfg(unix)]
    {
        use rustix::fs::OFlags;
        use std::os::unix::fs::OpenOptionsExt as _;
        let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
        options.custom_flags(flags.bits().cast_signed());
    }
    #[cfg(not(unix))]
    if fs::symlink_metadata(path).is_ok_and(|facts| facts.is_symlink()) {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let file = options.open(path)?;
    if file.metadata()?.is_file() {
        Ok(file)
    } else {
        Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "it is no ordinary file",
        ))
    }
}

/// How to open a file that, if it is made, may be run or not.
pub(crate) fn runnable(runnable: bool) -> OpenOptions {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, if runnable { 0o777 } else { 0o666 });
    #[cfg(not(unix))]
    let _unknown = runnable;
    options
}

/// Makes a link at `path` that leads to `target`.
///
/// # Errors
/// The system's; `Unsupported` where links are not for everybody.
pub(crate) fn make_link(target: &str, path: &Path) -> io::Result<()> {
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink(target, path)
    }
    #[cfg(not(unix))]
    {
        let _unknown = (target, path);
        Err(io::ErrorKind::Unsupported.into())
    }
}

/// Makes files and folders last, several at a time: the file system takes them together then.
///
/// # Errors
/// The system's.
pub(crate) fn sync_all(paths: &[PathBuf]) -> io::Result<()> {
    const AT_ONCE: usize = 16;
    let sync = |path: &PathBuf| -> io::Result<()> {
        if fs::symlink_metadata(path)?.is_dir() {
            return sync_folder(path);
        }
        open_plain(path, OpenOptions::new().read(true).write(cfg!(windows)))?.sync_all()
    };
    // Neighbours go to different threads, so that what was written together is synced together.
    let next = AtomicUsize::new(0);
    let work = || -> io::Result<()> {
        while let Some(path) = paths.get(next.fetch_add(1, Ordering::Relaxed)) {
            sync(path)?;
        }
        Ok(())
    };
    thread::scope(|scope| {
        let threads: Vec<_> = (0..AT_ONCE.min(paths.len()))
            .map(|_thread| scope.spawn(work))
            .collect();
        let mut ended = threads.into_iter().map(thread::ScopedJoinHandle::join);
        ended.try_for_each(|ended| ended.unwrap_or_else(|_panic| Err(io::ErrorKind::Other.into())))
    })
}

/// Makes a folder and everything in it last: by one call for the whole file system, which is as
/// good for a thousand files as for one, or file by file where there is no such call.
///
/// # Errors
/// The system's.
pub(crate) fn sync_tree(folder: &Path) -> io::Result<()> {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    {
        Ok(rustix::fs::syncfs(File::open(folder)?)?)
    }
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let kind = entry.file_type()?;
            if kind.is_dir() {
                sync_tree(&entry.path())?;
            } else if kind.is_file() {
                OpenOptions::new()
                    .read(true)
                    .write(cfg!(windows))
                    .open(entry.path())?
                    .sync_all()?;
            }
        }
        sync_folder(folder)
    }
}

/// Removes whatever is at `path`, a folder with everything in it; never follows a link. However deep
/// a folder is, one is open at a time.
///
/// # Errors
/// The system's; that nothing is there is none.
pub(crate) fn remove_all(path: &Path) -> io::Result<()> {
    let is_folder = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        facts => facts?.is_dir(),
    };
    if !is_folder {
        return fs::remove_file(path);
    }
    // Each folder stands behind the one that it is in.
    let mut folders = vec![path.to_owned()];
    let mut next = 0;
    while let Some(folder) = folders.get(next) {
        let entries: Vec<_> = fs::read_dir(folder)?.collect::<Result<_, _>>()?;
        for entry in entries {
            if entry.file_type()?.is_dir() {
                folders.push(entry.path());
            } else {
                fs::remove_file(entry.path())?;
            }
        }
        next += 1;
    }
    folders.iter().rev().try_for_each(fs::remove_dir)
}

/// Bytes that a user may still write where `folder` is; `None` if the system does not tell.
pub(crate) fn free_bytes(folder: &Path) -> Option<u64> {
    #[cfg(unix)]
    {
        let facts = rustix::fs::statvfs(folder).ok()?;
        Some(facts.f_bavail.saturating_mul(facts.f_frsize))
    }
    #[cfg(not(unix))]
    {
        let _unknown = folder;
        None
    }
}

/// True if `path` names this very file still, as far as the system tells.
pub(crate) fn is_at(file: &File, path: &Path) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt as _;
        let of = |facts: fs::Metadata| (facts.dev(), facts.ino());
        let open = file.metadata().map(of);
        let named = fs::symlink_metadata(path).map(of);
        matches!((open, named), (Ok(open), Ok(named)) if open == named)
    }
    #[cfg(not(unix))]
    {
        let _unknown = file;
        path.exists()
    }
}

/// True if two paths are of one owner, as far as the system tells.
///
/// # Errors
/// The system's.
pub(crate) fn have_one_owner(one: &Path, other: &Path) -> io::Result<bool> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt as _;
        Ok(fs::symlink_metadata(one)?.uid() == fs::symlink_metadata(other)?.uid())
    }
    #[cfg(not(unix))]
    {
        let _unknown = (one, other);
        Ok(true)
    }
}

/// True if others have rights to a file or folder.
///
/// # Errors
/// The system's.
pub(crate) fn is_loose(path: &Path) -> io::Result<bool> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        Ok(fs::metadata(path)?.permissions().mode() & 0o077 != 0)
    }
    #[cfg(not(unix))]
    {
        let _unknown = path;
        Ok(false)
    }
}

/// Makes the entries of a folder last, where folders can be synced at all.
///
/// # Errors
/// The system's.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    #[cfg(unix)]
    {
        File::open(folder)?.sync_all()
    }
    #[cfg(not(unix))]
    {
        let _unknown = folder;
        Ok(())
    }
}

/// Sees whether files can be made in a folder, by making one for a moment.
///
/// # Errors
/// The system's.
pub(crate) fn check_writable(folder: &Path) -> io::Result<()> {
    let probe = folder.join(format!(".hydroid-probe-{}", std::process::id()));
    private().write(true).create_new(true).open(&probe)?;
    fs::remove_file(&probe)
}

/// Makes a folder, and those above it that are missing, for nobody else.
///
/// # Errors
/// The system's.
pub(crate) fn create_private_folder(folder: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// How to open a file that, if it is made, is for nobody else.
pub(crate) fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Writes a private file whole or not at all, unless there is one of this name already.
///
/// # Errors
/// The system's; `AlreadyExists` if there was one.
pub(crate) fn create_private(path: &Path, content: &[u8]) -> io::Result<()> {
    write_private(path, &new_beside(path), content, rename_new)
}

/// Writes a private file whole, in place of the one of this name if there is one.
///
/// # Errors
/// The system's; the one that was there is as it was then.
pub(crate) fn replace_private(path: &Path, content: &[u8]) -> io::Result<()> {
    let new = new_beside(path);
    // Another process of this number may have left one.
    let _absent = fs::remove_file(&new);
    write_private(path, &new, content, |from, to| fs::rename(from, to))
}

/// What a file is called until it is whole.
fn new_beside(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.new", std::process::id()));
    path.with_file_name(name)
}

/// Writes and syncs a private file as `new`, and gives it its name by `rename`.
fn write_private(
    path: &Path,
    new: &Path,
    content: &[u8],
    rename: impl FnOnce(&Path, &Path) -> io::Result<()>,
) -> io::Result<()> {
    let written = private()
        .write(true)
        .create_new(true)
        .open(new)
        .and_then(|mut file| {
            file.write_all(content)?;
            file.sync_all()?;
            rename(new, path)?;
            sync_folder(path.parent().unwrap_or(Path::new(".")))
        });
    if written.is_err() {
        // It is not there if it was not made, or was renamed.
        let _absent = fs::remove_file(new);
    }
    written
}

/// Takes away what others may do with a file or folder; true if there was something.
///
/// # Errors
/// The system's, if it is not ours to change.
pub(crate) fn make_private(path: &Path) -> io::Result<bool> {
    let loose = is_loose(path)?;
    #[cfg(unix)]
    if loose {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = fs::metadata(path)?.permissions().mode();
        fs::set_permissions(path, fs::Permissions::from_mode(mode & 0o700))?;
    }
    Ok(loose)
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn files_private_ones_are_made_so_and_only_once() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("a/b");
        create_private_folder(&inner).unwrap();
        assert_eq!(
            (mode(&inner), mode(&folder.path().join("a"))),
            (0o700, 0o700)
        );
        let file = inner.join("secret");
        create_private(&file, b"one").unwrap();
        assert_eq!(mode(&file), 0o600);
        let again = create_private(&file, b"two").unwrap_err();
        assert_eq!(again.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read(&file).unwrap(), b"one");
        assert_eq!(fs::read_dir(&inner).unwrap().count(), 1);
    }

    #[test]
    fn files_private_ones_are_replaced_whole() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("kept");
        for content in [b"one".as_slice(), b"", b"three"] {
            replace_private(&file, content).unwrap();
            assert_eq!(fs::read(&file).unwrap(), content);
            assert_eq!(mode(&file), 0o600);
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        let nowhere = folder.path().join("no/kept");
        assert!(replace_private(&nowhere, b"x").is_err());
    }

    #[test]
    fn files_loose_rights_are_taken_away_once() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("f");
        fs::write(&file, b"x").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(make_private(&file).unwrap());
        assert_eq!(mode(&file), 0o600);
        assert!(!make_private(&file).unwrap());
    }

    #[test]
    fn files_rename_replaces_nothing_not_even_a_link_to_nowhere() {
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (folder.path().join("from"), folder.path().join("to"));
        fs::write(&from, b"new").unwrap();
        std::os::unix::fs::symlink("nowhere", &to).unwrap();
        for rename in [rename_new, link_then_unlink] {
            let refused = rename(&from, &to).unwrap_err();
            assert_eq!(refused.kind(), io::ErrorKind::AlreadyExists);
        }
        fs::remove_file(&to).unwrap();
        rename_new(&from, &to).unwrap();
        assert_eq!(fs::read(&to).unwrap(), b"new");
        link_then_unlink(&to, &from).unwrap();
        assert!(!to.exists() && from.exists());
    }
}
