//! The worked examples of rekeys, cookies and versions in PROTOCOL.md.

use std::{format, string::String};

use super::{
    super::{cookie::CookieKey, noise::Handshake, rekey::prologue},
    protocol::{ephemeral, head_of},
    *,
};
use crate::wire::{
    frame::Writer,
    vector::{Vector, Verdict, demand, of_protocol},
};

fn home(vector: &mut Vector, whose: &str) -> Result<Home, String> {
    let secret = vector.array(&format!("{whose}_secret"))?;
    let mut rng = Rng::new(&Seed::new([0; 32]));
    let secret = SecretKey::from_bytes(&secret);
    Ok(Home::new(&secret, space(), &PureRust, &mut rng))
}

fn rekey(vector: &mut Vector) -> Verdict {
    let refused = |dropped: Dropped| format!("{dropped:?}");
    let name = vector.text("suite")?;
    let suites = [Suite::Aes256Gcm, Suite::ChaCha20Poly1305];
    let suite = suites.into_iter().find(|suite| suite.name() == name);
    let suite = suite.ok_or("no such suite")?;
    let (asks, answers) = (home(vector, "initiator")?, home(vector, "responder")?);
    let prologue = prologue(&vector.array("hash")?);
    let rng = ephemeral(vector, "initiator", 0xaa)?;
    let (own, peer) = (&asks.agreement, answers.key.agreement());
    let mut initiator = Handshake::initiator(suite, own, &peer, &prologue, rng);
    let rng = ephemeral(vector, "responder", 0xbb)?;
    let mut responder = Handshake::responder(suite, &answers.agreement, &prologue, rng);
    let (mut first, mut second) = ([0; 96], [0; 48]);
    initiator.write(&[], &mut first).map_err(refused)?;
    responder.read(&first, &mut []).map_err(refused)?;
    responder.write(&[], &mut second).map_err(refused)?;
    initiator.read(&second, &mut []).map_err(refused)?;
    let (mut buf, mut other) = ([0; 200], [0; 200]);
    let mut writer = Writer::new(&mut buf);
    assert!(writer.rekey(vector.one("initiator_line")?, &first));
    let len = writer.len();
    vector.same_bytes("rekey", &buf[..len])?;
    let mut writer = Writer::new(&mut other);
    assert!(writer.rekeyed(vector.one("responder_line")?, &second));
    let len = writer.len();
    vector.same_bytes("rekeyed", &other[..len])?;
    vector.same_bytes("next_hash", &initiator.hash())?;
    let keys = initiator.split();
    vector.same_bytes("key_to_responder", &*keys.to_responder)?;
    vector.same_bytes("key_to_initiator", &*keys.to_initiator)
}

fn cookie(vector: &mut Vector) -> Verdict {
    let key = PublicKey::from_bytes(&vector.array("responder_key")?);
    let key = key.map_err(|error| format!("{error}"))?;
    let space = SpaceId::from_bytes(vector.array("space")?);
    let key = CookieKey::new(&vector.array("gate")?, &key, &space);
    let (line, cookie) = (vector.one("line")?, vector.array("cookie")?);
    let reply = key.reply(line, &cookie, &vector.array("open_hash")?);
    vector.same("head", &head_of(&reply))?;
    vector.same_bytes("reply", &reply)
}

fn versions(vector: &mut Vector) -> Verdict {
    let line: u32 = vector.one("line")?;
    let head = format!(r#"{{"open":2,"line":{line},"and":"more"}}"#);
    let question = open::packet(head.as_bytes());
    let (mut lines, _) = room(1, &Config::default());
    let _unknown = lines.on_open(Time::ZERO, route_to(1), &question);
    vector.same_bytes("reply", &poll_one(&mut lines, Time::ZERO))
}

#[test]
fn line_examples_of_rekeys_and_replies_are_true_and_nothing_else_is() {
    let vectors = |kind: &'static str| of_protocol(move |of| of == kind);
    assert_eq!(vectors("rekey").len(), 2, "one for each suite");
    demand(&vectors("rekey"), rekey);
    demand(&vectors("cookie"), cookie);
    demand(&vectors("versions"), versions);
}
