//! What is taken, what is refused and where, and that writing undoes parsing.

use alloc::{
    collections::BTreeSet,
    format,
    string::{String, ToString as _},
    vec,
    vec::Vec,
};

use quickcheck::{Arbitrary, Gen};
use serde::Deserialize;

use super::{Integer, JsonFault, Limits, Value, check, parse, write};
use crate::wire::property::property;

fn refused(text: impl AsRef<[u8]>) -> (JsonFault, usize) {
    let error = check(text.as_ref(), &Limits::default()).unwrap_err();
    (error.fault, error.at)
}

#[test]
fn json_refuses_and_says_where() {
    use JsonFault as F;
    for (text, fault, at) in [
        ("", F::NoObject, 0),
        (" {}", F::NoObject, 0),
        ("[]", F::NoObject, 0),
        ("null", F::NoObject, 0),
        ("\u{feff}{}", F::NoObject, 0),
        ("{} ", F::Trailing, 2),
        ("{}{}", F::Trailing, 2),
        ("{}\0", F::Trailing, 2),
        ("{", F::Unfinished, 1),
        (r#"{"a"#, F::Unfinished, 3),
        (r#"{"a":"#, F::Unfinished, 5),
        (r#"{"a":tru"#, F::Unfinished, 8),
        (r#"{"a":1"#, F::Unfinished, 6),
        (r#"{"a":1,}"#, F::Syntax, 7),
        (r#"{,"a":1}"#, F::Syntax, 1),
        (r#"{"a":[1,]}"#, F::Syntax, 8),
        (r#"{"a":[1}"#, F::Syntax, 7),
        (r#"{"a" 1}"#, F::Syntax, 5),
        (r#"{a:1}"#, F::Syntax, 1),
        (r#"{'a':1}"#, F::Syntax, 1),
        (r#"{"a":tRue}"#, F::Syntax, 6),
        (r#"{"a":nullx}"#, F::Syntax, 9),
        (r#"{"a":+1}"#, F::Syntax, 5),
        (r#"{"a":-}"#, F::Syntax, 6),
        (r#"{"a":01}"#, F::Syntax, 6),
        (r#"{"a":-01}"#, F::Syntax, 7),
        (r#"{"a":/**/1}"#, F::Syntax, 5),
        ("{\"a\":\"\n\"}", F::Syntax, 6),
        (r#"{"a":"\x"}"#, F::Syntax, 7),
        (r#"{"a":"\u12g4"}"#, F::Syntax, 10),
        (r#"{"a":"\ud800"}"#, F::Syntax, 12),
        (r#"{"a":"\udc00"}"#, F::Syntax, 6),
        (r#"{"a":"\ud800\ud800"}"#, F::Syntax, 6),
        (r#"{"a":1.0}"#, F::NoInteger, 5),
        (r#"{"a":1e3}"#, F::NoInteger, 5),
        (r#"{"a":1E3}"#, F::NoInteger, 5),
        (r#"{"a":-0}"#, F::NoInteger, 5),
        (r#"{"a":-0.0}"#, F::NoInteger, 5),
        (r#"{"a":18446744073709551616}"#, F::OutOfRange, 5),
        (r#"{"a":-9223372036854775809}"#, F::OutOfRange, 5),
        (r#"{"a":1,"a":1}"#, F::DuplicateKey, 7),
        (r#"{"a":1,"\u0061":1}"#, F::DuplicateKey, 7),
        (r#"{"x":[{"é":1,"b":{},"\u00E9":1}]}"#, F::DuplicateKey, 21),
        (r#"{"":1,"":1}"#, F::DuplicateKey, 6),
    ] {
        assert_eq!(refused(text), (fault, at), "{text:?}");
    }
    assert_eq!(refused(b"{\"a\":\"\xff\"}"), (F::InvalidUtf8, 6));
    assert_eq!(refused(b"{\"a\":\"\xed\xa0\x80\"}"), (F::InvalidUtf8, 6));
}

#[test]
fn json_takes_what_is_legal() {
    for text in [
        "{}",
        r#"{"a":18446744073709551615,"b":-9223372036854775808,"c":0}"#,
        r#"{"a":{"a":{"a":[]}},"b":[{"a":1},{"a":1}]}"#,
        "{ \"a\" :\t[ 1 ,\r\n2 ] , \"b\" : { } }",
        r#"{"\ud83d\ude00\/\b\f\n\r\t\"\\":"\u0000"}"#,
        "{\"\u{feff}\u{7f}\u{2028}\":\"\u{10ffff}\"}",
    ] {
        assert_eq!(check(text.as_bytes(), &Limits::default()), Ok(text));
    }
}

#[test]
fn json_limits_are_exact() {
    let text = r#"{"a":[[]]}"#;
    let limits = |bytes, depth| Limits { bytes, depth };
    assert!(check(text.as_bytes(), &limits(10, 3)).is_ok());
    let long = check(text.as_bytes(), &limits(9, 3)).unwrap_err();
    assert_eq!((long.fault, long.at), (JsonFault::TooLong, 9));
    let deep = check(text.as_bytes(), &limits(10, 2)).unwrap_err();
    assert_eq!((deep.fault, deep.at), (JsonFault::TooDeep, 6));
    assert_eq!(
        deep.to_string(),
        "the head is nested deeper than its limit (byte 6)"
    );
}

#[test]
fn json_hostile_heads_cost_little() {
    // As deep as a packet allows; then as many keys, of which only the last two are equal.
    let deep = format!("{{\"a\":{}", "[".repeat(65_000));
    let generous = Limits {
        depth: u32::MAX,
        ..Limits::default()
    };
    assert_eq!(check(deep.as_bytes(), &generous).unwrap_err().at, 5 + 99);
    let levels = format!("{{\"a\":{}{}}}", "[".repeat(99), "]".repeat(99));
    assert!(parse::<Value>(levels.as_bytes(), &generous).is_ok());
    let mut keys: Vec<String> = (0..7_000).map(|n| format!("\"{n}\":0")).collect();
    keys.push(r#""\u0037":0"#.into());
    let many = format!("{{{}}}", keys.join(","));
    assert_eq!(refused(&many), (JsonFault::DuplicateKey, many.len() - 11));
}

#[test]
fn json_structs_ignore_unknown_keys_and_refuse_other_shapes() {
    #[derive(Deserialize, PartialEq, Debug)]
    struct Open<'a> {
        version: u8,
        suite: &'a str,
    }
    let take = |text: &'static str| parse::<Open<'_>>(text.as_bytes(), &Limits::default());
    let open = take(r#"{"suite":"aes","more":[{"a":1}],"version":1}"#).unwrap();
    assert_eq!((open.version, open.suite), (1, "aes"));
    for text in [
        r#"{"suite":"aes"}"#,
        r#"{"suite":"aes","version":256}"#,
        r#"{"suite":7,"version":1}"#,
        "{\"suite\":\"aes\",\n\"version\":null}",
    ] {
        let error = take(text).unwrap_err();
        assert_eq!(error.fault, JsonFault::Shape, "{text}");
        assert!((8..text.len()).contains(&error.at), "{text} {error}");
    }
    let hidden = r#"{"suite":"aes","version":1,"more":{"a":1,"a":2}}"#;
    assert_eq!(take(hidden).unwrap_err().fault, JsonFault::DuplicateKey);
}

impl Arbitrary for Value {
    fn arbitrary(g: &mut Gen) -> Self {
        Self::Object(members(g, 4))
    }

    fn shrink(&self) -> alloc::boxed::Box<dyn Iterator<Item = Self>> {
        let Self::Object(members) = self.clone() else {
            return quickcheck::empty_shrinker();
        };
        let fewer = (0..members.len()).map(move |n| {
            let mut members = members.clone();
            members.remove(n);
            Self::Object(members)
        });
        alloc::boxed::Box::new(fewer)
    }
}

fn members(g: &mut Gen, depth: u32) -> Vec<(String, Value)> {
    let keys = BTreeSet::<String>::arbitrary(g);
    let few = keys.into_iter().take(5);
    few.map(|key| (key, any_value(g, depth))).rev().collect()
}

fn any_value(g: &mut Gen, depth: u32) -> Value {
    let kinds: &[u8] = if depth == 0 {
        &[0, 1, 2, 3, 4]
    } else {
        &[0, 1, 2, 3, 4, 5, 6]
    };
    match g.choose(kinds).unwrap() {
        0 => Value::Null,
        1 => Value::Bool(bool::arbitrary(g)),
        2 => Value::Integer(i64::arbitrary(g).into()),
        3 => Value::Integer(u64::arbitrary(g).into()),
        4 => Value::String(String::arbitrary(g)),
        5 => Value::Array((0..3).map(|_| any_value(g, depth - 1)).collect()),
        _ => Value::Object(members(g, depth - 1)),
    }
}

#[test]
fn json_parse_and_write_are_inverse() {
    fn inverse(value: Value) -> bool {
        let text = write(&value);
        value.to_string() == text && parse(text.as_bytes(), &Limits::default()) == Ok(value)
    }
    property(30, 500).quickcheck(inverse as fn(Value) -> bool);
}

#[test]
fn json_is_written_as_others_write_it() {
    let text = "\u{8}\u{c}\n\r\t\u{1}\u{1f}\u{7f}\u{2028}\"\\/é😀";
    let value = Value::Object(vec![
        ("b".into(), Value::String(text.into())),
        ("a".into(), Value::Integer(Integer::from(-1i64))),
    ]);
    let written = "{\"b\":\"\\b\\f\\n\\r\\t\\u0001\\u001f\u{7f}\u{2028}\\\"\\\\/é😀\",\"a\":-1}";
    assert_eq!(write(&value), written);
}

/// Pieces of JSON in any order: mostly wrong, often nearly right.
#[derive(Clone, Debug)]
struct Pieces(String);

impl Arbitrary for Pieces {
    fn arbitrary(g: &mut Gen) -> Self {
        let legal = write(&Value::arbitrary(g));
        let mut text: Vec<char> = legal.chars().collect();
        let pieces = [
            "{",
            "}",
            "[",
            "]",
            ",",
            ":",
            "\"",
            "\\",
            "\\u00e9",
            "\\ud83d",
            "\\ude00",
            "0",
            "-0",
            "1.5",
            "1e2",
            "99999999999999999999",
            "-9223372036854775808",
            "true",
            "null",
            " ",
            "\n",
            "\u{1}",
            "\"a\":1,",
            "\"\\u0061\":1,",
            "{\"a\":{}}",
        ];
        for _ in 0..*g.choose(&[0, 1, 1, 2, 3]).unwrap() {
            let at = usize::arbitrary(g) % (text.len() + 1);
            let to = (at + usize::arbitrary(g) % 3).min(text.len());
            text.splice(at..to, g.choose(&pieces).unwrap().chars());
        }
        Self(text.into_iter().collect())
    }
}

/// What another reader makes of a text: legal, and every key once and every number an integer.
fn other_reader_takes(text: &str) -> bool {
    fn keys_once(value: &Value) -> bool {
        match value {
            Value::Object(members) => {
                let names: BTreeSet<_> = members.iter().map(|(key, _)| key).collect();
                names.len() == members.len() && members.iter().all(|(_, value)| keys_once(value))
            }
            Value::Array(values) => values.iter().all(keys_once),
            Value::Null | Value::Bool(_) | Value::Integer(_) | Value::String(_) => true,
        }
    }
    let whole = text.starts_with('{') && text.ends_with('}');
    whole && serde_json::from_str::<Value>(text).is_ok_and(|value| keys_once(&value))
}

#[test]
fn json_scan_agrees_with_another_reader() {
    fn agree(Pieces(text): Pieces) -> bool {
        let ours = check(text.as_bytes(), &Limits::default()).is_ok();
        ours == other_reader_takes(&text)
    }
    property(12, 4_000).quickcheck(agree as fn(Pieces) -> bool);
}

#[test]
fn json_survives_any_bytes() {
    fn survives(bytes: Vec<u8>, pieces: Pieces, flip: usize) -> bool {
        let mut near = pieces.0.into_bytes();
        let at = flip % near.len().max(1);
        if let Some(byte) = near.get_mut(at) {
            *byte ^= 1 << (flip >> 8 & 7);
        }
        for bytes in [bytes, near] {
            if let Err(error) = parse::<Value>(&bytes, &Limits::of_bytes(400)) {
                assert!(error.at <= bytes.len() && error.fault != JsonFault::Shape);
            }
        }
        true
    }
    property(60, 2_000).quickcheck(survives as fn(Vec<u8>, Pieces, usize) -> bool);
}
