//! The head that a direction begins with: a length of two bytes, then one JSON object or nothing.

use alloc::boxed::Box;
use core::str;

use super::Misbehaviour;

/// Bytes of the length in front of a head.
pub(super) const LENGTH_BYTES: u64 = 2;

/// True if `head` may be sent or taken: empty, or one JSON object in UTF-8 within the limit.
pub(super) fn head_fits(head: &[u8], most_bytes: u64) -> bool {
    head.is_empty() || (head.len() as u64 <= most_bytes && head_is_legal(head))
}

/// The length in front of a head that fits.
pub(super) fn length_of(head: &str) -> [u8; 2] {
    u16::try_from(head.len())
        .expect("a head within its limit has a length of two bytes")
        .to_be_bytes()
}

/// The head that came.
pub(super) fn take(bytes: &[u8], most_bytes: u64) -> Result<Box<str>, Misbehaviour> {
    let text = str::from_utf8(bytes)
        .ok()
        .filter(|_| head_fits(bytes, most_bytes));
    text.map(Box::from).ok_or(Misbehaviour::IllegalHead)
}

fn head_is_legal(head: &[u8]) -> bool {
    head.first() == Some(&b'{')
        && head.last() == Some(&b'}')
        && serde_json::from_slice::<serde::de::IgnoredAny>(head).is_ok()
        && str::from_utf8(head).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stream_head_is_one_object_or_nothing() {
        for legal in [
            "",
            "{}",
            r#"{"sock":"127.0.0.1:80"}"#,
            r#"{"a":{"b":[1,"ü"]}}"#,
        ] {
            assert!(head_fits(legal.as_bytes(), 64), "{legal}");
        }
        for illegal in ["[]", "1", "{", "{}{}", " {}", r#"{"a"}"#, "{]}"] {
            assert!(!head_fits(illegal.as_bytes(), 64), "{illegal}");
        }
        assert!(!head_fits(b"{\"a\":\"\xff\"}", 64));
        assert!(head_fits(b"{\"a\":1}", 7) && !head_fits(b"{\"a\":1}", 6));
        assert_eq!(take(b"{}", 2).as_deref(), Ok("{}"));
        assert_eq!(take(b"{}", 1), Err(Misbehaviour::IllegalHead));
        assert_eq!(length_of("{\"a\":1}"), [0, 7]);
    }
}
