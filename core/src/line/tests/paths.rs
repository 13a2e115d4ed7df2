//! The paths of one line, alone: who is asked where, what counts as an answer, and who is left.

use super::*;
use crate::line::{path::is_same, paths::Paths};

const RTT_US: u64 = 20_000;
const LEN: usize = 39;

/// The paths of a line that is up on `route_to(1)`, and what they need.
struct Ways {
    paths: Paths,
    rng: Rng,
    config: Config,
    now: Time,
}

impl Ways {
    fn new(config: Config) -> Self {
        let mut paths = Paths::default();
        paths.start(Time::ZERO, route_to(1), &config);
        Self {
            paths,
            rng: Rng::new(&Seed::new([5; 32])),
            config,
            now: Time::ZERO,
        }
    }

    fn pace(&self) -> Pace {
        Pace {
            since: self.now,
            rtt_us: RTT_US,
        }
    }

    /// A packet of so many bytes with the highest counter so far.
    fn hear(&mut self, n: u8, len: usize) {
        let (pace, from) = (self.pace(), (route_to(n), len));
        self.paths
            .on_newest(self.now, from, pace, &self.config, &mut self.rng);
    }

    fn silence(&mut self) {
        let pace = self.pace();
        self.paths
            .on_silence(self.now, pace, &self.config, &mut self.rng);
    }

    fn answer(&mut self, n: u8, bytes: [u8; 8]) -> bool {
        let from = (&route_to(n), bytes);
        let (config, rng) = (&self.config, &mut self.rng);
        self.paths
            .on_response(self.now, from, config, rng)
            .is_some()
    }

    /// All that goes out now: where to, and which challenge.
    fn sent(&mut self) -> Vec<(Route, [u8; 8])> {
        let sent = core::iter::from_fn(|| self.paths.poll(self.now));
        sent.map(|(route, frame)| match frame {
            PathFrame::Challenge(bytes) => (route, bytes),
            PathFrame::Response(_) => panic!("nobody asked"),
        })
        .collect()
    }

    fn sent_to(&mut self, n: u8) -> Option<[u8; 8]> {
        let sent = self.sent();
        let found = sent.iter().find(|(route, _)| *route == route_to(n));
        found.map(|(_, bytes)| *bytes)
    }

    /// Runs for so long; true if the path in use became another one.
    fn run(&mut self, ms: u64) -> (bool, usize) {
        let end = self.now.plus_ms(ms);
        let (mut moved, mut sent) = (false, 0);
        while let Some(at) = self.paths.deadline().filter(|at| *at <= end) {
            self.now = self.now.max(at);
            moved |= self
                .paths
                .on_deadline(self.now, &self.config, &mut self.rng);
            let next = self.paths.deadline();
            assert!(next.is_none_or(|at| at > self.now), "{next:?} stays due");
            sent += self.sent().len();
        }
        self.now = end;
        (moved, sent)
    }

    fn routes(&self) -> Vec<Route> {
        self.paths.infos().map(|path| path.route).collect()
    }
}

#[test]
fn line_path_in_use_stays_while_it_answers_and_the_other_is_kept() {
    let mut ways = Ways::new(Config::default());
    ways.hear(2, LEN);
    let sent = ways.sent();
    let to: Vec<_> = sent.iter().map(|(route, _)| *route).collect();
    assert_eq!(to, [route_to(1), route_to(2)], "both are asked");
    ways.now = Time::from_us(RTT_US);
    assert!(!ways.answer(2, sent[1].1));
    assert!(!ways.answer(1, sent[0].1));
    assert_eq!(ways.run(5_000), (false, 0));
    let infos: Vec<_> = ways.paths.infos().collect();
    assert_eq!(infos[0].route, route_to(1));
    assert!(infos[1].proven && infos[1].rtt_us == Some(RTT_US));
}

