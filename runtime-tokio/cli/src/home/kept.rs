//! What `up` knows from its last life: its port, and what its switch asked to keep.

use std::{fs, io};

use super::{Home, broken, spaces::entries};
use crate::{exit::Failure, files};

/// The folder of what is kept, a file each.
pub(super) const STATE: &str = "state";

/// The file of the port.
const PORT: &str = "port";

/// Bytes of a kept file that are given back; the switch keeps fewer.
const KEPT_MAX: u64 = 16 << 20;

impl Home {
    /// The port that `up` had; `None` if it had none yet, or the file is damaged, which is told.
    ///
    /// # Errors
    /// [`Failure`] if the file cannot be read.
    pub(crate) fn port(&mut self) -> Result<Option<u16>, Failure> {
        let path = self.folder.join(STATE).join(PORT);
        let text = match fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            read => read.map_err(|error| broken("cannot read", &path, &error))?,
        };
        let port = str::from_utf8(&text).ok();
        let port = port.and_then(|text| text.trim_end().parse().ok());
        if port.is_none() {
            self.set_aside(&path, "it should have the number of a port")?;
        }
        Ok(port)
    }

    /// Keeps the port.
    ///
    /// # Errors
    /// [`Failure`] if it cannot be written.
    pub(crate) fn keep_port(&mut self, port: u16) -> Result<(), Failure> {
        self.keep(PORT, format!("{port}\n").as_bytes())
    }

    /// What the switch asked to keep, by its keys.
    ///
    /// # Errors
    /// [`Failure`] if it cannot be read.
    pub(crate) fn kept(&mut self) -> Result<Vec<(String, Vec<u8>)>, Failure> {
        let mut kept = Vec::new();
        for path in entries(&self.folder.join(STATE))? {
            let key = path.file_name().and_then(|name| name.to_str());
            let Some(key) = key.filter(|key| *key != PORT && is_key(key)) else {
                continue;
            };
            let key = key.to_owned();
            let unread = |error: &io::Error| broken("cannot read", &path, error);
            let size = fs::metadata(&path).map_err(|error| unread(&error))?.len();
            if size > KEPT_MAX {
                self.set_aside(&path, "it is too large")?;
                continue;
            }
            kept.push((key, fs::read(&path).map_err(|error| unread(&error))?));
        }
        Ok(kept)
    }

    /// Keeps what the switch asks to keep.
    ///
    /// # Errors
    /// [`Failure`] if the key is no name of a file, or it cannot be written.
    pub(crate) fn keep(&mut self, key: &str, bytes: &[u8]) -> Result<(), Failure> {
        if !is_key(key) {
            return Err(Failure::failed(format!("nothing is kept under {key:?}")));
        }
        let path = self.private_folder(STATE)?.join(key);
        files::replace_private(&path, bytes).map_err(|error| broken("cannot write", &path, &error))
    }

    /// Sets aside what the switch could make nothing of.
    ///
    /// # Errors
    /// [`Failure`] if it cannot be renamed.
    pub(crate) fn distrust(&mut self, key: &str, why: &str) -> Result<(), Failure> {
        let path = self.folder.join(STATE).join(key);
        self.set_aside(&path, why)
    }
}

/// True for the names that are kept under; what was set aside, or is half-written, has another.
fn is_key(key: &str) -> bool {
    let legal = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-".contains(&b);
    let other = key.starts_with('.') || key.ends_with(".new") || key.contains(".damaged-");
    (1..=200).contains(&key.len()) && key.bytes().all(legal) && !other
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn home(folder: &Path) -> Home {
        Home::at(folder.join("home")).unwrap()
    }

    #[test]
    fn home_state_comes_back_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let mut home = home(folder.path());
        assert_eq!((home.port().unwrap(), home.kept().unwrap()), (None, vec![]));
        home.keep_port(4321).unwrap();
        for bytes in [b"one".as_slice(), b"\0\xff"] {
            home.keep("peers.ab", bytes).unwrap();
            assert_eq!(home.kept().unwrap(), [("peers.ab".into(), bytes.to_vec())]);
        }
        assert_eq!(home.port().unwrap(), Some(4321));
        for bad in ["", "../x", "a/b", ".x", "A", "x.new"] {
            assert!(home.keep(bad, b"").is_err(), "{bad}");
        }
    }

    #[test]
    fn home_state_that_is_garbage_is_set_aside_and_told() {
        let folder = tempfile::tempdir().unwrap();
        let mut home = home(folder.path());
        home.keep(PORT, b"\xffmany").unwrap();
        home.keep("peers", b"garbage").unwrap();
        assert_eq!(home.port().unwrap(), None);
        home.distrust("peers", "it is damaged").unwrap();
        assert_eq!(home.mended.len(), 2);
        assert_eq!(home.kept().unwrap(), []);
        let state = home.folder().join(STATE);
        assert_eq!(fs::read(state.join("peers.damaged-1")).unwrap(), b"garbage");
        assert_eq!(fs::read(state.join("port.damaged-1")).unwrap(), b"\xffmany");
    }
}
