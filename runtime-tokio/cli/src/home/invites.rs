//! Invitations: each is for one bearer of its token, which the home knows by its hash only.

use std::{fs, io, path::PathBuf};

use data_encoding::HEXLOWER;
use hydroid_core::identity::{Admission, PublicKey, Roles, Token};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{
    Home, broken,
    spaces::{Member, entries},
};
use crate::{exit::Failure, files, transfer::heads::Why};

/// The folder of the invitations, by the token's hash in hex.
pub(super) const INVITES: &str = "invites";

/// Invitations that may be open at once, used and expired ones with them.
const INVITES_MOST: usize = 1024;

/// What is over for this long is forgotten; until then whoever comes late is told why.
const REMEMBERED_S: u64 = 7 * 86_400;

/// An invitation as it is kept.
#[derive(Serialize, Deserialize, Clone, PartialEq, Eq, Debug)]
pub(crate) struct Invite {
    /// The id of the space, in hex.
    pub(crate) space: String,
    /// The bits of the roles that the bearer gets.
    pub(crate) roles: u8,
    /// How long the bearer is a member; `None` is for ever.
    pub(crate) member_s: Option<u64>,
    /// When the invitation ends, in seconds since 1970.
    pub(crate) expires_s: u64,
    /// Who has used it.
    #[serde(default)]
    pub(crate) used: Option<Used>,
}

/// The use that was made of an invitation.
#[derive(Serialize, Deserialize, Clone, PartialEq, Eq, Debug)]
pub(crate) struct Used {
    /// By this key, in hex.
    key: String,
    /// When the membership ends.
    until_s: u64,
}

/// Somebody who was let in.
#[derive(Clone, Debug)]
pub(crate) struct Admitted {
    /// What it gets.
    pub(crate) admission: Admission,
    /// The home's own admission, as it stands now.
    pub(crate) own: Admission,
}

/// Why somebody is not let in: for the peer, and the same for us.
pub(crate) type Turned = (Why, String);

impl Home {
    /// Keeps a new invitation for the bearer of `token`.
    ///
    /// # Errors
    /// [`Failure`] if it cannot be written, or too many are open.
    pub(crate) fn invite(
        &mut self,
        token: &Token,
        invite: &Invite,
        now_s: u64,
    ) -> Result<(), Failure> {
        let _changing = self.change()?;
        let folder = self.private_folder(INVITES)?;
        let mut open = 0;
        for path in entries(&folder)? {
            let kept = fs::read(&path).ok();
            let kept = kept.and_then(|bytes| serde_json::from_slice::<Invite>(&bytes).ok());
            let over = kept.is_none_or(|kept| kept.expires_s + REMEMBERED_S < now_s);
            if over {
                fs::remove_file(&path).map_err(|error| broken("cannot remove", &path, &error))?;
            } else {
                open += 1;
            }
        }
        if open >= INVITES_MOST {
            return Err(Failure::failed(format!(
                "there are {INVITES_MOST} invitations already; they are forgotten a week after \
                 they have expired"
            )));
        }
        self.keep_invite(token, invite)
    }

    fn keep_invite(&mut self, token: &Token, invite: &Invite) -> Result<(), Failure> {
        let path = self.invite_path(token.as_bytes());
        let bytes = serde_json::to_vec(invite).expect("an invitation is text and numbers");
        files::replace_private(&path, &bytes).map_err(|error| broken("cannot write", &path, &error))
    }

    /// True until the invitation is used.
    pub(crate) fn is_open(&mut self, token: &Token) -> bool {
        self.read_invite(token.as_bytes())
            .is_some_and(|invite| invite.used.is_none())
    }

    fn invite_path(&self, token: &[u8]) -> PathBuf {
        let hash = blake3::derive_key("hydroid 2026 invitation", token);
        self.folder.join(INVITES).join(HEXLOWER.encode(&hash))
    }

    fn read_invite(&self, token: &[u8]) -> Option<Invite> {
        let bytes = fs::read(self.invite_path(token)).ok()?;
        serde_json::from_slice(&bytes).ok()
    }

