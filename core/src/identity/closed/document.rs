use alloc::{boxed::Box, string::String, vec::Vec};
use core::{cmp::Ordering, fmt};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::{
    identity::{PublicKey, SecretKey, Signature, Space},
    wire::{
        Head, Packet,
        json::{self, Limits},
    },
};

/// What a document's signature says that it is.
const KIND: &str = "document";

/// What a space document says.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Statement {
    /// Rises by at least 1 with each document; the highest counts.
    pub version: u64,
    /// Rises by 1 with each new gate.
    pub epoch: u64,
    /// The hash of the epoch's gate.
    pub gate_hash: [u8; 32],
    /// Operators beside the roots: they sign others in.
    pub operators: Vec<PublicKey>,
    /// Keys that are no members any more, whatever they show.
    pub revoked: Vec<PublicKey>,
}

/// The signed, versioned word of a root operator on a closed space. Every member holds the newest
/// one that it has heard of.
#[derive(Clone, PartialEq, Eq)]
pub struct Document {
    statement: Statement,
    signer: PublicKey,
    bytes: Box<[u8]>,
}

#[derive(Serialize, Deserialize)]
struct DocumentHead {
    document: u64,
    epoch: u64,
    gate: String,
    operators: Vec<String>,
    revoked: Vec<String>,
}

impl Document {
    /// The highest version, and the highest epoch; so that every open has room for it.
    pub const VERSION_MOST: u64 = u32::MAX as u64;
    /// Operators of one document.
    pub const OPERATORS_MOST: usize = 64;
    /// Revoked keys of one document. Whoever reaches it founds the space anew.
    pub const REVOKED_MOST: usize = 768;
    /// Bytes of the longest document.
    pub const LEN_MOST: usize = 2 + 65_535 + 96;

    /// Signs a statement as a root operator of the space.
    ///
    /// # Errors
    /// [`DocumentError`]: why nobody would take it.
    pub fn sign(
        root: &SecretKey,
        space: &Space,
        statement: Statement,
    ) -> Result<Self, DocumentError> {
        let signer = root.public();
        if !space.roots().contains(&signer) {
            return Err(DocumentError::Signer);
        }
        check_limits(&statement)?;
        let texts = |keys: &[PublicKey]| {
            keys.iter()
                .map(alloc::string::ToString::to_string)
                .collect()
        };
        let head = json::write(&DocumentHead {
            document: statement.version,
            epoch: statement.epoch,
            gate: data_encoding::HEXLOWER.encode(&statement.gate_hash),
            operators: texts(&statement.operators),
            revoked: texts(&statement.revoked),
        });
        let signature = root.sign(KIND, &space.id(), head.as_bytes());
        let mut bytes = Vec::new();
        Packet {
            head: Head::of(head.as_bytes()),
            body: &[signer.as_bytes().as_slice(), &signature.0].concat(),
        }
        .encode(&mut bytes)
        .expect("the limits keep a document's head below 65,536 bytes");
        Ok(Self {
            statement,
            signer,
            bytes: bytes.into(),
        })
    }

    /// Reads a document of `space` and checks its signature.
    ///
    /// # Errors
    /// [`DocumentError`]: what is wrong with it.
    pub fn parse(bytes: &[u8], space: &Space) -> Result<Self, DocumentError> {
        let malformed = DocumentError::Malformed;
        let packet = Packet::decode(bytes).map_err(|_truncated| malformed)?;
        let text = packet.head.bytes();
        let head: DocumentHead =
            json::parse(text, &Limits::default()).map_err(|_illegal| malformed)?;
        let body: &[u8; 96] = packet.body.try_into().map_err(|_length| malformed)?;
        let (signer, signature) = body.split_first_chunk::<32>().ok_or(malformed)?;
        let signer = PublicKey::from_bytes(signer).map_err(|_illegal| malformed)?;
        if !space.roots().contains(&signer) {
            return Err(DocumentError::Signer);
        }
        let signature = Signature(*signature.first_chunk().ok_or(malformed)?);
        if !signer.verify(KIND, &space.id(), text, &signature) {
            return Err(DocumentError::Signature);
        }
        let keys = |texts: &[String]| {
            let keys = texts.iter().map(|text| text.parse());
            keys.collect::<Result<Vec<PublicKey>, _>>()
                .map_err(|_illegal| malformed)
        };
        let mut gate_hash = [0; 32];
        if head.gate.len() != 64 {
            return Err(malformed);
        }
        data_encoding::HEXLOWER
            .decode_mut(head.gate.as_bytes(), &mut gate_hash)
            .map_err(|_illegal| malformed)?;
        let statement = Statement {
            version: head.document,
            epoch: head.epoch,
            gate_hash,
            operators: keys(&head.operators)?,
            revoked: keys(&head.revoked)?,
        };
        check_limits(&statement)?;
        Ok(Self {
            statement,
            signer,
            bytes: bytes.into(),
        })
    }

    /// The bytes, as they spread among the members.
    pub const fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The first bytes of its hash, by which two of one version are told apart.
    pub fn mark(&self) -> [u8; 8] {
        let hash = Sha256::digest(&self.bytes);
        *hash.first_chunk().expect("8 bytes are fewer than 32")
    }

    /// What it says.
    pub const fn statement(&self) -> &Statement {
        &self.statement
    }

    /// Its version.
    pub const fn version(&self) -> u64 {
        self.statement.version
    }

    /// The epoch of the gate.
    pub const fn epoch(&self) -> u64 {
        self.statement.epoch
    }

    /// True if it takes the place of `other`: its version is higher. Of two with one version, which
    /// two roots may make at once, the one whose bytes are the larger stays everywhere.
    pub fn supersedes(&self, other: &Self) -> bool {
        let by_version = self.version().cmp(&other.version());
        by_version.then_with(|| self.bytes.cmp(&other.bytes)) == Ordering::Greater
    }

    /// True if the key is no member any more.
    pub fn is_revoked(&self, key: &PublicKey) -> bool {
        self.statement.revoked.contains(key)
    }

    /// True if the key may sign others in: a root, or one that this document names and does not
    /// revoke.
    pub fn is_operator(&self, space: &Space, key: &PublicKey) -> bool {
        space.roots().contains(key)
            || (self.statement.operators.contains(key) && !self.is_revoked(key))
    }
}

impl fmt::Debug for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Document({:?})", self.statement)
    }
}

fn check_limits(statement: &Statement) -> Result<(), DocumentError> {
    let numbers = 1..=Document::VERSION_MOST;
    if !numbers.contains(&statement.version) || !numbers.contains(&statement.epoch) {
        return Err(DocumentError::Malformed);
    }
    if statement.operators.len() > Document::OPERATORS_MOST
        || statement.revoked.len() > Document::REVOKED_MOST
    {
        return Err(DocumentError::Full);
    }
    Ok(())
}

/// Why bytes are no document of a space.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DocumentError {
    /// They are no packet with a document's head, or a key or number in it is illegal.
    Malformed,
    /// Who signed it is no root operator of the space.
    Signer,
    /// The signature does not fit.
    Signature,
    /// It names more operators, or revokes more keys, than a document may.
    Full,
}

impl fmt::Display for DocumentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed => "the space document is malformed",
            Self::Signer => "who signed the space document is no root operator",
            Self::Signature => "the signature of the space document does not fit",
            Self::Full => {
                "a space document names at most 64 operators and revokes at most 768 keys"
            }
        })
    }
}

impl core::error::Error for DocumentError {}
