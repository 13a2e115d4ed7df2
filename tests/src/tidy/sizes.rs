//! Sizes: a file and a function beyond their limit is a concept that was not found yet. What is
//! beyond stands in a list with its exact size, so that it can only be changed on purpose.

use super::Finding;
use super::tokens::Source;
use super::tree::Tree;

/// Lines that a file may have.
pub const FILE_LINES_MAX: usize = 500;
/// Lines that a function may have, from `fn` to its closing brace.
pub const FUNCTION_LINES_MAX: usize = 70;
/// Lines from which on a file is told about.
pub const FILE_LINES_TOLD: usize = 300;
/// The list of exceptions: `path lines` for a file, `path function lines` for a function.
pub const EXCEPTIONS: &str = "tests/sizes.txt";

/// Sizes beyond the limits that the list does not hold, and entries of the list that are not so.
pub fn check(tree: &Tree, sources: &[Source]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let list = tree.files.get(EXCEPTIONS).map_or("", String::as_str);
    let mut exceptions: Vec<(usize, Vec<&str>)> = list
        .lines()
        .enumerate()
        .map(|(index, line)| (index + 1, line.split_whitespace().collect()))
        .filter(|(_, words): &(_, Vec<_>)| words.first().is_some_and(|word| *word != "#"))
        .collect();
    for (path, line, name, size) in sources.iter().flat_map(beyond) {
        let entry: Vec<String> = [path, name, &size.to_string()]
            .into_iter()
            .filter(|s| !s.is_empty())
            .map(Into::into)
            .collect();
        match exceptions.iter().position(|(_, words)| *words == entry) {
            Some(found) => {
                exceptions.remove(found);
            }
            None => {
                let what = format!(
                    "{size} lines, and `{EXCEPTIONS}` does not say `{}`",
                    entry.join(" ")
                );
                findings.push(Finding::new(path, line, what));
            }
        }
    }
    findings.extend(exceptions.iter().map(|(line, words)| {
        let what = format!(
            "`{}` is not so (any more): lower or remove it",
            words.join(" ")
        );
        Finding::new(EXCEPTIONS, *line, what)
    }));
    findings
}

/// Files that are larger than they should be and yet allowed, as lines to print.
pub fn large(sources: &[Source]) -> Vec<String> {
    let sizes = sources
        .iter()
        .map(|source| (source.text.lines().count(), &source.path));
    let mut large: Vec<_> = sizes
        .filter(|(lines, _)| *lines > FILE_LINES_TOLD)
        .collect();
    large.sort_by(|a, b| b.cmp(a));
    large
        .iter()
        .map(|(lines, path)| format!("{lines} {path}"))
        .collect()
}

/// Path, line, name (empty for the file itself) and size of what is beyond its limit.
fn beyond(source: &Source) -> Vec<(&str, usize, &str, usize)> {
    let path = source.path.as_str();
    let lines = source.text.lines().count();
    let file = (lines > FILE_LINES_MAX).then_some((path, 0, "", lines));
    let functions = functions(source)
        .into_iter()
        .map(|(name, first, last)| (path, first, name, last + 1 - first));
    file.into_iter()
        .chain(functions.filter(|(.., size)| *size > FUNCTION_LINES_MAX))
        .collect()
}

/// Name, first and last line of every function that has a body, also of those inside macros.
fn functions(source: &Source) -> Vec<(&str, usize, usize)> {
    let mut functions = Vec::new();
    for at in 0..source.tokens.len() {
        if !source.is(at, "fn") || source.is(at + 1, "(") {
            continue;
        }
        let name = source.word(at + 1).unwrap_or("$");
        let mut end = at + 1;
        while end < source.tokens.len() && !source.is(end, ";") {
            let mate = source.tokens[end].mate;
            // A brace inside generic arguments is a constant and not the body.
            if source.is(end, "{") && !source.is(mate + 1, ">") && !source.is(mate + 1, ",") {
                functions.push((name, source.tokens[at].line, source.tokens[mate].line));
                break;
            }
            end = mate.max(end) + 1;
        }
    }
    functions
}

#[cfg(test)]
mod tests {
    use super::super::{demand, lie};
    use super::*;

    fn found(exceptions: &str, text: &str) -> Vec<Finding> {
        let (tree, sources) = lie(&[(EXCEPTIONS, exceptions), ("core/src/line/x.rs", text)]);
        check(&tree, &sources)
    }

    #[test]
    fn tidy_sizes_bite_on_a_file_that_is_too_long() {
        demand(&found("", &"// x\n".repeat(500)), &[]);
        let long = "// x\n".repeat(501);
        demand(&found("", &long), &["core/src/line/x.rs:0: 501 lines"]);
        demand(&found("# why\ncore/src/line/x.rs 501\n", &long), &[]);
    }

    #[test]
    fn tidy_sizes_bite_on_growing_and_on_not_lowering() {
        let list = "core/src/line/x.rs 510";
        let grown = [
            "x.rs:0: 511 lines",
            "tests/sizes.txt:1: `core/src/line/x.rs 510` is not so",
        ];
        demand(&found(list, &"\n".repeat(511)), &grown);
        let shrunk = [
            "x.rs:0: 509 lines",
            "tests/sizes.txt:1: `core/src/line/x.rs 510` is not so",
        ];
        demand(&found(list, &"\n".repeat(509)), &shrunk);
        demand(&found(list, &"\n".repeat(500)), &["tests/sizes.txt:1: "]);
        demand(&found("core/src/gone.rs 510", ""), &["tests/sizes.txt:1: "]);
    }

    #[test]
    fn tidy_sizes_bite_on_a_function_that_is_too_long() {
        let function = |head: &str, lines: usize| format!("{head} {{{}}}", "\n".repeat(lines - 1));
        let list = "core/src/line/x.rs f 71";
        for head in [
            "fn f()",
            "impl X { pub(crate) const fn f(self)",
            "mod m { async fn f<const N: Y<{ 1 }>>() -> [u8; { 2 }] where X: Z",
            "macro_rules! m { () => { fn f()",
        ] {
            let end = " }".repeat(head.matches('{').count() - head.matches('}').count());
            let (fits, long) = (function(head, 70) + &end, function(head, 71) + &end);
            demand(&found("", &fits), &[]);
            demand(&found("", &long), &["core/src/line/x.rs:1: 71 lines"]);
            demand(&found(list, &long), &[]);
            demand(&found(list, &fits), &["tests/sizes.txt:1: "]);
        }
        // What has no body is no function, however long what follows it.
        let none = function("trait T { fn f(); } type F = fn(u8); struct S", 90);
        demand(&found("", &none), &[]);
    }

    #[test]
    fn tidy_sizes_tell_of_large_files() {
        let (_, sources) = lie(&[("a.rs", &"\n".repeat(301)), ("b.rs", &"\n".repeat(300))]);
        assert_eq!(large(&sources), ["301 a.rs"]);
    }
}
