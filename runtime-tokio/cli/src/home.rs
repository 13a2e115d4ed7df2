//! The home: where the identity is kept, for nobody else to read. Received files are never here.

pub(crate) mod invites;
mod kept;
mod known;
pub(crate) mod spaces;

use std::{
    env,
    ffi::OsStr,
    fs::{self, File, TryLockError},
    io::{self, Read as _, Seek as _, Write as _},
    path::{Path, PathBuf},
};

use data_encoding::HEXLOWER;
use etcetera::BaseStrategy as _;
use hydroid_core::identity::{SecretKey, Token};
use zeroize::{Zeroize as _, Zeroizing};

use self::{
    invites::INVITES,
    kept::STATE,
    known::KNOWN,
    spaces::{MEMBERS, SPACES},
};
use crate::{exit::Failure, files};

/// Bytes of a ticket's token.
const TOKEN_LEN: usize = 16;

/// Bytes of a secret's file that are looked at; a good one has fewer.
const SECRET_FILE_MAX: u64 = 100;

const IDENTITY: &str = "identity";
const TOKEN: &str = "token";
const LOCK: &str = "lock";
const CONTROL: &str = "control";

/// All that a home may have, and it with an ending.
const OWN: [&str; 9] = [
    IDENTITY, TOKEN, LOCK, CONTROL, SPACES, MEMBERS, INVITES, STATE, KNOWN,
];

/// The folder of the identity.
#[derive(Debug)]
pub(crate) struct Home {
    folder: PathBuf,
    /// What was wrong with it and was mended, a sentence each.
    pub(crate) mended: Vec<String>,
}

/// Holds the identity for this process for as long as it lives.
#[derive(Debug)]
pub(crate) struct Held {
    _lock: File,
}

impl Home {
    /// Opens the home, and makes it first if it is not there.
    ///
    /// # Errors
    /// [`Failure`] if there is no place for it, or if others may read it and that cannot be mended.
    pub(crate) fn open() -> Result<Self, Failure> {
        Self::at(place()?)
    }

    /// The same, if there is one already.
    ///
    /// # Errors
    /// As [`Home::open`].
    pub(crate) fn open_if_there() -> Result<Option<Self>, Failure> {
        let folder = place()?;
        folder.exists().then(|| Self::at(folder)).transpose()
    }

    fn at(folder: PathBuf) -> Result<Self, Failure> {
        files::create_private_folder(&folder)
            .map_err(|error| broken("cannot make the home", &folder, &error))?;
        let mut home = Self {
            folder,
            mended: Vec::new(),
        };
        let folder = home.folder.clone();
        if files::is_loose(&folder).unwrap_or(true) && !is_own(&folder) {
            // A home is put right, but somebody else's folder is not taken away from the others.
            return Err(Failure::refused(format!(
                "others have rights to {}, and there is more in it than a home has; name another \
                 folder by HYDROID_HOME",
                folder.display()
            )));
        }
        home.mend(&folder)?;
        Ok(home)
    }

    /// The folder.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The socket by which a running `up` can be spoken to.
    pub(crate) fn control(&self) -> PathBuf {
        self.folder.join(CONTROL)
    }

    /// The identity's secret, made at first use.
    ///
    /// # Errors
    /// [`Failure`] if it cannot be read or made.
    pub(crate) fn identity(&mut self) -> Result<SecretKey, Failure> {
        Ok(SecretKey::from_bytes(&*self.secret::<32>(IDENTITY)?))
    }

    /// The token that the tickets of this home's `up` carry, made at first use.
    ///
    /// # Errors
    /// [`Failure`] if it cannot be read or made.
    pub(crate) fn token(&mut self) -> Result<Token, Failure> {
        Ok(token(&*self.secret::<TOKEN_LEN>(TOKEN)?))
    }

