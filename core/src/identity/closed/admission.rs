use alloc::{string::String, vec::Vec};
use core::fmt;

use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize as _, Zeroizing};

use super::{Document, DocumentError, Gate, Membership, Refusal, Roles, Statement};
use crate::{
    base::Wall,
    identity::{PublicKey, SecretKey, Space},
    wire::{
        Head, Packet,
        json::{self, Limits},
    },
};

/// Gates that an admission keeps, the newest first: a member that missed as many changes has to be
/// let in anew. Each costs a hash for every open that fits none.
pub const GATES_MOST: usize = 8;

/// All that lets one key into one closed space: its membership, and what the members share.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Admission {
    space: Space,
    membership: Membership,
    document: Document,
    /// With their epochs, newest first; never empty.
    gates: Vec<(u64, Gate)>,
}

#[derive(Serialize, Deserialize)]
struct AdmissionHead {
    space: String,
    roots: Vec<String>,
    gates: Vec<(u64, String)>,
}

impl Admission {
    /// A new closed space with the holder of `root` as its root operator and first member.
    ///
    /// # Errors
    /// [`AdmissionError::Space`] if the name is illegal.
    pub fn found(root: &SecretKey, name: &str, gate: Gate) -> Result<Self, AdmissionError> {
        let key = root.public();
        let space = Space::closed(name, &[key]).map_err(|_illegal| AdmissionError::Space)?;
        let statement = Statement {
            version: 1,
            epoch: 1,
            gate_hash: gate.hash(),
            ..Statement::default()
        };
        let document = Document::sign(root, &space, statement)?;
        let roles = Roles::SPACER.with(Roles::RELAY).with(Roles::OPERATOR);
        Ok(Self {
            membership: Membership::sign(root, &space.id(), &key, roles, 0),
            gates: [(document.epoch(), gate)].into(),
            space,
            document,
        })
    }

    /// The space.
    pub const fn space(&self) -> &Space {
        &self.space
    }

    /// The membership.
    pub const fn membership(&self) -> &Membership {
        &self.membership
    }

    /// The newest document that its holder knows.
    pub const fn document(&self) -> &Document {
        &self.document
    }

    /// The gates with their epochs, newest first.
    pub fn gates(&self) -> &[(u64, Gate)] {
        &self.gates
    }

    /// Signs another key in, as an operator.
    ///
    /// # Errors
    /// [`AdmissionError::NoOperator`] if `operator` is none, [`AdmissionError::Revoked`] if the key
    /// was put out of the space.
    pub fn admit(
        &self,
        operator: &SecretKey,
        key: &PublicKey,
        roles: Roles,
        until_s: u64,
    ) -> Result<Self, AdmissionError> {
        if !self.document.is_operator(&self.space, &operator.public()) {
            return Err(AdmissionError::NoOperator);
        }
        if self.document.is_revoked(key) {
            return Err(AdmissionError::Revoked);
        }
        Ok(Self {
            membership: Membership::sign(operator, &self.space.id(), key, roles, until_s),
            gates: [self.gates[0].clone()].into(),
            ..self.clone()
        })
    }

    /// Puts keys out of the space, as a root operator: a new document, and a new gate that they do
    /// not learn.
    ///
    /// # Errors
    /// [`AdmissionError`]: why not; a root is never put out.
    pub fn revoke(
        &self,
        root: &SecretKey,
        keys: &[PublicKey],
        gate: Gate,
    ) -> Result<Self, AdmissionError> {
        if keys.iter().any(|key| self.space.roots().contains(key)) {
            return Err(AdmissionError::Root);
        }
        let mut statement = self.document.statement().clone();
        statement.revoked.extend_from_slice(keys);
        statement.revoked.sort_unstable();
        statement.revoked.dedup();
        statement.epoch += 1;
        statement.gate_hash = gate.hash();
        self.state(root, statement, Some(gate))
    }

    /// Names the operators beside the roots, as a root operator.
    ///
    /// # Errors
    /// [`AdmissionError`]: why not.
    pub fn appoint(
        &self,
        root: &SecretKey,
        operators: &[PublicKey],
    ) -> Result<Self, AdmissionError> {
        let mut statement = self.document.statement().clone();
        statement.operators = operators.to_vec();
        self.state(root, statement, None)
    }

    fn state(
        &self,
        root: &SecretKey,
        mut statement: Statement,
        gate: Option<Gate>,
    ) -> Result<Self, AdmissionError> {
        statement.version += 1;
        let document = Document::sign(root, &self.space, statement)?;
        let mut next = self.clone();
        let taken = next.renew(document, gate);
        debug_assert!(
            taken,
            "a higher version with its gate takes the place of the last"
        );
        Ok(next)
    }

    /// Takes a newer document; if it has another epoch than ours, its gate has to come with it.
    /// True if it was newer and its gate fits: then it counts.
    pub fn renew(&mut self, document: Document, gate: Option<Gate>) -> bool {
        if !document.supersedes(&self.document) {
            return false;
        }
        let wanted = document.statement().gate_hash;
        if self.gates[0].1.hash() != wanted {
            let Some(gate) = gate.filter(|gate| gate.hash() == wanted) else {
                return false;
            };
            self.gates.insert(0, (document.epoch(), gate));
            self.gates.truncate(GATES_MOST);
        }
        self.document = document;
        true
    }

