//! What a room owes its reader: a paragraph that says what it owns and what it never does, and a
//! test that names each of its settings.

use std::collections::BTreeSet;

use super::Finding;
use super::imports::CORE;
use super::tokens::Source;

/// Letters that a paragraph has at least.
const PARAGRAPH_MIN: usize = 80;

/// Rooms whose `mod.rs` does not open with its paragraph.
pub fn paragraphs(sources: &[Source]) -> Vec<Finding> {
    let rooms: BTreeSet<&str> = sources
        .iter()
        .filter_map(|source| room(&source.path))
        .collect();
    let mut findings = Vec::new();
    for room in rooms {
        let path = format!("{CORE}{room}/mod.rs");
        let Some(source) = sources.iter().find(|source| source.path == path) else {
            findings.push(Finding::new(&path, 0, "a room is a folder with a `mod.rs`"));
            continue;
        };
        let lines = source
            .text
            .lines()
            .map_while(|line| line.strip_prefix("//!"));
        let paragraph: Vec<&str> = lines
            .map(str::trim)
            .take_while(|line| !line.is_empty())
            .collect();
        let paragraph = paragraph.join(" ");
        if paragraph.len() < PARAGRAPH_MIN || !paragraph.ends_with('.') {
            findings.push(Finding::new(
                &path,
                1,
                "a room opens with a paragraph about itself",
            ));
        } else if !paragraph.contains("never") {
            let what = "a room's paragraph also says what the room never does";
            findings.push(Finding::new(&path, 1, what));
        }
    }
    findings
}

/// Fields of the core's `Config` structs that no test names.
pub fn settings(sources: &[Source]) -> Vec<Finding> {
    let mut named = BTreeSet::new();
    for source in sources {
        let tested = source
            .tokens
            .iter()
            .enumerate()
            .filter(|(_, token)| token.test);
        for (at, token) in tested {
            // As a field: after a dot, or before a colon.
            if source.is(at.wrapping_sub(1), ".") || source.is(at + 1, ":") {
                named.insert(token.text.as_str());
            }
        }
    }
    let core = sources
        .iter()
        .filter(|source| source.path.starts_with(CORE));
    core.flat_map(fields)
        .filter(|(_, _, name)| !named.contains(name))
        .map(|(path, line, name)| {
            Finding::new(path, line, format!("no test names the setting `{name}`"))
        })
        .collect()
}

fn room(path: &str) -> Option<&str> {
    path.strip_prefix(CORE)?
        .split_once('/')
        .map(|(room, _)| room)
}

/// Path, line and name of each field of each struct whose name ends with `Config`.
fn fields(source: &Source) -> Vec<(&str, usize, &str)> {
    let mut fields = Vec::new();
    for at in 0..source.tokens.len() {
        let config = source
            .word(at + 1)
            .is_some_and(|name| name.ends_with("Config"));
        if !config || !source.is(at, "struct") || source.tokens[at].test {
            continue;
        }
        let Some(open) =
            (at..source.tokens.len()).find(|&at| source.is(at, "{") || source.is(at, ";"))
        else {
            continue;
        };
        let mut inner = open + 1;
        while inner < source.tokens[open].mate {
            if let Some(name) = source.word(inner).filter(|_| source.is(inner + 1, ":")) {
                fields.push((source.path.as_str(), source.tokens[inner].line, name));
            }
            inner = source.tokens[inner].mate.max(inner) + 1;
        }
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::super::{demand, lie};
    use super::*;

    const GOOD: &str = "//! The session of two members: its handshake, its seal and the replay of \
        old packets.\n//! It never opens a socket.\n";

    fn paragraph(text: &str) -> Vec<Finding> {
        paragraphs(&lie(&[("core/src/line/mod.rs", text), ("core/src/line/x.rs", "")]).1)
    }

    #[test]
    fn tidy_rooms_bite_without_a_paragraph() {
        let place = ["core/src/line/mod.rs:1: "];
        demand(&paragraph(GOOD), &[]);
        demand(&paragraph(&format!("use x;\n{GOOD}")), &place);
        demand(&paragraph("//! Lines never wait.\n"), &place);
        demand(&paragraph(&GOOD.replace("socket.", "socket")), &place);
        demand(&paragraph(&GOOD.replace("never opens", "opens")), &place);
        // The second paragraph does not stand in for the first.
        demand(&paragraph(&format!("//! Lines.\n//!\n{GOOD}")), &place);
        demand(
            &paragraphs(&lie(&[("core/src/line/x.rs", GOOD)]).1),
            &["core/src/line/mod.rs:0: "],
        );
    }

    #[test]
    fn tidy_settings_bite_when_no_test_names_them() {
        let config = "/// x\npub struct Config { /// y\n pub idle_us: u64,\n\
            #[serde(default)] pub(crate) map: Map<A, B> }\n";
        let file = "core/src/line/config.rs";
        let found = |more: &[(&str, &str)]| {
            let files = [
                &[(file, config), ("core/src/line/mod.rs", "mod config;")],
                more,
            ]
            .concat();
            settings(&lie(&files).1)
        };
        let both = [
            "config.rs:3: no test names the setting `idle_us`",
            "config.rs:4: no test names the setting `map`",
        ];
        demand(&found(&[]), &both);
        // In code, in a string or as another word it does not count.
        demand(
            &found(&[("core/src/flow/x.rs", "fn f() { c.idle_us; S { map: 1 } }")]),
            &both,
        );
        demand(
            &found(&[(
                "tests/tests/a.rs",
                "fn f() { \".idle_us map:\"; map(idle_us) }",
            )]),
            &both,
        );
        demand(
            &found(&[("tests/tests/a.rs", "fn f() { c.idle_us = 1; S { map: x } }")]),
            &[],
        );
        let tests = "#[cfg(test)] mod tests { fn f() { Config { idle_us: 1, ..x }.map } }";
        demand(&found(&[("core/src/line/x.rs", tests)]), &[]);
        demand(
            &settings(
                &lie(&[(
                    file,
                    "struct LimitsConfig<T> { a: T }\nstruct Other { b: u8 }",
                )])
                .1,
            ),
            &["config.rs:1: "],
        );
    }
}
