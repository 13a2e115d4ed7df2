//! Rules about the project's files as such: what may stand at the top, what no text may name, that
//! every vector and every tape is read by a test, and that every section that is cited is there.

use super::Finding;
use super::tokens::{Kind, Source};
use super::tree::{TOP, Tree};

/// Folders of one machine. Put together, so that this file can be read by its own rule.
const MACHINE: [&str; 4] = [
    concat!("/wo", "rk"),
    concat!("/ro", "ot"),
    concat!("/ho", "me/"),
    concat!("../sha", "red"),
];

/// Hosts that packages come from: which one is asked is each machine's own affair.
const HOSTS: [&str; 9] = [
    concat!("index.", "crates.io"),
    concat!("static.", "crates.io"),
    concat!("sparse", "+http"),
    concat!("static.", "rust-lang.org"),
    concat!("arti", "factory"),
    concat!("pypi", ".org"),
    concat!("registry.", "npmjs"),
    concat!("proxy.", "golang.org"),
    concat!("deb.", "debian.org"),
];

/// Where every package of the lock file is from.
const REGISTRY: &str = "\"registry+https://github.com/rust-lang/crates.io-index\"";

/// Folders whose every file is there for a test.
const USED: [&str; 2] = ["tests/vectors/", "tests/tapes/"];

/// Entries at the top that do not belong there.
pub fn top(tree: &Tree) -> Vec<Finding> {
    let strange = tree
        .top
        .iter()
        .filter(|name| !name.starts_with('.') && !TOP.contains(&&***name));
    strange
        .map(|name| Finding::new(name, 0, "this does not belong at the top"))
        .collect()
}

/// Texts that name a folder of one machine or the host of a registry.
pub fn machines(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree.ending("") {
        for (index, line) in text.lines().enumerate() {
            let line_number = index + 1;
            for folder in MACHINE.iter().filter(|folder| names_folder(line, folder)) {
                let what = format!("`{folder}` is there on one machine only");
                findings.push(Finding::new(path, line_number, what));
            }
            for host in HOSTS.iter().filter(|host| line.contains(**host)) {
                findings.push(Finding::new(
                    path,
                    line_number,
                    format!("`{host}` is a registry's host"),
                ));
            }
            let source = line
                .strip_prefix("source = ")
                .filter(|_| path == "Cargo.lock");
            if source.is_some_and(|source| source != REGISTRY) {
                findings.push(Finding::new(
                    path,
                    line_number,
                    "a package from somewhere else",
                ));
            }
        }
    }
    findings
}

/// Whether the folder stands there as the beginning of an absolute path.
fn names_folder(line: &str, folder: &str) -> bool {
    let part = |c: char| c.is_alphanumeric() || "_-".contains(c);
    line.match_indices(folder).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + folder.len()..].chars().next();
        let absolute = before.is_none_or(|c| !part(c) && !"./~*})]>".contains(c));
        let whole = folder.ends_with('/') || after.is_none_or(|c| !part(c) && c != '.');
        absolute && whole
    })
}

/// Vectors and tapes that no test's string names, by file name or by file name without its ending.
pub fn unused(tree: &Tree, sources: &[Source]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for path in tree
        .files
        .keys()
        .filter(|path| USED.iter().any(|folder| path.starts_with(folder)))
    {
        let name = path
            .rsplit('/')
            .next()
            .expect("splitting gives one part at least");
        let stem = name
            .split('.')
            .next()
            .expect("splitting gives one part at least");
        let used = sources
            .iter()
            .flat_map(|source| &source.tokens)
            .any(|token| {
                let string = token.kind == Kind::Literal && token.test;
                let text = token.text.trim_matches('"');
                string && (text.rsplit('/').next() == Some(name) || text == stem)
            });
        if !used {
            findings.push(Finding::new(path, 0, "no test names this file"));
        }
    }
    findings
}

/// The description of the protocol.
pub const PROTOCOL: &str = "core/PROTOCOL.md";

