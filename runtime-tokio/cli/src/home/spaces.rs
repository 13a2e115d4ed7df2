//! The closed spaces that the home is a member of: an admission each, and whom it signed in.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use hydroid_core::identity::{Admission, PublicKey, Roles, SpaceId};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{Home, broken};
use crate::{
    exit::{Exit, Failure},
    files,
};

/// The folder of the admissions, by the space's id in hex.
pub(super) const SPACES: &str = "spaces";
/// The folder of the members whom this home signed in, by the space's id in hex.
pub(super) const MEMBERS: &str = "members";

/// Whoever changes a file of spaces, members or invitations holds this one meanwhile.
const CHANGES: &str = "changes";

/// Digits of an id by which a space may be named.
const ID_PREFIX: usize = 8;

/// A member whom this home signed in.
#[derive(Serialize, Deserialize, Clone, PartialEq, Eq, Debug)]
pub(crate) struct Member {
    /// The key, in hex.
    pub(crate) key: String,
    /// The bits of its roles.
    pub(crate) roles: u8,
    /// When it was signed in, in seconds since 1970.
    pub(crate) since_s: u64,
    /// When its membership ends, in seconds since 1970; 0 is never.
    pub(crate) until_s: u64,
}

impl Member {
    pub(crate) fn of(admission: &Admission, now_s: u64) -> Self {
        let membership = admission.membership();
        Self {
            key: membership.key().to_string(),
            roles: membership.roles().bits(),
            since_s: now_s,
            until_s: membership.until_s(),
        }
    }

    pub(crate) const fn roles(&self) -> Roles {
        Roles::from_bits(self.roles)
    }
}

/// What the home's files of spaces, members and invitations are changed under.
#[derive(Debug)]
pub(crate) struct Changing {
    _lock: File,
}

impl Home {
    /// The spaces that the home is a member of, by id. A damaged file is set aside and told.
    ///
    /// # Errors
    /// [`Failure`] if they cannot be read.
    pub(crate) fn spaces(&mut self) -> Result<Vec<Admission>, Failure> {
        let key = self.identity()?.public();
        let folder = self.folder.join(SPACES);
        let mut spaces = Vec::new();
        for path in entries(&folder)? {
            let Some(id) = id_of(&path) else { continue };
            self.mend(&path)?;
            let bytes =
                Zeroizing::new(fs::read(&path).map_err(|e| broken("cannot read", &path, &e))?);
            match Admission::from_bytes(&bytes) {
                Ok(admission) if admission.space().id().to_string() != id => {
                    self.set_aside(&path, "it is for another space than its name says")?;
                }
                Ok(admission) if *admission.membership().key() != key => {
                    self.mended.push(format!(
                        "{} is for another identity than this home's, and not used",
                        path.display()
                    ));
                }
                Ok(admission) => spaces.push(admission),
                Err(error) => self.set_aside(&path, &error.to_string())?,
            }
        }
        spaces.sort_by_key(|admission| admission.space().id());
        Ok(spaces)
    }

    /// The space of this name, or whose id begins with it.
    ///
    /// # Errors
    /// [`Failure`]: not found, or of usage if there are two.
    pub(crate) fn space(&mut self, name: &str) -> Result<Admission, Failure> {
        let mut spaces = self.spaces()?;
        let mut fitting: Vec<_> = (0..spaces.len())
            .filter(|&at| spaces[at].space().name() == name)
            .collect();
        if fitting.is_empty() && name.len() >= ID_PREFIX {
            let begins = |at: &usize| spaces[*at].space().id().to_string().starts_with(name);
            fitting = (0..spaces.len()).filter(begins).collect();
        }
        match fitting[..] {
            [one] => Ok(spaces.swap_remove(one)),
            [] => {
                let known: Vec<_> = spaces.iter().map(|one| one.space().name()).collect();
                let known = match &known[..] {
                    [] => "of none".to_owned(),
                    names => format!("of {}", names.join(", ")),
                };
                Err(Failure::new(
                    Exit::NotFound,
                    format!("this home is no member of a closed space {name}: it is {known}"),
                ))
            }
            _ => Err(Failure::usage(format!(
                "several spaces are named {name}; name one by the first digits of its id, which \
                 `hydroid space members` shows"
            ))),
        }
    }

    /// The admission to the space with this id, if the home has one.
    ///
    /// # Errors
    /// [`Failure`] if the spaces cannot be read.
    pub(crate) fn admission(&mut self, id: &SpaceId) -> Result<Option<Admission>, Failure> {
        let spaces = self.spaces()?;
        Ok(spaces.into_iter().find(|one| one.space().id() == *id))
    }

    /// Waits until nobody else changes the files of spaces, members and invitations.
    ///
    /// # Errors
    /// [`Failure`] if that cannot be seen to.
    pub(crate) fn change(&mut self) -> Result<Changing, Failure> {
        let folder = self.private_folder(SPACES)?;
        let path = folder.join(CHANGES);
        let lock = files::private()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .and_then(|file| file.lock().map(|()| file));
        let lock = lock.map_err(|error| broken("cannot lock", &path, &error))?;
        Ok(Changing { _lock: lock })
    }

