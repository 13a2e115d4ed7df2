//! The worked examples of PROTOCOL.md against the code. A block that this file does not know, a key
//! that nothing is compared with, and a character that could be another all fail.

#[path = "protocol_vectors/checks.rs"]
mod checks;
#[path = "protocol_vectors/frames.rs"]
mod frames;

#[path = "../src/wire/vector.rs"]
mod vector;

use std::collections::{BTreeMap, BTreeSet};

use vector::{PROTOCOL, Vector, Verdict, vectors};

/// Examples that need keys and states and so are checked by the tests of the rooms themselves.
const OF_ROOMS: [&str; 10] = [
    "announcement",
    "broadcast",
    "cookie",
    "flow",
    "image",
    "line",
    "place",
    "rekey",
    "stream",
    "versions",
];

fn check(vector: &mut Vector) -> Verdict {
    let kind = vector.kind().to_owned();
    let Some(refused) = vector.keys.remove("refused") else {
        return checks::example(&kind, vector);
    };
    let made = checks::refusal(&kind, vector)?;
    let same = refused == made;
    same.then_some(())
        .ok_or_else(|| format!("`refused`: the code says: {made}"))
}

#[test]
fn protocol_examples_are_what_the_code_does_and_nothing_else_is() {
    let ours = vector::of_protocol(|kind| !OF_ROOMS.contains(&kind));
    vector::demand(&ours, check);
}

#[test]
fn protocol_examples_have_names_of_their_own_and_are_of_each_kind() {
    let vectors = vectors(PROTOCOL);
    let names: BTreeMap<_, _> = vectors.iter().map(|v| (&v.name, v.line)).collect();
    assert_eq!(names.len(), vectors.len(), "two examples have one name");
    let kinds: BTreeSet<_> = vectors.iter().map(Vector::kind).collect();
    let all = [
        "address",
        "announcement",
        "broadcast",
        "cookie",
        "flow",
        "frame",
        "hashname",
        "head",
        "image",
        "key",
        "line",
        "number",
        "packet",
        "place",
        "rekey",
        "sealed",
        "signature",
        "space",
        "stream",
        "ticket",
        "versions",
    ];
    assert_eq!(kinds, all.into(), "each kind has an example");
}

#[test]
fn protocol_close_codes_are_those_of_the_switch() {
    use hydroid_core::{identity::Refusal as R, switch::Misbehaviour as M};
    let all = [
        M::MalformedFrame,
        M::UnknownCriticalFrame,
        M::RangesOfUnsent,
        M::CreditExceeded,
        M::TooManyStreams,
        M::UnknownStream,
        M::EndMoved,
        M::IllegalHead,
        M::IllegalSystem,
    ];
    let breaches = all.map(|breach| format!("| {} | {} |", breach.code(), breach.sentence()));
    let refusals = [R::Revoked, R::Expired, R::Signer, R::NoMember];
    let refusals = refusals.map(|why| format!("| {} | {why} |", why.close_code()));
    let made: Vec<String> = breaches.into_iter().chain(refusals).collect();
    let table = PROTOCOL
        .lines()
        .skip_while(|line| !line.starts_with("| code | the peer's breach"));
    let told = table.skip(2).take_while(|line| line.starts_with('|'));
    assert_eq!(told.collect::<Vec<_>>(), made);
    assert!(all.iter().all(|breach| (256..512).contains(&breach.code())));
}

#[test]
fn protocol_examples_that_nobody_checks_are_found() {
    let check = |text: &str| vectors(text).pop().expect("one block").examine(check);
    let good = "```vector number-x\nnumber: 5\nbytes: 05\nlonger: 4005\n```";
    assert_eq!(check(good), Ok(()));
    for (from, to, error) in [
        ("number-x", "nothing-x", "no example is of this kind"),
        ("number-x", "", "no example is of this kind"),
        ("bytes: 05", "bytes: 05\nmore: 1", "nothing looks at `more`"),
        ("bytes: 05\n", "", "`bytes` is missing"),
        ("bytes: 05", "bytes: 4005", "the code makes 05"),
        ("longer: 4005", "longer: 40", "goes beyond"),
        ("longer: 4005", "longer: 4006", "another number"),
        ("longer: 4005", "longer: 40\n  06", "another number"),
    ] {
        let found = check(&good.replace(from, to)).unwrap_err();
        assert!(found.contains(error), "{found}");
    }
}