/// How the code cites a section of it. Put together, so that this file cites none.
const CITES: &str = concat!("PROTOCOL, ", "section ");

/// Sections of the protocol that are cited and are not there, or are there twice, or under no
/// heading of their own: by the code, and by the document itself, which sets their names in
/// asterisks.
pub fn cited(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut headings: Vec<&str> = Vec::new();
    let document = tree.files.get(PROTOCOL).map_or("", String::as_str);
    for (index, line) in document.lines().enumerate() {
        let heading = line.trim_start_matches('#');
        if let Some(name) = heading.strip_prefix(' ').filter(|_| line.starts_with('#')) {
            if headings.contains(&name) {
                let what = format!("there is a section `{name}` before this one");
                findings.push(Finding::new(PROTOCOL, index + 1, what));
            }
            headings.push(name);
        }
    }
    let ours = tree.ending(".rs").chain(tree.ending(".md"));
    for (path, text) in ours {
        let (flat, lines) = flat(text);
        let mut demand = |at: usize, is_there: bool| {
            if !is_there {
                let end = flat[at..].char_indices().nth(40);
                let cited = &flat[at..end.map_or(flat.len(), |(offset, _)| at + offset)];
                let what = format!("`{PROTOCOL}` has no section that `{cited}` begins with");
                findings.push(Finding::new(path, lines[at], what));
            }
        };
        for (at, _) in flat.match_indices(CITES) {
            let at = at + CITES.len();
            demand(at, headings.iter().any(|name| begins(&flat[at..], name)));
        }
        for mark in ["section *", "sections *", "see *"] {
            for (at, _) in flat.match_indices(mark).filter(|_| path == PROTOCOL) {
                let at = at + mark.len();
                let name = flat[at..].split('*').next();
                demand(at, name.is_some_and(|name| headings.contains(&name)));
            }
        }
    }
    findings
}

/// A text as one line, without the marks of comments, and the line that each byte is from.
fn flat(text: &str) -> (String, Vec<usize>) {
    let (mut flat, mut lines) = (String::new(), Vec::new());
    for (index, line) in text.lines().enumerate() {
        let words = line.trim_start().trim_start_matches('/');
        for word in words.trim_start_matches('!').split_whitespace() {
            flat.push_str(word);
            flat.push(' ');
            lines.resize(flat.len(), index + 1);
        }
    }
    lines.push(lines.last().copied().unwrap_or(0));
    (flat, lines)
}

/// Whether the name stands whole at the beginning of the text.
fn begins(text: &str, name: &str) -> bool {
    let rest = text.strip_prefix(name);
    rest.is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '-'))
}

#[cfg(test)]
mod tests {
    use super::super::{demand, lie};
    use super::*;

    #[test]
    fn tidy_top_bites_on_what_does_not_belong_there() {
        let allowed: Vec<(&str, &str)> = TOP.iter().map(|name| (*name, "")).collect();
        demand(&top(&Tree::made(&allowed)), &[]);
        demand(
            &top(&Tree::made(&[
                (".clippy.toml", ""),
                (".ci/run", ""),
                ("core/x", ""),
            ])),
            &[],
        );
        let strange = [
            ("NOTES.md", ""),
            ("clippy.toml", ""),
            ("docs/x.md", ""),
            ("target/x", ""),
        ];
        demand(
            &top(&Tree::made(&strange)),
            &["NOTES.md", "clippy.toml", "docs", "target"],
        );
    }

    #[test]
    fn tidy_machines_bite_on_folders_of_one_machine() {
        for folder in MACHINE {
            for line in [
                "FOLDER",
                "see FOLDER/x",
                "\"FOLDER/x\"",
                "`FOLDER`",
                "a=FOLDER/x",
                "(FOLDER)",
            ] {
                let whole = line.replace("FOLDER", folder);
                println!("{whole}");
                demand(
                    &machines(&Tree::made(&[("a.md", &format!("x\n{whole}"))])),
                    &["a.md:2: "],
                );
            }
            if folder.starts_with("..") {
                continue;
            }
            for line in [
                "aFOLDER",
                "./FOLDER",
                "..FOLDER",
                "{dir}FOLDER",
                "https:/FOLDER",
            ] {
                let part = line.replace("FOLDER", folder);
                demand(&machines(&Tree::made(&[("a.md", &part)])), &[]);
            }
        }
        demand(
            &machines(&Tree::made(&[(
                "a.md",
                "cargo test --workspace /workspace /rooted /homes",
            )])),
            &[],
        );
    }

