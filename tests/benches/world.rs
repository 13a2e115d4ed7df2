//! What a world of many switches takes: `cargo bench -p hydroid-tests --bench world`. Events a
//! second, idle seconds of nodes a second, lines set up a second, bytes of a switch.

use std::{hint::black_box, time::Instant};

use hydroid_core::{
    line::Provider,
    switch::{Config, Event, LineEvent, LineId, Read, StreamEvent, StreamId},
};
use hydroid_tests::world::{Link, StubProvider, World};

/// One way between any two.
const LINK: Link = Link {
    latency_us: 5_000,
    jitter_us: 1_000,
    ..Link::PERFECT
};

/// Processor time since then, so that a machine that has other things to do tells the same; time by
/// the clock where the system does not tell.
struct Spent(Option<u64>, Instant);

impl Spent {
    fn begun() -> Self {
        Self(Self::processor_ns(), Instant::now())
    }

    fn seconds(&self) -> f64 {
        let spent = Self::processor_ns().zip(self.0);
        spent.map_or_else(
            || self.1.elapsed().as_secs_f64(),
            |(now, then)| (now - then) as f64 / 1e9,
        )
    }

    fn processor_ns() -> Option<u64> {
        let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
        text.split_whitespace().next()?.parse().ok()
    }
}

/// A world of switches without real cryptography, whose limits are not counted at every step.
fn world(count: usize, config: &Config) -> World {
    let providers = vec![&StubProvider as &dyn Provider; count];
    let mut world = World::with_providers(1, providers, config, LINK);
    world.thorough = false;
    world
}

/// Lines from each node to the next ones, so that each holds `each` in the end; `both` ends hold
/// every line. Tells how many lines there are.
fn lines(world: &mut World, each: usize, both: bool) -> Vec<(usize, LineId)> {
    let count = world.nodes.len();
    let mut ids = Vec::new();
    for from in 0..count {
        for step in 1..=each / 2 {
            ids.push((from, world.connect(from, (from + step) % count)));
        }
    }
    world.run(2_000);
    if both {
        for to in 0..count {
            for step in 1..=each / 2 {
                ids.push((to, world.connect(to, (to + count - step) % count)));
            }
        }
        world.run(100);
    }
    while world.heard().is_some() {}
    for node in &mut world.nodes {
        let up = |event: &Event| matches!(event, Event::Line(LineEvent::Up { .. }));
        assert_eq!(node.events.iter().filter(|it| up(it)).count(), each);
        node.events.clear();
    }
    ids
}

/// Small messages and streams on the lines of so many switches.
fn events(nodes: usize) {
    const ROUNDS: u64 = 200;
    let mut world = world(nodes, &Config::default());
    let ids = lines(&mut world, 4, false);
    let mut traffic = Traffic::default();
    for (node, line) in ids.iter().step_by(2) {
        traffic.stream(&mut world, *node, *line);
    }
    traffic.run(&mut world, &ids, 20);
    let begun = (world.delivered, world.deadlines, Spent::begun());
    traffic.run(&mut world, &ids, ROUNDS);
    let (delivered, deadlines) = (world.delivered - begun.0, world.deadlines - begun.1);
    let seconds = begun.2.seconds();
    let events = delivered + deadlines;
    println!(
        "events: {nodes} switches, {} lines: {delivered} datagrams and {deadlines} deadlines in \
         {seconds:.2} s: {:.2} M events/s, {} bytes of streams, {} packets",
        ids.len(),
        events as f64 / seconds / 1e6,
        traffic.bytes,
        traffic.packets,
    );
}

/// What the applications do.
#[derive(Default)]
struct Traffic {
    streams: Vec<(usize, StreamId)>,
    bytes: u64,
    packets: u64,
    buf: Vec<u8>,
}

impl Traffic {
    fn stream(&mut self, world: &mut World, node: usize, line: LineId) {
        let now = world.nodes[node].time(world.now);
        let stream = world.nodes[node].switch.open_stream(now, line, "{\"n\":1}");
        self.streams.push((node, stream.expect("opens")));
    }

    fn run(&mut self, world: &mut World, ids: &[(usize, LineId)], rounds: u64) {
        for _ in 0..rounds {
            for (node, line) in ids {
                let now = world.now;
                let _full = world.nodes[*node]
                    .switch
                    .send(now, *line, &[0, 0, 1, 2, 3, 4]);
            }
            for (node, stream) in &self.streams {
                let now = world.now;
                let _full = world.nodes[*node].switch.write(now, *stream, &[7; 300]);
            }
            world.until(20, |world| {
                while let Some(n) = world.heard() {
                    self.hear(world, n);
                }
                None::<()>
            });
        }
    }

