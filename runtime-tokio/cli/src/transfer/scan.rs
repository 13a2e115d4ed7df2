//! What is in a folder that is to be given: everything is named in its listing, or nothing is given.

use std::{
    ffi::OsString,
    fs::{self, Metadata},
    io,
    path::Path,
    time::UNIX_EPOCH,
};

use super::listing::{Entry, Item, LISTING_MAX, PATH_MAX, Wrong, append};
use crate::exit::{Exit, Failure};

/// What was found.
pub(super) struct Scan {
    /// The listing, whose names and links are not checked yet.
    pub(super) listing: Vec<u8>,
    /// Changes with the listing and with every file's time of change.
    pub(super) mark: blake3::Hash,
}

/// Looks through a folder; it blocks. The names of each folder are in order of their bytes, which
/// is the order of the listing.
///
/// # Errors
/// [`Failure`] that names what cannot be read or sent.
pub(super) fn scan(root: &Path) -> Result<Scan, Failure> {
    let (mut listing, mut times) = (Vec::new(), blake3::Hasher::new());
    let mut path = String::new();
    // The names that are left of each folder around the entry, the next one last.
    let mut left = vec![names(root)?];
    while let Some(names_here) = left.last_mut() {
        let Some(name) = names_here.pop() else {
            left.pop();
            path.truncate(path.rfind('/').unwrap_or(0));
            continue;
        };
        let folder_len = path.len();
        let Some(name) = name.to_str() else {
            let shown = format!("{path}/{}", name.to_string_lossy());
            return Err(wrong(&shown, "its name is not UTF-8"));
        };
        if folder_len > 0 {
            path.push('/');
        }
        path.push_str(name);
        if path.len() > PATH_MAX || listing.len() as u64 > LISTING_MAX {
            return Err(wrong(&path, "the path is too long, or there is too much"));
        }
        let full = root.join(&path);
        let facts = fs::symlink_metadata(&full).map_err(|error| unreadable(&full, &error))?;
        if add(&mut listing, &mut times, &path, &full, &facts)? {
            left.push(names(&full)?);
        } else {
            path.truncate(folder_len);
        }
    }
    times.update(&listing);
    Ok(Scan {
        mark: times.finalize(),
        listing,
    })
}

/// Appends what is there; true if it is a folder.
fn add(
    listing: &mut Vec<u8>,
    times: &mut blake3::Hasher,
    path: &str,
    full: &Path,
    facts: &Metadata,
) -> Result<bool, Failure> {
    let kind = facts.file_type();
    let target;
    let entry = if kind.is_dir() {
        Entry::Folder
    } else if kind.is_file() {
        let modified = facts.modified().ok();
        let since = modified.and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        times.update(&since.unwrap_or_default().as_nanos().to_be_bytes());
        Entry::File {
            size: facts.len(),
            executable: is_executable(facts),
        }
    } else if kind.is_symlink() {
        let read = fs::read_link(full).map_err(|error| unreadable(full, &error))?;
        target = read.into_os_string();
        let target = target.to_str();
        let target = target.ok_or_else(|| wrong(path, "the link leads to no UTF-8 name"))?;
        if target.len() > PATH_MAX {
            return Err(wrong(path, "what the link leads to is too long"));
        }
        Entry::Link { target }
    } else {
        let what = "it is no file, folder or link, but a device, a socket or a pipe";
        return Err(wrong(path, what));
    };
    append(listing, &Item { path, entry });
    Ok(kind.is_dir())
}

/// The names in a folder, the last one first.
fn names(folder: &Path) -> Result<Vec<OsString>, Failure> {
    let read = || -> io::Result<Vec<_>> {
        fs::read_dir(folder)?
            .map(|entry| Ok(entry?.file_name()))
            .collect()
    };
    let mut names = read().map_err(|error| unreadable(folder, &error))?;
    names.sort_unstable_by(|one, other| other.cmp(one));
    Ok(names)
}

fn is_executable(facts: &Metadata) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        facts.permissions().mode() & 0o100 != 0
    }
    #[cfg(not(unix))]
    {
        let _unknown = facts;
        false
    }
}

fn wrong(path: &str, what: &str) -> Failure {
    Wrong::new(path, what).refused()
}

fn unreadable(path: &Path, error: &io::Error) -> Failure {
    let shown = path.display();
    Failure::new(Exit::Failed, format!("cannot read {shown}: {error}"))
}
