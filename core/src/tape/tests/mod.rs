//! The tape, tested alone.

use alloc::{string::String, vec::Vec};

use super::{Config, End, Recorded};
use crate::{
    base::{Seed, Time, Wall},
    switch::{self, PureRust},
};

fn recorded(tape: Config) -> Recorded {
    let config = switch::Config::default();
    Recorded::new(config, &Seed::new([7; 32]), &PureRust, Some(tape)).unwrap()
}

#[test]
fn tape_digest_only_keeps_nothing_and_gives_the_same_digest() {
    let mut kept = recorded(Config::default());
    let mut other = recorded(Config {
        redacted: false,
        digest_only: true,
        ..Config::default()
    });
    assert_eq!(kept.digest(), other.digest());
    let before = kept.digest();
    for it in [&mut kept, &mut other] {
        it.handle_clock(Time::from_us(5), Wall::from_ms(9));
        it.end_tape(Time::from_us(5), End::Closed);
        assert!(!it.is_recording());
    }
    assert_ne!(kept.digest(), before);
    assert_eq!(kept.digest(), other.digest());
    assert_eq!(other.tape_bytes(), 0);
    let mut bytes = Vec::new();
    kept.take_tape(&mut bytes);
    assert!(String::from_utf8_lossy(&bytes).contains(r#""call":"handle_clock","wall":9,"#));
}