    fn hear(&mut self, world: &mut World, n: usize) {
        let now = world.now;
        self.buf.resize(4096, 0);
        let node = &mut world.nodes[n];
        while let Some(event) = node.events.pop_front() {
            if let Event::Packet { line } = event {
                while node.switch.recv(now, line, &mut self.buf).is_ok() {
                    self.packets += 1;
                }
            } else if let Event::Stream(
                StreamEvent::Opened { stream } | StreamEvent::Readable { stream },
            ) = event
            {
                while let Ok(Read::Bytes(len)) = node.switch.read(now, stream, &mut self.buf) {
                    self.bytes += len as u64;
                }
            }
        }
    }
}

/// Ten thousand switches that hold eight lines each and have nothing to say. `plain` ones renew no
/// keys, which the stub's are not worth, and give up no memory between two keep-alives, which costs
/// as much again as the keep-alive.
fn idle(keep_alive_ms: Option<u64>, plain: bool) {
    const NODES: usize = 10_000;
    let mut config = Config::default();
    let never_ms = 1_000_000_000;
    config.life.keep_alive_ms = keep_alive_ms.unwrap_or(never_ms);
    config.life.idle_timeout_ms = config.life.keep_alive_ms + 20_000;
    config.life.unheld_timeout_ms = never_ms;
    if plain {
        config.line.rekey_after_ms = never_ms;
        config.life.rest_after_ms = config.life.keep_alive_ms * 2;
    }
    let mut world = world(NODES, &config);
    let begun = Spent::begun();
    let held = lines(&mut world, 8, true).len();
    let seconds = begun.seconds();
    println!(
        "set-up: {} lines in {seconds:.2} s: {:.0} lines/s",
        held / 2,
        held as f64 / 2.0 / seconds
    );
    world.run(60_000);
    let simulated_s = if keep_alive_ms.is_some() { 250 } else { 86_400 };
    let begun = (world.delivered, world.deadlines, Spent::begun());
    world.run(simulated_s * 1_000);
    // Where nothing at all happens, the clock may not even tick.
    let seconds = begun.2.seconds().max(1e-6);
    let node_seconds = simulated_s as f64 * NODES as f64;
    println!(
        "idle, a keep-alive every {keep_alive_ms:?} ms, plain {plain}: {simulated_s} s of {NODES} switches in \
         {seconds:.3} s: {:.2} M node-seconds/s ({} datagrams, {} deadlines)",
        node_seconds / seconds / 1e6,
        world.delivered - begun.0,
        world.deadlines - begun.1,
    );
    black_box(world);
}

/// Bytes that switches take with all that the world keeps for them.
fn memory() {
    const NODES: usize = 1_000;
    let mut kept = None;
    let mut config = Config::default();
    config.life.unheld_timeout_ms = 1_000_000_000;
    // What all share, and what is made once, is there already.
    black_box(world(2, &config));
    let counted = allocation_counter::measure(|| kept = Some(world(NODES, &config)));
    let empty = counted.bytes_current / NODES as i64;
    let mut world = kept.expect("it was made");
    let counted = allocation_counter::measure(|| {
        for from in (0..NODES).step_by(2) {
            world.connect(from, from + 1);
        }
        world.run(10_000);
        for node in &mut world.nodes {
            node.events.clear();
            node.events.shrink_to_fit();
        }
    });
    let line = counted.bytes_current / NODES as i64;
    println!(
        "memory: a switch of the world {empty} bytes, one end of a line at rest {line} more: {} \
         bytes in all ({} bytes are the switch itself)",
        empty + line,
        size_of::<hydroid_core::switch::Switch>()
    );
}

fn main() {
    let only = std::env::args().nth(1).unwrap_or_default();
    let asked = |name: &str| only.is_empty() || only.starts_with('-') || only == name;
    if asked("memory") {
        memory();
    }
    if asked("few") {
        // As many as a seed of the swarm has; counted by the instruction this is the one to take.
        events(20);
    }
    if asked("events") {
        events(100);
        events(1_000);
    }
    if asked("idle") {
        idle(None, false);
    }
    if asked("alive") {
        idle(Some(25_000), false);
        idle(Some(25_000), true);
    }
}
