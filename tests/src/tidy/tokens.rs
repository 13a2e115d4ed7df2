//! Rust text as one flat list of tokens that knows which of them are only there for tests. Tokens
//! and not a syntax tree, because a path inside a macro's arguments or a `macro_rules!` body counts
//! as much as one in a `use`, and because comments and strings then never count.

use proc_macro2::{Delimiter, Spacing, TokenStream, TokenTree};

use super::Finding;
use super::tree::Tree;

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A word, keywords included; `r#` is taken off.
    Word,
    /// A sign; `::` and `..` are one token, all others have one character.
    Sign,
    /// A number, character or string, as written.
    Literal,
    /// An opening bracket of any form.
    Open,
    /// A closing bracket of any form.
    Close,
}

/// One token.
#[derive(Clone, Debug)]
pub struct Token {
    /// What it is.
    pub kind: Kind,
    /// Its text.
    pub text: String,
    /// Its line, from 1.
    pub line: usize,
    /// For a bracket, the index of the other one of its pair; otherwise its own.
    pub mate: usize,
    /// Whether it is compiled for tests only.
    pub test: bool,
}

/// One Rust file.
#[derive(Clone, Debug)]
pub struct Source {
    /// Its path from the top folder.
    pub path: String,
    /// Its text.
    pub text: String,
    /// Its tokens.
    pub tokens: Vec<Token>,
}

impl Source {
    /// Whether the token at `at` is `text`; false beyond the end.
    pub fn is(&self, at: usize, text: &str) -> bool {
        self.tokens
            .get(at)
            .is_some_and(|token| token.text == text && token.kind != Kind::Literal)
    }

    /// Whether the tokens from `at` on are `texts`.
    pub fn are(&self, at: usize, texts: &[&str]) -> bool {
        texts
            .iter()
            .enumerate()
            .all(|(step, text)| self.is(at + step, text))
    }

    /// The word at `at`, if it is one.
    pub fn word(&self, at: usize) -> Option<&str> {
        self.tokens
            .get(at)
            .filter(|token| token.kind == Kind::Word)
            .map(|token| &*token.text)
    }

    /// The range of an attribute's tokens, brackets included, if `#` stands at `at`.
    pub fn attribute(&self, at: usize) -> Option<(usize, usize)> {
        let open = at + 1 + usize::from(self.is(at + 1, "!"));
        (self.is(at, "#") && self.is(open, "[")).then(|| (open, self.tokens[open].mate))
    }

    /// The names of the inline modules around each token, and the token itself.
    pub fn with_modules(&self) -> Vec<(usize, Vec<String>)> {
        let mut open: Vec<(usize, String)> = Vec::new();
        let mut all = Vec::with_capacity(self.tokens.len());
        for at in 0..self.tokens.len() {
            open.retain(|(end, _)| at < *end);
            all.push((at, open.iter().map(|(_, name)| name.clone()).collect()));
            if self.is(at, "mod") && self.is(at + 2, "{") {
                let name = self.word(at + 1).unwrap_or_default().to_owned();
                open.push((self.tokens[at + 2].mate, name));
            }
        }
        all
    }
}

/// Every Rust file of the tree as tokens; a file that cannot be read as Rust is a finding.
///
/// # Errors
/// The files that are not Rust.
pub fn sources(tree: &Tree) -> Result<Vec<Source>, Vec<Finding>> {
    let mut sources = Vec::new();
    let mut findings = Vec::new();
    for (path, text) in tree.ending(".rs") {
        match lex(text) {
            Some(tokens) => {
                sources.push(Source {
                    path: path.into(),
                    text: text.into(),
                    tokens,
                });
            }
            None => findings.push(Finding::new(path, 0, "this is not Rust")),
        }
    }
    for source in &mut sources {
        mark_tests(source);
    }
    let below: Vec<String> = sources.iter().flat_map(test_files).collect();
    for source in &mut sources {
        let stem = source.path.trim_end_matches(".rs");
        let inside =
            |folder: &String| stem == folder || source.path.starts_with(&format!("{folder}/"));
        if source.path.split('/').any(|part| part == "tests") && !source.path.contains("/src/")
            || source.path.starts_with("tests/")
            || below.iter().any(inside)
        {
            source.tokens.iter_mut().for_each(|token| token.test = true);
        }
    }
    if findings.is_empty() {
        Ok(sources)
    } else {
        Err(findings)
    }
}

/// The tokens of a text, none of them marked; `None` if it is not Rust.
pub fn lex(text: &str) -> Option<Vec<Token>> {
    let mut tokens = Vec::new();
    flatten(text.parse().ok()?, &mut tokens);
    Some(tokens)
}

