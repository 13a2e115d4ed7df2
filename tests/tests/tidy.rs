//! The house rules, run over the project. Each rule is fed a lie beside its code.

use hydroid_tests::tidy::tokens::{Source, sources};
use hydroid_tests::tidy::tree::Tree;
use hydroid_tests::tidy::{demand_none, imports, rooms, sizes, text, words};

fn read() -> (Tree, Vec<Source>) {
    let tree = Tree::of_project();
    let sources = sources(&tree).unwrap_or_else(|findings| {
        demand_none(&findings);
        Vec::new()
    });
    assert!(
        sources
            .iter()
            .any(|source| source.path == "core/src/lib.rs")
    );
    (tree, sources)
}

#[test]
fn tidy_imports_form_a_star() {
    demand_none(&imports::check(&read().1));
}

#[test]
fn tidy_sizes_stay_within_their_limits() {
    let (tree, sources) = read();
    for line in sizes::large(&sources) {
        println!("large: {line}");
    }
    demand_none(&sizes::check(&tree, &sources));
}

#[test]
fn tidy_words_that_are_banned_are_nowhere() {
    demand_none(&words::check(&read().1));
}

#[test]
fn tidy_rooms_say_what_they_own_and_never_do() {
    demand_none(&rooms::paragraphs(&read().1));
}

#[test]
fn tidy_settings_are_named_in_tests() {
    demand_none(&rooms::settings(&read().1));
}

#[test]
fn tidy_top_holds_what_belongs_there() {
    demand_none(&text::top(&read().0));
}

#[test]
fn tidy_texts_name_no_machine_and_no_registry() {
    demand_none(&text::machines(&read().0));
}

#[test]
fn tidy_sections_that_are_cited_are_there() {
    let (tree, _) = read();
    let citing = tree
        .ending(".rs")
        .filter(|(_, text)| text.contains("PROTOCOL"));
    assert!(citing.count() > 10, "the code cites the protocol");
    demand_none(&text::cited(&tree));
}

#[test]
fn tidy_vectors_and_tapes_are_read_by_tests() {
    let (tree, sources) = read();
    demand_none(&text::unused(&tree, &sources));
}
