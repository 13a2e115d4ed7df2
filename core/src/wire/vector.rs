//! The worked examples of PROTOCOL.md: fenced blocks marked `vector`, of one `key: value` a line. A
//! value may go on in lines that begin with a blank. Each is examined by the room that it is about,
//! and the tests over the public interface take in this file, too.
#![allow(redundant_imports, reason = "the core has no prelude of std")]

use core::str::FromStr;
use std::{
    borrow::ToOwned as _,
    collections::BTreeMap,
    format, println,
    string::{String, ToString},
    vec::Vec,
};

use data_encoding::HEXLOWER;

pub(crate) const PROTOCOL: &str = include_str!("../../PROTOCOL.md");

/// Nothing, or what is wrong.
pub(crate) type Verdict = Result<(), String>;

/// One block: its name, where it stands, and what it says.
#[derive(Clone)]
pub(crate) struct Vector {
    pub(crate) name: String,
    pub(crate) line: usize,
    pub(crate) keys: BTreeMap<String, String>,
}

impl Vector {
    /// Takes the value of `key`.
    pub(crate) fn text(&mut self, key: &str) -> Result<String, String> {
        let value = self.keys.remove(key);
        value.ok_or_else(|| format!("`{key}` is missing"))
    }

    /// Takes the value of `key`, which is bytes.
    pub(crate) fn bytes(&mut self, key: &str) -> Result<Vec<u8>, String> {
        let digits = self.text(key)?.replace(' ', "");
        let bytes = HEXLOWER.decode(digits.as_bytes());
        bytes.map_err(|error| format!("`{key}`: {error}"))
    }

    /// Takes the value of `key`, which is so many bytes.
    pub(crate) fn array<const N: usize>(&mut self, key: &str) -> Result<[u8; N], String> {
        let bytes = self.bytes(key)?.try_into();
        bytes.map_err(|_length| format!("`{key}` has not {N} bytes"))
    }

    /// Takes the value of `key`, which is numbers, or whatever else is of the type.
    pub(crate) fn list<T: FromStr>(&mut self, key: &str) -> Result<Vec<T>, String> {
        let text = self.text(key)?;
        let parts = text.split(' ').map(str::parse);
        let all: Result<Vec<T>, T::Err> = parts.collect();
        all.map_err(|_illegal| format!("`{key}` cannot be {text}"))
    }

    /// Takes the value of `key`, which is a number, or whatever else is of the type.
    pub(crate) fn one<T: FromStr>(&mut self, key: &str) -> Result<T, String> {
        let mut list = self.list(key)?;
        let one = list.pop().filter(|_| list.is_empty());
        one.ok_or_else(|| format!("`{key}` is not one"))
    }

    /// Takes the value of `key`, which has to be `made`.
    pub(crate) fn same(&mut self, key: &str, made: &impl ToString) -> Verdict {
        let (told, made) = (self.text(key)?, made.to_string());
        if told == made {
            return Ok(());
        }
        Err(format!(
            "`{key}`: the document has {told}\nthe code makes {made}"
        ))
    }

    /// Takes the value of `key`, which has to be the bytes `made`.
    pub(crate) fn same_bytes(&mut self, key: &str, made: &[u8]) -> Verdict {
        let told = self.bytes(key)?;
        if told == made {
            return Ok(());
        }
        Err(format!("`{key}`: the code makes {}", HEXLOWER.encode(made)))
    }

    /// What this is an example of: its name up to the first hyphen.
    pub(crate) fn kind(&self) -> &str {
        self.name.split('-').next().unwrap_or_default()
    }

    /// Lets `check` take the values and sees that it took all of them.
    pub(crate) fn examine(mut self, check: impl Fn(&mut Self) -> Verdict) -> Verdict {
        check(&mut self)
            .and_then(|()| match self.keys.keys().next() {
                Some(key) => Err(format!("nothing looks at `{key}`")),
                None => Ok(()),
            })
            .map_err(|error| format!("line {}, {}: {error}", self.line, self.name))
    }
}

/// The examples in a document.
pub(crate) fn vectors(document: &str) -> Vec<Vector> {
    let mut vectors: Vec<Vector> = Vec::new();
    let (mut inside, mut last) = (false, String::new());
    for (at, line) in document.lines().enumerate() {
        if let Some(name) = line.strip_prefix("```vector") {
            inside = true;
            vectors.push(Vector {
                name: name.trim().to_owned(),
                line: at + 1,
                keys: BTreeMap::new(),
            });
        } else if line.starts_with("```") {
            inside = false;
        } else if let (true, Some(vector)) = (inside, vectors.last_mut()) {
            if let (Some(more), Some(value)) = (line.strip_prefix(' '), vector.keys.get_mut(&last))
            {
                value.push(' ');
                value.push_str(more.trim());
                continue;
            }
            let (key, value) = line.split_once(':').expect("a line is `key: value`");
            let value = value.strip_prefix(' ').unwrap_or(value);
            key.clone_into(&mut last);
            let before = vector.keys.insert(last.clone(), value.to_owned());
            assert_eq!(before, None, "line {}: `{key}` twice", at + 1);
        }
    }
    vectors
}

/// The examples of PROTOCOL.md of the kinds that `is` picks.
pub(crate) fn of_protocol(is: impl Fn(&str) -> bool) -> Vec<Vector> {
    let mut vectors = vectors(PROTOCOL);
    vectors.retain(|vector| is(vector.kind()));
    vectors
}

/// Demands that the examples are true, and that with any other character they are not.
///
/// # Panics
/// If one is not true, or could be another, or if there is none.
pub(crate) fn demand(vectors: &[Vector], check: impl Fn(&mut Vector) -> Verdict) {
    let examined = vectors.iter().map(|vector| vector.clone().examine(&check));
    let errors: Vec<String> = examined.filter_map(Result::err).collect();
    assert!(errors.is_empty(), "{}", errors.join("\n\n"));
    let mut lies = 0;
    for vector in vectors {
        let refusal = vector.keys.contains_key("refused");
        for (key, value) in &vector.keys {
            // What is refused may be wrong in many ways; its verdict may not.
            if refusal && key != "refused" {
                continue;
            }
            for (at, character) in value.char_indices().filter(|(_, c)| *c != ' ') {
                let mut lie = vector.clone();
                let mut other = value.clone();
                let end = at + character.len_utf8();
                other.replace_range(at..end, another(character).encode_utf8(&mut [0; 4]));
                lie.keys.insert(key.clone(), other.clone());
                let found = lie.examine(&check).is_err();
                assert!(found, "line {}: `{key}` could be {other}", vector.line);
                lies += 1;
            }
        }
    }
    println!("{lies} lies found");
    assert!(lies > 0, "no example of this kind");
}

/// Another character in place of this one; where it was a digit, a digit.
const fn another(character: char) -> char {
    match character {
        '0'..='8' | 'a'..='e' | 'A'..='E' => (character as u8 + 1) as char,
        '9' => '1',
        'f' => 'a',
        'F' => 'A',
        _ => 'b',
    }
}
