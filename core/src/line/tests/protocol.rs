//! The worked handshakes of PROTOCOL.md: every input, and every byte that comes of it.

use std::{format, string::String};

use super::{
    super::{
        answer::{Answer, Reply},
        session::Session,
        told::Told,
    },
    *,
};
use crate::{
    identity::{Admission, Gate, Roles},
    wire::vector::{Vector, Verdict, demand, of_protocol},
};

/// A generator whose next 32 bytes are the ephemeral secret of the example.
pub(super) fn ephemeral(vector: &mut Vector, whose: &str, seed: u8) -> Result<Rng, String> {
    let rng = || Rng::new(&Seed::new([seed; 32]));
    let secret: [u8; 32] = rng().bytes();
    vector.same_bytes(&format!("{whose}_ephemeral"), &secret)?;
    Ok(rng())
}

/// An open space, or what lets both ends into a closed one, whose root operator the initiator is.
enum Networks {
    Open(SpaceId),
    Closed(Box<Admission>, SecretKey),
}

impl Networks {
    fn of(vector: &mut Vector) -> Result<Self, String> {
        let name = vector.text("space_name")?;
        let illegal = |error| format!("{error}");
        let found = if vector.keys.contains_key("gate") {
            let root = vector.clone().array("initiator_secret")?;
            let (root, gate) = (SecretKey::from_bytes(&root), vector.array("gate")?);
            let admission = Admission::found(&root, &name, Gate::new(gate));
            let admission = admission.map_err(|error| format!("{error}"))?;
            vector.same_bytes("document", admission.document().as_bytes())?;
            vector.same_bytes("space", admission.space().id().as_bytes())?;
            Self::Closed(Box::new(admission), root)
        } else {
            let space = Space::open(&name).map_err(illegal)?.id();
            vector.same_bytes("space", space.as_bytes())?;
            Self::Open(space)
        };
        Ok(found)
    }
}

fn home(
    vector: &mut Vector,
    whose: &str,
    networks: &Networks,
    provider: &'static dyn Provider,
) -> Result<Home, String> {
    let secret = vector.array(&format!("{whose}_secret"))?;
    let mut rng = Rng::new(&Seed::new([0; 32]));
    let secret = SecretKey::from_bytes(&secret);
    let mut home = match networks {
        Networks::Open(space) => Home::new(&secret, *space, provider, &mut rng),
        Networks::Closed(club, root) => {
            let admission = club.admit(root, &secret.public(), Roles::SPACER, 0);
            let admission = admission.map_err(|error| format!("{error}"))?;
            let shown = admission.membership().as_bytes();
            vector.same_bytes(&format!("{whose}_membership"), shown)?;
            Home::member(&secret, &admission, provider, &mut rng)
        }
    };
    home.boot = u64::from_be_bytes(vector.array(&format!("{whose}_boot"))?);
    vector.same_bytes(&format!("{whose}_key"), home.key.as_bytes())?;
    Ok(home)
}

fn end(vector: &mut Vector, whose: &str) -> Result<End, String> {
    Ok(End {
        id: vector.one(&format!("{whose}_end"))?,
        first_stream: vector.one(&format!("{whose}_streams"))?,
    })
}

pub(super) fn head_of(datagram: &[u8]) -> String {
    let packet = Packet::decode(datagram).expect("ours is a packet");
    String::from_utf8_lossy(packet.head.bytes()).into_owned()
}

fn check(vector: &mut Vector, provider: &'static dyn Provider) -> Verdict {
    let refused = |dropped: Dropped| format!("{dropped:?}");
    let suites = [Suite::Aes256Gcm, Suite::ChaCha20Poly1305];
    let name = vector.text("suite")?;
    let suite = suites.into_iter().find(|suite| suite.name() == name);
    let suite = suite.ok_or("no such suite")?;
    let networks = Networks::of(vector)?;
    let initiator = home(vector, "initiator", &networks, provider)?;
    let responder = home(vector, "responder", &networks, provider)?;
    let limits = Limits::default();
    let open = Open {
        suite,
        home: &initiator,
        peer: &responder.key,
        mac: &responder.doors[0].mac,
        line: vector.one("initiator_line")?,
        time: vector.one("time")?,
        end: end(vector, "initiator")?,
        told: Told::ours(limits, initiator.admission.as_deref()),
        asks: None,
        cookie: None,
    };
    let (datagram, mut handshake) = open
        .write(ephemeral(vector, "initiator", 0xaa)?)
        .map_err(refused)?;
    vector.same("open_head", &head_of(&datagram))?;
    vector.same("open_inner_head", &open.inner_head())?;
    vector.same_bytes("open", &datagram)?;

    let clear = open::Clear::parse(&datagram).map_err(refused)?;
    let rng = ephemeral(vector, "responder", 0xbb)?;
    let mut opened = clear.read(&responder, rng).map_err(refused)?;
    let answer = Answer {
        to: opened.line,
        mac: &initiator.doors[0].mac,
        line: vector.one("responder_line")?,
        boot: responder.boot,
        end: end(vector, "responder")?,
        seen: vector.one("seen")?,
        told: Told::ours(limits, responder.admission.as_deref()),
    };
    let datagram = answer.write(&mut opened.handshake).map_err(refused)?;
    vector.same("answer_head", &head_of(&datagram))?;
    vector.same("answer_inner_head", &answer.inner_head())?;
    vector.same_bytes("answer", &datagram)?;
    let clear = answer::Clear::parse(&datagram).map_err(refused)?;
    let Reply::Answered(answered) = clear.read(&mut handshake).map_err(refused)? else {
        return Err("it is refused".into());
    };
    assert_eq!(answered.seen, answer.seen);

    let keys = handshake.split();
    vector.same_bytes("key_to_responder", &*keys.to_responder)?;
    vector.same_bytes("key_to_initiator", &*keys.to_initiator)?;
    let ids = (open.line, answered.line);
    let mut session = Session::new(suite, true, ids, keys);
    let (plain, counter) = (vector.bytes("plain")?, vector.one("counter")?);
    let mut packet = vec![0; plain.len() + SEALED_OVERHEAD];
    packet[SEALED_PREFIX..][..plain.len()].copy_from_slice(&plain);
    session.seal(provider, counter, &mut packet, plain.len());
    vector.same_bytes("sealed", &packet)?;
    let mut session = Session::new(suite, false, (ids.1, ids.0), opened.handshake.split());
    assert!(session.open(provider, counter, &mut packet));
    Ok(())
}

#[test]
fn line_examples_of_the_protocol_are_true_and_nothing_else_is() {
    let vectors = of_protocol(|kind| kind == "line");
    assert_eq!(
        vectors.len(),
        3,
        "one for each suite, and one in a closed space"
    );
    for provider in provider::tests::every() {
        demand(&vectors, |vector| check(vector, provider));
    }
}