    /// Takes the identity for this process alone.
    ///
    /// # Errors
    /// [`Failure`] of refusal that names the process that holds it.
    pub(crate) fn hold(&mut self) -> Result<Held, Failure> {
        let path = self.folder.join(LOCK);
        if path.exists() {
            self.mend(&path)?;
        }
        let failed = |error: &io::Error| broken("cannot lock", &path, error);
        let mut lock = files::private()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(|error| failed(&error))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                // Between the lock and the number of its holder there is a moment.
                let _unknown = lock.read_to_string(&mut holder);
                let holder = match holder.trim().parse::<u32>() {
                    Ok(id) => format!("process {id}"),
                    Err(_unknown) => "another process".into(),
                };
                return Err(Failure::refused(format!(
                    "{holder} holds the identity in {}, and two at once would be taken for one \
                     that keeps restarting; end that one first, or be another by HYDROID_HOME",
                    self.folder.display()
                )));
            }
            Err(TryLockError::Error(error)) => return Err(failed(&error)),
        }
        lock.set_len(0)
            .and_then(|()| lock.rewind())
            .and_then(|()| writeln!(lock, "{}", std::process::id()))
            .map_err(|error| failed(&error))?;
        Ok(Held { _lock: lock })
    }

    /// True if `folder` is the home or in it.
    pub(crate) fn contains(&self, folder: &Path) -> bool {
        let Ok(home) = fs::canonicalize(&self.folder) else {
            return false;
        };
        // Of a folder that is still to be made, the part that there is decides.
        let folder = std::path::absolute(folder).unwrap_or_else(|_empty| folder.to_owned());
        let there = folder
            .ancestors()
            .find_map(|path| fs::canonicalize(path).ok());
        there.is_some_and(|folder| folder.starts_with(home))
    }

    fn secret<const N: usize>(&mut self, name: &str) -> Result<Zeroizing<[u8; N]>, Failure> {
        let path = self.folder.join(name);
        if fs::symlink_metadata(&path).is_err() {
            create_secret::<N>(&path)?;
        }
        let unread = |error: &io::Error| broken("cannot read", &path, error);
        let facts = fs::metadata(&path).map_err(|error| unread(&error))?;
        if !facts.is_file() {
            // A pipe, say, would never end.
            return Err(Failure::failed(format!(
                "{} is no ordinary file",
                path.display()
            )));
        }
        self.mend(&path)?;
        let mut text = Zeroizing::new(Vec::with_capacity(SECRET_FILE_MAX as usize));
        File::open(&path)
            .and_then(|file| file.take(SECRET_FILE_MAX).read_to_end(&mut text))
            .map_err(|error| unread(&error))?;
        let mut secret = Zeroizing::new([0; N]);
        let mut bytes = HEXLOWER.decode(text.trim_ascii_end()).ok();
        let read = bytes.as_mut().is_some_and(|bytes| {
            let fits = bytes.len() == N;
            if fits {
                secret.copy_from_slice(bytes);
            }
            bytes.zeroize();
            fits
        });
        if read {
            Ok(secret)
        } else {
            Err(Failure::failed(format!(
                "{} is damaged: it should have {} hex digits",
                path.display(),
                2 * N
            )))
        }
    }

    fn mend(&mut self, path: &Path) -> Result<(), Failure> {
        let shown = path.display();
        match files::make_private(path) {
            Ok(false) => Ok(()),
            Ok(true) => {
                self.mended.push(format!(
                    "others had rights to {shown}; they have none any more"
                ));
                Ok(())
            }
            Err(error) => Err(Failure::refused(format!(
                "others have rights to {shown}, and that cannot be changed: {error}"
            ))),
        }
    }
}

/// True if there is nothing in the folder but what a home has.
fn is_own(folder: &Path) -> bool {
    let own = |name: &OsStr| {
        let name = name.to_string_lossy();
        let stem = name.split('.').next().unwrap_or_default();
        OWN.contains(&stem)
    };
    fs::read_dir(folder).is_ok_and(|mut entries| {
        entries.all(|entry| entry.is_ok_and(|entry| own(&entry.file_name())))
    })
}

/// Two processes that make it at once agree on the one that was first.
fn create_secret<const N: usize>(path: &Path) -> Result<(), Failure> {
    let secret = Zeroizing::new(random::<N>()?);
    let text = Zeroizing::new(format!("{}\n", HEXLOWER.encode(&*secret)));
    match files::create_private(path, text.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            Err(broken("cannot make", path, &error))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

/// The wall clock, in seconds since 1970.
pub(crate) fn now_s() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs())
}

/// A token that nobody has seen.
///
/// # Errors
/// [`Failure`] if the system has no randomness.
pub(crate) fn fresh_token() -> Result<Token, Failure> {
    Ok(token(&Zeroizing::new(random::<TOKEN_LEN>()?)))
}

fn token(bytes: &[u8; TOKEN_LEN]) -> Token {
    Token::new(bytes).expect("16 bytes are a token")
}

/// Bytes from the system's random source.
///
/// # Errors
/// [`Failure`] if it has none.
pub(crate) fn random<const N: usize>() -> Result<[u8; N], Failure> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)
        .map_err(|error| Failure::failed(format!("the system has no randomness: {error}")))?;
    Ok(bytes)
}

fn place() -> Result<PathBuf, Failure> {
    if let Some(home) = env::var_os("HYDROID_HOME").filter(|home| !home.is_empty()) {
        return Ok(home.into());
    }
    let base = etcetera::base_strategy::choose_native_strategy();
    let base = base.map_err(|error| {
        Failure::failed(format!(
            "there is no place for a home ({error}); set HYDROID_HOME"
        ))
    })?;
    let state = base.state_dir().unwrap_or_else(|| base.data_dir());
    Ok(state.join("hydroid"))
}

