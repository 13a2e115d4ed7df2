use super::super::{demand, lie};
use super::*;

const TESTS: &str = "// S2.1, S2.3: decoded.\n#[test]\nfn packet_decodes() {}\n\n\
    #[test]\nfn packet_s2_11_reads() {}\n\n// S2.1\nfn no_test() {}\n\n// S2.2\n\n\
    #[tokio::test(flavor = \"x\")]\nasync fn apart() {}\n";

fn found(list: &str, rows: &[&str], code: &str) -> Vec<Finding> {
    let table = format!(
        "| | demand | test | state |\n|---|---|---|---|\n{}\n",
        rows.join("\n")
    );
    let (tree, sources) = lie(&[(LIST, list), (TABLE, &table), ("tests/tests/a.rs", code)]);
    check(&tree, &sources)
}

#[test]
fn requirements_hold_when_they_do() {
    let rows = [
        "| S2.1 | read | `packet_decodes` | works |",
        "| S2.2 | write | | not yet |",
        "| S2.3 | window | packet_decodes | changed: it never ended |",
        "| S2.11 | last | `packet_s2_11_reads` | works |",
        "| S2.12 | rest | | not yet; will change: clear lines can be forged |",
    ];
    demand(&found("S2.1\nS2.2 S2.3\nS2.11\nS2.12", &rows, TESTS), &[]);
}

#[test]
fn requirements_bite_on_missing_and_unknown_numbers() {
    let row = "| S2.1 | read | | not yet |";
    demand(&found("S2.1 S2.2", &[row], TESTS), &["S2.2 is missing"]);
    demand(
        &found("S2.2", &[row], TESTS),
        &["S2.1 is not in", "S2.2 is missing"],
    );
    demand(
        &found("S2.1", &[row, row], TESTS),
        &["S2.1 stands in line 3 already"],
    );
    demand(&found("", &[], TESTS), &["the list of numbers is empty"]);
    demand(
        &found("S2.1", &["| S2.1 | read | not yet |"], TESTS),
        &["needs a demand"],
    );
    demand(
        &found("S2.1", &["| S2.1 | | | not yet |"], TESTS),
        &["does not say"],
    );
}

#[test]
fn requirements_bite_on_tests_that_do_not_show_them() {
    let one = |number: &str, test: &str, state: &str, wanted: &[&str]| {
        let row = format!("| {number} | read | {test} | {state} |");
        println!("{row}");
        demand(&found(number, &[&row], TESTS), wanted);
    };
    one("S2.1", "`packet_gone`", "works", &["there is no such test"]);
    one("S2.1", "`no_test`", "works", &["there is no such test"]);
    one(
        "S2.1",
        "`packet_s2_11_reads`",
        "works",
        &["neither in its name"],
    );
    one(
        "S2.11",
        "`packet_decodes`",
        "works",
        &["neither in its name"],
    );
    // A gap between the comment and the test takes the comment away.
    one("S2.2", "`apart`", "works", &["neither in its name"]);
    one(
        "S2.1",
        "`packet_decodes`, `apart`",
        "works",
        &["neither in its name"],
    );
    one(
        "S2.1",
        "`packet_gone`",
        "not yet",
        &["there is no such test"],
    );
    one("S2.1", "", "works", &["no test shows it"]);
    one("S2.1", "", "changed: better", &["no test shows it"]);
    one("S2.1", "`packet_decodes`", "changed", &["does not say why"]);
    one("S2.1", "`packet_decodes`", "done", &["none of works"]);
    one("S2.1", "", "", &["none of works"]);
}

#[test]
fn requirements_know_tests_that_a_macro_makes() {
    let code = "macro_rules! pair { ($n:ident) => { #[test] fn $n() {} } }\n\n\
        // S2.1\npair!(tokio_to_mio);\n// S2.2\nother!(mio_to_tokio);";
    let one = |number: &str, test: &str| {
        found(
            number,
            &[&format!("| {number} | x | {test} | works |")],
            code,
        )
    };
    demand(&one("S2.1", "tokio_to_mio"), &[]);
    demand(&one("S2.2", "mio_to_tokio"), &["there is no such test"]);
}
