use super::super::{demand, lie};
use super::check;

/// The finding that one line in a file of a room gives, if any.
fn one(path: &str, line: &str, wanted: Option<&str>) {
    let (_, sources) = lie(&[(path, line)]);
    println!("{path}: {line}");
    demand(&check(&sources), wanted.as_slice());
}

fn bites(path: &str, line: &str) {
    one(path, line, Some(&format!("{path}:1: ")));
}

const LEAF: &str = "core/src/line/open.rs";
const ROOM: &str = "core/src/line/mod.rs";
const DEEP: &str = "core/src/line/paths/probe.rs";

#[test]
fn tidy_imports_allow_what_the_table_allows() {
    for line in [
        "use crate::base::{Time, Rng as Dice}; use crate::{wire, identity::{keys::*, Hashname}};",
        "use super::{PublicKey, paths}; pub(crate) fn f() {} pub(super) struct S;",
        "impl S { fn f(&self) -> Self { self.g(super::h) } }",
        "fn f() { let x = crate::line::Line::new(super::super::base::Time(0)); }",
        "use self::super::paths; use ::core::fmt; use alloc::vec::Vec;",
        "/// See [`crate::flow::Flow`] and `super::super::stream`.\nstruct S;",
        "// use crate::flow::Flow;\nconst S: &str = \"crate::flow::Flow\";",
        "mod tests { use super::*; mod deep { use super::super::*; } }",
        "macro_rules! m { ($x:ident) => { $crate::wire::Packet::$x(self::f()) } }",
    ] {
        one(LEAF, line, None);
    }
    one(
        ROOM,
        "mod open; pub use open::Open; pub use self::open::Shut; use super::base;",
        None,
    );
    one(
        DEEP,
        "use super::super::open::Open; use super::super::super::wire::Packet;",
        None,
    );
    one(
        "core/src/lib.rs",
        "pub mod line; pub use crate::line::Line; use self::flow::*;",
        None,
    );
    one(
        "runtime-tokio/src/lib.rs",
        "use hydroid_core::line; use crate::x;",
        None,
    );
    let all = "use crate::{base, wire, identity, line, flow, stream, mesh, reach, tree, lan};";
    one("core/src/switch/settle/line.rs", all, None);
    one(
        "core/src/driver/mod.rs",
        "use crate::{base::Time, switch::Switch, tape::Tape};",
        None,
    );
}

#[test]
fn tidy_imports_bite_in_every_position() {
    for line in [
        "use crate::flow::Ranges;",
        "use crate::flow;",
        "use crate::flow as base;",
        "use crate::r#flow::Ranges;",
        "use crate::{base::Time, flow::Ranges};",
        "use crate::{base::{self, Time}, wire::{Packet as P, frame::{self}}, stream::{b::*}};",
        "use {crate::base, crate::flow};",
        "use crate::{{base, {flow}}};",
        "use super::super::flow::Ranges;",
        "use super::{open, super::flow::Ranges};",
        "use self::super::super::flow;",
        "fn f(x: crate::flow::Flow) {}",
        "fn f() -> Vec<crate::flow::Flow> { Vec::new() }",
        "fn f() { g::<crate::flow::Flow>(); }",
        "fn f() { crate::base::g::<crate::flow::Flow>(); }",
        "fn f() { let x = 1 + super::super::flow::f(2)[crate::base::X]; }",
        "fn f() { match x { crate::stream::State::Open { .. } => 1, _ => 2 }; }",
        "impl crate::stream::Reader for X {}",
        "impl X where X: Into<crate::stream::Y> {}",
        "const X: usize = crate::flow::X;",
        "fn f() { assert_eq!(vec![1], [crate::flow::X]); }",
        "fn f() { println!(\"{}\", { super::super::stream::X }); }",
        "macro_rules! m { () => { $crate::flow::X } }",
        "macro_rules! m { ($r:ident) => { $crate::$r::X } }",
        "macro_rules! m { ($r:ident) => { use $crate::{base, $r}; } }",
        "macro_rules! m { ($r:ident) => { $crate::stream::$r } }",
        "#[derive(crate::flow::D)] struct S;",
        "#[serde(with = \"crate::stream::hex\")] struct S;",
        "#[serde(default = \"super::super::stream::hex\")] struct S;",
        "#[cfg(test)] mod tests { use crate::stream::X; }",
        "mod inner { use super::super::super::stream::X; }",
        "mod inner { fn f() { super::super::super::stream::x() } }",
        "pub(in crate::flow) fn f() {}",
        "use crate::switch::Switch;",
        "use crate::driver::Budget;",
        "use crate::tape::Recorded;",
    ] {
        bites(LEAF, line);
    }
    bites(ROOM, "use super::flow::Flow;");
    bites(ROOM, "mod tests { use super::super::flow::Flow; }");
    bites(DEEP, "use super::super::super::flow::Flow;");
}

#[test]
fn tidy_imports_bite_on_each_wrong_edge() {
    let rooms = super::ROOMS;
    for (room, allowed) in rooms {
        for (other, _) in rooms.iter().filter(|(other, _)| *other != room) {
            let (path, line) = (
                format!("core/src/{room}/x.rs"),
                format!("use crate::{other}::X;"),
            );
            let what = format!("{path}:1: `{room}` may not reach `{other}::X`");
            one(
                &path,
                &line,
                (!allowed.contains(other)).then_some(what.as_str()),
            );
        }
    }
}

#[test]
fn tidy_imports_bite_on_ways_around_the_table() {
    for line in [
        "use crate::Flow;",
        "use crate::{base::Time, Flow};",
        "fn f() { crate::flow_macro!(); }",
        "use crate::*;",
        "use crate as root;",
        "use crate::{self as root};",
        "use super::super::*;",
        "use super::super as root;",
        "use super::{super as root};",
        "extern crate self as me;",
        "use hydroid_core::flow::Flow;",
        "use ::hydroid_core::flow::Flow;",
        "include!(\"../flow/mod.rs\");",
        "#[path = \"../flow/mod.rs\"] mod flow;",
        "#[cfg_attr(all(), path = \"../flow/mod.rs\")] mod flow;",
    ] {
        bites(LEAF, line);
    }
    bites(ROOM, "mod tests { use super::super::*; }");
    one(
        "core/src/line.rs",
        "",
        Some("neither `lib.rs` nor in the folder"),
    );
    one(
        "core/src/util/mod.rs",
        "",
        Some("neither `lib.rs` nor in the folder"),
    );
}