#[test]
fn line_path_that_does_not_answer_is_left_after_three_round_trips_and_the_grace() {
    for grace_ms in [200, 50] {
        let config = Config {
            path_grace_ms: grace_ms,
            ..Config::default()
        };
        let mut ways = Ways::new(config);
        ways.hear(2, LEN);
        let asked = ways.sent_to(2).unwrap();
        ways.now = Time::from_us(RTT_US);
        assert!(!ways.answer(2, asked), "not before its time");
        let patience_us = 3 * RTT_US + grace_ms * 1000;
        ways.run((patience_us - RTT_US) / 1000 - 1);
        assert_eq!(ways.routes()[0], route_to(1));
        assert!(ways.run(1).0);
        assert_eq!(ways.routes(), [route_to(2), route_to(1)]);
    }
}

#[test]
fn line_path_that_answers_late_takes_over_at_once() {
    let mut ways = Ways::new(Config::default());
    ways.hear(2, LEN);
    let asked = ways.sent_to(2).unwrap();
    assert!(!ways.run(300).0, "nobody answered");
    assert!(ways.answer(2, asked));
    assert_eq!(ways.routes()[0], route_to(2));
}

#[test]
fn line_response_counts_only_with_its_bytes_and_on_its_path() {
    let mut ways = Ways::new(Config::default());
    ways.hear(2, LEN);
    let sent = ways.sent();
    // Crossed, of nothing, and from somewhere else.
    ways.answer(1, sent[1].1);
    ways.answer(2, sent[0].1);
    ways.answer(2, [0; 8]);
    ways.answer(3, sent[1].1);
    assert!(ways.paths.infos().skip(1).all(|path| !path.proven));
    let mut other_socket = route_to(2);
    other_socket.socket = SocketId(1);
    let (config, rng) = (&ways.config, &mut ways.rng);
    let from = (&other_socket, sent[1].1);
    let moved = ways.paths.on_response(ways.now, from, config, rng);
    assert_eq!(moved, None);
    assert!(ways.paths.infos().skip(1).all(|path| !path.proven));
    ways.answer(2, sent[1].1);
    assert!(ways.paths.infos().skip(1).all(|path| path.proven));
    // Our own address tells paths apart only where both sides know it.
    let with = |last: u8| {
        let mut route = route_to(2);
        route.path.local = Some([127, 0, 0, last].into());
        route
    };
    assert!(is_same(&with(1), &route_to(2)) && !is_same(&with(1), &with(2)));
}

#[test]
fn line_challenge_is_no_larger_than_what_named_the_place() {
    for held in [false, true] {
        let mut ways = Ways::new(Config::default());
        ways.paths.set_held(held);
        ways.hear(2, LEN - 1);
        assert_eq!(ways.sent_to(2), None, "38 bytes ask for 39");
        ways.run(2_000);
        assert_eq!(ways.routes(), [route_to(1), route_to(2)]);
        ways.hear(2, LEN);
        assert!(ways.sent_to(2).is_some());
        // What was named once is asked once; then it is forgotten.
        let (_, sent) = ways.run(5_000);
        assert_eq!(sent, 2, "the path in use is asked again");
        assert_eq!(ways.routes(), [route_to(1)]);
    }
}

#[test]
fn line_place_that_packets_name_is_none_of_the_peers_until_it_answers() {
    let mut ways = Ways::new(Config::default());
    for (n, len) in [(2, LEN), (3, LEN - 1)] {
        ways.hear(n, len);
    }
    let asked = ways.sent_to(2).unwrap();
    let only = (vec![route_to(1)], vec![route_to(1).path.remote]);
    assert_eq!((ways.paths.everywhere(), ways.paths.remotes()), only);
    ways.answer(2, asked);
    assert_eq!(ways.paths.everywhere(), [route_to(1), route_to(2)]);
}

