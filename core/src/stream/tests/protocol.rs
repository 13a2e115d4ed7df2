//! The worked examples of PROTOCOL.md for streams.

use std::{format, string::String};

use super::*;
use crate::wire::vector::{Vector, Verdict, demand, of_protocol};

/// Two ends of a line on which the first, with the smaller hashname, opens from this number.
fn ends_from(first: u64) -> (End, End) {
    let (mut a, mut b) = ends(&Config::default());
    a.streams = Streams::new(Config::default().into(), true, first, Some(8));
    b.streams = Streams::new(Config::default().into(), false, 8, Some(first));
    (a, b)
}

/// A stream that is opened, written, ended and answered without a head.
fn whole(vector: &mut Vector) -> Verdict {
    let (mut a, mut b) = ends_from(vector.one("first")?);
    let id = a.streams.open(&vector.text("head")?);
    let id = id.map_err(|error| format!("{error:?}"))?;
    vector.same("id", &id)?;
    write(&mut a, id, &vector.bytes("data")?);
    a.streams.finish(id).unwrap();
    let packet = a.pack(100);
    vector.same_bytes("opener", &packet.plain)?;
    b.take(Time::ZERO, &packet.plain).unwrap();
    b.streams.finish(id).unwrap();
    vector.same_bytes("acceptor", &b.pack(100).plain)
}

/// A stream that is stopped when the acceptor has sent so many bytes of it, and its head.
fn stopped(vector: &mut Vector) -> Verdict {
    let (mut a, mut b) = ends_from(vector.one("first")?);
    let id = a.streams.open("{}").unwrap();
    pump(&mut a, &mut b);
    b.streams.answer(id, "").unwrap();
    let size: u64 = vector.one("size")?;
    let written = usize::try_from(size.saturating_sub(2)).unwrap_or(0);
    if !(1..10_000).contains(&written) {
        return Err(String::from("too much or too little"));
    }
    write(&mut b, id, &vec![0; written]);
    pump(&mut a, &mut b);
    let (streams, fx) = (&mut a.streams, &mut a.fx);
    streams
        .stop(Time::ZERO, id, vector.one("code")?, fx)
        .unwrap();
    let packet = a.pack(100);
    vector.same_bytes("stop", &packet.plain)?;
    b.take(Time::ZERO, &packet.plain).unwrap();
    vector.same_bytes("reset", &b.pack(100).plain)
}

fn check(vector: &mut Vector) -> Verdict {
    match vector.name.as_str() {
        "stream-whole" => whole(vector),
        "stream-stopped" => stopped(vector),
        _ => Err("no example is of this name".into()),
    }
}

#[test]
fn stream_examples_of_the_protocol_are_true_and_nothing_else_is() {
    let vectors = of_protocol(|kind| kind == "stream");
    assert_eq!(vectors.len(), 2);
    demand(&vectors, check);
}
