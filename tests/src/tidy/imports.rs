//! The star of imports: which room of the core may reach which. Read from every path that begins
//! with `crate`, `super` or `self`, wherever it stands, and from paths inside attributes' strings.

use super::Finding;
use super::tokens::{Kind, Source, lex};

/// Each room, and the rooms that it may reach beside itself.
pub const ROOMS: [(&str, &[&str]); 13] = [
    ("base", &[]),
    ("wire", &["base"]),
    ("identity", &["base", "wire"]),
    ("line", &["base", "wire", "identity"]),
    ("flow", &["base", "wire"]),
    ("stream", &["base", "wire"]),
    ("mesh", &["base", "wire", "identity"]),
    ("reach", &["base", "wire", "identity"]),
    ("tree", &["base", "wire", "identity"]),
    ("lan", &["base", "wire", "identity"]),
    (
        "switch",
        &[
            "base", "wire", "identity", "line", "flow", "stream", "mesh", "reach", "tree", "lan",
        ],
    ),
    ("tape", &["base", "wire", "identity", "switch"]),
    ("driver", &["base", "wire", "identity", "switch", "tape"]),
];

/// The folder of the rooms.
pub const CORE: &str = "core/src/";

/// Every path of the core that leads where its room may not go.
pub fn check(sources: &[Source]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for source in sources {
        let Some(inner) = source
            .path
            .strip_prefix(CORE)
            .filter(|inner| *inner != "lib.rs")
        else {
            continue;
        };
        let room = inner
            .split('/')
            .next()
            .expect("splitting gives one part at least");
        match ROOMS.iter().find(|(name, _)| *name == room) {
            Some((_, allowed)) => {
                let modules = inner
                    .trim_end_matches(".rs")
                    .split('/')
                    .filter(|part| *part != "mod");
                let modules = modules.map(String::from).collect();
                Reader {
                    source,
                    modules,
                    room,
                    allowed,
                    findings: &mut findings,
                }
                .read();
            }
            None => {
                let what =
                    "this is neither `lib.rs` nor in the folder of a room that the table names";
                findings.push(Finding::new(&source.path, 0, what));
            }
        }
    }
    findings
}

struct Reader<'a> {
    source: &'a Source,
    /// The module that the file is, from the root of the crate.
    modules: Vec<String>,
    room: &'a str,
    allowed: &'a [&'a str],
    findings: &'a mut Vec<Finding>,
}

impl Reader<'_> {
    fn read(&mut self) {
        for (at, inline) in self.source.with_modules() {
            let here = [&self.modules[..], &inline].concat();
            self.attribute(at, &here);
            if self.source.is(at, "hydroid_core") {
                self.find(at, "a room names its own crate from outside");
            }
            let starts = !self.source.is(at.wrapping_sub(1), "::");
            let Some(word) = self.source.word(at).filter(|_| starts) else {
                continue;
            };
            match word {
                "crate" => self.path(at + 1, Vec::new()),
                "super" => self.path(at + 1, up(here)),
                "self" => self.path(at + 1, here),
                "include" if self.source.is(at + 1, "!") => {
                    self.find(at, "`include!` brings in code that no rule can read");
                }
                "extern" if self.source.are(at + 1, &["crate", "self"]) => {
                    self.find(at, "the crate under another name hides what is reached");
                }
                _ => {}
            }
        }
    }

    /// Follows a path whose first word stands before `at` and means the module `to`.
    fn path(&mut self, mut at: usize, mut to: Vec<String>) {
        while self.source.is(at, "::") {
            at += 1;
            if self.source.is(at, "super") {
                to = up(to);
            } else if self.source.is(at, "*") {
                return self.judge(at, &to);
            } else if self.source.is(at, "{") {
                return self.tree(at, &to);
            } else if self.source.is(at, "$") {
                return self.variable(at, &to);
            } else if let Some(word) = self.source.word(at) {
                to.push(word.into());
            } else {
                // A path's generic arguments follow; the paths in them begin anew.
                break;
            }
            at += 1;
        }
        // `pub(crate)`, `pub(super)` and a method's `self` are no paths to anything.
        if to.is_empty() && !self.source.is(at, "as") {
            return;
        }
        self.judge(at - 1, &to);
    }

    /// Follows each branch of a `use` tree.
    fn tree(&mut self, open: usize, to: &[String]) {
        let mut at = open + 1;
        while at < self.source.tokens[open].mate {
            let begins = self.source.is(at - 1, ",") || at == open + 1;
            if self.source.is(at, "{") {
                self.tree(at, to);
                at = self.source.tokens[at].mate;
            } else if begins && (self.source.is(at, "self") || self.source.is(at, "*")) {
                self.judge(at, to);
            } else if begins && self.source.is(at, "$") {
                self.variable(at, to);
            } else if begins && self.source.is(at, "super") {
                self.path(at + 1, up(to.to_vec()));
            } else if let Some(word) = self.source.word(at).filter(|_| begins) {
                self.path(at + 1, [to, &[word.to_owned()]].concat());
            }
            // Deeper branches were followed by the call above.
            while at < self.source.tokens[open].mate && !self.source.is(at, ",") {
                at = self.source.tokens[at].mate.max(at) + 1;
            }
            at += 1;
        }
    }

    /// A macro's variable within a room is that room's affair; as the room itself it hides it.
    fn variable(&mut self, at: usize, to: &[String]) {
        if to.is_empty() {
            return self.find(at, "a path out of a macro's variable cannot be read");
        }
        self.judge(at, to);
    }

    fn judge(&mut self, at: usize, to: &[String]) {
        let Some(first) = to.first() else {
            return self.find(
                at,
                "the root of the crate, as a whole, hides what is reached",
            );
        };
        if first == self.room || self.allowed.contains(&first.as_str()) {
            return;
        }
        let room = self.room;
        if ROOMS.iter().any(|(name, _)| name == first) {
            self.find(at, &format!("`{room}` may not reach `{}`", to.join("::")));
        } else {
            let path = to.join("::");
            self.find(
                at,
                &format!("`{path}` goes through `lib.rs`: name the room it is from"),
            );
        }
    }

    /// Paths in an attribute's strings (`serde(with = "crate::…")`), and `path` itself.
    fn attribute(&mut self, at: usize, here: &[String]) {
        let Some((open, close)) = self.source.attribute(at) else {
            return;
        };
        if self.source.is(open + 1, "doc") {
            return;
        }
        for inner in open..close {
            if self.source.are(inner, &["path", "="]) {
                self.find(inner, "`#[path]` takes a file out of its room");
            }
            let token = &self.source.tokens[inner];
            let text = token.text.trim_matches(['"', '#', 'r']);
            if token.kind != Kind::Literal || !text.contains("::") {
                continue;
            }
            let Some(mut tokens) = lex(text) else {
                continue;
            };
            tokens.iter_mut().for_each(|inner| inner.line = token.line);
            let (path, text) = (self.source.path.clone(), text.to_owned());
            let (room, allowed) = (self.room, self.allowed);
            let source = Source { path, text, tokens };
            let modules = here.to_vec();
            Reader {
                source: &source,
                modules,
                room,
                allowed,
                findings: self.findings,
            }
            .read();
        }
    }

    fn find(&mut self, at: usize, what: &str) {
        let line = self.source.tokens.get(at).map_or(0, |token| token.line);
        self.findings
            .push(Finding::new(&self.source.path, line, what));
    }
}

fn up(mut module: Vec<String>) -> Vec<String> {
    module.pop();
    module
}

#[cfg(test)]
mod tests;
