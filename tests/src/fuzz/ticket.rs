//! Texts that people paste.

use std::sync::LazyLock;

use hydroid_core::identity::{PublicKey, SecretKey, Space, Ticket, Token};

use sha2::{Digest as _, Sha256};

use super::Choices;

/// Keys that somebody has: to make one takes as long as a thousand tickets.
static KEYS: LazyLock<[PublicKey; 3]> =
    LazyLock::new(|| [1, 2, 3].map(|n| SecretKey::from_bytes(&[n; 32]).public()));

/// Reads a text as a ticket; then writes a ticket that the bytes describe, and reads that. Whatever
/// is read is written as it was.
///
/// # Panics
/// If that is not so.
pub fn ticket(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if let Ok(ticket) = text.parse::<Ticket>() {
        assert_eq!(ticket.to_string(), text, "one ticket has one text");
    }
    if let Ok(ticket) = summed(bytes).parse::<Ticket>() {
        assert_eq!(ticket.to_string(), summed(bytes), "one ticket has one text");
    }
    let ticket = described(Choices::new(bytes));
    let mut text = ticket.to_string();
    assert_eq!(text.parse::<Ticket>().as_ref(), Ok(&ticket), "{text}");
    // One character that is another one makes it none.
    let mut choices = Choices::new(bytes);
    let at = choices.below(text.len());
    let other = [b'a', b'7', b'1', b' '][choices.below(4)] as char;
    if text.as_bytes()[at] != other as u8 {
        text.replace_range(at..=at, &other.to_string());
        assert!(text.parse::<Ticket>().is_err(), "{text}");
    }
}

/// The text of these bytes behind their checksum, which chance does not find.
fn summed(bytes: &[u8]) -> String {
    let mut hash = Sha256::new();
    hash.update(b"hydroid/1 ticket");
    hash.update(bytes);
    let content = [bytes, &hash.finalize()[..4]].concat();
    let mut text = String::from("hyd1");
    for five in content.chunks(5) {
        let mut block = [0; 8];
        block[3..3 + five.len()].copy_from_slice(five);
        let block = u64::from_be_bytes(block);
        for n in 0..(five.len() * 8).div_ceil(5) {
            let at = (block >> (35 - 5 * n)) & 31;
            text.push(b"abcdefghijklmnopqrstuvwxyz234567"[at as usize].into());
        }
    }
    text
}

fn described(mut choices: Choices<'_>) -> Ticket {
    let key = KEYS[choices.below(KEYS.len())];
    let addresses = (0..choices.below(20)).map(|_| {
        let port = choices.number();
        let mut ip = [0; 16];
        let of_ip = choices.bytes();
        let len = of_ip.len().min(16);
        ip[..len].copy_from_slice(&of_ip[..len]);
        let [a, b, c, d, ..] = ip;
        match choices.byte() % 2 {
            0 => ([a, b, c, d], port).into(),
            _ => (ip, port).into(),
        }
    });
    let addresses: Vec<_> = addresses.collect();
    let token = Token::new(choices.bytes()).ok();
    let name = String::from_utf8_lossy(choices.bytes()).into_owned();
    match Space::open(&name) {
        Ok(space) => Ticket::new(key, space, &addresses, token),
        Err(_) => {
            let space = Space::open("world").expect("a legal name").id();
            Ticket::new(key, space, &addresses, token)
        }
    }
}
