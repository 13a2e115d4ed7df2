//! Names: whoever bears one has signed for it.

use super::{super::*, drain, exchange, hear, join, news};
use crate::{
    base::Seed,
    identity::{SecretKey, Space, SpaceId},
};

/// A member that signs in earnest.
struct Bearer {
    secret: SecretKey,
    space: SpaceId,
    image: Image,
}

impl Bearer {
    fn new(byte: u8) -> Self {
        let secret = SecretKey::from_bytes(&[byte; 32]);
        let node = Node {
            key: secret.public(),
            epoch: 1_700_000_000_000 + u64::from(byte),
        };
        let rng = &mut Rng::new(&Seed::new([byte; 32]));
        Self {
            image: Image::new(Config::default().into(), node, 2, rng),
            space: Space::open("names").unwrap().id(),
            secret,
        }
    }

    fn call(&mut self, name: &str) -> Result<(), NameError> {
        let (secret, space) = (self.secret.clone(), self.space);
        let sign = |kind: &str, bytes: &[u8]| secret.sign(kind, &space, bytes);
        self.image.set_name(Time::ZERO, name, &sign)
    }

    /// Hears packets as a switch does: signatures are checked.
    fn hear(&mut self, link: Slot, packets: &[Vec<u8>]) -> Result<(), Fault> {
        let space = self.space;
        let verify = |key: &PublicKey, kind: &str, bytes: &[u8], signature: &Signature| {
            key.verify(kind, &space, bytes, signature)
        };
        for packet in packets {
            let packet = Packet::decode(packet).unwrap();
            self.image.on_packet(Time::ZERO, link, &packet, &verify)?;
        }
        Ok(())
    }
}

fn meet(one: &mut Bearer, other: &mut Bearer, link: Slot) {
    one.image.on_linked(Time::ZERO, link, other.image.me, false);
    let parent = Some(one.image.me.key);
    other.image.set_own(Time::ZERO, parent, &[], false);
    other.image.on_linked(Time::ZERO, link, one.image.me, false);
    settle(one, other, link);
}

fn settle(one: &mut Bearer, other: &mut Bearer, link: Slot) {
    loop {
        let to = drain(&mut one.image, Time::ZERO, link);
        let from = drain(&mut other.image, Time::ZERO, link);
        if to.is_empty() && from.is_empty() {
            break;
        }
        assert_eq!(
            (other.hear(link, &to), one.hear(link, &from)),
            (Ok(()), Ok(()))
        );
    }
}

#[test]
fn image_names_travel_and_two_may_bear_one() {
    let [mut a, mut b, mut c] = [1, 2, 3].map(Bearer::new);
    a.call("ada").unwrap();
    meet(&mut a, &mut b, 1);
    meet(&mut b, &mut c, 2);
    // One that was known before it had a name, and one after.
    c.call("ada").unwrap();
    settle(&mut b, &mut c, 2);
    settle(&mut a, &mut b, 1);
    let mut both = [a.secret.public(), c.secret.public()];
    both.sort_unstable();
    for image in [&a.image, &b.image, &c.image] {
        assert_eq!(image.named("ada"), both);
        let named = image
            .members()
            .filter(|member| member.name.as_deref() == Some("ada"));
        assert_eq!(named.count(), 2);
        assert_eq!(image.named("bob"), []);
    }
    a.call("").unwrap();
    settle(&mut a, &mut b, 1);
    settle(&mut b, &mut c, 2);
    assert_eq!(c.image.named("ada"), [c.secret.public()]);
    assert_eq!(c.image.find(&a.secret.public()).unwrap().name, None);
}

#[test]
fn image_names_that_nobody_would_show_are_not_claimed() {
    let mut a = Bearer::new(1);
    assert_eq!(
        a.call(&"x".repeat(65)),
        Err(NameError::TooLong { most: 64 })
    );
    // They ring, turn text round, show nothing, or as another name.
    for name in [
        "a\u{7}",
        "\n",
        "\u{202e}ada",
        "ada\u{2069}",
        "\u{200b}",
        "a\u{200b}da",
        "\u{3164}",
        "\u{2800}",
        " ",
        "ada ",
        "\u{a0}ada",
        "\u{200d}ada",
        "ada\u{200c}",
        "a\u{200d}\u{200d}da",
        "\u{fe0f}",
        "\u{feff}ada",
        "a\u{e0061}",
        "a\u{2028}b",
        "a\u{ad}da",
    ] {
        assert_eq!(a.call(name), Err(NameError::Hidden), "{name:?}");
        assert!(!record::is_legal_name(name.as_bytes()), "{name:?}");
    }
    for name in [
        "ada lovelace",
        "\u{627}\u{62f}\u{627}",
        "\u{2764}\u{fe0f}\u{200d}\u{1f525}",
        "\u{645}\u{6cc}\u{200c}\u{62e}\u{648}",
    ] {
        assert_eq!(a.call(name), Ok(()), "{name:?}");
        assert!(record::is_legal_name(name.as_bytes()), "{name:?}");
    }
    assert_eq!(a.call(&"x".repeat(64)), Ok(()));
    let config = Config {
        name_bytes_max: 3,
        ..Config::default()
    };
    a.image.config = config.into();
    assert_eq!(a.call("four"), Err(NameError::TooLong { most: 3 }));
}

