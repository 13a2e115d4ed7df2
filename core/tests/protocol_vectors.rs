//! The worked examples of PROTOCOL.md against the code. A block that this file does not know, a key
//! that nothing is compared with, and a character that could be another all fail.

#[path = "protocol_vectors/checks.rs"]
mod checks;
#[path = "protocol_vectors/frames.rs"]
mod frames;

use std::collections::{BTreeMap, BTreeSet};

const PROTOCOL: &str = include_str!("../PROTOCOL.md");

/// Examples that need keys and states and so are checked by the tests of the rooms themselves.
const OF_ROOMS: [&str; 3] = ["line", "flow", "stream"];

/// One block: its name, where it stands, and what it says.
#[derive(Clone)]
struct Vector {
    name: String,
    line: usize,
    keys: BTreeMap<String, String>,
}

impl Vector {
    /// Takes the value of `key`.
    fn text(&mut self, key: &str) -> Result<String, String> {
        self.keys
            .remove(key)
            .ok_or_else(|| format!("`{key}` is missing"))
    }

    /// Takes the value of `key`, which is bytes.
    fn bytes(&mut self, key: &str) -> Result<Vec<u8>, String> {
        let digits = self.text(key)?.replace(' ', "");
        data_encoding::HEXLOWER
            .decode(digits.as_bytes())
            .map_err(|error| format!("`{key}`: {error}"))
    }

    /// Takes the value of `key`, which is so many bytes.
    fn array<const N: usize>(&mut self, key: &str) -> Result<[u8; N], String> {
        let bytes = self.bytes(key)?;
        bytes
            .try_into()
            .map_err(|_length| format!("`{key}` has not {N} bytes"))
    }

    /// Takes the value of `key`, which has to be `made`.
    fn same(&mut self, key: &str, made: &impl ToString) -> Result<(), String> {
        let (told, made) = (self.text(key)?, made.to_string());
        if told == made {
            return Ok(());
        }
        Err(format!(
            "`{key}`: the document has {told}\nthe code makes {made}"
        ))
    }

    /// Takes the value of `key`, which has to be the bytes `made`.
    fn same_bytes(&mut self, key: &str, made: &[u8]) -> Result<(), String> {
        let told = self.bytes(key)?;
        if told == made {
            return Ok(());
        }
        let made = data_encoding::HEXLOWER.encode(made);
        Err(format!("`{key}`: the code makes {made}"))
    }

    /// What this is an example of: its name up to the first hyphen.
    fn kind(&self) -> &str {
        self.name.split('-').next().unwrap_or_default()
    }

    fn check(mut self) -> Result<(), String> {
        let kind = self.kind().to_owned();
        let result = match self.keys.remove("refused") {
            Some(refused) => checks::refusal(&kind, &mut self).and_then(|made| {
                let same = refused == made;
                same.then_some(())
                    .ok_or_else(|| format!("`refused`: the code says: {made}"))
            }),
            None => checks::example(&kind, &mut self),
        };
        result
            .and_then(|()| match self.keys.keys().next() {
                Some(key) => Err(format!("nothing looks at `{key}`")),
                None => Ok(()),
            })
            .map_err(|error| format!("line {}, {}: {error}", self.line, self.name))
    }
}

/// The examples in a document that are checked here.
fn vectors(document: &str) -> Vec<Vector> {
    let mut vectors: Vec<Vector> = Vec::new();
    let mut inside = false;
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
            let (key, value) = line.split_once(':').expect("a line is `key: value`");
            let value = value.strip_prefix(' ').unwrap_or(value);
            let before = vector.keys.insert(key.to_owned(), value.to_owned());
            assert_eq!(before, None, "line {}: `{key}` twice", at + 1);
        }
    }
    vectors.retain(|vector| !OF_ROOMS.contains(&vector.kind()));
    vectors
}

#[test]
fn protocol_examples_are_what_the_code_does() {
    let vectors = vectors(PROTOCOL);
    let errors: Vec<String> = vectors
        .iter()
        .filter_map(|vector| vector.clone().check().err())
        .collect();
    assert!(errors.is_empty(), "{}", errors.join("\n\n"));
    let names: BTreeMap<_, _> = vectors.iter().map(|v| (&v.name, v.line)).collect();
    assert_eq!(names.len(), vectors.len(), "two examples have one name");
    let kinds: BTreeSet<_> = vectors.iter().map(Vector::kind).collect();
    let all = [
        "address",
        "frame",
        "hashname",
        "head",
        "key",
        "number",
        "packet",
        "sealed",
        "signature",
        "space",
        "ticket",
    ];
    assert_eq!(kinds, all.into(), "each kind has an example");
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

#[test]
fn protocol_examples_with_any_other_character_are_found() {
    let mut lies = 0;
    for vector in vectors(PROTOCOL) {
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
                other.replace_range(at..end, &another(character).to_string());
                lie.keys.insert(key.clone(), other.clone());
                assert!(
                    lie.check().is_err(),
                    "line {}: `{key}` could be {other}",
                    vector.line
                );
                lies += 1;
            }
        }
    }
    println!("{lies} lies found");
}

#[test]
fn protocol_examples_that_nobody_checks_are_found() {
    let check = |text: &str| vectors(text).pop().expect("one block").check();
    let good = "```vector number-x\nnumber: 5\nbytes: 05\nlonger: 4005\n```";
    assert_eq!(check(good), Ok(()));
    for (from, to, error) in [
        ("number-x", "nothing-x", "no example is of this kind"),
        ("number-x", "", "no example is of this kind"),
        ("bytes: 05", "bytes: 05\nmore: 1", "nothing looks at `more`"),
        ("bytes: 05\n", "", "`bytes` is missing"),
        ("bytes: 05", "bytes: 4005", "the code makes 05"),
        ("longer: 4005", "longer: 40", "goes beyond"),
        ("longer: 4005", "longer: 4006", "another number"),
    ] {
        let found = check(&good.replace(from, to)).unwrap_err();
        assert!(found.contains(error), "{found}");
    }
}
