//! What an example of each kind has to be.

use data_encoding::Specification;
use hydroid_core::{
    identity::{
        Hashname, PublicKey, SecretKey, Signature, Space, SpaceId, SpaceRef, Ticket, Token,
    },
    wire::{
        Address, Head, Packet, SEALED_OVERHEAD, SEALED_PREFIX, Sealed, VARINT_MAX,
        frame::{Frame, Frames, Writer},
        json,
    },
};
use sha2::{Digest as _, Sha256};

use super::{frames, vector::Vector};

const UNKNOWN: &str = "no example is of this kind";

#[allow(
    clippy::needless_pass_by_value,
    reason = "`map_err` hands its error over"
)]
fn text_of(error: impl ToString) -> String {
    error.to_string()
}

/// Checks an example of what is legal.
pub(super) fn example(kind: &str, vector: &mut Vector) -> Result<(), String> {
    match kind {
        "packet" => packet(vector),
        "head" => head(vector),
        "number" => number(vector),
        "sealed" => sealed(vector),
        "frame" => frames::frame(vector),
        "address" => {
            let address: Address = vector.text("text")?.parse().map_err(text_of)?;
            vector.same("told", &address)
        }
        "key" => key(vector),
        "space" => space(vector),
        "hashname" => hashname(vector),
        "signature" => signature(vector),
        "ticket" => ticket(vector),
        _ => Err(UNKNOWN.into()),
    }
}

/// Gives the verdict on an example of what is not legal.
pub(super) fn refusal(kind: &str, vector: &mut Vector) -> Result<String, String> {
    let verdict = match kind {
        "packet" => Packet::decode(&vector.bytes("packet")?).err().map(text_of),
        "head" => {
            let head = match vector.keys.contains_key("head_bytes") {
                true => vector.bytes("head_bytes")?,
                false => vector.text("head")?.into_bytes(),
            };
            let verdict = json::check(&head, &json::Limits::default());
            verdict.err().map(text_of)
        }
        "sealed" => match Sealed::parse(&vector.bytes("packet")?) {
            Some(_) => None,
            None => Some("no sealed packet".into()),
        },
        "frame" => Frames::new(&vector.bytes("bytes")?)
            .find_map(Result::err)
            .map(text_of),
        "address" => vector.text("text")?.parse::<Address>().err().map(text_of),
        "key" => PublicKey::from_bytes(&vector.array("public")?)
            .err()
            .map(text_of),
        "space" => Space::open(&vector.text("name")?).err().map(text_of),
        "ticket" => vector.text("text")?.parse::<Ticket>().err().map(text_of),
        _ => return Err(UNKNOWN.into()),
    };
    verdict.ok_or_else(|| "the code takes it".into())
}

fn packet(vector: &mut Vector) -> Result<(), String> {
    let bytes = vector.bytes("packet")?;
    let packet = Packet::decode(&bytes).map_err(text_of)?;
    match packet.head {
        Head::Json(text) => {
            let text = json::check(text, &json::Limits::default()).map_err(text_of)?;
            vector.same("head", &text)?;
        }
        Head::None | Head::Binary(_) => {
            vector.same_bytes("binary_head", packet.head.bytes())?;
        }
    }
    vector.same_bytes("body", packet.body)?;
    let mut again = Vec::new();
    packet.encode(&mut again).map_err(text_of)?;
    (again == bytes)
        .then_some(())
        .ok_or("written otherwise".into())
}

fn head(vector: &mut Vector) -> Result<(), String> {
    let head = vector.text("head")?;
    let limits = json::Limits::default();
    let value: json::Value = json::parse(head.as_bytes(), &limits).map_err(text_of)?;
    vector.same("written", &value)
}

/// Numbers are seen through a frame that is nothing but a type of one byte and a number.
fn number(vector: &mut Vector) -> Result<(), String> {
    let number = vector.one("number")?;
    if number > VARINT_MAX {
        return Err("more than 62 bits".into());
    }
    let mut buf = [0; 9];
    let mut writer = Writer::new(&mut buf);
    writer.streams_credit(number);
    let len = writer.len();
    vector.same_bytes("bytes", &buf[1..len])?;
    let mut forms = vec![buf[..len].to_vec()];
    if vector.keys.contains_key("longer") {
        forms.push([&buf[..1], &vector.bytes("longer")?].concat());
    }
    for form in forms {
        let read: Result<Vec<_>, _> = Frames::new(&form).collect();
        if read.map_err(text_of)? != [Frame::StreamsCredit { count: number }] {
            return Err("read as another number".into());
        }
    }
    Ok(())
}

