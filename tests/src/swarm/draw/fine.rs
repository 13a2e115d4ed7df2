//! Two to four switches with tight limits, and what their applications do at any moment.

use super::{Act, Config, Draw, Life, Link, Moving, Plan, Profile};

/// How long a healed world may take to have everything done: two idle timeouts and some.
const HEALING_MS: u64 = 150_000;

pub(super) fn plan(draw: &mut Draw, seed: u64) -> Plan {
    let nodes = 2 + draw.below(3) as u8;
    let link = Link {
        latency_us: draw.below(60_000),
        jitter_us: draw.rate(20_000),
        loss: draw.rate(200),
        double: draw.rate(100),
        damage: draw.rate(50),
        ..Link::default()
    };
    let config = config(draw);
    // How many of four kinds of fault happen; the others are spared.
    let faults = draw.below(5);
    for _ in 0..nodes {
        let to = draw.other(0, nodes);
        draw.push(0, Act::Connect { to });
    }
    for _ in 0..40 + draw.below(160) {
        operation(draw, nodes, faults);
        draw.at_us += match draw.below(5) {
            0 => 0,
            1 => draw.below(2_000),
            2 => draw.below(60_000),
            3 => draw.below(1_000_000),
            _ => draw.below(4_000_000),
        };
    }
    Plan {
        seed,
        profile: Profile::Fine,
        nodes,
        closed: false,
        buffer_bytes: draw.of(&[1_200, 1_500, 5_000, 65_536]),
        link,
        safety_ms: draw.at_us / 1_000,
        healing_ms: [0, HEALING_MS],
        rates: vec![faults],
        kept: Vec::new(),
        configs: vec![config],
        operations: std::mem::take(&mut draw.operations),
    }
}

fn operation(draw: &mut Draw, nodes: u8, faults: u64) {
    let node = draw.node(nodes);
    let mut kind = draw.below(100);
    if kind > 90 && draw.below(4) >= faults {
        kind = 27 + draw.below(58);
    }
    let to = draw.other(node, nodes);
    let (line, stream) = (draw.pick(), draw.pick());
    let code = draw.below(100);
    let bytes = [draw.below(10), draw.below(3_000), draw.below(200_000)][draw.below(3) as usize];
    let ms = [draw.below(300), draw.below(10_000), draw.below(200_000)][draw.below(3) as usize];
    let act = match kind {
        0..10 => Act::Connect { to },
        10..13 => Act::Close { line, code: 5 },
        13..27 => Act::Open {
            line,
            count: draw.of(&[1, 1, 1, 5, 80]),
        },
        27..50 => Act::Write {
            stream,
            bytes,
            finish: kind < 32,
        },
        50..60 => Act::Read { stream, bytes },
        60..64 => Act::Reset { stream, code },
        64..68 => Act::Stop { stream, code },
        68..72 => Act::Answer { stream },
        72..85 => Act::Pump,
        85..89 => Act::Send { line },
        89..91 => Act::Receive { line },
        91..92 => Act::Restart { kept: false },
        92..94 => Act::Silence { ms },
        94..96 => Act::Move {
            host: draw.of(&[0, 1, 1, 1]) * (1 + draw.below(200) as u8),
            how: draw.of(&[Moving::Told, Moving::Untold, Moving::Outside]),
        },
        96 => draw.address(),
        97 => draw.one_way(to, ms),
        98 => draw.shrink(to, ms),
        _ => Act::Cut {
            to,
            ways: [true, false],
            ms,
        },
    };
    draw.push(node, act);
}

/// A config that is legal and tight, so that limits are met.
fn config(draw: &mut Draw) -> Config {
    const DOWN_LINES: u32 = 1_000;
    let mut config = Config::default();
    if draw.chance(50) {
        draw.tight_streams(&mut config);
    }
    if draw.chance(50) {
        draw.tight_memory(&mut config, DOWN_LINES.into());
    }
    config.life = Life {
        close_timeout_ms: 500 + draw.below(6_000),
        down_lines_max: DOWN_LINES,
        packets_max: 1 + draw.below(4) as u32,
        datagram_bytes: 600 + draw.below(600) as u16,
        datagram_most_bytes: draw.of(&[1_200, 3_000, 65_507]),
        ..Life::default()
    };
    draw.hasty_sizes(&mut config);
    config
}