    /// Keeps an admission, together with what the stored one has that is newer; gives what is kept.
    ///
    /// # Errors
    /// [`Failure`] if it cannot be written, or the home is a member of as many as it may be.
    pub(crate) fn keep_space(
        &mut self,
        _changing: &Changing,
        admission: &Admission,
    ) -> Result<Admission, Failure> {
        let id = admission.space().id();
        let kept = match self.admission(&id)? {
            Some(mut stored) => {
                if !stored.merge(admission) {
                    return Ok(stored);
                }
                stored
            }
            None => admission.clone(),
        };
        let path = self.private_folder(SPACES)?.join(id.to_string());
        files::replace_private(&path, &kept.to_bytes())
            .map_err(|error| broken("cannot write", &path, &error))?;
        Ok(kept)
    }

    /// Forgets a space: the admission and the list of those signed in.
    ///
    /// # Errors
    /// [`Failure`] if that cannot be written.
    pub(crate) fn forget_space(
        &mut self,
        _changing: &Changing,
        id: &SpaceId,
    ) -> Result<(), Failure> {
        for folder in [SPACES, MEMBERS] {
            let path = self.folder.join(folder).join(id.to_string());
            match fs::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(broken("cannot remove", &path, &error));
                }
                Ok(()) | Err(_) => {}
            }
        }
        Ok(())
    }

    /// Those whom this home signed in to a space, in the order of their first time.
    ///
    /// # Errors
    /// [`Failure`] if they cannot be read.
    pub(crate) fn members(&mut self, id: &SpaceId) -> Result<Vec<Member>, Failure> {
        let path = self.folder.join(MEMBERS).join(id.to_string());
        let text = match fs::read_to_string(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) if error.kind() == io::ErrorKind::InvalidData => String::from("?"),
            read => read.map_err(|error| broken("cannot read", &path, &error))?,
        };
        let members: Result<Vec<Member>, _> = text.lines().map(serde_json::from_str).collect();
        match members {
            Ok(members) => Ok(members),
            Err(error) => {
                self.set_aside(&path, &error.to_string())?;
                Ok(Vec::new())
            }
        }
    }

    /// Notes that a member was signed in, in place of what was noted of it before.
    ///
    /// # Errors
    /// [`Failure`] if that cannot be written.
    pub(crate) fn note_member(
        &mut self,
        _changing: &Changing,
        id: &SpaceId,
        member: Member,
    ) -> Result<(), Failure> {
        let mut members = self.members(id)?;
        match members.iter_mut().find(|one| one.key == member.key) {
            Some(one) => {
                let since_s = one.since_s;
                *one = Member { since_s, ..member };
            }
            None => members.push(member),
        }
        let lines = members.iter().map(|one| {
            let mut line = serde_json::to_string(one).expect("a member is text and numbers");
            line.push('\n');
            line
        });
        let text: String = lines.collect();
        let path = self.private_folder(MEMBERS)?.join(id.to_string());
        files::replace_private(&path, text.as_bytes())
            .map_err(|error| broken("cannot write", &path, &error))
    }

    /// The key of a member that is named by the key, its hashname or the beginning of one of them.
    ///
    /// # Errors
    /// [`Failure`]: not found, or of usage if there are several.
    pub(crate) fn member(
        &mut self,
        admission: &Admission,
        name: &str,
    ) -> Result<PublicKey, Failure> {
        if let Ok(key) = name.parse() {
            return Ok(key);
        }
        let id = admission.space().id();
        let named = |key: &PublicKey| {
            let hashname = hydroid_core::identity::Hashname::of(key, &id).to_string();
            name.len() >= 4 && (key.to_string().starts_with(name) || hashname.starts_with(name))
        };
        let members = self.members(&id)?;
        let mut keys: Vec<PublicKey> = members
            .iter()
            .filter_map(|one| one.key.parse().ok())
            .filter(named)
            .collect();
        match (keys.pop(), keys.is_empty()) {
            (Some(key), true) => Ok(key),
            (Some(_), false) => Err(Failure::usage(format!("several members begin with {name}"))),
            (None, _) => Err(Failure::new(
                Exit::NotFound,
                format!(
                    "{name} is neither a key nor the beginning of the key or hashname of somebody \
                     whom this home signed in to {}",
                    admission.space().name()
                ),
            )),
        }
    }

    /// A folder of the home's own, made if it is not there.
    pub(super) fn private_folder(&mut self, name: &str) -> Result<PathBuf, Failure> {
        let folder = self.folder.join(name);
        files::create_private_folder(&folder)
            .map_err(|error| broken("cannot make", &folder, &error))?;
        self.mend(&folder)?;
        Ok(folder)
    }

    /// Gives a damaged file another name, under which nothing of it is lost, and tells of it.
    pub(super) fn set_aside(&mut self, path: &Path, why: &str) -> Result<(), Failure> {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let aside = (1..).map(|n| path.with_file_name(format!("{name}.damaged-{n}")));
        for aside in aside {
            match files::rename_new(path, &aside) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(broken("cannot set aside", path, &error)),
                Ok(()) => {
                    self.mended.push(format!(
                        "{} could not be used ({why}); it is {} now",
                        path.display(),
                        aside.display()
                    ));
                    break;
                }
            }
        }
        Ok(())
    }
}

