//! How a member stands in a message about places: its key, its epoch and where it may be, in one
//! text (PROTOCOL, section Places).

use alloc::{string::String, vec::Vec};
use core::{fmt, net::SocketAddr, str::FromStr};

use data_encoding::HEXLOWER;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::wire::Address;

/// Addresses that a contact has at most; of more, the first count.
pub(super) const ADDRESSES_MOST: usize = 2;

/// A member and where it may be: `<key>.<epoch>` and `@` before each address. That the key is one
/// is not looked at yet: that takes longer than all the rest, and most are known.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Contact {
    /// The bytes of its key.
    pub key: [u8; 32],
    /// When its life began.
    pub epoch: u64,
    /// Where, the likeliest first.
    pub addresses: Vec<SocketAddr>,
}

impl fmt::Display for Contact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", HEXLOWER.encode(&self.key), self.epoch)?;
        for address in self.addresses.iter().take(ADDRESSES_MOST) {
            write!(f, "@{}", Address::new(*address))?;
        }
        Ok(())
    }
}

/// The text is no contact.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ContactError;

impl fmt::Display for ContactError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a contact is <key>.<epoch>, and @ before each address")
    }
}

impl FromStr for Contact {
    type Err = ContactError;

    fn from_str(text: &str) -> Result<Self, ContactError> {
        let mut parts = text.split('@');
        let who = parts.next().ok_or(ContactError)?;
        let (key, epoch) = who.split_once('.').ok_or(ContactError)?;
        let is_plain = epoch.bytes().all(|byte| byte.is_ascii_digit());
        let epoch = Some(epoch)
            .filter(|epoch| is_plain && (*epoch == "0" || !epoch.starts_with('0')))
            .and_then(|epoch| epoch.parse().ok())
            .ok_or(ContactError)?;
        let mut bytes = [0; 32];
        if key.len() != 64 {
            return Err(ContactError);
        }
        HEXLOWER
            .decode_mut(key.as_bytes(), &mut bytes)
            .map_err(|_illegal| ContactError)?;
        let addresses = parts.take(ADDRESSES_MOST).map(|text| {
            let address: Address = text.parse().map_err(|_illegal| ContactError)?;
            Ok(address.socket())
        });
        Ok(Self {
            key: bytes,
            epoch,
            addresses: addresses.collect::<Result<_, _>>()?,
        })
    }
}

impl Serialize for Contact {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Contact {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString as _;

    use super::*;
    use crate::identity::SecretKey;

    #[test]
    fn tree_contacts_have_one_text() {
        let contact = Contact {
            key: *SecretKey::from_bytes(&[1; 32]).public().as_bytes(),
            epoch: 1_700_000_000_000,
            addresses: ["192.0.2.1:4000", "[2001:db8::1]:4000"]
                .map(|text| text.parse().unwrap())
                .into(),
        };
        let text = contact.to_string();
        assert!(text.ends_with(".1700000000000@192.0.2.1:4000@[2001:db8::1]:4000"));
        assert_eq!(text.parse(), Ok(contact));
        let whole = crate::wire::json::write(&text);
        assert_eq!(whole.len(), text.len() + 2);
    }

    #[test]
    fn tree_contacts_that_are_none_are_refused() {
        let key = SecretKey::from_bytes(&[1; 32]).public();
        for bad in ["", "x.1", "@", &key.to_string(), ".1"] {
            assert_eq!(bad.parse::<Contact>(), Err(ContactError), "{bad}");
        }
        for tail in [
            ".",
            ".-1",
            ".+1",
            ".01",
            ".x",
            ".1@",
            ".1@here",
            ".99999999999999999999",
        ] {
            let bad = alloc::format!("{key}{tail}");
            assert_eq!(bad.parse::<Contact>(), Err(ContactError), "{bad}");
        }
        let many = alloc::format!("{key}.1@1.1.1.1:1@1.1.1.1:2@1.1.1.1:3");
        let many: Contact = many.parse().unwrap();
        assert_eq!(many.addresses.len(), ADDRESSES_MOST);
    }
}
