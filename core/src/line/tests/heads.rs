//! Heads that break the rules, in clear and inside the handshake, where everything else is right.

use std::{format, string::String};

use super::{
    super::{
        mac::MAC_LEN,
        noise::{Handshake, MESSAGE_1_OVERHEAD, MESSAGE_2_OVERHEAD},
        open::packet,
    },
    bytes::mac_key,
    *,
};

const OPEN_BYTES: usize = 1000;

/// The ways in which a head that holds all it should may still be illegal.
fn hostile(good: &str) -> Vec<Vec<u8>> {
    let rest = good.strip_prefix('{').expect("a head is an object");
    let (first, _) = rest.split_once(',').unwrap_or((rest, ""));
    let first = first.trim_end_matches('}');
    let texts = [
        format!("{{{first},{rest}"),
        format!(r#"{{"x":1,"x":1,{rest}"#),
        format!(r#"{{"x":1,"\u0078":2,{rest}"#),
        format!(r#"{{"x":{{"y":1,"y":1}},{rest}"#),
        format!(r#"{{"x":1.0,{rest}"#),
        format!(r#"{{"x":1e3,{rest}"#),
        format!(r#"{{"x":-0,{rest}"#),
        format!(r#"{{"x":18446744073709551616,{rest}"#),
        format!(r#"{{"x":"\ud800",{rest}"#),
        nested(good, 33),
        format!("\u{feff}{good}"),
        format!(" {good}"),
        format!("{good} "),
        format!("{good}{{}}"),
        format!("[{good}]"),
        String::from(&good[..good.len() - 1]),
    ];
    let texts = texts.into_iter().map(String::into_bytes);
    let wild = [b"{\"x\":\"\xff\",", rest.as_bytes()].concat();
    texts.chain([wild]).collect()
}

/// The head with one more key, of so many levels with the head's own.
fn nested(good: &str, levels: usize) -> String {
    let rest = &good[1..];
    let (down, up) = ("[".repeat(levels - 1), "]".repeat(levels - 1));
    format!(r#"{{"x":{down}{up},{rest}"#)
}

/// An open of identity 1 to identity 2 with these heads, its seals and MAC as they should be.
fn open_with(clear: &[u8], inner: &[u8]) -> Vec<u8> {
    let mut rng = Rng::new(&Seed::new([3; 32]));
    let home = Home::new(&secret(1), space(), &PureRust, &mut rng);
    let peer = secret(2).public();
    let prologue = open::prologue(clear, &space(), &peer);
    let (own, to) = (&home.agreement, peer.agreement());
    let mut handshake = Handshake::initiator(Suite::Aes256Gcm, own, &to, &prologue, rng);
    let mut datagram = packet(clear);
    let start = datagram.len();
    datagram.resize(OPEN_BYTES, 0);
    let mut payload = packet(inner);
    payload.resize(OPEN_BYTES - start - MESSAGE_1_OVERHEAD - MAC_LEN, 0);
    let message = &mut datagram[start..OPEN_BYTES - MAC_LEN];
    handshake.write(&payload, message).unwrap();
    mac_key(2).write(&mut datagram);
    datagram
}

/// What room 2 says to it.
fn opened(clear: &[u8], inner: &[u8]) -> Result<(), Dropped> {
    let (mut b, _) = room(2, &Config::default());
    let result = b.on_open(Time::ZERO, route_to(1), &open_with(clear, inner));
    assert_eq!(b.answers(), usize::from(result.is_ok()));
    result
}

/// What room 1 says to an answer of identity 2 with these heads; the first is told the line id.
fn answered(clear: impl Fn(u32) -> Vec<u8>, inner: &[u8]) -> Result<(), Dropped> {
    let (mut a, name) = room(1, &Config::default());
    let (now, mut fx) = (Time::ZERO, effects());
    let key = secret(2).public();
    a.open(now, name, key, &[route_to(2)], 0).unwrap();
    let open = poll_one(&mut a, now);
    let mut rng = Rng::new(&Seed::new([4; 32]));
    let home = Home::new(&secret(2), space(), &PureRust, &mut rng);
    let clear_open = open::Clear::parse(&open).unwrap();
    let mut opened = clear_open.read(&home, rng).unwrap();
    let mut datagram = packet(&clear(opened.line));
    let start = datagram.len();
    let payload = packet(inner);
    let end = start + MESSAGE_2_OVERHEAD + payload.len();
    datagram.resize(end + MAC_LEN, 0);
    let message = &mut datagram[start..end];
    opened.handshake.write(&payload, message).unwrap();
    mac_key(1).write(&mut datagram);
    let result = a.on_answer(now, route_to(2), &datagram, &mut fx);
    assert_eq!(fx.is_empty(), result.is_err());
    result
}

const OPEN_CLEAR: &str = r#"{"open":1,"suite":"aes256gcm","line":5}"#;
const ANSWER_INNER: &str =
    r#"{"line":7,"boot":"00000000000000ff","streams":0,"end":3,"seen":"192.0.2.1:4000"}"#;

fn open_inner() -> String {
    let key = secret(1).public();
    format!(r#"{{"key":"{key}","boot":"00000000000000ff","time":9,"streams":0,"end":3}}"#)
}

fn answer_clear(line: u32) -> String {
    format!(r#"{{"line":{line}}}"#)
}

#[test]
fn line_open_with_a_hostile_head_in_clear_is_dropped() {
    let inner = open_inner();
    for head in hostile(OPEN_CLEAR) {
        assert!(head.len() <= 128, "it is not its length that is wrong");
        let result = opened(&head, inner.as_bytes());
        let text = String::from_utf8_lossy(&head);
        assert_eq!(result, Err(Dropped::Malformed), "{text}");
        assert_eq!(kind(&head), Err(Dropped::Malformed), "{text}");
    }
}

#[test]
fn line_open_with_a_hostile_head_inside_is_dropped() {
    let good = open_inner();
    let long = format!(r#"{{"x":"{}",{}"#, "y".repeat(512), &good[1..]);
    for head in hostile(&good).into_iter().chain([long.into_bytes()]) {
        let result = opened(OPEN_CLEAR.as_bytes(), &head);
        let text = String::from_utf8_lossy(&head);
        assert_eq!(result, Err(Dropped::Malformed), "{text}");
    }
}

#[test]
fn line_answer_with_a_hostile_head_in_clear_is_dropped() {
    for n in 0..hostile(&answer_clear(0)).len() {
        let clear = |line| hostile(&answer_clear(line)).remove(n);
        let result = answered(clear, ANSWER_INNER.as_bytes());
        let text = String::from_utf8_lossy(&clear(1)).into_owned();
        assert_eq!(result, Err(Dropped::Malformed), "{text}");
    }
}

#[test]
fn line_answer_with_a_hostile_head_inside_is_dropped() {
    let clear = |line| answer_clear(line).into_bytes();
    let long = format!(r#"{{"x":"{}",{}"#, "y".repeat(512), &ANSWER_INNER[1..]);
    for head in hostile(ANSWER_INNER).into_iter().chain([long.into_bytes()]) {
        let text = String::from_utf8_lossy(&head).into_owned();
        assert_eq!(answered(clear, &head), Err(Dropped::Malformed), "{text}");
    }
    let scoped = ANSWER_INNER.replace("192.0.2.1", "[fe80::1%1]");
    let result = answered(clear, scoped.as_bytes());
    assert_eq!(result, Err(Dropped::Malformed));
}

/// What is legal is taken, however oddly it is written: blanks, order, escapes, unknown keys.
#[test]
fn line_handshake_heads_may_be_written_in_any_legal_way() {
    let inner = open_inner();
    let taken = |clear: &str, inner: &str| opened(clear.as_bytes(), inner.as_bytes());
    assert_eq!(taken(OPEN_CLEAR, &inner), Ok(()));
    let clear = r#"{ "line":5 , "suite":"aes256\u0067cm","\u006fpen": 1}"#;
    assert_eq!(taken(clear, &inner), Ok(()));
    assert_eq!(taken(&nested(OPEN_CLEAR, 32), &nested(&inner, 32)), Ok(()));
    let escaped = inner.replace("00ff", "00\\u0066f");
    assert_eq!(taken(OPEN_CLEAR, &escaped), Ok(()));

    let clear = |line| nested(&answer_clear(line), 32).into_bytes();
    assert_eq!(answered(clear, ANSWER_INNER.as_bytes()), Ok(()));
    let clear = |line| format!(r#"{{ "line" : {line} }}"#).into_bytes();
    let escaped = ANSWER_INNER.replace("192.", "192\\u002e");
    assert_eq!(answered(clear, escaped.as_bytes()), Ok(()));
}

#[test]
fn line_kind_of_a_handshake_is_told_by_its_keys() {
    for (head, is) in [
        (r#"{"open":1,"line":5}"#, Some(Kind::Open)),
        (r#"{"line":5,"open":null}"#, Some(Kind::Open)),
        (r#"{"line":[]}"#, Some(Kind::Answer)),
        (r#"{"lines":5}"#, None),
    ] {
        assert_eq!(kind(head.as_bytes()), Ok(is), "{head}");
    }
    let long = format!(r#"{{"open":"{}"}}"#, "x".repeat(120));
    assert_eq!(kind(long.as_bytes()), Err(Dropped::Malformed));
    assert!(answer::Clear::parse(b"\0\x07{\"x\":1}").is_err());
}
