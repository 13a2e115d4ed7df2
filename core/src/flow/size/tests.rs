use alloc::vec::Vec;

use super::*;

const FREE: Sizes = Sizes {
    base: 1_200,
    most: 65_507,
    headers: 28,
};

fn config() -> Config {
    Config::default()
}

fn ms(ms: u64) -> Time {
    Time::ZERO.plus_ms(ms)
}

/// Both parts of one path.
struct Both(Size, Search);

impl Both {
    fn begin(sizes: Sizes, found: Option<u16>) -> Self {
        Self(Size::begin(sizes, found), Search::default())
    }

    fn found(&self) -> u16 {
        self.0.found
    }

    fn due(&mut self, now: Time) -> Option<u16> {
        self.1.due(&mut self.0, now, &config())
    }

    fn on_sent(&mut self, bytes: u16) {
        self.1.on_sent(&self.0, bytes);
    }

    fn on_tried(&mut self, counter: u64, bytes: u16) {
        self.1.on_tried(counter, bytes);
    }

    fn on_arrived(&mut self, counter: u64, bytes: u16) {
        self.1.on_arrived(&mut self.0, counter, bytes);
    }

    fn on_lost(&mut self, now: Time, lost: (u64, u16, Time)) -> Blame {
        self.1.on_lost(&mut self.0, now, lost, &config())
    }

    fn on_too_large(&mut self, bytes: u16) {
        self.1.on_too_large(&mut self.0, bytes);
    }

    fn rest(&mut self) {
        self.1 = Search::default();
    }
}

/// A path on which much was sent.
fn busy(found: Option<u16>) -> Both {
    let mut size = Both::begin(FREE, found);
    send(&mut size);
    size
}

fn send(size: &mut Both) {
    for _ in 0..config().size_after_packets {
        size.on_sent(size.found());
    }
}

/// Tries until nothing is left, on a path that carries `mtu` bytes, and tells what was tried.
fn search(size: &mut Both, mtu: u16, is_told: bool) -> Vec<u16> {
    let mut tried = Vec::new();
    for counter in 0.. {
        let Some(bytes) = size.due(ms(0)) else {
            break;
        };
        tried.push(bytes);
        size.on_tried(counter, bytes);
        if bytes <= mtu {
            size.on_arrived(counter, 0);
        } else if is_told {
            size.on_too_large(bytes);
        } else {
            size.on_lost(ms(0), (counter, 0, ms(0)));
        }
    }
    tried
}

#[test]
fn flow_size_is_the_largest_at_once_where_everything_passes() {
    let mut size = busy(None);
    assert_eq!(search(&mut size, u16::MAX, true), [65_507]);
    assert_eq!(size.found(), 65_507);
    assert_eq!(size.due(ms(10_000_000)), None, "nothing to gain");
}

#[test]
fn flow_size_goes_down_by_what_links_carry_and_each_refusal_is_one_try() {
    let mut size = busy(None);
    let tried = search(&mut size, 1_472, true);
    assert_eq!(tried[..3], [65_507, 8_972, 1_472]);
    assert_eq!(size.found(), 1_472);
    assert!(tried.len() <= 10, "{tried:?}");
    for (mtu, least) in [
        (9_000, 8_972),
        (1_452, 1_422),
        (1_420, 1_372),
        (1_200, 1_200),
    ] {
        for is_told in [true, false] {
            let mut size = busy(None);
            let tried = search(&mut size, mtu, is_told);
            assert!((least..=mtu).contains(&size.found()), "{mtu}: {tried:?}");
        }
    }
}

#[test]
fn flow_size_in_between_is_halved_where_it_pays() {
    let mut size = busy(None);
    search(&mut size, 4_324, true);
    assert!((3_900..=4_324).contains(&size.found()), "{}", size.found());
}

#[test]
fn flow_size_that_is_lost_is_tried_so_often_and_all_of_it_again_after_a_while() {
    let mut size = busy(None);
    let tried = search(&mut size, 1_472, false);
    assert_eq!(config().size_losses, 3);
    assert_eq!(tried[..4], [65_507, 65_507, 65_507, 8_972]);
    let again = ms(config().size_again_ms.into());
    assert_eq!(size.due(ms(u64::from(config().size_again_ms) - 1)), None);
    assert_eq!(size.due(again), Some(65_507));
}

#[test]
fn flow_size_is_not_tried_before_much_was_sent_and_after_a_rest() {
    let mut size = Both::begin(FREE, None);
    for _ in 0..1000 {
        size.on_sent(1_000);
    }
    assert_eq!(size.due(ms(0)), None, "no full packets");
    send(&mut size);
    assert!(size.due(ms(0)).is_some());
    size.rest();
    assert_eq!(size.due(ms(0)), None);
}

#[test]
fn flow_size_tries_one_at_a_time_and_nothing_beyond_the_most() {
    let most = 4_000;
    let mut size = Both::begin(Sizes { most, ..FREE }, None);
    send(&mut size);
    assert_eq!(size.due(ms(0)), Some(4_000));
    size.on_tried(1, 4_000);
    assert_eq!(size.due(ms(0)), None);
    let least = Sizes { most: 600, ..FREE };
    assert_eq!(Both::begin(least, Some(9_000)).found(), 600);
}

#[test]
fn flow_size_falls_when_larger_packets_are_lost_in_a_row() {
    let mut size = busy(Some(9_000));
    for counter in 1..config().size_hole_packets.into() {
        let lost = (counter, 9_000, ms(1));
        assert_eq!(size.on_lost(ms(50), lost), Blame::Congestion);
    }
    // One that came tells that it was something else.
    size.on_arrived(100, 9_000);
    assert_eq!(size.on_lost(ms(50), (99, 9_000, ms(1))), Blame::Congestion);
    for counter in 101..100 + u64::from(config().size_hole_packets) {
        let lost = (counter, 9_000, ms(1));
        assert_eq!(size.on_lost(ms(50), lost), Blame::Congestion);
        size.on_arrived(counter, 1_200);
    }
    let last = (200, 9_000, ms(1));
    assert_eq!(size.on_lost(ms(50), last), Blame::Fall);
    assert_eq!(size.found(), 1_200);
    let late = (201, 9_000, ms(1));
    assert_eq!(size.on_lost(ms(50), late), Blame::Size);
    let small = (202, 1_200, ms(1));
    assert_eq!(size.on_lost(ms(50), small), Blame::Congestion);
    send(&mut size);
    assert_eq!(size.due(ms(50)), None, "later");
    assert!(
        size.due(ms(50 + u64::from(config().size_hole_ms)))
            .is_some()
    );
}

#[test]
fn flow_size_falls_when_nothing_large_arrives_over_a_few_rounds() {
    let mut size = busy(Some(9_000));
    for round in 1..config().size_hole_rounds.into() {
        let lost = (round, 9_000, ms(round * 100));
        let verdict = size.on_lost(ms(round * 100 + 50), lost);
        assert_eq!(verdict, Blame::Congestion);
    }
    let lost = (10, 9_000, ms(1_000));
    assert_eq!(size.on_lost(ms(1_050), lost), Blame::Fall);
}

#[test]
fn flow_size_falls_at_once_where_the_system_refuses_what_passed() {
    let mut size = busy(Some(9_000));
    size.on_too_large(1_200);
    assert_eq!(size.found(), 9_000, "it was not for its size");
    size.on_too_large(9_000);
    assert_eq!(size.found(), 1_200);
    send(&mut size);
    assert_eq!(size.due(ms(0)), Some(8_972), "below, at once");
}
