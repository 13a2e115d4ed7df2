//! One script for every pair of shells: what two ends must be able to do with each other, over real
//! sockets on loopback. The script is in `script`; a shell has one adapter to `node`.

mod async_std_node;
mod found;
mod lives;
mod mio_loop;
mod mio_node;
mod node;
mod script;
mod stand_in;
mod steps;
mod stranger;
mod table;
mod tokio_node;

use async_std_node::ASYNC_STD;
use mio_node::MIO;
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
fn conformance_tokio_to_mio() {
    conformance(TOKIO, MIO);
}

#[test]
fn conformance_tokio_to_async_std() {
    conformance(TOKIO, ASYNC_STD);
}

#[test]
fn conformance_mio_to_tokio() {
    conformance(MIO, TOKIO);
}

#[test]
fn conformance_mio_to_mio() {
    conformance(MIO, MIO);
}

#[test]
fn conformance_mio_to_async_std() {
    conformance(MIO, ASYNC_STD);
}

#[test]
fn conformance_async_std_to_tokio() {
    conformance(ASYNC_STD, TOKIO);
}

#[test]
fn conformance_async_std_to_mio() {
    conformance(ASYNC_STD, MIO);
}

#[test]
fn conformance_async_std_to_async_std() {
    conformance(ASYNC_STD, ASYNC_STD);
}

#[test]
fn conformance_mio_to_async_std_beside_a_stranger() {
    let test = "conformance_mio_to_async_std_beside_a_stranger";
    run(MIO, ASYNC_STD, true, test.into());
}

/// Every pair of shells finds each other with nothing but a space that both know.
#[test]
fn conformance_of_those_on_one_network() {
    found::run(
        "conformance_of_those_on_one_network",
        [TOKIO, MIO, ASYNC_STD],
    );
}
