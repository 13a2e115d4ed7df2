//! The files of the project, read once. A tree made of a few small texts stands in for it where a
//! checker is fed a lie.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The only entries that the top folder may hold, beside those whose name begins with a dot.
pub const TOP: [&str; 11] = [
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "README.md",
    "check",
    "core",
    "runtime-async-std",
    "runtime-mio",
    "runtime-tokio",
    "tests",
];

/// Text by path, and the names in the top folder.
#[derive(Clone, Debug, Default)]
pub struct Tree {
    /// Path relative to the top folder, with `/`, to the file's text (other bytes replaced).
    pub files: BTreeMap<String, String>,
    /// Names in the top folder: the tracked ones, or all where nothing says what is tracked.
    pub top: BTreeSet<String>,
}

impl Tree {
    /// Reads the project that this crate is part of.
    pub fn of_project() -> Self {
        Self::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join(".."))
    }

    /// Reads a project: the tracked files, and Rust files of its crates that are not tracked yet.
    /// Without `git` or outside a repository: all files.
    ///
    /// # Panics
    /// If a file cannot be read.
    pub fn read(root: &Path) -> Self {
        let tracked = tracked(root);
        let mut tree = Self::default();
        for path in walk(root) {
            let name = relative(root, &path);
            let kept = tracked.as_ref().is_none_or(|set| set.contains(&name));
            let top = name
                .split('/')
                .next()
                .expect("splitting gives one part at least");
            if kept {
                tree.top.insert(top.into());
            }
            let ours = TOP.contains(&top) || top.starts_with('.');
            if kept || ours && name.ends_with(".rs") {
                let bytes = fs::read(&path).expect("a file of the project can be read");
                tree.files
                    .insert(name, String::from_utf8_lossy(&bytes).into_owned());
            }
        }
        tree
    }

    /// A tree of made-up files.
    pub fn made(files: &[(&str, &str)]) -> Self {
        let top = |path: &str| path.split('/').next().map(String::from);
        Self {
            top: files.iter().filter_map(|(path, _)| top(path)).collect(),
            files: files
                .iter()
                .map(|&(path, text)| (path.into(), text.into()))
                .collect(),
        }
    }

    /// The files whose path ends with `suffix`, with their texts.
    pub fn ending<'a>(&'a self, suffix: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
        let files = self
            .files
            .iter()
            .map(|(path, text)| (path.as_str(), text.as_str()));
        files.filter(move |(path, _)| path.ends_with(suffix))
    }
}

fn tracked(root: &Path) -> Option<BTreeSet<String>> {
    // A source archive unpacked inside somebody else's repository has no `.git` of its own.
    if !root.join(".git").exists() {
        return None;
    }
    let mut git = Command::new("git");
    git.args(["-c", "safe.directory=*", "-C"])
        .arg(root)
        .args(["ls-files", "-z"]);
    let output = git.output().ok().filter(|output| output.status.success())?;
    let names = String::from_utf8_lossy(&output.stdout);
    Some(names.split_terminator('\0').map(String::from).collect())
}

/// Every file below, without what is built and what belongs to `git`.
fn walk(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let entries = fs::read_dir(folder).expect("a folder of the project can be listed");
    for entry in entries {
        let entry = entry.expect("an entry of a folder of the project can be read");
        let kind = entry
            .file_type()
            .expect("an entry of the project has a type");
        let name = entry.file_name();
        if kind.is_dir() && name != "target" && name != ".git" {
            found.extend(walk(&entry.path()));
        } else if kind.is_file() && name != ".git" {
            found.push(entry.path());
        }
    }
    found
}

fn relative(root: &Path, path: &Path) -> String {
    let path = path
        .strip_prefix(root)
        .expect("a walked path is below its root");
    let parts: Vec<_> = path.iter().map(|part| part.to_string_lossy()).collect();
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tidy_tree_holds_this_file_and_nothing_that_was_built() {
        let tree = Tree::of_project();
        assert!(tree.files.contains_key("tests/src/tidy/tree.rs"));
        assert!(tree.files.contains_key("Cargo.lock"));
        assert!(
            !tree
                .files
                .keys()
                .any(|path| path.split('/').any(|part| part == "target"))
        );
        assert!(tree.top.contains("core"));
    }
}