/// The id that a file is named by.
fn id_of(path: &Path) -> Option<String> {
    let name = path.file_name()?.to_str()?;
    let digit = |b: u8| matches!(b, b'0'..=b'9' | b'a'..=b'f');
    (name.len() == 64 && name.bytes().all(digit)).then(|| name.to_owned())
}

/// The ordinary files of a folder; none where there is no folder.
pub(super) fn entries(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let unread = |error: &io::Error| broken("cannot read", folder, error);
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        read => read.map_err(|error| unread(&error))?,
    };
    let mut paths = Vec::new();
    for entry in entries {
        let entry = entry.map_err(|error| unread(&error))?;
        if entry.file_type().is_ok_and(|kind| kind.is_file()) {
            paths.push(entry.path());
        }
    }
    paths.sort();
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use hydroid_core::identity::{Gate, SecretKey};

    use super::*;

    fn home(folder: &Path) -> Home {
        Home::at(folder.join("home")).unwrap()
    }

    fn found(home: &mut Home, name: &str) -> Admission {
        let founded =
            Admission::found(&home.identity().unwrap(), name, Gate::new([9; 32])).unwrap();
        let changing = home.change().unwrap();
        home.keep_space(&changing, &founded).unwrap()
    }

    #[test]
    fn home_spaces_are_found_by_name_and_by_id() {
        let folder = tempfile::tempdir().unwrap();
        let mut home = home(folder.path());
        let club = found(&mut home, "club");
        found(&mut home, "pub");
        assert_eq!(home.space("club").unwrap(), club);
        let id = club.space().id().to_string();
        assert_eq!(home.space(&id[..8]).unwrap(), club);
        assert_eq!(home.space("bar").unwrap_err().exit, Exit::NotFound);
        let changing = home.change().unwrap();
        home.forget_space(&changing, &club.space().id()).unwrap();
        assert!(home.space("club").is_err() && home.space("pub").is_ok());
    }

    #[test]
    fn home_spaces_that_are_damaged_are_set_aside_and_told() {
        let folder = tempfile::tempdir().unwrap();
        let mut home = home(folder.path());
        let club = found(&mut home, "club");
        let path = home
            .folder()
            .join(SPACES)
            .join(club.space().id().to_string());
        for n in 1..=2 {
            fs::write(&path, format!("garbage {n}")).unwrap();
            assert_eq!(home.spaces().unwrap(), []);
            let told = home.mended.iter();
            let told = told.filter(|sentence| sentence.contains("could not be used"));
            assert_eq!(told.count(), n);
            let aside = path.with_extension(format!("damaged-{n}"));
            assert_eq!(fs::read(aside).unwrap(), format!("garbage {n}").as_bytes());
        }
    }

    #[test]
    fn home_keeps_the_newer_of_two_admissions() {
        let folder = tempfile::tempdir().unwrap();
        let mut home = home(folder.path());
        let club = found(&mut home, "club");
        let secret = home.identity().unwrap();
        let other = SecretKey::from_bytes(&[7; 32]).public();
        let newer = club.revoke(&secret, &[other], Gate::new([8; 32])).unwrap();
        let changing = home.change().unwrap();
        assert_eq!(home.keep_space(&changing, &newer).unwrap(), newer);
        assert_eq!(home.keep_space(&changing, &club).unwrap(), newer);
        assert_eq!(home.spaces().unwrap(), [newer]);
    }

    #[test]
    fn home_members_are_noted_once_and_found_by_their_beginning() {
        let folder = tempfile::tempdir().unwrap();
        let mut home = home(folder.path());
        let club = found(&mut home, "club");
        let id = club.space().id();
        let key = SecretKey::from_bytes(&[7; 32]).public();
        let admitted = club
            .admit(&home.identity().unwrap(), &key, Roles::SPACER, 9)
            .unwrap();
        let changing = home.change().unwrap();
        for now_s in [1, 2] {
            let member = Member::of(&admitted, now_s);
            home.note_member(&changing, &id, member).unwrap();
        }
        let members = home.members(&id).unwrap();
        assert_eq!(
            (members.len(), members[0].since_s, members[0].until_s),
            (1, 1, 9)
        );
        let text = key.to_string();
        let hashname = hydroid_core::identity::Hashname::of(&key, &id).to_string();
        for name in [&text[..], &text[..6], &hashname, &hashname[..6]] {
            assert_eq!(home.member(&club, name).unwrap(), key, "{name}");
        }
        assert_eq!(home.member(&club, "zzzz").unwrap_err().exit, Exit::NotFound);
    }
}
