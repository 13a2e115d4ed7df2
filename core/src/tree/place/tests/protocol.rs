//! The worked examples of PROTOCOL.md for places: each is a message that is made here.

use std::{format, string::String, vec};

use super::{super::*, colony::Letter};
use crate::wire::{
    json,
    vector::{Vector, Verdict, demand, of_protocol},
};

const A: Letter = Letter('a');
const D: Letter = Letter('d');

fn reign(generation: u64, root: Letter, sequence: u32) -> Reign<Letter> {
    Reign {
        generation,
        root: Some(root),
        sequence,
    }
}

fn open(name: char, depth: u16) -> Open<Letter> {
    Open {
        node: Letter(name),
        depth,
        held: false,
    }
}

fn ask() -> Message<Letter> {
    Message::Ask(Ask {
        r#as: Purpose::Orphan,
        reign: reign(1, A, 3),
        least: 1,
        size: 3,
        height: 1,
        leaf: false,
        most: u16::MAX,
        hole: Some(A),
    })
}

fn take() -> Message<Letter> {
    Message::Take(Take {
        reign: reign(2, D, 0),
        depth: 0,
        path: Vec::new(),
        adrift: false,
        size: 1,
        hole: Some(A),
    })
}

fn state() -> Message<Letter> {
    Message::State(State {
        reign: reign(2, D, 0),
        depth: 0,
        path: Some(Vec::new()),
        adrift: false,
        moving: false,
        plug: Some(Letter('f')),
        rest: vec![open('d', 0)],
        size: 6,
    })
}

fn below() -> Below<Letter> {
    Below {
        size: 3,
        height: 1,
        leaf: false,
        plug: Some(Plug {
            node: Letter('f'),
            depth: 1,
            stay: 0,
        }),
        open: vec![open('f', 1), open('g', 1)],
    }
}

fn made(kind: &str) -> Option<Message<Letter>> {
    let up = Below {
        size: 1,
        height: 0,
        leaf: true,
        plug: None,
        open: Vec::new(),
    };
    Some(match kind {
        "place-ask" => ask(),
        "place-take" => take(),
        "place-go" => Message::Go {
            to: vec![Letter('c'), Letter('b')],
        },
        "place-later" => Message::Later,
        "place-decline" => Message::Decline,
        "place-attach" => Message::Attach(below()),
        "place-state" => state(),
        "place-up" => Message::Up(up),
        "place-part" => Message::Part { to: Vec::new() },
        "place-leave" => Message::Leave,
        "place-raise" => Message::Raise {
            above: reign(1, A, 3),
        },
        "place-meet" => Message::Meet { node: Letter('x') },
        _ => return None,
    })
}

fn check(vector: &mut Vector) -> Verdict {
    let made = made(&vector.name).ok_or_else(|| String::from("no example is of this name"))?;
    let text = json::write(&made);
    vector.same("message", &text)?;
    let read: Message<Letter> = json::parse(text.as_bytes(), &json::Limits::default())
        .map_err(|error| format!("{error}"))?;
    let mapped = read.map(&mut |Letter(name)| Letter(name));
    (mapped == made)
        .then_some(())
        .ok_or_else(|| String::from("it is read as something else"))
}

#[test]
fn tree_place_examples_of_the_protocol_are_true_and_nothing_else_is() {
    let vectors = of_protocol(|kind| kind == "place");
    assert_eq!(vectors.len(), 12);
    demand(&vectors, check);
}
