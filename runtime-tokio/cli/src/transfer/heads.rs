//! The heads of the streams that the program opens and answers.

use std::time::Duration;

use data_encoding::HEXLOWER;
use hydroid_core::identity::Token;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{hashes::SIZE_MAX, landing_name::plain_name, listing::LISTING_MAX};
use crate::exit::{Exit, Failure};

/// How long an acceptor may take to answer a head: it may be asking a slow disk.
const ANSWER_WITHIN: Duration = Duration::from_secs(15);

/// How long an offer stands.
const OFFERED: Duration = Duration::from_secs(300);

/// What an opener asks for.
#[derive(Serialize, Deserialize, Clone, PartialEq, Eq, Debug)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Request {
    /// Are you there? The number comes back.
    Ping(u64),
    /// Give me your file.
    Get {
        /// The token of the ticket, in hex.
        #[serde(default)]
        token: String,
    },
    /// Take this file.
    Put {
        /// The token of the ticket, in hex.
        #[serde(default)]
        token: String,
        /// The file.
        #[serde(flatten)]
        file: Announced,
    },
    /// Would you take this file? The answer may take as long as a person does.
    Offer {
        /// What the offerer calls itself.
        #[serde(default)]
        from: String,
        /// The file.
        #[serde(flatten)]
        file: Announced,
    },
    /// What was said in the space before?
    Past {},
    /// Be the other end of your pipe.
    Pipe {
        /// The token of the ticket, in hex.
        #[serde(default)]
        token: String,
    },
    /// Let me into the closed space that your ticket is for.
    Join {
        /// The token of the ticket, in hex.
        #[serde(default)]
        token: String,
    },
}

/// A file as a head tells of it; nothing here is checked yet.
#[derive(Serialize, Deserialize, Clone, PartialEq, Eq, Debug)]
pub(crate) struct Announced {
    /// The plain name.
    pub(crate) name: String,
    /// Bytes.
    pub(crate) size: u64,
    /// The BLAKE3 hash, in hex.
    pub(crate) root: String,
    /// Bytes of the listing that it begins with, if it is a folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) listing: Option<u64>,
}

/// What an acceptor answers.
#[derive(Serialize, Deserialize, Clone, PartialEq, Eq, Debug)]
#[serde(untagged)]
pub(crate) enum Answer {
    /// To a ping: here.
    Pong {
        /// The number of the ping.
        pong: u64,
    },
    /// To a get: this is the file.
    File {
        /// The file.
        file: Announced,
    },
    /// To a put: go on.
    Go {
        /// Always true.
        ok: bool,
    },
    /// No.
    No {
        /// Why, for people.
        error: String,
        /// Why, for programs.
        code: Why,
    },
}

/// Why a request is turned down.
#[derive(Serialize, Deserialize, Clone, Copy, PartialEq, Eq, Debug)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Why {
    /// The token is not the ticket's.
    Refused,
    /// The name is not a plain file name.
    Name,
    /// There is a file of this name.
    Exists,
    /// The file is larger than is taken here.
    TooLarge,
    /// The disk has no room for it.
    Full,
    /// Too many transfers at once.
    Busy,
    /// Something went wrong on the acceptor's side.
    Failed,
    /// The request means nothing to this end, or the reason means nothing to us.
    #[serde(other)]
    Unknown,
}

impl Request {
    /// How long an acceptor may take to answer: it may be asking a slow disk, or somebody.
    pub(crate) const fn patience(&self) -> Duration {
        match self {
            Self::Offer { .. } => OFFERED,
            Self::Ping(_)
            | Self::Get { .. }
            | Self::Put { .. }
            | Self::Past {}
            | Self::Pipe { .. }
            | Self::Join { .. } => ANSWER_WITHIN,
        }
    }
}

impl Why {
    /// How a command ends that was turned down so.
    pub(crate) const fn exit(self) -> Exit {
        match self {
            Self::Refused | Self::Name | Self::Exists | Self::TooLarge | Self::Unknown => {
                Exit::Refused
            }
            Self::Full | Self::Busy | Self::Failed => Exit::Failed,
        }
    }
}

/// A file that was announced legally.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Offer {
    /// A plain file name.
    pub(crate) name: String,
    /// Bytes, at most [`SIZE_MAX`].
    pub(crate) size: u64,
    /// The BLAKE3 hash.
    pub(crate) root: blake3::Hash,
    /// Bytes of the listing that it begins with, if it is a folder; at most [`LISTING_MAX`].
    pub(crate) listing: Option<u64>,
}

impl Offer {
    /// The same, for a head.
    pub(crate) fn announce(&self) -> Announced {
        Announced {
            name: self.name.clone(),
            size: self.size,
            root: self.root.to_hex().to_string(),
            listing: self.listing,
        }
    }
}

impl TryFrom<Announced> for Offer {
    type Error = Failure;

    fn try_from(file: Announced) -> Result<Self, Failure> {
        plain_name(&file.name)?;
        if file.size > SIZE_MAX {
            return Err(Failure::refused(format!(
                "no file has {} bytes: the most is 2^56",
                file.size
            )));
        }
        let listing_max = LISTING_MAX.min(file.size);
        if file.listing.is_some_and(|listing| listing > listing_max) {
            return Err(Failure::refused("the listing of that folder is too long"));
        }
        let root = blake3::Hash::from_hex(&file.root)
            .map_err(|error| Failure::refused(format!("the file's hash is malformed: {error}")))?;
        Ok(Self {
            name: file.name,
            size: file.size,
            root,
            listing: file.listing,
        })
    }
}

