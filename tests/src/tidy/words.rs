//! Words that may not stand in the code: in the core those that bring in a clock, chance, floats,
//! an order by hash, or unfinished work; everywhere the attribute that hides a failing test.

use super::Finding;
use super::imports::CORE;
use super::tokens::{Kind, Source, Token};

/// Not in the core, not even in its tests.
const NEVER: [&[&str]; 6] = [
    &["Instant", "::", "now"],
    &["SystemTime"],
    &["thread_rng"],
    &["todo", "!"],
    &["unimplemented", "!"],
    &["unsafe"],
];

/// Not in the core outside its tests.
const NOT_IN_CODE: [&[&str]; 6] = [
    &["HashMap"],
    &["HashSet"],
    &["hashbrown"],
    &["f32"],
    &["f64"],
    &["std"],
];

/// The one file that may hold a hash map, because it shows no order.
const INDEX: &str = "core/src/base/index.rs";
const OF_INDEX: [&str; 3] = ["HashMap", "HashSet", "hashbrown"];

/// What shells share is where the core's time comes from, and needs the standard library.
const SHELL: &str = "core/src/driver/shell/";
const OF_SHELL: [&str; 3] = ["Instant", "SystemTime", "std"];
/// The one file that may bring the standard library in; a build for bare metal shows for whom.
const ROOT: &str = "core/src/lib.rs";

/// Every banned word.
pub fn check(sources: &[Source]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for source in sources {
        let mut find = |line, what: &str| findings.push(Finding::new(&source.path, line, what));
        for at in 0..source.tokens.len() {
            if let Some(line) = ignored(source, at) {
                find(
                    line,
                    "an ignored test proves nothing: make it run or remove it",
                );
            }
        }
        if !source.path.starts_with(CORE) {
            continue;
        }
        for (at, token) in source.tokens.iter().enumerate() {
            let indexed = source.path == INDEX && OF_INDEX.contains(&token.text.as_str());
            let code = !token.test && !indexed;
            let brought =
                source.path == ROOT && source.are(at.wrapping_sub(2), &["extern", "crate", "std"]);
            let shell = brought
                || source.path.starts_with(SHELL) && OF_SHELL.contains(&token.text.as_str());
            let lifetime = source.is(at.wrapping_sub(1), "'");
            let words = NEVER.iter().chain(NOT_IN_CODE.iter().filter(|_| code));
            for words in words.filter(|words| !lifetime && !shell && source.are(at, words)) {
                find(
                    token.line,
                    &format!("`{}` has no place in the core", words.concat()),
                );
            }
            if code && is_float(source, at, token) {
                find(
                    token.line,
                    &format!("`{}` is a float: the core counts", token.text),
                );
            }
        }
        // Put together, or this file could not be read by its own rule.
        let fixme = ["FIX", "ME"].concat();
        for (index, _) in source
            .text
            .lines()
            .enumerate()
            .filter(|(_, line)| line.contains(&fixme))
        {
            find(index + 1, &format!("`{fixme}` is unfinished work"));
        }
    }
    findings
}

/// The line of an `ignore` attribute or of an example in a doc that does not run.
fn ignored(source: &Source, at: usize) -> Option<usize> {
    let (open, close) = source.attribute(at)?;
    let inside = &source.tokens[open..close];
    let doc = source.is(open + 1, "doc");
    let hides = |token: &&Token| match token.kind {
        Kind::Word => !doc && token.text == "ignore",
        Kind::Literal => doc && token.text.contains("```") && token.text.contains("ignore"),
        Kind::Sign | Kind::Open | Kind::Close => false,
    };
    inside.iter().find(hides).map(|token| token.line)
}

fn is_float(source: &Source, at: usize, token: &Token) -> bool {
    let text = token.text.as_str();
    let number = token.kind == Kind::Literal && text.starts_with(|c: char| c.is_ascii_digit());
    let based = ["0x", "0o", "0b"].iter().any(|base| text.starts_with(base));
    let sized = ["size", "8", "16", "32", "64", "128"]
        .iter()
        .any(|end| text.ends_with(&format!("u{end}")) || text.ends_with(&format!("i{end}")));
    // `pair.0.1` reads as the number `0.1` after a dot.
    let field = source.is(at.wrapping_sub(1), ".");
    number && !based && !sized && !field && text.contains(['.', 'e', 'E', 'f'])
}

