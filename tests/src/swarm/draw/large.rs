//! Twenty switches, whatever may happen to them in forty seconds, and twenty to heal.

use super::{Act, Config, Draw, Life, Link, Moving, Plan, Profile};

const NODES: u8 = 20;
const SAFETY_MS: u64 = 36_000;
const HEALING_MS: [u64; 2] = [16_000, 8_000];
/// Operations of a run.
const OPERATIONS: u64 = 300;
/// At most so many are put out of a closed space.
const KICKED_MAX: usize = 2;

/// The kinds of what applications do, and how much of each.
const APPLICATION: [u64; 9] = [4, 3, 1, 24, 30, 4, 4, 4, 8];
/// How many kinds of fault operations set off.
const FAULTS: usize = 14;

pub(super) fn plan(draw: &mut Draw, seed: u64) -> Plan {
    let closed = draw.chance(33);
    let link = calm_link(draw);
    let configs = (0..4).map(|_| config(draw)).collect();
    let mut kept: Vec<(u8, u8)> = (0..NODES).map(|n| (n, (n + 1) % NODES)).collect();
    for node in 0..NODES {
        kept.push((node, draw.other(node, NODES)));
        if closed && node > 0 {
            // From the founder everybody learns who is out.
            kept.push((node, 0));
        }
    }
    for node in 0..NODES {
        if draw.chance(50) {
            let host = 1 + draw.below(200) as u8;
            draw.push(node, Act::Give { host });
        }
    }
    let mut rates = APPLICATION.to_vec();
    rates.extend((0..FAULTS).map(|_| draw.of(&[0, 1, 2, 4, 8])));
    rates.push(if closed { 2 } else { 0 });
    for _ in 0..OPERATIONS {
        draw.at_us += draw.below(SAFETY_MS * 2_000 / OPERATIONS);
        if draw.at_us < SAFETY_MS * 1_000 {
            operation(draw, &rates);
        }
    }
    Plan {
        seed,
        profile: Profile::Large,
        nodes: NODES,
        closed,
        buffer_bytes: draw.of(&[1_200, 1_500, 5_000, 65_536]),
        link,
        safety_ms: SAFETY_MS,
        healing_ms: HEALING_MS,
        rates,
        kept,
        configs,
        operations: std::mem::take(&mut draw.operations),
    }
}

fn operation(draw: &mut Draw, rates: &[u64]) {
    let node = draw.node(NODES);
    let to = draw.other(node, NODES);
    let kind = draw.weighted(rates);
    let (line, stream) = (draw.pick(), draw.pick());
    let code = draw.below(100);
    let act = match kind {
        0 => Act::Connect { to },
        1 => Act::Close { line, code },
        2 => Act::Forget { to },
        3 => Act::Open {
            line,
            count: draw.of(&[1, 1, 2, 3, 8]),
        },
        4 => Act::WriteAll {
            bytes: [draw.below(100), draw.below(3_000), draw.below(30_000)][draw.below(3) as usize],
            finish: draw.chance(50),
        },
        5 => Act::Reset { stream, code },
        6 => Act::Stop { stream, code },
        7 => Act::Answer { stream },
        8 => Act::Send { line },
        kind if kind < APPLICATION.len() + FAULTS => fault(draw, kind - APPLICATION.len(), to),
        _ => {
            let kicks = |it: &&super::Operation| it.act == Act::Kick;
            let node = node.max(1);
            if draw.operations.iter().filter(kicks).count() < KICKED_MAX {
                draw.push(node, Act::Kick);
            }
            return;
        }
    };
    draw.push(node, act);
}

fn fault(draw: &mut Draw, kind: usize, to: u8) -> Act {
    let ms = [draw.below(300), draw.below(3_000), draw.below(15_000)][draw.below(3) as usize];
    let kept = draw.chance(50);
    match kind {
        0 => Act::Restart { kept },
        1 => Act::Crash { ms, kept },
        2 => Act::Sleep {
            ms,
            counted: draw.chance(50),
        },
        3 => Act::Silence { ms },
        4 | 5 => Act::Move {
            host: 1 + draw.below(200) as u8,
            how: draw.of(&[Moving::Told, Moving::Untold, Moving::Outside]),
        },
        6 => Act::Clock {
            ms,
            off_ms: draw.below(200_000) as i64 - 100_000,
        },
        7 => Act::Cut {
            to,
            ways: draw.of(&[[true, false], [false, true], [true, true]]),
            ms,
        },
        8 => Act::Part {
            group: draw.below(1 << NODES) as u32,
            ways: draw.of(&[[true, false], [false, true], [true, true]]),
            ms,
        },
        9 => Act::Weather {
            link: bad_link(draw),
            ms: ms / 2,
        },
        10 => Act::Bad {
            to,
            link: bad_link(draw),
            ms,
        },
        11 => draw.address(),
        12 => draw.one_way(to, ms),
        _ => draw.shrink(to, ms),
    }
}

/// How links are for most of the time.
fn calm_link(draw: &mut Draw) -> Link {
    Link {
        latency_us: 500 + draw.below(40_000),
        jitter_us: draw.rate(10_000),
        loss: draw.rate(20),
        double: draw.rate(20),
        damage: draw.rate(10),
        reorder: draw.rate(30),
        reorder_us: draw.below(50_000),
        ..Link::default()
    }
}

/// How they are for a while.
fn bad_link(draw: &mut Draw) -> Link {
    let rate_bytes_s = draw.of(&[0, 5_000, 50_000, 500_000]);
    Link {
        latency_us: draw.below(300_000),
        jitter_us: draw.rate(100_000),
        loss: draw.rate(500),
        double: draw.rate(300),
        damage: draw.rate(200),
        reorder: draw.rate(300),
        reorder_us: draw.below(500_000),
        rate_bytes_s,
        queue_bytes: draw.of(&[2_000, 20_000]),
        mtu_bytes: draw.of(&[0, 0, 300, 1_150]),
    }
}

/// Periods so short that a minute knows them all.
fn config(draw: &mut Draw) -> Config {
    let mut config = Config::default();
    draw.hasty_keys(&mut config);
    if draw.chance(50) {
        draw.tight_streams(&mut config);
    }
    config.life = Life {
        keep_alive_ms: 1_500 + draw.below(1_500),
        idle_timeout_ms: 6_000 + draw.below(3_000),
        // Longer than a peer's probes are apart: nobody else holds what only the peer keeps.
        unheld_timeout_ms: 4_000 + draw.below(2_000),
        redial_first_ms: 200 + draw.below(800),
        redial_most_ms: 2_000 + draw.below(2_000),
        close_timeout_ms: 500 + draw.below(3_000),
        keep_every_ms: 100 + draw.below(1_000),
        packets_max: 1 + draw.below(4) as u32,
        datagram_bytes: 600 + draw.below(600) as u16,
        datagram_most_bytes: draw.of(&[1_200, 3_000, 65_507]),
        ..Life::default()
    };
    draw.hasty_sizes(&mut config);
    config
}