fn flatten(stream: TokenStream, into: &mut Vec<Token>) {
    let mut joint = false;
    for tree in stream {
        let line = tree.span().start().line;
        let was_joint = std::mem::take(&mut joint);
        match tree {
            TokenTree::Ident(word) => {
                let word = word.to_string();
                push(into, Kind::Word, word.trim_start_matches("r#"), line);
            }
            TokenTree::Literal(literal) => push(into, Kind::Literal, &literal.to_string(), line),
            TokenTree::Punct(sign) => {
                let text = sign.as_char().to_string();
                let last = into.last_mut().filter(|_| was_joint);
                match last.filter(|last| last.text == text && ":.".contains(&text)) {
                    Some(first) => first.text.push_str(&text),
                    None => {
                        joint = sign.spacing() == Spacing::Joint;
                        push(into, Kind::Sign, &text, line);
                    }
                }
            }
            TokenTree::Group(group) => {
                let (open, close) = match group.delimiter() {
                    Delimiter::Parenthesis => ("(", ")"),
                    Delimiter::Brace => ("{", "}"),
                    Delimiter::Bracket => ("[", "]"),
                    Delimiter::None => ("", ""),
                };
                let start = into.len();
                push(into, Kind::Open, open, line);
                flatten(group.stream(), into);
                into[start].mate = into.len();
                push(into, Kind::Close, close, group.span_close().start().line);
                into.last_mut().expect("it was just put there").mate = start;
            }
        }
    }
}

fn push(into: &mut Vec<Token>, kind: Kind, text: &str, line: usize) {
    into.push(Token {
        kind,
        text: text.into(),
        line,
        mate: into.len(),
        test: false,
    });
}

/// Marks items under `#[cfg(test)]` and `#[test]`. What stands under such an attribute and is no
/// item (a field, an arm) stays unmarked, so that rules are stricter there and never laxer.
fn mark_tests(source: &mut Source) {
    for at in 0..source.tokens.len() {
        let Some((open, close)) = source.attribute(at) else {
            continue;
        };
        if !is_for_tests(source, open, close) {
            continue;
        }
        let whole = source.tokens[..at].iter().all(|token| token.text != "{");
        let last = match source.is(at + 1, "!") {
            true if whole => Some(source.tokens.len() - 1),
            true => None,
            false => item_end(source, close + 1),
        };
        if let Some(last) = last {
            source.tokens[at..=last]
                .iter_mut()
                .for_each(|token| token.test = true);
        }
    }
}

/// Whether the attribute between these brackets is `test`, of any crate, or a `cfg` that asks for it.
fn is_for_tests(source: &Source, open: usize, close: usize) -> bool {
    let path_end = (open..close)
        .find(|&at| source.is(at, "("))
        .unwrap_or(close);
    if !source.is(open + 1, "cfg") {
        return source.is(path_end - 1, "test");
    }
    let all = source.are(open + 3, &["all", "("]);
    let mut at = if all { open + 5 } else { open + 3 };
    if !all {
        return source.are(at, &["test", ")"]);
    }
    while at < close {
        if source.is(at, "test") {
            return true;
        }
        at = source.tokens[at].mate.max(at) + 1;
    }
    false
}

/// The index of the last token of the item that begins at `at`, attributes before it included.
fn item_end(source: &Source, mut at: usize) -> Option<usize> {
    while let Some((_, close)) = source.attribute(at) {
        at = close + 1;
    }
    if source.is(at, "pub") {
        at += 1;
        if source.is(at, "(") {
            at = source.tokens[at].mate + 1;
        }
    }
    let to_semicolon = match source.word(at)? {
        "use" | "static" | "type" | "let" => true,
        "const" => source.is(at + 2, ":"),
        "extern" => source.is(at + 1, "crate"),
        "fn" | "async" | "unsafe" | "mod" | "impl" | "struct" | "enum" | "trait" | "union"
        | "macro_rules" => false,
        _ => return None,
    };
    while let Some(token) = source.tokens.get(at) {
        match (token.kind, &*token.text) {
            (Kind::Open, "{") if !to_semicolon => return Some(token.mate),
            (Kind::Open, _) => at = token.mate + 1,
            (Kind::Sign, ";") => return Some(at),
            (Kind::Close, _) => return None,
            _ => at += 1,
        }
    }
    None
}

/// The paths, without `.rs`, of the modules that this file declares for tests only.
fn test_files(source: &Source) -> Vec<String> {
    let (folder, name) = source.path.rsplit_once('/').unwrap_or(("", &source.path));
    let own = match name {
        "mod.rs" | "lib.rs" | "main.rs" => folder.to_owned(),
        _ => source.path.trim_end_matches(".rs").to_owned(),
    };
    let declared = |(at, modules): (usize, Vec<String>)| {
        let test = source.is(at, "mod") && source.is(at + 2, ";") && source.tokens[at].test;
        let name = source.word(at + 1).filter(|_| test)?.to_owned();
        Some([vec![own.clone()], modules, vec![name]].concat().join("/"))
    };
    source
        .with_modules()
        .into_iter()
        .filter_map(declared)
        .collect()
}

#[cfg(test)]
mod tests;
