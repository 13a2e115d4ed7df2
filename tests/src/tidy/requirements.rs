//! The table of demands against the list of their numbers and the tests that stand for them.

use std::collections::BTreeMap;

use super::Finding;
use super::tokens::Source;
use super::tree::Tree;

/// The list of all numbers, one a line.
pub const LIST: &str = "tests/requirements.txt";
/// The table: number, demand, test, state.
pub const TABLE: &str = "tests/REQUIREMENTS.md";

/// Rows that do not hold.
pub fn check(tree: &Tree, sources: &[Source]) -> Vec<Finding> {
    let text = |path| tree.files.get(path).map_or("", String::as_str);
    let numbers: Vec<&str> = text(LIST).split_whitespace().collect();
    let tests = tests(sources);
    let mut findings = Vec::new();
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    for (index, line) in text(TABLE).lines().enumerate() {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let Some(number) = cells.get(1).filter(|number| is_number(number)) else {
            continue;
        };
        let mut find = |what: String| findings.push(Finding::new(TABLE, index + 1, what));
        if !numbers.contains(number) {
            find(format!("{number} is not in `{LIST}`"));
        }
        if let Some(first) = seen.insert(number, index + 1) {
            find(format!("{number} stands in line {first} already"));
        }
        let [_, _, demand, named, state, _] = cells[..] else {
            find(format!("{number} needs a demand, a test and a state"));
            continue;
        };
        if demand.is_empty() {
            find(format!("{number} does not say what is demanded"));
        }
        let named: Vec<&str> = named
            .split([',', ' ', '`'])
            .filter(|name| !name.is_empty())
            .collect();
        judge(number, &named, state, &tests)
            .into_iter()
            .for_each(find);
    }
    let missing = numbers.iter().filter(|number| !seen.contains_key(**number));
    findings.extend(missing.map(|number| Finding::new(TABLE, 0, format!("{number} is missing"))));
    if numbers.is_empty() {
        findings.push(Finding::new(LIST, 0, "the list of numbers is empty"));
    }
    findings
}

/// What is wrong with a row's tests and state.
fn judge(number: &str, named: &[&str], state: &str, tests: &[Test<'_>]) -> Vec<String> {
    let mut wrong = Vec::new();
    for name in named {
        let mut same = tests.iter().filter(|test| test.name == *name).peekable();
        if same.peek().is_none() {
            wrong.push(format!(
                "{number} names `{name}`, and there is no such test"
            ));
        } else if !same.any(|test| carries(test, number)) {
            wrong.push(format!(
                "`{name}` carries {number} neither in its name nor just before it"
            ));
        }
    }
    let (word, why) = state.split_once([':', ';', ',']).unwrap_or((state, ""));
    match word.trim() {
        "works" | "changed" if named.is_empty() => {
            wrong.push(format!(
                "{number} is said to be there, and no test shows it"
            ));
        }
        "changed" if why.trim().is_empty() => {
            wrong.push(format!("{number} is changed, and the row does not say why"));
        }
        "works" | "changed" | "not yet" => {}
        other => wrong.push(format!(
            "{number}: `{other}` is none of works, not yet, changed"
        )),
    }
    wrong
}

/// `S`, digits, a dot, digits.
fn is_number(text: &str) -> bool {
    let parts = text.strip_prefix('S').and_then(|rest| rest.split_once('.'));
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    parts.is_some_and(|(seed, number)| digits(seed) && digits(number))
}

struct Test<'a> {
    name: &'a str,
    /// The comments and attributes right above it.
    above: String,
}

/// Every test function, and every name handed to a macro that makes test functions.
fn tests(sources: &[Source]) -> Vec<Test<'_>> {
    let mut tests = Vec::new();
    for source in sources {
        let makers = makers(source);
        for at in 0..source.tokens.len() {
            let word = source.word(at).unwrap_or_default();
            if makers.contains(&word) && source.is(at + 1, "!") && at + 2 < source.tokens.len() {
                let names = at + 3..source.tokens[at + 2].mate;
                let names = names.filter_map(|at| Some((at, source.word(at)?)));
                tests.extend(names.map(|(at, name)| Test {
                    name,
                    above: above(source, at),
                }));
            }
            let Some((open, close)) = source.attribute(at) else {
                continue;
            };
            let path = (open + 1..=close)
                .take_while(|&at| !source.is(at, "("))
                .last();
            let last = path.map_or(open, |at| if at == close { at - 1 } else { at });
            if !source.is(last, "test") {
                continue;
            }
            // Other attributes and `async` may stand between.
            let mut next = close + 1;
            while !source.is(next, "fn") && next < source.tokens.len() {
                next = source.tokens[next].mate.max(next) + 1;
            }
            if let Some(name) = source.word(next + 1) {
                tests.push(Test {
                    name,
                    above: above(source, next),
                });
            }
        }
    }
    tests
}

/// Macros of this file whose body writes `#[test] fn $name`.
fn makers(source: &Source) -> Vec<&str> {
    let mut makers = Vec::new();
    for at in 0..source.tokens.len() {
        let Some(name) = source
            .word(at + 2)
            .filter(|_| source.are(at, &["macro_rules", "!"]))
        else {
            continue;
        };
        let body = at + 3..source.tokens.get(at + 3).map_or(0, |token| token.mate);
        if body.clone().any(|at| source.are(at, &["fn", "$"]))
            && body.clone().any(|at| source.are(at, &["[", "test", "]"]))
        {
            makers.push(name);
        }
    }
    makers
}

/// The lines without a gap above the line of the token at `at`, as far as they are comments or
/// attributes.
fn above(source: &Source, at: usize) -> String {
    let lines: Vec<&str> = source
        .text
        .lines()
        .take(source.tokens[at].line - 1)
        .collect();
    let belongs = |line: &&&str| {
        let line = line.trim_start();
        line.starts_with("//") || line.starts_with("#[")
    };
    lines
        .iter()
        .rev()
        .take_while(belongs)
        .copied()
        .collect::<Vec<_>>()
        .join("\n")
}

/// Whether the number stands in the comment as `S2.1`, or in the name as `s2_1`.
fn carries(test: &Test<'_>, number: &str) -> bool {
    let in_name = number.to_lowercase().replace('.', "_");
    holds(&test.above, number) || holds(test.name, &in_name)
}

/// Whether the number stands there whole: `S2.1` is not in `S2.11` nor in `XS2.1`.
fn holds(text: &str, number: &str) -> bool {
    text.match_indices(number).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let after = text[at + number.len()..].chars().next();
        !before.is_some_and(char::is_alphanumeric) && !after.is_some_and(|c| c.is_ascii_digit())
    })
}

#[cfg(test)]
mod tests;
