//! Ed25519 keys, and the X25519 form of them that lines agree with.

use core::{fmt, str::FromStr};

use data_encoding::HEXLOWER;
use ed25519_dalek::{Signer as _, SigningKey, VerifyingKey};
use zeroize::Zeroizing;

use super::SpaceId;

/// A secret Ed25519 key. It wipes itself and never prints.
#[derive(Clone)]
pub struct SecretKey {
    key: SigningKey,
}

impl SecretKey {
    /// The key whose 32 secret bytes these are (RFC 8032).
    pub fn from_bytes(bytes: &[u8; 32]) -> Self {
        Self {
            key: SigningKey::from_bytes(bytes),
        }
    }

    /// The 32 secret bytes; whoever keeps them answers for them.
    pub fn to_bytes(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.key.to_bytes())
    }

    /// The public key.
    pub fn public(&self) -> PublicKey {
        PublicKey {
            bytes: self.key.verifying_key().to_bytes(),
        }
    }

    /// The X25519 secret that belongs to [`PublicKey::agreement`].
    pub fn agreement(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.key.to_scalar_bytes())
    }

    /// Signs `hydroid/1 <kind>`, the space and exactly these bytes.
    pub fn sign(&self, kind: &str, space: &SpaceId, bytes: &[u8]) -> Signature {
        Signature(self.key.sign(&signed(kind, space, bytes)).to_bytes())
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretKey(..)")
    }
}

/// A public Ed25519 key: a point of the curve that is not of small order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PublicKey {
    bytes: [u8; 32],
}

impl PublicKey {
    /// The key that these bytes are.
    ///
    /// # Errors
    /// [`KeyError`] if they are no point of the curve in its one form, or one of small order (a
    /// weak key, with which every agreement and many signatures come out the same).
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<Self, KeyError> {
        if !is_reduced(bytes) {
            return Err(KeyError::NoPoint);
        }
        let key = VerifyingKey::from_bytes(bytes).map_err(|_illegal| KeyError::NoPoint)?;
        if key.is_weak() {
            return Err(KeyError::Weak);
        }
        Ok(Self { bytes: *bytes })
    }

    /// The 32 bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.bytes
    }

    /// The X25519 form of the key (the birational map of RFC 7748 section 4.1).
    pub fn agreement(&self) -> [u8; 32] {
        self.point().to_montgomery().to_bytes()
    }

    /// True if `signature` was made by this key over the same kind, space and bytes. Checked
    /// strictly, so that a signature has one form only.
    pub fn verify(&self, kind: &str, space: &SpaceId, bytes: &[u8], signature: &Signature) -> bool {
        let signature = ed25519_dalek::Signature::from_bytes(&signature.0);
        self.point()
            .verify_strict(&signed(kind, space, bytes), &signature)
            .is_ok()
    }

    fn point(&self) -> VerifyingKey {
        VerifyingKey::from_bytes(&self.bytes).expect("a public key was checked when it was made")
    }
}

impl FromStr for PublicKey {
    type Err = KeyError;

    /// The key that stands as 64 hexadecimal digits in lower case.
    fn from_str(text: &str) -> Result<Self, KeyError> {
        let mut bytes = [0; 32];
        if text.len() != 64 {
            return Err(KeyError::Text);
        }
        HEXLOWER
            .decode_mut(text.as_bytes(), &mut bytes)
            .map_err(|_illegal| KeyError::Text)?;
        Self::from_bytes(&bytes)
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&HEXLOWER.encode(&self.bytes))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({self})")
    }
}

/// How bytes become a key: [`PublicKey::from_bytes`], or what comes to the same.
pub type Keys = fn(&[u8; 32]) -> Result<PublicKey, KeyError>;

/// An Ed25519 signature.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Signature(pub [u8; 64]);

/// Why bytes are no public key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum KeyError {
    /// They are no point of the curve, or not in the one form that a point has.
    NoPoint,
    /// They are a point of small order.
    Weak,
    /// The text is no 64 hexadecimal digits in lower case.
    Text,
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoPoint => "the key is no point of the curve",
            Self::Weak => "the key is weak: a point of small order",
            Self::Text => "a key has 64 hexadecimal digits in lower case",
        })
    }
}

impl core::error::Error for KeyError {}

/// True if the coordinate is below the field's prime, 2^255 - 19. One that is not stands for a
/// point that has another form too (RFC 8032 section 5.1.3), and a key is compared by its bytes.
fn is_reduced(bytes: &[u8; 32]) -> bool {
    bytes[0] < 0xed || bytes[1..31].iter().any(|b| *b != 0xff) || bytes[31] & 0x7f != 0x7f
}

fn signed(kind: &str, space: &SpaceId, bytes: &[u8]) -> alloc::vec::Vec<u8> {
    [
        b"hydroid/1 ",
        kind.as_bytes(),
        b"\0",
        space.as_bytes(),
        bytes,
    ]
    .concat()
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use curve25519_dalek::MontgomeryPoint;

    use super::*;
    use crate::identity::Space;

    #[test]
    fn keys_secrets_never_print() {
        let secret = SecretKey::from_bytes(&[0x5a; 32]);
        assert_eq!(format!("{secret:?}"), "SecretKey(..)");
    }

    #[test]
    fn keys_agreement_forms_belong_together() {
        let (a, b) = (
            SecretKey::from_bytes(&[1; 32]),
            SecretKey::from_bytes(&[2; 32]),
        );
        let agree = |secret: &SecretKey, public: &PublicKey| {
            MontgomeryPoint(public.agreement())
                .mul_clamped(*secret.agreement())
                .to_bytes()
        };
        assert_eq!(agree(&a, &b.public()), agree(&b, &a.public()));
    }

    #[test]
    fn keys_weak_and_illegal_are_refused() {
        let mut one = [0; 32];
        one[0] = 1;
        assert_eq!(PublicKey::from_bytes(&one), Err(KeyError::Weak));
        assert_eq!(PublicKey::from_bytes(&[0; 32]), Err(KeyError::Weak));
        let bad = (2..=255)
            .map(|n| [n; 32])
            .find(|b| VerifyingKey::from_bytes(b).is_err());
        assert_eq!(PublicKey::from_bytes(&bad.unwrap()), Err(KeyError::NoPoint));
    }

    #[test]
    fn keys_have_one_form() {
        // y = 3 is a point of the curve; the same y plus the prime is the same point.
        let mut three = [0; 32];
        three[0] = 3;
        let mut again = [0xff; 32];
        (again[0], again[31]) = (0xed + 3, 0x7f);
        assert!(PublicKey::from_bytes(&three).is_ok());
        assert!(VerifyingKey::from_bytes(&again).is_ok());
        assert_eq!(PublicKey::from_bytes(&again), Err(KeyError::NoPoint));
        again[0] = 0xec;
        assert_eq!(PublicKey::from_bytes(&again), Err(KeyError::Weak));
    }

    #[test]
    fn keys_signature_binds_kind_space_and_bytes() {
        let secret = SecretKey::from_bytes(&[3; 32]);
        let (here, there) = (
            Space::open("here").unwrap().id(),
            Space::open("there").unwrap().id(),
        );
        let signature = secret.sign("claim", &here, b"bytes");
        let key = secret.public();
        assert!(key.verify("claim", &here, b"bytes", &signature));
        assert!(!key.verify("claim", &there, b"bytes", &signature));
        assert!(!key.verify("other", &here, b"bytes", &signature));
        assert!(!key.verify("claim", &here, b"bytez", &signature));
    }
}