    #[test]
    fn tidy_machines_bite_on_registries() {
        for host in HOSTS {
            demand(
                &machines(&Tree::made(&[(
                    ".cargo/config.toml",
                    &format!("x = \"{host}://y\""),
                )])),
                &["config.toml:1: "],
            );
        }
        let lock = |source: &str| {
            machines(&Tree::made(&[(
                "Cargo.lock",
                &format!("source = {source}\n"),
            )]))
        };
        demand(&lock(REGISTRY), &[]);
        demand(&lock("\"git+https://github.com/a/b\""), &["Cargo.lock:1: "]);
        demand(
            &lock("\"registry+https://mirror.example/index\""),
            &["Cargo.lock:1: "],
        );
    }

    #[test]
    fn tidy_unused_bites_on_files_that_no_test_names() {
        let tape = ("tests/tapes/lost.jsonl", "{}");
        let vectors = ("tests/vectors/made_up.jsonl", "{}");
        let found = |code: (&str, &str)| {
            let (tree, sources) = lie(&[tape, vectors, code, ("tests/other/x.jsonl", "")]);
            unused(&tree, &sources)
        };
        let both = [
            "tests/tapes/lost.jsonl:0: ",
            "tests/vectors/made_up.jsonl:0: ",
        ];
        let test = "tests/tests/a.rs";
        demand(
            &found((test, "fn f() { lost(made_up) } // \"lost.jsonl\"")),
            &both,
        );
        demand(
            &found((
                test,
                "const A: [&str; 2] = [\"xlost.jsonl\", \"made_up.json\"];",
            )),
            &both,
        );
        demand(
            &found((
                test,
                "const A: [&str; 2] = [\"lost\", \"../vectors/made_up.jsonl\"];",
            )),
            &[],
        );
        demand(
            &found(("runtime-mio/src/x.rs", "fn f() { x(\"lost\") }")),
            &both,
        );
    }

    #[test]
    fn tidy_cited_bites_on_sections_that_are_not_there() {
        let text =
            "# P\n\n## Crossed opens\n\nSee section *Lines*, see *Close*.\n## Lines\n### Close\n";
        let found = |document: &str, comment: &str| {
            let code = comment.replace("CITES", CITES.trim_end());
            cited(&Tree::made(&[
                (PROTOCOL, document),
                ("core/src/a.rs", &code),
            ]))
        };
        for good in [
            "/// (CITES Crossed opens).\nfn a() {}",
            "//! CITES Lines: its state.",
            "/// CITES Crossed\n    /// opens, and more.",
            "// PROTOCOL,\n// section Close",
        ] {
            demand(&found(text, good), &[]);
        }
        let bad = "\n/// (CITES Crossed).";
        demand(&found(text, bad), &["core/src/a.rs:2: "]);
        demand(&found(text, "/// (CITES Liness)"), &["core/src/a.rs:1: "]);
        demand(
            &found(text, "/// CITES\n/// crossed opens"),
            &["core/src/a.rs:2: "],
        );
        let shorter = text.replace("### Close\n", "");
        demand(&found(&shorter, ""), &["core/PROTOCOL.md:5: "]);
        demand(
            &found(&text.replace("## Lines", "## Line"), ""),
            &["core/PROTOCOL.md:5: "],
        );
        let twice = format!("{text}\n# Lines\n");
        demand(&found(&twice, ""), &["core/PROTOCOL.md:9: "]);
        demand(&found("", "// CITES Lines"), &["core/src/a.rs:1: "]);
    }
}
