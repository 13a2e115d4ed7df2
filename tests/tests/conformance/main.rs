//! One script for every pair of shells: what two ends must be able to do with each other, over real
//! sockets on loopback. The script is in `script`; a shell has one adapter to `node`.

mod lives;
mod node;
mod script;
mod stand_in;
mod steps;
mod stranger;
mod table;
mod tokio_node;

use node::Shell;
use script::Script;
use tokio_node::TOKIO;

/// Runs the script with A in one shell and B in another, as the test of that name; or plays the part
/// of such a test that was started to be killed.
fn conformance(a: Shell, b: Shell) {
    let test = format!("conformance_{}_to_{}", a.name, b.name);
    run(a, b, false, test);
}

fn run(a: Shell, b: Shell, stranger: bool, test: String) {
    stand_in::play(a, b);
    Script { a, b, stranger }.run(test);
}

#[test]
fn conformance_tokio_to_tokio() {
    conformance(TOKIO, TOKIO);
}

#[test]
fn conformance_tokio_to_tokio_beside_a_stranger() {
    let test = "conformance_tokio_to_tokio_beside_a_stranger";
    run(TOKIO, TOKIO, true, test.into());
}
