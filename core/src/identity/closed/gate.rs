use core::fmt;

use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

/// A secret of 32 bytes that the members of a closed space share, so that a stranger's open costs
/// them one MAC. It wipes itself and never prints.
#[derive(Clone)]
pub struct Gate(Zeroizing<[u8; 32]>);

impl Gate {
    /// The gate of these bytes, which nobody outside the space may know.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The 32 bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The hash by which a space document names it; it tells nothing of the gate.
    pub fn hash(&self) -> [u8; 32] {
        let mut hash = Sha256::new();
        hash.update(b"hydroid/1 gate");
        hash.update(self.0.as_slice());
        hash.finalize().into()
    }
}

impl PartialEq for Gate {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(other.0.as_slice()).into()
    }
}

impl Eq for Gate {}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Gate(..)")
    }
}
