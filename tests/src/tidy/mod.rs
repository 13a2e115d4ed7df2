//! The house rules as code: each checker takes a tree of files and gives the places that break its
//! rule. It owns the rules of the house and never those of the protocol, and it runs no tool but
//! `git`, to learn which files are tracked, where there is one.

pub mod imports;
pub mod requirements;
pub mod rooms;
pub mod sizes;
pub mod text;
pub mod tokens;
pub mod tree;
pub mod words;

use std::fmt;

/// One place that breaks a rule.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// The file, relative to the top of the project, with `/` between its parts.
    pub path: String,
    /// The line, from 1; 0 where the file as a whole is meant.
    pub line: usize,
    /// What is wrong, as a sentence without its full stop.
    pub what: String,
}

impl Finding {
    pub(crate) fn new(path: &str, line: usize, what: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            line,
            what: what.into(),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line, self.what)
    }
}

/// Ends the running test with every finding, one a line.
///
/// # Panics
/// If there is any finding.
pub fn demand_none(findings: &[Finding]) {
    let lines: Vec<String> = findings.iter().map(ToString::to_string).collect();
    assert!(
        lines.is_empty(),
        "{} against the house rules:\n{}",
        lines.len(),
        lines.join("\n")
    );
}

/// A made-up tree and its sources, to feed a checker a lie.
#[cfg(test)]
fn lie(files: &[(&str, &str)]) -> (tree::Tree, Vec<tokens::Source>) {
    let tree = tree::Tree::made(files);
    let sources = tokens::sources(&tree).expect("a lie is still Rust");
    (tree, sources)
}

/// Demands that there are as many findings as places, and that each begins with its place.
#[cfg(test)]
fn demand(findings: &[Finding], places: &[&str]) {
    let found: Vec<String> = findings.iter().map(ToString::to_string).collect();
    let all = found
        .iter()
        .zip(places)
        .all(|(found, place)| found.contains(place));
    assert!(
        found.len() == places.len() && all,
        "wanted {places:#?}, found {found:#?}"
    );
}