fn sealed(vector: &mut Vector) -> Result<(), String> {
    let sealed = Sealed {
        line: u32::from_be_bytes(vector.array("line")?),
        counter: vector.one("counter")?,
    };
    let mut bytes = [0; SEALED_OVERHEAD];
    sealed.write(&mut bytes);
    if Sealed::parse(&bytes) != Some(sealed) {
        return Err("read otherwise".into());
    }
    vector.same_bytes("associated", &bytes[2..SEALED_PREFIX])?;
    vector.same_bytes("clear", &bytes[..SEALED_PREFIX])
}

fn key(vector: &mut Vector) -> Result<(), String> {
    let secret = SecretKey::from_bytes(&vector.array("secret")?);
    vector.same_bytes("public", secret.public().as_bytes())?;
    vector.same_bytes("agreement_secret", &*secret.agreement())?;
    vector.same_bytes("agreement_public", &secret.public().agreement())
}

fn space(vector: &mut Vector) -> Result<(), String> {
    let hashed = Sha256::digest(vector.bytes("hashed")?);
    let id = Space::open(&vector.text("name")?).map_err(text_of)?.id();
    if hashed[..] != id.as_bytes()[..] {
        return Err("`hashed` has another hash than the id".into());
    }
    vector.same("id", &id)
}

fn hashname(vector: &mut Vector) -> Result<(), String> {
    let key = PublicKey::from_bytes(&vector.array("public")?).map_err(text_of)?;
    let space = SpaceId::from_bytes(vector.array("space")?);
    vector.same("hashname", &Hashname::of(&key, &space))
}

fn signature(vector: &mut Vector) -> Result<(), String> {
    let secret = SecretKey::from_bytes(&vector.array("secret")?);
    let (kind, space) = (vector.text("kind")?, vector.array("space")?);
    let bytes = vector.bytes("bytes")?;
    let parts = [b"hydroid/1 ", kind.as_bytes(), b"\0", &space, &bytes];
    vector.same_bytes("signed", &parts.concat())?;
    let space = SpaceId::from_bytes(space);
    let told = Signature(vector.array("signature")?);
    let verified = secret.public().verify(&kind, &space, &bytes, &told);
    (verified && told == secret.sign(&kind, &space, &bytes))
        .then_some(())
        .ok_or("the code signs otherwise".into())
}

fn ticket(vector: &mut Vector) -> Result<(), String> {
    let key = PublicKey::from_bytes(&vector.array("key")?).map_err(text_of)?;
    let space = match vector.keys.contains_key("space") {
        true => SpaceRef::Open(Space::open(&vector.text("space")?).map_err(text_of)?),
        false => SpaceRef::Id(SpaceId::from_bytes(vector.array("space_id")?)),
    };
    let addresses: Result<Vec<_>, _> = vector
        .text("addresses")?
        .split_whitespace()
        .map(|text| text.parse().map(|address: Address| address.socket()))
        .collect();
    let token = match vector.bytes("token")? {
        none if none.is_empty() => None,
        bytes => Some(Token::new(&bytes).map_err(text_of)?),
    };
    let ticket = Ticket::new(key, space, &addresses.map_err(text_of)?, token);
    let text = ticket.to_string();
    if text.parse::<Ticket>().map_err(text_of)? != ticket {
        return Err("read otherwise".into());
    }
    let mut base32 = Specification::new();
    base32.symbols.push_str("abcdefghijklmnopqrstuvwxyz234567");
    let base32 = base32.encoding().map_err(text_of)?;
    let content = base32.decode(text.trim_start_matches("hyd1").as_bytes());
    vector.same_bytes("content", &content.map_err(text_of)?)?;
    vector.same("text", &text)
}
