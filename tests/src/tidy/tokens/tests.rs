use super::super::lie;
use super::{Kind, Source, sources};
use crate::tidy::tree::Tree;

/// The words whose name begins with `t_` are for tests, those with `p_` are not.
fn marked(files: &[(&str, &str)]) {
    let (_, sources) = lie(files);
    let mut seen = 0;
    for source in &sources {
        for token in source
            .tokens
            .iter()
            .filter(|token| token.kind == Kind::Word)
        {
            if token.text.starts_with("t_") || token.text.starts_with("p_") {
                assert_eq!(
                    token.test,
                    token.text.starts_with("t_"),
                    "{} in {}",
                    token.text,
                    source.path
                );
                seen += 1;
            }
        }
    }
    assert!(seen > 0);
}

#[test]
fn tidy_tokens_know_items_for_tests() {
    for text in [
        "#[cfg(test)] mod tests { fn t_a() {} } fn p_b() {}",
        "fn p_a() {} #[cfg(test)] #[derive(Debug)] pub(crate) struct S { t_a: u8 } struct T { p_a: u8 }",
        "#[cfg(test)] use a::{t_b, c::{t_d}}; use p_a;",
        "#[cfg(test)] const A: [u8; 2] = { t_a }; const B: u8 = p_b;",
        "#[cfg(test)] const fn f() { t_a } const B: u8 = p_b;",
        "#[cfg(test)] extern crate t_std; extern crate p_alloc;",
        "#[cfg(test)] struct S(t_a); struct P(p_a);",
        "#[cfg(all(test, feature = \"x\"))] impl A { fn t_a() {} } fn p_a() {}",
        "#[test] fn t_a() {} #[tokio::test(flavor = \"x\")] async fn t_b() {} fn p_c() {}",
        "#[cfg(not(test))] fn p_a() {} #[cfg(any(test, x))] fn p_b() {}",
        "#[cfg(all(x, not(test)))] fn p_a() {} #[cfg(all(any(test, x), y))] fn p_b() {}",
        "struct S { #[cfg(test)] p_a: u8, p_b: u8 }",
        "#[cfg(feature = \"test\")] fn p_a() {} #[allow(test)] fn p_b() {}",
        "#[cfg(test)] #[path = \"x\"] mod m; fn p_a() {}",
    ] {
        marked(&[("core/src/line/x.rs", text)]);
    }
    marked(&[(
        "core/src/line/x.rs",
        "#![cfg(test)] fn t_a() {} mod m { fn t_b() {} }",
    )]);
}

#[test]
fn tidy_tokens_know_files_for_tests() {
    marked(&[
        (
            "core/src/line/mod.rs",
            "mod open; #[cfg(test)] mod tests; fn p_a() {}",
        ),
        (
            "core/src/line/open.rs",
            "#[cfg(test)] mod tests; #[cfg(test)] mod in_ { mod deep; } fn p_a() {}",
        ),
        ("core/src/line/tests/mod.rs", "mod more; fn t_a() {}"),
        ("core/src/line/tests/more.rs", "fn t_a() {}"),
        ("core/src/line/open/tests.rs", "fn t_a() {}"),
        ("core/src/line/open/in_/deep.rs", "fn t_a() {}"),
        ("core/src/line/testy.rs", "fn p_a() {}"),
        ("core/src/tests.rs", "fn p_a() {}"),
        ("runtime-tokio/cli/tests/up.rs", "fn t_a() {}"),
        ("runtime-tokio/cli/src/tests/up.rs", "fn p_a() {}"),
        ("tests/src/sim/world.rs", "fn t_a() {}"),
    ]);
}

#[test]
fn tidy_tokens_keep_their_lines_and_pairs() {
    let (_, sources) = lie(&[("a.rs", "/* x\n */ fn f(\n) { r#a::b }\n// x")]);
    let tokens = &sources[0].tokens;
    let texts: Vec<&str> = tokens.iter().map(|token| token.text.as_str()).collect();
    assert_eq!(texts, ["fn", "f", "(", ")", "{", "a", "::", "b", "}"]);
    assert_eq!(
        tokens.iter().map(|token| token.line).collect::<Vec<_>>(),
        [2, 2, 2, 3, 3, 3, 3, 3, 3]
    );
    assert_eq!(
        [
            tokens[2].mate,
            tokens[3].mate,
            tokens[4].mate,
            tokens[8].mate
        ],
        [3, 2, 8, 4]
    );
    let source = Source {
        tokens: tokens.clone(),
        ..sources[0].clone()
    };
    assert!(source.are(0, &["fn", "f"]) && !source.are(8, &["}", "}"]));
}

#[test]
fn tidy_tokens_name_the_file_that_is_not_rust() {
    let findings = sources(&Tree::made(&[("a.rs", "fn f( {"), ("b.rs", "fn f() {}")]));
    assert_eq!(findings.expect_err("a bracket is missing")[0].path, "a.rs");
}
