//! What the README shows is what is there.

use std::{fs, path::Path};

fn read(path: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    fs::read_to_string(root.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The fenced blocks of a language.
fn blocks<'a>(text: &'a str, language: &str) -> Vec<&'a str> {
    let fence = format!("```{language}\n");
    text.split(&fence)
        .skip(1)
        .filter_map(|rest| rest.split("```").next())
        .collect()
}

#[test]
fn readme_code_stands_in_the_example() {
    let (readme, example) = (read("README.md"), read("runtime-tokio/examples/echo.rs"));
    let blocks = blocks(&readme, "rust");
    assert_eq!(blocks.len(), 1);
    assert!(
        example.contains(blocks[0].trim_end()),
        "the README shows another echo"
    );
}

#[test]
fn readme_commands_are_those_that_are_checked() {
    let (readme, ci) = (read("README.md"), read(".ci/run"));
    for command in ["cargo run --release -- demo", "cargo test --workspace"] {
        assert!(readme.contains(command), "the README lacks `{command}`");
    }
    assert!(
        ci.contains("cargo test --workspace"),
        "CI runs what the README says"
    );
}

#[test]
fn readme_links_lead_somewhere() {
    let readme = read("README.md");
    let targets: Vec<_> = readme
        .split("](")
        .skip(1)
        .filter_map(|rest| rest.split(')').next())
        .collect();
    assert!(targets.len() > 5);
    for target in targets.iter().filter(|target| !target.starts_with("http")) {
        assert!(!read(target).is_empty(), "{target} is empty");
    }
}

/// Examples of one name would be built over each other.
#[test]
fn readme_names_an_example_of_its_own_for_every_shell() {
    let readme = read("README.md");
    for (shell, example) in [
        ("tokio", "echo"),
        ("mio", "echo-mio"),
        ("async-std", "echo-async-std"),
    ] {
        let command = format!("cargo run -p hydroid-{shell} --example {example} --");
        assert!(readme.contains(&command), "the README lacks `{command}`");
        let source = read(&format!("runtime-{shell}/examples/{example}.rs"));
        assert!(source.contains("fn listen(address: &str)"));
        assert!(readme.contains(&format!("`runtime-{shell}/`")));
    }
}
