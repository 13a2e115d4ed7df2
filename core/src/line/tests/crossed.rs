//! Two ends that open at once get one line, whatever the network does.

use super::*;

/// Walks through every sequence of choices, one run each.
#[derive(Default)]
struct Choices {
    taken: Vec<(usize, usize)>,
    at: usize,
    depth: usize,
}

impl Choices {
    fn new(depth: usize) -> Self {
        Self {
            depth,
            ..Self::default()
        }
    }

    /// One of `of` choices; the first where the run is deeper than what is walked through.
    fn choose(&mut self, of: usize) -> usize {
        if self.at >= self.depth || of < 2 {
            return 0;
        }
        if self.at == self.taken.len() {
            self.taken.push((0, of));
        }
        let (taken, was) = self.taken[self.at];
        assert_eq!(of, was, "a run is the same for the same choices");
        self.at += 1;
        taken
    }

    /// Goes to the next sequence; false if that was the last.
    fn next(&mut self) -> bool {
        self.at = 0;
        while let Some((taken, of)) = self.taken.pop() {
            if taken + 1 < of {
                self.taken.push((taken + 1, of));
                return true;
            }
        }
        false
    }
}

/// One run: both sides open, at moments that are choices too; every datagram under way may be the
/// next to arrive, and, where `late` says so, time may pass before it does.
fn run(
    choices: &mut Choices,
    late: bool,
    lost: &mut dyn FnMut(usize, usize, &[u8]) -> bool,
) -> World {
    let mut world = World::new(&Config::default());
    let mut to_open = vec![0, 1];
    for _ in 0..3000 {
        world.collect(lost);
        let flights = world.flights.len();
        let opens = to_open.len();
        let can_wait = late && flights > 0 && world.deadline().is_some();
        let choice = choices.choose(flights + opens + usize::from(can_wait));
        if choice < opens {
            world.open(to_open.remove(choice));
        } else if choice < opens + flights {
            world.deliver(choice - opens, lost);
        } else if !world.advance() {
            return world;
        }
    }
    panic!("it never comes to rest");
}

fn for_each(depth: usize, mut check: impl FnMut(&mut Choices)) -> usize {
    let mut choices = Choices::new(depth);
    let mut runs = 1;
    check(&mut choices);
    while choices.next() {
        check(&mut choices);
        runs += 1;
    }
    runs
}

#[test]
fn line_crossed_opens_make_one_line_in_every_order() {
    let runs = for_each(9, |choices| {
        run(choices, false, &mut keep).assert_one_line();
    });
    std::println!("{runs} orders");
    assert!(runs > 200);
}

#[test]
fn line_crossed_opens_make_one_line_however_late_datagrams_are() {
    let runs = for_each(6, |choices| run(choices, true, &mut keep).assert_one_line());
    std::println!("{runs} orders");
    assert!(runs > 200);
}

#[test]
fn line_crossed_opens_make_one_line_whichever_datagram_is_lost() {
    let mut runs = 0;
    for one in 0..14 {
        runs += for_each(6, |choices| {
            let mut lost = |_, number, _: &[u8]| number == one;
            run(choices, false, &mut lost).assert_one_line();
        });
        runs += for_each(4, |choices| {
            let mut lost = |_, number, _: &[u8]| number == one;
            run(choices, true, &mut lost).assert_one_line();
        });
    }
    std::println!("{runs} orders");
    assert!(runs > 1000);
}

/// True for the bytes of an open.
fn is_open(bytes: &[u8]) -> bool {
    kind_of(bytes) == Ok(Some(Kind::Open))
}

#[test]
fn line_crossed_opens_make_one_line_where_the_opens_of_one_side_never_arrive() {
    for blocked in 0..2 {
        for_each(6, |choices| {
            let mut lost = |from, _, bytes: &[u8]| from == blocked && is_open(bytes);
            let mut world = run(choices, false, &mut lost);
            world.assert_one_line();
            assert!(!world.sides[blocked].ups[0].1);
        });
    }
}

#[test]
fn line_crossed_opens_make_one_line_through_a_router_that_waits_for_its_own_side() {
    // What comes from one side passes only after the other has sent something.
    for behind in 0..2 {
        for_each(6, |choices| {
            let mut is_through = false;
            let mut lost = |from, _, _: &[u8]| {
                is_through |= from == behind;
                from != behind && !is_through
            };
            run(choices, false, &mut lost).assert_one_line();
        });
    }
}

#[test]
fn line_crossed_opens_make_one_line_where_one_direction_opens_late() {
    // The first datagrams of one direction are lost, up to where its opens end.
    for blocked in 0..2 {
        for most in 1..12 {
            for depth in [0, 3] {
                for_each(depth, |choices| {
                    let mut seen = 0;
                    let mut lost = |from, _, _: &[u8]| {
                        seen += usize::from(from == blocked);
                        from == blocked && seen <= most
                    };
                    let mut world = run(choices, false, &mut lost);
                    if world.sides.iter().all(|side| side.downs.is_empty()) {
                        world.assert_one_line();
                    } else {
                        assert!(most >= 7, "{most} datagrams of {blocked} were lost");
                    }
                });
            }
        }
    }
}

