//! Every demand has a row, and every row that claims something names a test that shows it.

use hydroid_tests::tidy::tokens::sources;
use hydroid_tests::tidy::tree::Tree;
use hydroid_tests::tidy::{demand_none, requirements};

#[test]
fn requirements_have_rows_that_hold() {
    let tree = Tree::of_project();
    match sources(&tree) {
        Ok(sources) => demand_none(&requirements::check(&tree, &sources)),
        Err(findings) => demand_none(&findings),
    }
}
