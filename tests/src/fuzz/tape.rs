//! Tapes that anybody may hand to somebody who replays them.

use hydroid_core::{
    line::{Provider, PureRust},
    tape::{Player, Reader, Stop, of_text},
};

use super::Choices;
use crate::world::StubProvider;

/// Pieces in which a tape comes.
const PIECES: [usize; 4] = [1, 7, 100, 4096];

/// Reads bytes as a tape, or lines as one told in text, in pieces, and replays it in both ways. A
/// record that is read is told, and read again as it was.
///
/// # Panics
/// If it is not.
pub fn tape(bytes: &[u8]) {
    let mut choices = Choices::new(bytes);
    let piece = PIECES[choices.below(PIECES.len())];
    let rest = bytes.get(1..).unwrap_or(&[]);
    let tape = if rest.starts_with(b"{") {
        let text = String::from_utf8_lossy(rest);
        let records = text.lines().map_while(|line| of_text(line).ok());
        records.flatten().collect()
    } else {
        rest.to_vec()
    };
    let mut reader = Reader::new();
    for piece in tape.chunks(piece) {
        reader.feed(piece);
        while let Ok(Some(record)) = reader.record() {
            let (text, words) = (record.text(), record.words());
            assert!(!words.is_empty(), "{text}");
            let again = of_text(&text).expect("what was read is a record");
            let mut other = Reader::new();
            other.feed(&again);
            let again = other.record().expect("is read").map(|it| it.text());
            assert_eq!(again, Some(text));
        }
    }
    for provider in [&PureRust as &dyn Provider, &StubProvider] {
        for mut player in [Player::strict(provider), Player::loose(provider)] {
            for piece in tape.chunks(piece) {
                player.feed(piece);
                loop {
                    match player.step() {
                        Ok(Some(step)) => drop(step.words()),
                        Ok(None) | Err(Stop::Unreadable(_)) => break,
                        // Whatever the calls are, the contracts of the façade hold.
                        Err(Stop::Differs(differs)) => {
                            assert!(!differs.got.contains("contract"), "{differs}");
                            break;
                        }
                    }
                }
            }
            assert!(player.left() <= tape.len());
        }
    }
}