    /// Lets the bearer of a token in. The same key may come again with it until it expires, and
    /// gets the same membership; no other key may.
    ///
    /// # Errors
    /// [`Turned`]: why not, for the peer and for us.
    pub(crate) fn admit(
        &mut self,
        token: &str,
        key: &PublicKey,
        now_s: u64,
    ) -> Result<Admitted, Turned> {
        let unknown = || {
            let sentence = "the invitation is not known here: it was never made, or is long over";
            (Why::Refused, sentence.to_owned())
        };
        let failed = |failure: Failure| (Why::Failed, failure.sentence);
        let bytes = Zeroizing::new(HEXLOWER.decode(token.as_bytes()).unwrap_or_default());
        let token = Token::new(&bytes).map_err(|_no_token| unknown())?;
        let changing = self.change().map_err(failed)?;
        let mut invite = self.read_invite(token.as_bytes()).ok_or_else(unknown)?;
        let refused = |sentence: &str| (Why::Refused, sentence.to_owned());
        if invite.expires_s <= now_s {
            return Err(refused("the invitation has expired"));
        }
        let text = key.to_string();
        let until_s = match &invite.used {
            Some(used) if used.key == text => used.until_s,
            Some(_) => return Err(refused("the invitation was used by another key")),
            None => invite.member_s.map_or(0, |member_s| now_s + member_s),
        };
        let secret = self.identity().map_err(failed)?;
        let spaces = self.spaces().map_err(failed)?;
        let own = spaces
            .into_iter()
            .find(|one| one.space().id().to_string() == invite.space);
        let gone = "the invitation is for a space that this end is no member of any more";
        let mut own = own.ok_or_else(|| (Why::Failed, gone.into()))?;
        let roles = Roles::from_bits(invite.roles);
        let refusal =
            |error: hydroid_core::identity::AdmissionError| (Why::Refused, error.to_string());
        own.admit(&secret, key, roles, until_s).map_err(refusal)?;
        if roles.has(Roles::OPERATOR) && !own.document().is_operator(own.space(), key) {
            let mut operators = own.document().statement().operators.clone();
            operators.push(*key);
            own = own.appoint(&secret, &operators).map_err(refusal)?;
            own = self.keep_space(&changing, &own).map_err(failed)?;
        }
        let admission = own.admit(&secret, key, roles, until_s).map_err(refusal)?;
        invite.used = Some(Used { key: text, until_s });
        self.keep_invite(&token, &invite).map_err(failed)?;
        let member = Member::of(&admission, now_s);
        self.note_member(&changing, &own.space().id(), member)
            .map_err(failed)?;
        Ok(Admitted { admission, own })
    }

    /// Forgets an invitation that nobody has used.
    pub(crate) fn withdraw(&mut self, token: &Token) -> io::Result<()> {
        if self.is_open(token) {
            fs::remove_file(self.invite_path(token.as_bytes()))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use hydroid_core::identity::{Gate, SecretKey};

    use super::*;

    fn begin(folder: &std::path::Path, roles: Roles) -> (Home, String) {
        let mut home = Home::at(folder.join("home")).unwrap();
        let secret = home.identity().unwrap();
        let club = Admission::found(&secret, "club", Gate::new([9; 32])).unwrap();
        let changing = home.change().unwrap();
        home.keep_space(&changing, &club).unwrap();
        drop(changing);
        let token = Token::new(&[3; 16]).unwrap();
        let invite = Invite {
            space: club.space().id().to_string(),
            roles: roles.bits(),
            member_s: Some(1000),
            expires_s: 100,
            used: None,
        };
        home.invite(&token, &invite, 1).unwrap();
        (home, HEXLOWER.encode(&[3; 16]))
    }

    fn key(n: u8) -> PublicKey {
        SecretKey::from_bytes(&[n; 32]).public()
    }

    #[test]
    fn home_invitation_is_for_one_key_until_it_expires() {
        let folder = tempfile::tempdir().unwrap();
        let (mut home, token) = begin(folder.path(), Roles::SPACER);
        let first = home.admit(&token, &key(1), 50).unwrap();
        assert_eq!(first.admission.membership().until_s(), 1050);
        assert_eq!(first.admission.membership().key(), &key(1));
        // The answer may have been lost.
        let again = home.admit(&token, &key(1), 60).unwrap();
        assert_eq!(again.admission, first.admission);
        let (why, sentence) = home.admit(&token, &key(2), 60).unwrap_err();
        assert!(
            why == Why::Refused && sentence.contains("used"),
            "{sentence}"
        );
        let (why, sentence) = home.admit(&token, &key(1), 100).unwrap_err();
        assert!(
            why == Why::Refused && sentence.contains("expired"),
            "{sentence}"
        );
        for never in ["", "zz", &"0".repeat(32)] {
            assert_eq!(home.admit(never, &key(1), 50).unwrap_err().0, Why::Refused);
        }
        let stored = fs::read_dir(home.folder().join(INVITES)).unwrap();
        for entry in stored {
            let path = entry.unwrap().path();
            let text = fs::read_to_string(&path).unwrap();
            assert!(!text.contains(&token) && !path.to_string_lossy().contains(&token));
        }
    }

    #[test]
    fn home_invitation_lets_nobody_in_who_was_put_out() {
        let folder = tempfile::tempdir().unwrap();
        let (mut home, token) = begin(folder.path(), Roles::NONE);
        let club = home.space("club").unwrap();
        let out = club
            .revoke(&home.identity().unwrap(), &[key(1)], Gate::new([8; 32]))
            .unwrap();
        let changing = home.change().unwrap();
        home.keep_space(&changing, &out).unwrap();
        drop(changing);
        let (why, sentence) = home.admit(&token, &key(1), 50).unwrap_err();
        assert!(
            why == Why::Refused && sentence.contains("put out"),
            "{sentence}"
        );
        home.admit(&token, &key(2), 50).expect("it was not used up");
    }

    #[test]
    fn home_invitation_of_an_operator_names_it_in_the_document() {
        let folder = tempfile::tempdir().unwrap();
        let (mut home, token) = begin(folder.path(), Roles::OPERATOR);
        let admitted = home.admit(&token, &key(1), 50).unwrap();
        let document = admitted.admission.document();
        assert!(document.is_operator(admitted.own.space(), &key(1)));
        assert_eq!(home.space("club").unwrap(), admitted.own);
        let again = home.admit(&token, &key(1), 51).unwrap();
        assert_eq!(again.own.document().version(), document.version());
    }
}
