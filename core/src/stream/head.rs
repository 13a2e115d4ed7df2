//! The head that a direction begins with: a length of two bytes, then one JSON object or nothing.

use alloc::boxed::Box;

use super::Misbehaviour;
use crate::wire::json::{self, Limits};

/// Bytes of the length in front of a head.
pub(super) const LENGTH_BYTES: u64 = 2;

/// True if `head` may be sent or taken.
pub(super) fn head_fits(head: &[u8], most_bytes: u64) -> bool {
    legal(head, most_bytes).is_some()
}

/// The length in front of a head that fits.
pub(super) fn length_of(head: &str) -> [u8; 2] {
    u16::try_from(head.len())
        .expect("a head within its limit has a length of two bytes")
        .to_be_bytes()
}

/// The head that came.
pub(super) fn take(bytes: &[u8], most_bytes: u64) -> Result<Box<str>, Misbehaviour> {
    let text = legal(bytes, most_bytes);
    text.map(Box::from).ok_or(Misbehaviour::IllegalHead)
}

/// The text of a head that is empty, or legal (PROTOCOL, section Heads) and within the limit.
fn legal(head: &[u8], most_bytes: u64) -> Option<&str> {
    if head.is_empty() {
        return Some("");
    }
    let most = u32::try_from(most_bytes).unwrap_or(u32::MAX);
    json::check(head, &Limits::of_bytes(most)).ok()
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
            assert_eq!(take(legal.as_bytes(), 64).as_deref(), Ok(legal));
        }
        for illegal in ["[]", "1", "{", "{}{}", " {}", "{} ", r#"{"a"}"#, "{]}"] {
            assert!(!head_fits(illegal.as_bytes(), 64), "{illegal}");
        }
        assert!(!head_fits(b"{\"a\":\"\xff\"}", 64));
        assert!(head_fits(b"{\"a\":1}", 7) && !head_fits(b"{\"a\":1}", 6));
        assert_eq!(take(b"{}", 2).as_deref(), Ok("{}"));
        assert_eq!(take(b"{}", 1), Err(Misbehaviour::IllegalHead));
        assert_eq!(length_of("{\"a\":1}"), [0, 7]);
    }

    #[test]
    fn stream_head_that_is_hostile_is_refused_also_from_our_own_caller() {
        let deep = [r#"{"a":"#, &"[".repeat(32), &"]".repeat(32), "}"].concat();
        for hostile in [
            r#"{"a":1,"a":1}"#,
            r#"{"x":{"a":1,"\u0061":2}}"#,
            r#"{"a":1.5}"#,
            r#"{"a":1e3}"#,
            r#"{"a":-0}"#,
            r#"{"a":18446744073709551616}"#,
            r#"{"a":"\ud800"}"#,
            "\u{feff}{}",
            &deep,
        ] {
            assert!(!head_fits(hostile.as_bytes(), 200), "{hostile}");
            let taken = take(hostile.as_bytes(), 200);
            assert_eq!(taken, Err(Misbehaviour::IllegalHead), "{hostile}");
        }
    }
}
