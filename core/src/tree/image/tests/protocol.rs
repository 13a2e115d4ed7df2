//! The worked examples of PROTOCOL.md for images.

use std::{format, string::String, vec};

use super::{super::*, drain, rng};
use crate::{
    identity::{SecretKey, Space},
    wire::vector::{Vector, Verdict, demand, of_protocol},
};

fn told(vector: &mut Vector) -> Result<word::Word, String> {
    let places = if vector.keys.contains_key("addresses") {
        vector.list("addresses")?
    } else {
        Vec::new()
    };
    Ok(word::Word {
        epoch: vector.one("epoch")?,
        version: vector.one("version")?,
        parent: Some(word::number(vector.array("parent")?)),
        leaf: vector.one("leaf")?,
        places: word::Places::of(&places),
    })
}

fn entry(vector: &mut Vector) -> Verdict {
    let key: [u8; 32] = vector.array("key")?;
    let word = told(vector)?;
    let mut bytes = Vec::new();
    record::write_entry(&key, &word, None, &mut bytes);
    vector.same_bytes("record", &bytes)?;
    let key = PublicKey::from_bytes(&key).map_err(|error| format!("{error}"))?;
    let mut store = Store::new();
    store.insert(key);
    store.write(prefix(&key), &word, None);
    let entry = store.find(prefix(&key)).unwrap();
    let check = store.check(entry, &mut Vec::new());
    vector.same_bytes("check", &check.to_be_bytes())
}

fn change(vector: &mut Vector) -> Verdict {
    let who = word::number(vector.array("who")?);
    let mut bytes = Vec::new();
    record::write_change(who, &told(vector)?, &mut bytes);
    vector.same_bytes("record", &bytes)
}

fn gone(vector: &mut Vector) -> Verdict {
    let who = word::number(vector.array("who")?);
    let life: u64 = vector.one("epoch")?;
    let mut bytes = Vec::new();
    record::write_gone(who, life as u16, vector.one("version")?, &mut bytes);
    vector.same_bytes("record", &bytes)
}

fn signed(vector: &mut Vector) -> Verdict {
    let secret = SecretKey::from_bytes(&vector.array("secret")?);
    let space = Space::open(&vector.text("space")?).map_err(|error| format!("{error}"))?;
    let key = secret.public();
    let mut bytes = Vec::new();
    if vector.name == "image-oath" {
        let word = told(vector)?;
        let oath = secret.sign("member", &space.id(), &record::oath_bytes(&key, &word));
        record::write_entry(key.as_bytes(), &word, Some(&oath), &mut bytes);
    } else {
        let (epoch, version) = (vector.one("epoch")?, vector.one("version")?);
        let name = vector.text("name")?;
        let over = record::name_bytes(&key, epoch, version, name.as_bytes());
        let signature = secret.sign("name", &space.id(), &over);
        let told = (version, name.as_str(), &signature);
        record::write_name(prefix(&key), epoch, told, &mut bytes);
    }
    vector.same_bytes("record", &bytes)
}

/// Two who compare: each knows one whom the other does not.
fn compare(vector: &mut Vector) -> Verdict {
    let keys: Vec<PublicKey> = vector.list("keys")?;
    let [one, two, three, four] = keys[..] else {
        return Err("not four".into());
    };
    let epoch = vector.one("epoch")?;
    let mut images = vec![];
    for (me, other) in [(one, two), (three, four)] {
        let node = Node { key: me, epoch };
        let mut image = Image::new(Config::default().into(), node, 2, &mut rng(0));
        let word = word::Word {
            epoch,
            version: 1,
            parent: Some(prefix(&me)),
            leaf: false,
            places: word::Places::NONE,
        };
        image.store.insert(other);
        image.store.write(prefix(&other), &word, None);
        images.push(image);
    }
    let mut second = images.pop().unwrap();
    let mut first = images.pop().unwrap();
    let peers = [second.me, first.me];
    for (image, peer) in [&mut first, &mut second].into_iter().zip(peers) {
        image.on_linked(Time::ZERO, 1, peer, false);
        // Each would tell of itself, too.
        image.drain(0);
    }
    let mut said: Vec<Vec<u8>> = Vec::new();
    for _ in 0..6 {
        let (to, from) = (
            drain(&mut first, Time::ZERO, 1),
            drain(&mut second, Time::ZERO, 1),
        );
        to.iter()
            .for_each(|packet| super::hear(&mut second, Time::ZERO, 1, packet).unwrap());
        from.iter()
            .for_each(|packet| super::hear(&mut first, Time::ZERO, 1, packet).unwrap());
        said.extend(to);
        said.extend(from);
    }
    for (key, packet) in ["hello", "answer", "digest", "list", "want"]
        .into_iter()
        .zip(&said)
    {
        vector
            .same_bytes(key, packet)
            .map_err(|made| format!("{key} {made}"))?;
    }
    Ok(())
}

fn check(vector: &mut Vector) -> Verdict {
    match vector.name.as_str() {
        "image-entry" => entry(vector),
        "image-change" => change(vector),
        "image-gone" => gone(vector),
        "image-name" | "image-oath" => signed(vector),
        "image-compare" => compare(vector),
        _ => Err("no example is of this name".into()),
    }
}

#[test]
fn image_examples_of_the_protocol_are_true_and_nothing_else_is() {
    let vectors = of_protocol(|kind| kind == "image");
    assert_eq!(vectors.len(), 6);
    demand(&vectors, check);
}