#[cfg(test)]
mod tests {
    use super::super::{demand, lie};
    use super::*;

    fn one(path: &str, text: &str, bites: bool) {
        println!("{path}: {text}");
        let place = format!("{path}:1: ");
        let places: &[&str] = if bites { &[&place] } else { &[] };
        demand(&check(&lie(&[(path, text)]).1), places);
    }

    #[test]
    fn tidy_words_bite_in_code_and_in_tests() {
        for text in [
            "fn f() { let x = Instant::now(); }",
            "use m::SystemTime;",
            "fn f() { rand::thread_rng() }",
            concat!("fn f() { to", "do!() }"),
            concat!("fn f() { m!(unimpl", "emented!(\"x\")); }"),
            "fn f() { unsafe { g() } }",
        ] {
            one("core/src/line/x.rs", text, true);
            one(
                "core/src/line/x.rs",
                &format!("#[cfg(test)] mod tests {{ {text} }}"),
                true,
            );
            one("runtime-tokio/src/lib.rs", text, false);
        }
        let fixme = ["// FIX", "ME: later"].concat();
        one("core/src/line/x.rs", &fixme, true);
    }

    #[test]
    fn tidy_words_bite_in_code_and_spare_tests() {
        for text in [
            "use m::HashMap;",
            "fn f(x: &HashSet<u8>) {}",
            "use hashbrown::hash_table::Entry;",
            "fn f(x: f32) {}",
            "fn f() { x as f64 }",
            "fn f() { let x = 1.5; }",
            "fn f() { m!(1e3); }",
            "fn f() { 2f64 }",
            "use std::fmt;",
            "fn f() { ::std::mem::drop(1) }",
            "extern crate std;",
        ] {
            one("core/src/line/x.rs", text, true);
            one(
                "core/src/line/x.rs",
                &format!("#[cfg(test)] mod tests {{ {text} }}"),
                false,
            );
            one("tests/src/sim/x.rs", text, false);
        }
    }

    #[test]
    fn tidy_words_spare_what_only_looks_like_them() {
        for text in [
            "// HashMap, f64, SystemTime and std::fmt",
            "/// Not an `Instant::now()`.\nconst S: &str = \"unsafe todo! f32\";",
            "#![forbid(unsafe_code)] fn f() { unsafe_thing(now, Instant) }",
            "fn f() { (x.0.1, m!(x.0.1), 1..2, 0xfe, 0b1, 1_000usize, 3isize, 0x1E_u8) }",
            "#[cfg(feature = \"std\")] fn f() -> &'static str {}",
            "#[cfg(test)] extern crate std;",
        ] {
            one("core/src/line/x.rs", text, false);
        }
        let shell = "core/src/driver/shell/x.rs";
        one(
            shell,
            "use std::time::SystemTime; fn f() { Instant::now() }",
            false,
        );
        one(shell, "use std::collections::HashMap;", true);
        one("core/src/driver/x.rs", "use m::SystemTime;", true);
        one(ROOT, "#[cfg(feature = \"shell\")] extern crate std;", false);
        one(ROOT, "use std::fmt;", true);
        one(INDEX, "use hashbrown::HashMap;", false);
        one(INDEX, "fn f(x: f64) {}", true);
    }

    #[test]
    fn tidy_words_bite_on_ignored_tests_everywhere() {
        // In two pieces, so that a plain search for ignored tests finds none.
        let ignore = concat!("#[ign", "ore");
        for path in [
            "core/src/x/y.rs",
            "runtime-tokio/cli/tests/up.rs",
            "tests/tests/swarm.rs",
        ] {
            one(path, &format!("#[test] {ignore}] fn f() {{}}"), true);
            one(
                path,
                &format!("#[test] {ignore} = \"slow\"] fn f() {{}}"),
                true,
            );
            one(path, "#[cfg_attr(not(x), ignore)] fn f() {}", true);
            one(path, &format!("m! {{ {ignore}] fn f() {{}} }}"), true);
            one(path, "/// ```ignore\nfn f() {}", true);
            one(
                path,
                &format!("/// They ignore it. ```\n// {ignore}]\nfn ignore() {{}}"),
                true,
            );
            one(
                path,
                &format!("/// They ignore it.\n// {ignore}]\nfn ignore() {{ \"{ignore}]\" }}"),
                false,
            );
        }
    }
}
