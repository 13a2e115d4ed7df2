//! One pass over a head that sees every rule kept. It holds the open levels on a stack of its
//! own, so that deep nesting costs nothing, and finds keys given twice by sorting them once.

use alloc::{borrow::Cow, string::String, vec::Vec};

use super::{JsonError, JsonFault};

/// Sees that `text` is one legal object of at most `depth` levels, and nothing more.
pub(super) fn scan(text: &str, depth: u32) -> Result<(), JsonError> {
    let mut scanner = Scanner {
        text,
        at: 0,
        depth,
        open: Vec::new(),
        objects: 0,
        keys: Vec::new(),
    };
    if scanner.peek() != Some(b'{') {
        return Err(JsonFault::NoObject.at(0));
    }
    scanner.value()?;
    while let Some(level) = scanner.open.last().copied() {
        scanner.next_in(level)?;
    }
    if scanner.at < text.len() {
        return Err(JsonFault::Trailing.at(scanner.at));
    }
    scanner.unique()
}

/// An object or array that is not closed yet.
#[derive(Clone, Copy)]
struct Level {
    /// The number of the object; an array has none.
    object: Option<u32>,
    /// True until something stands in it.
    empty: bool,
}

/// A key, ordered by the object it is in and then by its name, whatever its escapes.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Key<'a> {
    object: u32,
    name: Cow<'a, str>,
    at: usize,
}

struct Scanner<'a> {
    text: &'a str,
    at: usize,
    depth: u32,
    open: Vec<Level>,
    objects: u32,
    keys: Vec<Key<'a>>,
}

impl<'a> Scanner<'a> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    /// Here stands what may not.
    fn illegal(&self) -> JsonError {
        match self.peek() {
            None => JsonFault::Unfinished.at(self.at),
            Some(_) => JsonFault::Syntax.at(self.at),
        }
    }

    /// Takes `byte`, which has to come now.
    fn expect(&mut self, byte: u8) -> Result<(), JsonError> {
        if self.peek() != Some(byte) {
            return Err(self.illegal());
        }
        self.at += 1;
        Ok(())
    }

    /// Goes on in `level`, the innermost open one: by its end, or by its next key and value.
    fn next_in(&mut self, level: Level) -> Result<(), JsonError> {
        self.blanks();
        let close = level.object.map_or(b']', |_| b'}');
        if self.peek() == Some(close) {
            self.at += 1;
            self.open.pop();
            return Ok(());
        }
        if !level.empty {
            self.expect(b',')?;
            self.blanks();
        }
        if let Some(top) = self.open.last_mut() {
            top.empty = false;
        }
        if let Some(object) = level.object {
            self.key(object)?;
        }
        self.value()
    }

    fn key(&mut self, object: u32) -> Result<(), JsonError> {
        let at = self.at;
        let name = match self.string()? {
            (quoted, false) => Cow::Borrowed(&quoted[1..quoted.len() - 1]),
            (quoted, true) => Cow::Owned(unescaped(quoted)),
        };
        self.keys.push(Key { object, name, at });
        self.blanks();
        self.expect(b':')?;
        self.blanks();
        Ok(())
    }

    /// Takes a whole value, or the start of an object or array.
    fn value(&mut self) -> Result<(), JsonError> {
        match self.peek() {
            Some(b'{') => {
                self.objects += 1;
                self.enter(Some(self.objects))
            }
            Some(b'[') => self.enter(None),
            Some(b'"') => self.string().map(drop),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.word("true"),
            Some(b'f') => self.word("false"),
            Some(b'n') => self.word("null"),
            Some(_) | None => Err(self.illegal()),
        }
    }

    fn enter(&mut self, object: Option<u32>) -> Result<(), JsonError> {
        if self.open.len() >= self.depth as usize {
            return Err(JsonFault::TooDeep.at(self.at));
        }
        self.at += 1;
        self.open.push(Level {
            object,
            empty: true,
        });
        Ok(())
    }

    fn word(&mut self, word: &str) -> Result<(), JsonError> {
        word.bytes().try_for_each(|byte| self.expect(byte))
    }

    /// Takes an integer. Zeros in front are no JSON; `-0` is refused since a reader that takes it
    /// for 0 and one that takes it for a float would differ.
    fn number(&mut self) -> Result<(), JsonError> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        let digits = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        let text = &self.text[start..self.at];
        match &self.text[digits..self.at] {
            "" => return Err(self.illegal()),
            "0" => {}
            more if more.starts_with('0') => return Err(JsonFault::Syntax.at(digits + 1)),
            _ => {}
        }
        if text == "-0" || matches!(self.peek(), Some(b'.' | b'e' | b'E')) {
            return Err(JsonFault::NoInteger.at(start));
        }
        if text.parse::<u64>().is_err() && text.parse::<i64>().is_err() {
            return Err(JsonFault::OutOfRange.at(start));
        }
        Ok(())
    }

    /// Takes a string; gives it with its quotation marks, and whether it has escapes.
    fn string(&mut self) -> Result<(&'a str, bool), JsonError> {
        let (start, mut escapes) = (self.at, false);
        self.expect(b'"')?;
        loop {
            match self.peek() {
                Some(b'"') => break,
                Some(b'\\') => {
                    escapes = true;
                    self.escape()?;
                }
                None | Some(0..0x20) => return Err(self.illegal()),
                Some(_) => self.at += 1,
            }
        }
        self.at += 1;
        Ok((&self.text[start..self.at], escapes))
    }

    fn escape(&mut self) -> Result<(), JsonError> {
        let start = self.at;
        self.at += 1;
        match self.peek() {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => {
                self.at += 1;
                Ok(())
            }
            Some(b'u') => {
                let first = self.unit()?;
                if (0xdc00..0xe000).contains(&first) {
                    return Err(JsonFault::Syntax.at(start));
                }
                if !(0xd800..0xdc00).contains(&first) {
                    return Ok(());
                }
                // Half a pair is no character: the other half has to follow.
                self.expect(b'\\')?;
                if (0xdc00..0xe000).contains(&self.unit()?) {
                    return Ok(());
                }
                Err(JsonFault::Syntax.at(start))
            }
            Some(_) | None => Err(self.illegal()),
        }
    }

    /// Takes `u` and four hex digits.
    fn unit(&mut self) -> Result<u32, JsonError> {
        self.expect(b'u')?;
        let mut unit = 0;
        for _ in 0..4 {
            let digit = self.peek().and_then(|byte| char::from(byte).to_digit(16));
            unit = unit << 4 | digit.ok_or_else(|| self.illegal())?;
            self.at += 1;
        }
        Ok(unit)
    }

    /// Sees that no object has a key twice.
    fn unique(mut self) -> Result<(), JsonError> {
        self.keys.sort_unstable();
        let pairs = self.keys.windows(2);
        let twice =
            pairs.filter(|pair| (pair[0].object, &pair[0].name) == (pair[1].object, &pair[1].name));
        match twice.map(|pair| pair[1].at).min() {
            Some(at) => Err(JsonFault::DuplicateKey.at(at)),
            None => Ok(()),
        }
    }
}

fn unescaped(quoted: &str) -> String {
    serde_json::from_str(quoted).expect("the escapes of this string were seen to be legal")
}
