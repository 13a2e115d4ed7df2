//! Two or three machines that keep lines to each other. One thing happens after another, so that
//! what a line died of can be told.

use super::{Act, Config, Draw, Life, Link, Moving, Plan, Profile};
use crate::swarm::cuts::{LONG_MS, SHORT_MS};

/// How long a healed world may take: the longest redial, an idle time, and some.
const HEALING_MS: u64 = 45_000;

pub(super) fn plan(draw: &mut Draw, seed: u64) -> Plan {
    let nodes = 2 + draw.below(2) as u8;
    let configs = (0..nodes).map(|_| config(draw)).collect();
    let link = Link {
        latency_us: 1_000 + draw.below(40_000),
        jitter_us: draw.below(10_000),
        loss: draw.below(20),
        double: draw.below(20),
        damage: draw.below(10),
        ..Link::default()
    };
    let mut kept = vec![(0, 1)];
    kept.extend((1..nodes).map(|node| (node, (node + 1) % nodes)));
    draw.at_us = 200_000;
    for _ in 0..10 + draw.below(15) {
        operation(draw, nodes, link);
        let gap_ms = draw.of(&[0, 5, 200, 2_000]);
        draw.at_us += 1_000 * draw.below(gap_ms + 1);
    }
    Plan {
        seed,
        profile: Profile::Kept,
        nodes,
        closed: false,
        buffer_bytes: 64 << 10,
        link,
        safety_ms: draw.at_us / 1_000,
        healing_ms: [HEALING_MS; 2],
        rates: Vec::new(),
        kept,
        configs,
        operations: std::mem::take(&mut draw.operations),
    }
}

fn operation(draw: &mut Draw, nodes: u8, calm: Link) {
    let node = draw.node(nodes);
    let line = draw.pick();
    let mut lasts_ms = 0;
    let act = match draw.below(100) {
        0..30 => Act::Open {
            line,
            count: 1 + draw.below(4) as u8,
        },
        30..62 => {
            let most = 16 << draw.below(10);
            Act::WriteAll {
                bytes: draw.below(most),
                finish: draw.below(3) == 0,
            }
        }
        62..70 => {
            lasts_ms = draw.below(6_000);
            let link = Link {
                loss: 150,
                double: draw.below(100),
                damage: draw.below(30),
                ..calm
            };
            Act::Weather { link, ms: lasts_ms }
        }
        70..77 => {
            lasts_ms = draw.below(1_000);
            Act::Restart {
                kept: draw.chance(50),
            }
        }
        77..85 => {
            lasts_ms = silence(draw);
            Act::Sleep {
                ms: lasts_ms,
                counted: draw.chance(50),
            }
        }
        85..91 => {
            lasts_ms = silence(draw);
            Act::Silence { ms: lasts_ms }
        }
        91..95 => Act::Move {
            host: 100 + draw.below(100) as u8,
            how: Moving::Told,
        },
        _ => Act::Close { line, code: 5 },
    };
    draw.push(node, act);
    draw.at_us += 1_000 * lasts_ms;
}

/// How long a silence takes: so short that no line dies of it, if nothing happened just before, or
/// so long that lines do.
fn silence(draw: &mut Draw) -> u64 {
    if draw.below(3) == 0 {
        LONG_MS + draw.below(LONG_MS)
    } else {
        draw.below(SHORT_MS)
    }
}

/// A machine's own choices: the ends of a line need not agree about any of them.
fn config(draw: &mut Draw) -> Config {
    let mut config = Config::default();
    draw.hasty_keys(&mut config);
    config.life = Life {
        redial_most_ms: 5_000,
        keep_every_ms: 100 + draw.below(1_000),
        ..Life::default()
    };
    config
}