#[test]
fn line_crossed_opens_leave_nothing_where_one_direction_is_blocked() {
    for blocked in 0..2 {
        for_each(6, |choices| {
            let world = run(choices, false, &mut |from, _, _| from == blocked);
            for side in &world.sides {
                assert_eq!(
                    (&*side.ups, &*side.downs),
                    (&[][..], &[Down::Unreachable][..])
                );
            }
            world.assert_nothing();
        });
    }
}

#[test]
fn line_crossed_opens_make_one_line_over_a_network_that_loses_and_mixes() {
    let mut rng = Rng::new(&Seed::new([seed() as u8; 32]));
    let mut whole = 0;
    for _ in 0..150 {
        let (seed, share) = (rng.u64(), rng.below(50));
        let mut dice = Rng::new(&Seed::new([seed as u8; 32]));
        let mut world = World::new(&Config::default());
        world.open(0);
        if rng.below(4) > 0 {
            world.now = world.now.plus_ms(rng.below(3000));
            world.open(1);
        }
        let mut lost = |_, _, _: &[u8]| dice.below(100) < share;
        for _ in 0..400 {
            world.collect(&mut lost);
            let flights = world.flights.len() as u64;
            if flights > 0 && rng.below(4) > 0 {
                let flight = rng.below(flights) as usize;
                if rng.below(10) == 0 {
                    let copy = world.flights[flight].clone();
                    world.flights.push(copy);
                }
                world.deliver(flight, &mut lost);
            } else {
                world.advance();
            }
        }
        world.settle(&mut keep);
        if world.sides.iter().all(|side| side.downs.is_empty()) {
            world.assert_one_line();
            whole += 1;
        }
    }
    assert!(whole > 75, "{whole} of 150 runs went through");
}

#[test]
fn line_open_that_is_nearly_given_up_waits_for_the_proof_of_the_other() {
    // The opens of one side never arrive, and the other side opens just before that one gives up.
    for late in 0..2 {
        let mut world = World::new(&Config::default());
        let mut lost = |from, _, bytes: &[u8]| from != late && is_open(bytes);
        world.open(1 - late);
        while world.now < Time::ZERO.plus_ms(4700) {
            world.collect(&mut lost);
            world.advance();
        }
        world.open(late);
        // Nothing more arrives until the first side would have given up, only the other's open.
        world.collect(&mut lost);
        world.deliver(0, &mut lost);
        while world.now < Time::ZERO.plus_ms(5000) {
            assert!(world.advance());
        }
        world.settle(&mut lost);
        world.assert_one_line();
    }
}

#[test]
fn line_that_goes_on_by_another_path_since_opens_crossed_says_so() {
    for (elsewhere, moved) in [(false, None), (true, Some(Departure::Dead))] {
        let mut world = World::new(&Config::default());
        let (mut lost, mut fx) = (keep, effects());
        // Side 0 has answered before it opens, so that both handshakes are completed.
        world.open(1);
        world.collect(&mut lost);
        world.deliver(0, &mut lost);
        world.open(0);
        world.collect(&mut lost);
        // The answer to side 1, the open to it, and the answer to that.
        for _ in 0..3 {
            world.deliver(0, &mut lost);
            world.sides.iter_mut().for_each(|side| side.ping_at = None);
            world.collect(&mut lost);
        }
        let [a, b] = [0, 1].map(|of| world.up(of).expect("each has its own"));
        let now = world.now;
        let route = route_to(if elsewhere { 9 } else { 0 });
        let mut proof = seal(&mut world.sides[0].lines, a, &[PING]);
        let other = seal(&mut world.sides[1].lines, b, &[PING]);
        let lines = &mut world.sides[1].lines;
        lines.unseal(now, route, &mut proof, &mut fx).unwrap();
        let paths = drain(&mut fx);
        let expected = moved.map(|_| Effect::Paths { slot: b, moved });
        assert_eq!(paths, Vec::from_iter(expected));
        assert_eq!(lines.info(b).unwrap().route, route);
        let first = lines.paths(b).next().unwrap();
        assert_eq!((first.route, first.proven), (route, true));
        // The other handshake does not count, wherever its proof comes from.
        let lines = &mut world.sides[0].lines;
        let mut proof = other;
        lines.unseal(now, route_to(8), &mut proof, &mut fx).unwrap();
        assert_eq!(drain(&mut fx), []);
        assert_eq!(lines.info(a).unwrap().route, route_to(1));
    }
}
