//! One end closes a line and the other dials back at once: whatever overtakes what, whoever dialled
//! has a line that works, or hears that there is none, and soon.

use hydroid_core::switch::{Config, LineId, LineState};
use hydroid_tests::{
    seed::seed,
    transfer::{CLEAN, pattern},
    world::{Link, World},
};

/// The longest graceful end, the repetitions of a lost open, and some.
const SOON_MS: u64 = 12_000;
/// How long after the close the other dials, in microseconds: before, while and after the close
/// arrives, also after it would have come from one who waits for what was written.
const WAITS_US: [u64; 12] = [
    0, 1, 4_999, 9_999, 10_000, 10_001, 15_000, 20_000, 25_000, 40_000, 1_000_000, 3_100_000,
];

/// Opens a stream on a line of a node and writes a little into it. False if the line is over.
fn says(world: &mut World, node: usize, line: LineId, bytes: usize) -> bool {
    let now = world.now;
    let switch = &mut world.nodes[node].switch;
    let Ok(stream) = switch.open_stream(now, line, "{}") else {
        return false;
    };
    let written = switch.write(now, stream, &pattern(0, bytes));
    written.is_ok_and(|_| switch.finish(now, stream).is_ok())
}

fn is_over(world: &World, node: usize, line: LineId) -> bool {
    let info = world.nodes[node].switch.line(line);
    info.is_none_or(|info| info.state == LineState::Down)
}

/// Node 0 dials, both use the line, node 0 closes it with `bytes` still to arrive, and node 1 dials
/// back `wait_us` later.
fn dials_back(link: Link, seed: u64, bytes: usize, wait_us: u64, reason: &str) {
    let what = format!("{bytes} bytes, {wait_us} us, {reason:?}, seed {seed}");
    let mut world = World::new(seed, 2, &Config::default(), link);
    let (ours, theirs) = world.line(0, 1);
    assert!(says(&mut world, 0, ours, 3_000) && says(&mut world, 1, theirs, 3_000));
    world.run(300);
    if bytes > 0 {
        says(&mut world, 0, ours, bytes);
    }
    let now = world.now;
    let _over = world.nodes[0].switch.close(now, ours, 0, reason);
    let at = now.plus_us(wait_us);
    while world.now < at {
        let left_us = at.since_us(world.now);
        world.run(left_us / 1_000);
        if world.now < at && left_us < 1_000 {
            world.now = at;
        }
    }
    let line = world.connect(1, 0);
    let up = world.until(SOON_MS, |world| {
        let info = world.nodes[1].switch.line(line);
        let state = info.map(|info| info.state);
        let waits = matches!(state, Some(LineState::Connecting | LineState::Closing));
        (!waits).then_some(state == Some(LineState::Up))
    });
    let up = up.unwrap_or_else(|| panic!("neither up nor down: {what}"));
    if !up || !says(&mut world, 1, line, 10) {
        return;
    }
    // What was said arrives, or the line is found to be gone.
    let settled = world.until(SOON_MS, |world| {
        let arrived = world.nodes[0].switch.status().streams > 0;
        let told = world.nodes[1].switch.line(line);
        let silent = told.is_some_and(|info| info.state == LineState::Up);
        (is_over(world, 1, line) || (arrived && silent)).then_some(())
    });
    assert!(settled.is_some(), "it hangs: {what}");
}

#[test]
fn redial_by_the_other_end_comes_to_something_whenever_it_is() {
    for bytes in [0, 10, 30_000, 400_000] {
        for wait_us in WAITS_US {
            for reason in [
                "",
                "a reason that makes the last datagram longer than others",
            ] {
                dials_back(CLEAN, seed(1), bytes, wait_us, reason);
            }
        }
    }
}

#[test]
fn redial_by_the_other_end_comes_to_something_over_a_bad_link() {
    let link = Link {
        loss: 200,
        double: 50,
        jitter_us: 20_000,
        ..CLEAN
    };
    for n in 0..60 {
        for (bytes, wait_us) in [(0, 0), (0, 12_000), (5_000, 5_000), (30_000, 60_000)] {
            dials_back(link, seed(1) + n, bytes, wait_us, "enough");
        }
    }
}

/// Node 0 dials and closes the line as soon as it is up, so that the close may be the first that
/// node 1 hears of it; node 1 dials `wait_us` after the dial.
fn crosses_a_close(link: Link, seed: u64, wait_us: u64) {
    let what = format!("{wait_us} us, seed {seed}");
    let mut world = World::new(seed, 2, &Config::default(), link);
    let ours = world.connect(0, 1);
    let mut closed = false;
    let mut close = |world: &mut World| {
        if !closed && world.nodes[0].take_up().is_some() {
            let now = world.now;
            let _over = world.nodes[0].switch.close(now, ours, 0, "");
            closed = true;
        }
    };
    for _ in 0..wait_us / 1_000 {
        world.until(1, |world| {
            close(world);
            None::<()>
        });
    }
    let line = world.connect(1, 0);
    let state = |world: &World, node: usize, line| {
        let info = world.nodes[node].switch.line(line);
        info.map(|info| info.state)
    };
    let settled = world.until(SOON_MS, |world| {
        close(world);
        let state = state(world, 1, line);
        let waits = matches!(state, Some(LineState::Connecting | LineState::Closing));
        (!waits).then_some(())
    });
    assert!(settled.is_some(), "neither up nor down: {what}");
    // Whatever it came to, the ends agree about it before long.
    world.until(4 * SOON_MS, |world| {
        close(world);
        None::<()>
    });
    let ups = [0, 1].map(|node| {
        let switch = &world.nodes[node].switch;
        switch.status().lines
    });
    assert_eq!(ups[0], ups[1], "{what}");
}

#[test]
fn redial_that_crosses_a_close_which_comes_first_comes_to_something() {
    for wait_us in (0..60_000).step_by(1_000) {
        crosses_a_close(CLEAN, seed(1), wait_us);
    }
    let link = Link {
        loss: 300,
        double: 50,
        jitter_us: 30_000,
        ..CLEAN
    };
    for n in 0..100 {
        for wait_us in [0, 15_000, 30_000, 45_000] {
            crosses_a_close(link, seed(1) + n, wait_us);
        }
    }
}