fn broken(what: &str, path: &Path, error: &io::Error) -> Failure {
    Failure::failed(format!("{what} {}: {error}", path.display()))
}

/// The folder for received files where none is named: `hydroid` in the user's downloads.
///
/// # Errors
/// [`Failure`] if the user has no home folder.
pub(crate) fn inbox() -> Result<PathBuf, Failure> {
    let user = etcetera::home_dir().map_err(|error| {
        Failure::failed(format!(
            "there are no downloads ({error}); name a folder by --into"
        ))
    })?;
    let told = env::var_os("XDG_DOWNLOAD_DIR").map(PathBuf::from);
    let downloads = told
        .filter(|folder| folder.is_absolute())
        .or_else(|| {
            let base = etcetera::base_strategy::choose_base_strategy().ok()?;
            let text = fs::read_to_string(base.config_dir().join("user-dirs.dirs")).ok()?;
            downloads_in(&text, &user)
        })
        .unwrap_or_else(|| user.join("Downloads"));
    Ok(downloads.join("hydroid"))
}

/// The downloads folder that a `user-dirs.dirs` file names.
fn downloads_in(text: &str, user: &Path) -> Option<PathBuf> {
    let line = |line: &str| {
        let value = line.trim().strip_prefix("XDG_DOWNLOAD_DIR=\"")?;
        let value = value.strip_suffix('"')?;
        match value.strip_prefix("$HOME/") {
            Some(below) => Some(user.join(below)),
            None => Some(PathBuf::from(value)).filter(|folder| folder.is_absolute()),
        }
    };
    text.lines().find_map(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn home(folder: &Path) -> Home {
        Home::at(folder.join("home")).unwrap()
    }

    #[test]
    fn home_keeps_one_identity_and_one_token() {
        let folder = tempfile::tempdir().unwrap();
        let identity = home(folder.path()).identity().unwrap();
        let token = home(folder.path()).token().unwrap();
        assert_eq!(
            home(folder.path()).identity().unwrap().public(),
            identity.public()
        );
        assert_eq!(home(folder.path()).token().unwrap(), token);
        assert_ne!(token, fresh_token().unwrap());
    }

    #[test]
    fn home_is_held_once_and_says_by_whom() {
        let folder = tempfile::tempdir().unwrap();
        let held = home(folder.path()).hold().unwrap();
        let refused = home(folder.path()).hold().unwrap_err();
        assert!(
            refused
                .sentence
                .contains(&format!("process {}", std::process::id())),
            "{refused}"
        );
        drop(held);
        home(folder.path()).hold().unwrap();
    }

    #[test]
    fn home_damaged_secret_is_not_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let mut home = home(folder.path());
        fs::write(home.folder().join("identity"), "abc\n").unwrap();
        assert!(home.identity().unwrap_err().sentence.contains("damaged"));
        let kept = fs::read_to_string(home.folder().join("identity")).unwrap();
        assert_eq!(kept, "abc\n");
    }

    #[test]
    #[cfg(unix)]
    fn home_rights_are_mended_with_a_sentence() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("home");
        fs::create_dir(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        let mut home = home(folder.path());
        assert_eq!(home.mended.len(), 1);
        home.identity().unwrap();
        home.token().unwrap();
        let _held = home.hold().unwrap();
        assert_eq!(home.mended.len(), 1);
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&path), 0o700);
        for entry in fs::read_dir(&path).unwrap() {
            assert_eq!(mode(&entry.unwrap().path()), 0o600);
        }
    }

    #[test]
    fn home_contains_what_is_below_it() {
        let folder = tempfile::tempdir().unwrap();
        let home = home(folder.path());
        assert!(home.contains(home.folder()));
        assert!(home.contains(&home.folder().join("inbox")));
        assert!(!home.contains(folder.path()));
    }

    #[test]
    fn home_downloads_are_where_the_desktop_says() {
        let user = Path::new("/user");
        let text = "# comment\nXDG_MUSIC_DIR=\"$HOME/m\"\nXDG_DOWNLOAD_DIR=\"$HOME/got/it\"\n";
        assert_eq!(downloads_in(text, user), Some("/user/got/it".into()));
        let absolute = "XDG_DOWNLOAD_DIR=\"/data\"";
        assert_eq!(downloads_in(absolute, user), Some("/data".into()));
        assert_eq!(downloads_in("XDG_DOWNLOAD_DIR=\"odd\"", user), None);
    }
}