    /// Takes over what another admission to the same space for the same key has that is newer: its
    /// membership if that one ends later, its document, its gates. True if anything changed.
    pub fn merge(&mut self, other: &Self) -> bool {
        if other.space != self.space || other.membership.key() != self.membership.key() {
            return false;
        }
        let rank = |it: &Membership| match it.until_s() {
            0 => u64::MAX,
            until_s => until_s,
        };
        let mut changed = false;
        if other.membership != self.membership && rank(&other.membership) >= rank(&self.membership)
        {
            self.membership = other.membership;
            changed = true;
        }
        changed |= self.renew(other.document.clone(), Some(other.gates[0].1.clone()));
        self.merge_gates(&other.gates) || changed
    }

    /// Takes over gates of earlier epochs that are missing here.
    fn merge_gates(&mut self, others: &[(u64, Gate)]) -> bool {
        let before = self.gates.len();
        for (epoch, gate) in others {
            if *epoch < self.document.epoch() && self.gates.iter().all(|(_, ours)| ours != gate) {
                self.gates.push((*epoch, gate.clone()));
            }
        }
        self.gates[1..].sort_by_key(|(epoch, _)| core::cmp::Reverse(*epoch));
        self.gates.truncate(GATES_MOST);
        self.gates.len() != before
    }

    /// Tells whether a membership that a peer showed counts here.
    ///
    /// # Errors
    /// [`Refusal`]: why it does not.
    pub fn check(
        &self,
        membership: &Membership,
        key: &PublicKey,
        wall: Option<Wall>,
        skew_ms: u64,
    ) -> Result<Roles, Refusal> {
        membership.check(key, &self.space, &self.document, wall, skew_ms)
    }

    /// The bytes by which an admission is handed over and kept. They hold the gates: they are a
    /// secret.
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let gates = self.gates.iter();
        let mut head = AdmissionHead {
            space: self.space.name().into(),
            roots: self
                .space
                .roots()
                .iter()
                .map(alloc::string::ToString::to_string)
                .collect(),
            gates: gates
                .map(|(epoch, gate)| (*epoch, HEXLOWER.encode(gate.as_bytes())))
                .collect(),
        };
        let text = Zeroizing::new(json::write(&head));
        head.gates.iter_mut().for_each(|(_, gate)| gate.zeroize());
        let mut bytes = Zeroizing::new(Vec::with_capacity(2 + text.len()));
        Packet {
            head: Head::of(text.as_bytes()),
            body: &[
                self.membership.as_bytes().as_slice(),
                self.document.as_bytes(),
            ]
            .concat(),
        }
        .encode(&mut bytes)
        .expect("eight gates and roots are fewer than 65,536 bytes");
        bytes
    }

    /// Reads an admission and checks everything in it but the time.
    ///
    /// # Errors
    /// [`AdmissionError`]: what is wrong with it.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, AdmissionError> {
        let malformed = AdmissionError::Malformed;
        let packet = Packet::decode(bytes).map_err(|_truncated| malformed)?;
        let head: AdmissionHead = json::parse(packet.head.bytes(), &Limits::of_bytes(4096))
            .map_err(|_illegal| malformed)?;
        let roots: Result<Vec<PublicKey>, _> = head.roots.iter().map(|key| key.parse()).collect();
        let roots = roots.map_err(|_illegal| malformed)?;
        let space = Space::closed(&head.space, &roots).map_err(|_illegal| AdmissionError::Space)?;
        let (membership, document) = packet
            .body
            .split_first_chunk::<{ Membership::LEN }>()
            .ok_or(malformed)?;
        let membership = Membership::parse(membership)?;
        let document = Document::parse(document, &space)?;
        membership.check(membership.key(), &space, &document, None, 0)?;
        let gates = read_gates(&head.gates)?;
        let newest = gates.first().ok_or(malformed)?;
        if newest.1.hash() != document.statement().gate_hash {
            return Err(malformed);
        }
        Ok(Self {
            space,
            membership,
            document,
            gates,
        })
    }
}

fn read_gates(texts: &[(u64, String)]) -> Result<Vec<(u64, Gate)>, AdmissionError> {
    if texts.len() > GATES_MOST {
        return Err(AdmissionError::Malformed);
    }
    let read = |(epoch, text): &(u64, String)| {
        let mut bytes = Zeroizing::new([0; 32]);
        if text.len() != 64 {
            return Err(AdmissionError::Malformed);
        }
        HEXLOWER
            .decode_mut(text.as_bytes(), &mut *bytes)
            .map_err(|_illegal| AdmissionError::Malformed)?;
        Ok((*epoch, Gate::new(*bytes)))
    };
    texts.iter().map(read).collect()
}

/// Why there is no such admission.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AdmissionError {
    /// The bytes are no admission, or were changed.
    Malformed,
    /// The name or the roots of the space are illegal.
    Space,
    /// Only an operator signs others in.
    NoOperator,
    /// The key was put out of the space.
    Revoked,
    /// A root operator is never put out: the space would have to be founded anew.
    Root,
    /// The document is illegal.
    Document(DocumentError),
    /// The membership does not count.
    Membership(Refusal),
}

impl From<DocumentError> for AdmissionError {
    fn from(error: DocumentError) -> Self {
        Self::Document(error)
    }
}

impl From<Refusal> for AdmissionError {
    fn from(refusal: Refusal) -> Self {
        Self::Membership(refusal)
    }
}

impl fmt::Display for AdmissionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed => f.write_str("the admission is damaged"),
            Self::Space => f.write_str("the name or the root operators of the space are illegal"),
            Self::NoOperator => f.write_str("only an operator of the space signs others in"),
            Self::Revoked => f.write_str("the key was put out of the space"),
            Self::Root => f.write_str("a root operator cannot be put out of its space"),
            Self::Document(error) => error.fmt(f),
            Self::Membership(refusal) => refusal.fmt(f),
        }
    }
}

impl core::error::Error for AdmissionError {}
