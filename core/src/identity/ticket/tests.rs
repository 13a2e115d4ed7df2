//! A ticket's text there and back, and every way in which it can be wrong.
#![allow(
    clippy::needless_pass_by_value,
    reason = "quickcheck hands its values over"
)]

use alloc::{
    boxed::Box,
    format,
    string::{String, ToString as _},
};

use quickcheck::{Arbitrary, Gen};
use sha2::{Digest as _, Sha256};

use super::{bytes::carried, *};
use crate::{identity::SecretKey, wire::property::property};

impl Arbitrary for Ticket {
    fn arbitrary(g: &mut Gen) -> Self {
        let secret: [u8; 32] = core::array::from_fn(|_| u8::arbitrary(g));
        let name: String = (0..1 + usize::arbitrary(g) % 63)
            .map(|_| *g.choose(&['a', 'z', '0', '9', '-', '.']).unwrap())
            .collect();
        let space = Space::open(&name).unwrap();
        let space = if bool::arbitrary(g) {
            SpaceRef::Id(space.id())
        } else {
            SpaceRef::Open(space)
        };
        let addresses: Vec<_> = (0..usize::arbitrary(g) % 20)
            .map(|_| SocketAddr::arbitrary(g))
            .collect();
        let token: Vec<u8> = (0..16 + usize::arbitrary(g) % 17)
            .map(|_| u8::arbitrary(g))
            .collect();
        let token = bool::arbitrary(g).then(|| Token::new(&token).unwrap());
        Self::new(
            SecretKey::from_bytes(&secret).public(),
            space,
            &addresses,
            token,
        )
    }

    fn shrink(&self) -> Box<dyn Iterator<Item = Self>> {
        quickcheck::empty_shrinker()
    }
}

fn example() -> Ticket {
    let key = SecretKey::from_bytes(&[1; 32]).public();
    let addresses = ["192.0.2.7:4", "[2001:db8::1]:5"].map(|text| text.parse().unwrap());
    let token = Token::new(b"sixteen bytes ok").unwrap();
    Ticket::new(key, Space::open("home").unwrap(), &addresses, Some(token))
}

/// The text of any content, with a checksum that matches.
fn text_of(content: &[u8]) -> String {
    let mut hash = Sha256::new();
    hash.update(b"hydroid/1 ticket");
    hash.update(content);
    let sum: [u8; 32] = hash.finalize().into();
    format!("hyd1{}", base32().encode(&[content, &sum[..4]].concat()))
}

fn read(text: &str) -> Result<Ticket, TicketError> {
    text.parse()
}

#[test]
fn ticket_text_goes_there_and_back() {
    fn there_and_back(ticket: Ticket) -> bool {
        let text = ticket.to_string();
        assert!(text.len() <= 708 && text[4..].chars().all(in_alphabet));
        let again = read(&text).unwrap();
        again == ticket && again.to_string() == text && again.hashname() == ticket.hashname()
    }
    property(20, 200).quickcheck(there_and_back as fn(Ticket) -> bool);
}

#[test]
fn ticket_with_one_other_character_is_refused() {
    fn refused(ticket: Ticket, other: char) -> bool {
        let text: Vec<char> = ticket.to_string().chars().collect();
        for at in 0..text.len() {
            for character in ['a', 'q', '7', 'A', '0', '1', ' ', other] {
                let mut typo = text.clone();
                typo[at] = character;
                let typo: String = typo.into_iter().collect();
                let place = at + 1;
                let expected = if text[at] == character {
                    Ok(ticket.clone())
                } else if at < 4 {
                    let character = Some(character);
                    Err(TicketError::Prefix { character, place })
                } else if in_alphabet(character) {
                    Err(TicketError::Checksum)
                } else {
                    Err(TicketError::Character { character, place })
                };
                assert_eq!(read(&typo), expected, "{typo}");
            }
        }
        true
    }
    property(20, 10).quickcheck(refused as fn(Ticket, char) -> bool);
}

#[test]
fn ticket_that_is_cut_or_longer_is_refused() {
    let text = example().to_string();
    for len in 4..text.len() {
        assert_eq!(read(&text[..len]), Err(TicketError::Checksum), "{len}");
    }
    for len in 0..4 {
        let (character, place) = (None, len + 1);
        assert_eq!(
            read(&text[..len]),
            Err(TicketError::Prefix { character, place })
        );
    }
    for more in ["a", "aa", "7777777a", &"a".repeat(5000)] {
        assert_eq!(read(&format!("{text}{more}")), Err(TicketError::Checksum));
    }
    assert_eq!(
        read(&format!(" {text}")).unwrap_err(),
        TicketError::Prefix {
            character: Some(' '),
            place: 1
        }
    );
}

#[test]
fn ticket_bits_behind_the_last_byte_are_zero() {
    // 16 + 1 bytes of token make a length whose last character has bits to spare.
    for more in 0..5 {
        let token = Token::new(&[7; 32][..16 + more]).ok();
        let text = Ticket { token, ..example() }.to_string();
        let last = text.chars().last().unwrap();
        let others = ('a'..='z').chain('2'..='7').filter(|c| *c != last);
        for other in others {
            let typo = format!("{}{other}", &text[..text.len() - 1]);
            assert_eq!(read(&typo), Err(TicketError::Checksum));
        }
    }
}

