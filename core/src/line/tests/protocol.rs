//! The worked example of the protocol text: every input, and every byte that comes of it.

use data_encoding::HEXLOWER;

use super::super::{answer::Answer, session::Session};
use super::*;

const TEXT: &str = include_str!("../../../PROTOCOL-line.md");

/// The value of `name` in the block of the text that is called `block`: the lines behind
/// `name = `, put together.
fn value(block: &str, name: &str) -> std::string::String {
    let start = std::format!("```{block}\n");
    let (_, rest) = TEXT.split_once(&start).expect("the text has the block");
    let (block, _) = rest.split_once("```").unwrap();
    let mut lines = block.lines();
    let first = lines
        .find_map(|line| line.strip_prefix(name)?.trim_start().strip_prefix("= "))
        .unwrap_or_else(|| panic!("the block has {name}"));
    let more = lines.take_while(|line| line.starts_with(' '));
    core::iter::once(first).chain(more).map(str::trim).collect()
}

fn bytes(block: &str, name: &str) -> Vec<u8> {
    HEXLOWER
        .decode(value(block, name).as_bytes())
        .expect("it is hex")
}

fn bytes32(block: &str, name: &str) -> [u8; 32] {
    bytes(block, name).try_into().expect("it has 32 bytes")
}

fn number<T: core::str::FromStr>(block: &str, name: &str) -> T {
    value(block, name).parse().ok().expect("it is a number")
}

/// A generator whose next 32 bytes are an ephemeral secret, and those bytes.
fn ephemeral(seed: u8) -> (Rng, [u8; 32]) {
    let rng = || Rng::new(&Seed::new([seed; 32]));
    (rng(), rng().bytes())
}

fn home(block: &str, whose: &str, space: SpaceId) -> Home {
    let secret = bytes32(block, &std::format!("{whose} secret"));
    let mut rng = Rng::new(&Seed::new([0; 32]));
    let mut home = Home::new(&SecretKey::from_bytes(&secret), space, &mut rng);
    home.boot = u64::from_be_bytes(
        bytes(block, &std::format!("{whose} boot"))
            .try_into()
            .unwrap(),
    );
    assert_bytes(block, &std::format!("{whose} key"), home.key.as_bytes());
    home
}

fn end(block: &str, whose: &str) -> End {
    End {
        id: number(block, &std::format!("{whose} end")),
        first_stream: number(block, &std::format!("{whose} streams")),
    }
}

fn assert_bytes(block: &str, name: &str, are: &[u8]) {
    let is = value(block, name);
    let are = HEXLOWER.encode(are);
    let folded = are
        .as_bytes()
        .chunks(120)
        .map(|line| core::str::from_utf8(line).unwrap());
    let folded = folded.collect::<Vec<_>>().join("\n  ");
    assert_eq!(is, are, "{name} of the block {block} is\n{name} = {folded}");
}

fn check(block: &str, suite: Suite) {
    assert_eq!(value(block, "suite"), suite.name());
    let space = Space::open(&value(block, "space name")).unwrap().id();
    assert_bytes(block, "space id", space.as_bytes());
    let (initiator, responder) = (
        home(block, "initiator", space),
        home(block, "responder", space),
    );
    let (rng, secret) = ephemeral(0xaa);
    assert_bytes(block, "initiator ephemeral", &secret);
    let open = Open {
        suite,
        home: &initiator,
        peer: &responder.key,
        mac: &responder.mac,
        line: number(block, "initiator line"),
        time: number(block, "time"),
        end: end(block, "initiator"),
    };
    let (datagram, mut handshake) = open.write(rng).unwrap();
    assert_bytes(block, "open", &datagram);

    let (rng, secret) = ephemeral(0xbb);
    assert_bytes(block, "responder ephemeral", &secret);
    let clear = open::Clear::parse(&datagram).unwrap();
    let mut opened = clear.read(&responder, rng).unwrap();
    let answer = Answer {
        to: opened.line,
        mac: &initiator.mac,
        line: number(block, "responder line"),
        boot: responder.boot,
        end: end(block, "responder"),
        seen: value(block, "seen").parse().unwrap(),
    };
    let datagram = answer.write(&mut opened.handshake).unwrap();
    assert_bytes(block, "answer", &datagram);
    let clear = answer::Clear::parse(&datagram).unwrap();
    let answered = clear.read(&mut handshake).unwrap();
    assert_eq!(answered.seen, answer.seen);

    let (to_responder, to_initiator) = handshake.split();
    assert_bytes(block, "key to responder", &*to_responder);
    assert_bytes(block, "key to initiator", &*to_initiator);
    let ids = (open.line, answered.line);
    let mut session = Session::new(suite, true, ids, (to_responder, to_initiator));
    let plain = bytes(block, "plain");
    let mut packet = vec![0; plain.len() + SEALED_OVERHEAD];
    packet[SEALED_PREFIX..][..plain.len()].copy_from_slice(&plain);
    session
        .seal(number(block, "counter"), &mut packet, plain.len())
        .unwrap();
    assert_bytes(block, "sealed", &packet);
    let keys = opened.handshake.split();
    let mut session = Session::new(suite, false, (ids.1, ids.0), keys);
    assert!(session.open(number(block, "counter"), &mut packet));
}

#[test]
fn line_example_of_the_protocol_is_true_with_aes() {
    check("example-aes256gcm", Suite::Aes256Gcm);
}

#[test]
fn line_example_of_the_protocol_is_true_with_chacha() {
    check("example-chacha20poly1305", Suite::ChaCha20Poly1305);
}