#[test]
fn line_path_that_a_handshake_came_on_is_proven_and_can_be_asked() {
    // One that a packet named which was too short to be answered, and one that nobody named.
    for bytes in [Some(LEN - 1), None] {
        let mut ways = Ways::new(Config::default());
        ways.paths.set_held(true);
        if let Some(bytes) = bytes {
            ways.hear(2, bytes);
        }
        ways.paths.set_active(ways.now, route_to(2), &ways.config);
        let infos: Vec<_> = ways.paths.infos().collect();
        assert_eq!((infos[0].route, infos[0].proven), (route_to(2), true));
        assert!(!infos[1].proven, "it has to show that it still works");
        ways.silence();
        assert!(ways.sent_to(2).is_some(), "it is asked when it is silent");
        // It is left for the other one and stays what it is, one that may be asked.
        ways.paths.set_active(ways.now, route_to(1), &ways.config);
        assert_eq!(
            ways.run(14_000).1,
            2,
            "what was begun where the line is now"
        );
        assert_eq!(ways.run(2_000).1, 1, "the other one is asked in its turn");
    }
}

#[test]
fn line_paths_are_few_however_many_are_named() {
    for (paths, named_ms) in [(4, 250), (2, 250), (4, 0)] {
        let config = Config {
            paths,
            path_named_ms: named_ms,
            ..Config::default()
        };
        let mut ways = Ways::new(config);
        let mut asked = 0;
        for n in 2..200 {
            ways.hear(n, LEN);
            ways.hear(1, LEN);
            asked += ways.sent().iter().filter(|it| it.0 != route_to(1)).count();
            assert!(ways.routes().len() <= paths as usize);
            asked += ways.run(10).1;
        }
        assert!(asked <= 198 * 3, "{asked}");
        if named_ms == 250 {
            assert!(
                asked < 60,
                "eight at once, then one in a quarter of a second: {asked}"
            );
        }
        ways.run(10_000);
        assert_eq!(ways.routes(), [route_to(1)], "none of them answered");
    }
}

#[test]
fn line_other_paths_are_asked_while_it_is_held_and_forgotten_after_three_rounds() {
    let config = Config {
        path_probe_ms: 10_000,
        path_again_ms: 2_000,
        ..Config::default()
    };
    let mut ways = Ways::new(config.clone());
    ways.paths.remember(&[route_to(1), route_to(2)], 16);
    ways.paths.start(Time::ZERO, route_to(1), &config);
    assert_eq!(ways.run(60_000).1, 0, "nobody holds it");
    ways.paths.set_held(true);
    let before = ways.now;
    assert_eq!(ways.run(0).1, 1, "it was due long ago");
    assert_eq!(ways.run(35_000), (false, 2), "once in ten seconds and some");
    assert!(ways.now.since_us(before) >= 30_000_000);
    assert_eq!(ways.routes(), [route_to(1)]);
}

#[test]
fn line_paths_are_all_asked_when_nothing_answers_and_the_quickest_takes_over() {
    let config = Config::default();
    let mut ways = Ways::new(config.clone());
    ways.paths
        .remember(&[route_to(1), route_to(2), route_to(3)], 16);
    ways.paths.start(Time::ZERO, route_to(1), &config);
    ways.silence();
    let sent = ways.sent();
    assert_eq!(sent.len(), 3);
    ways.now = Time::from_us(10_000);
    ways.answer(3, sent[2].1);
    ways.now = Time::from_us(20_000);
    ways.answer(2, sent[1].1);
    // Whatever comes on the path in use answers nothing; it may work one way only.
    ways.hear(1, LEN);
    assert!(ways.run(300).0);
    assert_eq!(ways.routes()[0], route_to(3));
}

#[test]
fn line_challenges_are_answered_one_a_path() {
    let mut ways = Ways::new(Config::default());
    for n in 0..20 {
        let config = ways.config.clone();
        ways.paths.on_challenge(route_to(n % 10), [n; 8], &config);
    }
    let answers: Vec<_> = core::iter::from_fn(|| ways.paths.poll(Time::ZERO)).collect();
    let expected: Vec<_> = (16..20)
        .map(|n| (route_to(n % 10), PathFrame::Response([n; 8])))
        .collect();
    assert_eq!(answers, expected);
}