#[test]
fn ticket_errors_are_sentences() {
    let text = example().to_string();
    let say = |text: &str| read(text).unwrap_err().to_string();
    let mut typo = text.clone();
    typo.replace_range(16..17, "O");
    assert_eq!(
        say(&typo),
        "character 'O' at place 17 is not in the alphabet a-z 2-7 of a ticket"
    );
    // Places are counted in characters, not in bytes.
    typo.replace_range(16..17, "é");
    assert!(say(&typo).starts_with("character 'é' at place 17 "));
    assert!(say(&format!("{}\u{1b}[2J", &text)).starts_with("character '\\u{1b}' at place "));
    assert!(say(&text[..90]).contains("checksum of the ticket does not match"));
    assert_eq!(
        say("https://"),
        "a ticket begins with hyd1, this text does not: character 't' at place 2"
    );
    assert_eq!(
        say("hy"),
        "a ticket begins with hyd1, this text ends before that"
    );
}

#[test]
fn ticket_content_has_one_form() {
    let content = bytes::write(&example());
    let content = &content[..content.len() - 4];
    assert_eq!(read(&text_of(content)), Ok(example()));
    assert_eq!(
        read(&text_of(&[&[2], &content[1..]].concat())),
        Err(TicketError::Version(2))
    );
    assert_eq!(read(&text_of(&[2])), Err(TicketError::Version(2)));
    for wrong in [
        &[][..],
        &[0],
        &[1],
        &content[..40],
        &[content, &[0]].concat(),
    ] {
        assert_eq!(
            read(&text_of(wrong)),
            Err(TicketError::Malformed),
            "{wrong:?}"
        );
    }
    let mut weak = content.to_vec();
    weak[1..33].fill(0);
    assert_eq!(read(&text_of(&weak)), Err(TicketError::Key(KeyError::Weak)));
    let with = |tail: &[u8]| read(&text_of(&[&content[..33], tail].concat()));
    let space = |tail: &[u8]| with(&[b"\x00\x04home", tail].concat());
    assert!(space(&[0, 0]).is_ok());
    let one = [4, 192, 0, 2, 7, 0, 4];
    let mapped = [
        &[6, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 192, 0, 2, 7][..],
        &[0, 4],
    ]
    .concat();
    for wrong in [
        space(&[&[2][..], &one, &one, &[0]].concat()),
        space(&[&[1][..], &mapped, &[0]].concat()),
        space(&[&[1, 5][..], &one[1..], &[0]].concat()),
        space(
            &[
                &[17][..],
                &(0..17)
                    .flat_map(|n| [4, 192, 0, 2, n, 0, 4])
                    .collect::<Vec<u8>>(),
                &[0],
            ]
            .concat(),
        ),
        space(&[&[0, 15][..], &[7; 15]].concat()),
        space(&[&[0, 33][..], &[7; 33]].concat()),
        with(b"\x00\x04Home\x00\x00"),
        with(b"\x00\x00\x00\x00"),
        with(&[2, 0, 0]),
    ] {
        assert_eq!(wrong, Err(TicketError::Malformed));
    }
}

#[test]
fn ticket_carries_addresses_that_mean_something_elsewhere() {
    let given = [
        "[fe80::1%3]:5",
        "[::ffff:192.0.2.7]:4",
        "192.0.2.7:4",
        "192.0.2.7:5",
    ];
    let given = given.map(|text| text.parse().unwrap());
    let kept = ["[fe80::1]:5", "192.0.2.7:4", "192.0.2.7:5"].map(|text| text.parse().unwrap());
    assert_eq!(carried(&given), kept);
    // A literal of such addresses has the text of the ticket that carries them.
    let (mut ticket, legal) = (
        example(),
        Ticket::new(example().key, example().space, &given, None),
    );
    (ticket.addresses, ticket.token) = (given.to_vec(), None);
    assert_eq!(ticket.to_string(), legal.to_string());
    assert_eq!(read(&ticket.to_string()).unwrap(), legal);
    let many: Vec<_> = (0..40)
        .map(|port| SocketAddr::new([192, 0, 2, 1].into(), port))
        .collect();
    assert_eq!(carried(&many), many[..Ticket::ADDRESSES_MOST]);
}

#[test]
fn ticket_token_never_prints_and_compares_whole() {
    let ticket = example();
    let shown = format!("{ticket:?}");
    assert!(
        shown.contains("Token(..)") && !shown.contains("115"),
        "{shown}"
    );
    let token = |bytes: &[u8]| Token::new(bytes);
    assert_eq!(token(&[1; 15]), Err(TokenError));
    assert_eq!(token(&[1; 33]), Err(TokenError));
    assert_eq!(token(&[1; 16]), token(&[1; 16]));
    assert_ne!(token(&[1; 16]), token(&[1; 17]));
    assert_ne!(token(&[1; 16]), token(&[2; 16]));
}

#[test]
fn ticket_survives_any_text_and_bytes() {
    fn survives(text: String, content: Vec<u8>, cut: u8) -> bool {
        let near = bytes::write(&example());
        let near = [&near[..usize::from(cut) % near.len()], &content].concat();
        let texts = [
            text.clone(),
            format!("hyd1{text}"),
            text_of(&content),
            text_of(&near),
        ];
        texts
            .iter()
            .all(|text| read(text).map_or(true, |ticket| ticket.to_string() == *text))
    }
    property(40, 1_000).quickcheck(survives as fn(String, Vec<u8>, u8) -> bool);
}
