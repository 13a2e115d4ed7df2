//! A few members of one tree: they join by any of them, say something, leave, fall silent and start
//! again.

use super::{Act, Config, Draw, Link, Plan, Profile};

const NODES: u8 = 7;
const SAFETY_MS: u64 = 20_000;
/// Longer than a parent is shut out that was cut off; then what was said spreads.
const HEALING_MS: [u64; 2] = [25_000, 3_000];
const OPERATIONS: u64 = 60;
/// The kinds of operations without those of faults, and how much of each.
const COMMON: [u64; 4] = [8, 2, 2, 12];
const FAULTS: usize = 5;

pub(super) fn plan(draw: &mut Draw, seed: u64) -> Plan {
    let link = Link {
        latency_us: 5_000 + draw.below(40_000),
        jitter_us: draw.rate(5_000),
        loss: draw.rate(20),
        double: draw.rate(20),
        damage: draw.rate(10),
        reorder: draw.rate(30),
        reorder_us: draw.below(20_000),
        ..Link::default()
    };
    for node in 0..NODES {
        let to = draw.other(node, NODES);
        draw.push(node, Act::Join { to });
    }
    let mut rates = COMMON.to_vec();
    rates.extend((0..FAULTS).map(|_| draw.of(&[0, 1, 2, 4])));
    for _ in 0..OPERATIONS {
        draw.at_us += draw.below(SAFETY_MS * 2_000 / OPERATIONS);
        if draw.at_us < SAFETY_MS * 1_000 {
            operation(draw, &rates);
        }
    }
    let mut config = Config::default();
    config.tree.place.arity = draw.of(&[2, 2, 3, 4]);
    // A line to somebody who is dead is over before everything is demanded.
    config.life.keep_alive_ms = 2_000;
    config.life.idle_timeout_ms = 6_000;
    config.life.unheld_timeout_ms = 4_000;
    Plan {
        seed,
        profile: Profile::Tree,
        nodes: NODES,
        closed: false,
        buffer_bytes: 64 << 10,
        link,
        safety_ms: SAFETY_MS,
        healing_ms: HEALING_MS,
        rates,
        kept: Vec::new(),
        configs: vec![config],
        operations: std::mem::take(&mut draw.operations),
    }
}

fn operation(draw: &mut Draw, rates: &[u64]) {
    let node = draw.node(NODES);
    let to = draw.other(node, NODES);
    let ms = [draw.below(300), draw.below(3_000), draw.below(8_000)][draw.below(3) as usize];
    let kept = draw.chance(50);
    let act = match draw.weighted(rates) {
        0 => Act::Join { to },
        1 => Act::Meet { to },
        2 => Act::Leave,
        3 => Act::Broadcast {
            bytes: [draw.below(20), draw.below(2_000), draw.below(60_000)][draw.below(3) as usize]
                as u32,
        },
        4 => Act::Restart { kept },
        5 => Act::Crash { ms, kept },
        6 => Act::Sleep {
            ms,
            counted: draw.chance(50),
        },
        7 => Act::Cut {
            to,
            ways: [true; 2],
            ms,
        },
        _ => Act::Part {
            group: draw.below(1 << NODES) as u32,
            ways: [true; 2],
            ms,
        },
    };
    draw.push(node, act);
}
