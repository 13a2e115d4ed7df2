//! The keys of members that were met in open spaces, so that others can be told to be new. Names are
//! nobody's alone; that a key was seen before is all that is known of a stranger.

use std::{collections::BTreeSet, fs, io};

use hydroid_core::identity::PublicKey;

use super::{Home, broken};
use crate::{exit::Failure, files};

/// The file of the keys, one a line, the newest last.
pub(super) const KNOWN: &str = "known";

/// Keys that are kept; the oldest are forgotten.
const KNOWN_MOST: usize = 4096;

/// Bytes of a key in hex, with the end of the line.
const LINE: u64 = 65;

impl Home {
    /// The keys that were met.
    ///
    /// # Errors
    /// [`Failure`] if the file cannot be read.
    pub(crate) fn known(&mut self) -> Result<BTreeSet<PublicKey>, Failure> {
        Ok(self.known_in_order()?.into_iter().collect())
    }

    /// Remembers keys.
    ///
    /// # Errors
    /// [`Failure`] if they cannot be written.
    pub(crate) fn remember(&mut self, met: &[PublicKey]) -> Result<(), Failure> {
        let _changing = self.change()?;
        let mut known = self.known_in_order()?;
        let before = known.len();
        for key in met {
            if !known.contains(key) {
                known.push(*key);
            }
        }
        if known.len() == before {
            return Ok(());
        }
        let surplus = known.len().saturating_sub(KNOWN_MOST);
        let text: String = known[surplus..]
            .iter()
            .map(|key| format!("{key}\n"))
            .collect();
        let path = self.folder.join(KNOWN);
        files::replace_private(&path, text.as_bytes())
            .map_err(|error| broken("cannot write", &path, &error))
    }

    fn known_in_order(&mut self) -> Result<Vec<PublicKey>, Failure> {
        let path = self.folder.join(KNOWN);
        let unread = |error: &io::Error| broken("cannot read", &path, error);
        let facts = match fs::metadata(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            facts => facts.map_err(|error| unread(&error))?,
        };
        if facts.len() > KNOWN_MOST as u64 * LINE || !facts.is_file() {
            self.set_aside(&path, "it is too large")?;
            return Ok(Vec::new());
        }
        let text = fs::read(&path).map_err(|error| unread(&error))?;
        let text = String::from_utf8_lossy(&text);
        Ok(text.lines().filter_map(|line| line.parse().ok()).collect())
    }
}

#[cfg(test)]
mod tests {
    use hydroid_core::identity::SecretKey;

    use super::*;

    #[test]
    fn home_remembers_whom_it_met_and_forgets_the_oldest() {
        let folder = tempfile::tempdir().unwrap();
        let mut home = Home::at(folder.path().join("home")).unwrap();
        let key = |seed| SecretKey::from_bytes(&[seed; 32]).public();
        assert!(home.known().unwrap().is_empty());
        home.remember(&[key(1), key(2)]).unwrap();
        home.remember(&[key(2), key(3)]).unwrap();
        assert_eq!(home.known().unwrap(), [key(1), key(2), key(3)].into());
        let path = home.folder().join(KNOWN);
        fs::write(&path, format!("garbage\n{}\n\u{ff}", key(4))).unwrap();
        assert_eq!(home.known().unwrap(), [key(4)].into());
        fs::write(&path, vec![b'x'; KNOWN_MOST * LINE as usize + 1]).unwrap();
        assert!(home.known().unwrap().is_empty());
        assert_eq!(home.mended.len(), 1);
    }
}