/// A claim of `of`'s as a record, signed by `by` over these bytes.
fn claim(of: &Bearer, by: &Bearer, version: u32, name: &[u8]) -> Vec<u8> {
    let node = of.image.me;
    let bytes = record::name_bytes(&node.key, node.epoch, version, name);
    let signature = by.secret.sign("name", &by.space, &bytes);
    let told = (version, "", &signature);
    let mut out = Vec::new();
    record::write_name(prefix(&node.key), node.epoch, told, &mut out);
    let at = out.len() - 64 - 1;
    out[at] = name.len() as u8;
    out.splice(at + 1..=at, name.iter().copied());
    out
}

#[test]
fn image_claims_that_are_false_are_refused_and_counted() {
    let [mut a, mut b, liar] = [1, 2, 3].map(Bearer::new);
    meet(&mut a, &mut b, 1);
    a.call("ada").unwrap();
    settle(&mut a, &mut b, 1);
    let mut tell = |record: Vec<u8>| b.hear(1, &[news(&[&record])]);
    assert_eq!(tell(claim(&a, &liar, 9, b"eve")), Err(Fault::Forged));
    assert_eq!(tell(claim(&a, &a, 9, b"a\nb")), Err(Fault::Name));
    assert_eq!(tell(claim(&a, &a, 9, &[b'x'; 65])), Err(Fault::Name));
    assert_eq!(tell(claim(&a, &a, 9, b"\xff")), Err(Fault::Name));
    // True once, and told again after another: no fault, for it may have been on its way.
    let first = claim(&a, &a, 2, b"first");
    assert_eq!(
        (tell(first.clone()), tell(claim(&a, &a, 3, b"next"))),
        (Ok(()), Ok(()))
    );
    assert_eq!(tell(first), Ok(()));
    // Of another life, and of nobody.
    let mut other = Bearer::new(1);
    other.image.me.epoch += 1;
    assert_eq!(tell(claim(&other, &a, 9, b"eve")), Ok(()));
    assert_eq!(tell(claim(&liar, &liar, 9, b"eve")), Ok(()));
    let stats = b.image.stats();
    let counts = (stats.forged, stats.names, stats.replayed, stats.unknown);
    assert_eq!(counts, (1, 3, 1, 2));
    assert_eq!(b.image.named("next"), [a.secret.public()]);
    assert_eq!(b.image.named("eve"), []);
}

#[test]
fn image_names_end_with_the_life_of_their_bearer() {
    let (mut one, mut other) = (
        super::image(0, Config::default()),
        super::image(1, Config::default()),
    );
    let me = other.me.key;
    let sign = |kind: &str, bytes: &[u8]| super::seal(&me, kind, bytes);
    other.set_name(Time::ZERO, "old", &sign).unwrap();
    join(Time::ZERO, &mut one, &mut other, 1);
    assert_eq!(one.named("old"), [me]);
    one.on_unlinked(1);
    let mut next = other.me;
    next.epoch += 5;
    let mut again = Image::new(Config::default().into(), next, 2, &mut super::rng(7));
    join(Time::ZERO, &mut one, &mut again, 1);
    assert_eq!(
        one.find(&me).map(|it| (it.node, it.name)),
        Some((next, None))
    );
    assert_eq!(one.named("old"), []);
    // What was said in the life before is not believed any more.
    let old = super::record(&me, &super::word(99, None, 7));
    hear(&mut one, Time::ZERO, 1, &news(&[&old])).unwrap();
    assert_eq!(one.find(&me).map(|it| it.node), Some(next));
    exchange(Time::ZERO, &mut one, &mut again, 1);
}