/// The path in use answers after `one_ms` and the other after `two_ms`, each time that they are
/// asked; tells how often the path in use became another one.
fn moves(ways: &mut Ways, one_ms: u64, two_ms: u64, seconds: u64) -> u32 {
    ways.paths.set_held(true);
    let end = ways.now.plus_ms(seconds * 1000);
    let mut waiting = Vec::new();
    let mut moves = 0;
    while ways.now < end {
        for (route, bytes) in ways.sent() {
            let n = if route == route_to(1) { 1 } else { 2 };
            let ms = if n == 1 { one_ms } else { two_ms };
            waiting.push((ways.now.plus_ms(ms), n, bytes));
        }
        ways.now = ways.now.plus_ms(1);
        let (now, mut due) = (ways.now, Vec::new());
        waiting.retain(|it: &(Time, u8, [u8; 8])| {
            due.extend(Some(*it).filter(|it| it.0 <= now));
            it.0 > now
        });
        for (_, n, bytes) in due {
            moves += u32::from(ways.answer(n, bytes));
        }
        if ways.paths.deadline().is_some_and(|at| at <= now) {
            ways.paths.on_deadline(now, &ways.config, &mut ways.rng);
        }
    }
    moves
}

fn two_ways(config: Config) -> Ways {
    let mut ways = Ways::new(config);
    let (config, rng) = (&ways.config, &mut ways.rng);
    ways.paths.add(ways.now, route_to(2), config, rng);
    ways
}

#[test]
fn line_path_that_is_clearly_better_takes_over_and_the_other_stays_proven() {
    for (one_ms, two_ms, expected) in [
        (40, 20, 1),
        (20, 40, 0),
        (100, 91, 0),
        (100, 85, 1),
        (9, 5, 0),
    ] {
        let mut ways = two_ways(Config::default());
        let moved = moves(&mut ways, one_ms, two_ms, 120);
        assert_eq!(moved, expected, "{one_ms} and {two_ms} ms");
        let infos: Vec<_> = ways.paths.infos().collect();
        let best = if expected == 1 {
            route_to(2)
        } else {
            route_to(1)
        };
        assert_eq!(infos[0].route, best);
        assert!(infos[1].proven, "it may be needed");
    }
    let config = Config {
        path_better_percent: 50,
        path_better_ms: 1,
        ..Config::default()
    };
    assert_eq!(moves(&mut two_ways(config.clone()), 20, 11, 60), 0);
    assert_eq!(moves(&mut two_ways(config), 20, 9, 60), 1);
}

#[test]
fn line_path_has_to_be_better_so_often_in_a_row() {
    for times in [1, 5] {
        let mut ways = two_ways(Config {
            path_better_times: times,
            ..Config::default()
        });
        ways.paths.set_held(true);
        let mut answers = 0;
        let is_moved = (0..100).any(|_| {
            let sent = ways.sent();
            ways.now = ways.now.plus_ms(10);
            let moved = sent.iter().any(|(route, bytes)| {
                let is_two = *route == route_to(2);
                answers += u8::from(is_two);
                is_two && ways.answer(2, *bytes)
            });
            ways.now = ways.now.plus_ms(30);
            for (route, bytes) in &sent {
                if *route == route_to(1) {
                    ways.answer(1, *bytes);
                }
            }
            moved
        });
        assert!(is_moved);
        // The first says only that there is something to compare.
        assert_eq!(answers, times + 1);
    }
}

#[test]
fn line_path_of_a_line_that_nobody_holds_is_not_compared() {
    let mut ways = two_ways(Config::default());
    let sent = ways.sent_to(2).expect("a new one is asked");
    ways.now = ways.now.plus_ms(1);
    assert!(!ways.answer(2, sent));
    assert_eq!(ways.run(100_000), (false, 0));
}