/// The text of a head.
pub(crate) fn text(head: &impl Serialize) -> String {
    serde_json::to_string(head).expect("heads have text keys only and no value that can fail")
}

/// True if the text is `token` in hex; the time that it takes tells nothing of the token.
pub(crate) fn shows(text: &str, token: &Token) -> bool {
    let bytes = Zeroizing::new(HEXLOWER.decode(text.as_bytes()).unwrap_or_default());
    Token::new(&bytes).is_ok_and(|shown| shown == *token)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn same(request: &Request, written: &str) {
        assert_eq!(text(request), written);
        assert_eq!(
            &serde_json::from_str::<Request>(written).unwrap(),
            request,
            "{written}"
        );
    }

    #[test]
    fn heads_requests_are_written_as_documented() {
        same(&Request::Ping(3), r#"{"ping":3}"#);
        same(
            &Request::Get { token: "0a".into() },
            r#"{"get":{"token":"0a"}}"#,
        );
        same(
            &Request::Pipe { token: "0a".into() },
            r#"{"pipe":{"token":"0a"}}"#,
        );
        same(
            &Request::Join { token: "0a".into() },
            r#"{"join":{"token":"0a"}}"#,
        );
        let file = Announced {
            name: "a b".into(),
            size: 7,
            root: "00".into(),
            listing: None,
        };
        same(
            &Request::Put {
                token: "0a".into(),
                file: file.clone(),
            },
            r#"{"put":{"token":"0a","name":"a b","size":7,"root":"00"}}"#,
        );
        let folder = Announced {
            listing: Some(5),
            ..file.clone()
        };
        let put = Request::Put {
            token: "0a".into(),
            file: folder,
        };
        same(
            &put,
            r#"{"put":{"token":"0a","name":"a b","size":7,"root":"00","listing":5}}"#,
        );
        let offer = Request::Offer {
            from: "anna".into(),
            file,
        };
        same(
            &offer,
            r#"{"offer":{"from":"anna","name":"a b","size":7,"root":"00"}}"#,
        );
        same(&Request::Past {}, r#"{"past":{}}"#);
        let unknown_keys = r#"{"get":{"token":"0a","later":1}}"#;
        assert!(serde_json::from_str::<Request>(unknown_keys).is_ok());
        assert!(serde_json::from_str::<Request>(r#"{"take":1}"#).is_err());
        assert!(serde_json::from_str::<Request>(r#"{"ping":-1}"#).is_err());
    }

    #[test]
    fn heads_answers_are_written_as_documented() {
        let file = Announced {
            name: "n".into(),
            size: u64::MAX,
            root: "00".into(),
            listing: None,
        };
        let no = Answer::No {
            error: "a sentence".into(),
            code: Why::TooLarge,
        };
        for (answer, written) in [
            (Answer::Pong { pong: 1 }, r#"{"pong":1}"#),
            (Answer::Go { ok: true }, r#"{"ok":true}"#),
            (no, r#"{"error":"a sentence","code":"toolarge"}"#),
            (
                Answer::File { file },
                r#"{"file":{"name":"n","size":18446744073709551615,"root":"00"}}"#,
            ),
        ] {
            assert_eq!(text(&answer), written);
            assert_eq!(serde_json::from_str::<Answer>(written).unwrap(), answer);
        }
        let later = r#"{"error":"x","code":"sleepy"}"#;
        let Ok(Answer::No { code, .. }) = serde_json::from_str(later) else {
            panic!("a refusal of a later version is a refusal");
        };
        assert_eq!((code, code.exit()), (Why::Unknown, Exit::Refused));
    }

    #[test]
    fn heads_offers_are_checked() {
        let good = Announced {
            name: "n".into(),
            size: 1,
            root: blake3::hash(b"n").to_hex().to_string(),
            listing: None,
        };
        let offer = Offer::try_from(good.clone()).unwrap();
        assert_eq!(offer.announce(), good);
        for bad in [
            Announced {
                name: "../n".into(),
                ..good.clone()
            },
            Announced {
                size: SIZE_MAX + 1,
                ..good.clone()
            },
            Announced {
                root: "00".into(),
                ..good.clone()
            },
            Announced {
                listing: Some(2),
                ..good.clone()
            },
            Announced {
                listing: Some(LISTING_MAX + 1),
                size: SIZE_MAX,
                ..good
            },
        ] {
            assert_eq!(Offer::try_from(bad).unwrap_err().exit, Exit::Refused);
        }
    }

    #[test]
    fn heads_token_is_shown_in_full_or_not_at_all() {
        let token = Token::new(&[0xab; 16]).unwrap();
        let hex = "ab".repeat(16);
        assert!(shows(&hex, &token));
        let longer = format!("{hex}ab");
        for other in ["", "ab", &hex[2..], &hex.to_uppercase(), &longer] {
            assert!(!shows(other, &token), "{other}");
        }
    }
}
