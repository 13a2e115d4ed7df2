//! New keys within a line of two switches: streams notice nothing, whatever the network does.

use hydroid_core::{
    identity::SecretKey,
    line::Suite,
    switch::{Config, DownReason, LineId, Misbehaviour},
};
use hydroid_tests::{
    rogue::Rogue,
    seed::seed,
    transfer::{CLEAN, Progress, down, opened, pump},
    world::{Link, World},
};

/// Keys are renewed after this long.
fn config(suite: Suite, after_ms: u64) -> Config {
    let mut config = Config::default();
    config.line.suite = suite;
    config.line.rekey_after_ms = after_ms;
    config.line.rekeys_min_ms = after_ms / 4;
    // Many packets, so that many are on their way while keys change.
    config.life.datagram_most_bytes = config.life.datagram_bytes;
    config
}

/// Bytes each way through one stream of a line of the nodes `from` and `to`, and the sessions that
/// the line has had in the end, at both ends.
fn exchange(world: &mut World, (from, to): (usize, usize), total: u64) -> (LineId, [u32; 2]) {
    let (line, theirs_line) = world.line(from, to);
    let now = world.now;
    let opens = world.nodes[from]
        .switch
        .open_stream(now, line, r#"{"n":0}"#);
    let ours = opens.expect("opens");
    let (mut here, mut there) = (Progress::default(), Progress::default());
    let mut theirs = None;
    let done = world.until(600_000, |world| {
        pump(world, from, ours, total, &mut here);
        theirs = theirs.or_else(|| opened(world, to));
        pump(world, to, theirs?, total, &mut there);
        (here.ended && there.ended).then_some(())
    });
    assert!(done.is_some(), "{} and {} read", here.read, there.read);
    assert_eq!((here.read, there.read), (total, total));
    let sessions = |node: usize, line| world.nodes[node].switch.line(line).map(|it| it.sessions);
    let sessions = [sessions(from, line), sessions(to, theirs_line)];
    (line, sessions.map(|it| it.expect("the line is up")))
}

#[test]
fn rekey_mid_transfer_under_either_suite_and_mixed() {
    let suites = [Suite::Aes256Gcm, Suite::ChaCha20Poly1305];
    let pairs = suites.iter().flat_map(|a| suites.map(|b| (*a, b)));
    for (ours, theirs) in pairs {
        let configs = [config(ours, 30), config(theirs, 30)];
        let mut world = World::new(20, 2, &configs[0], CLEAN);
        world.restart(1, &SecretKey::from_bytes(&[42; 32]), &configs[1]);
        for ends in [(0, 1), (1, 0)] {
            let (line, sessions) = exchange(&mut world, ends, 1_000_000);
            assert!(sessions.iter().all(|it| *it > 2), "{sessions:?}");
            assert!(sessions[0].abs_diff(sessions[1]) <= 1, "{sessions:?}");
            let now = world.now;
            let switch = &mut world.nodes[ends.0].switch;
            switch.close(now, line, 0, "").expect("closes");
            world.run(30_000);
        }
        assert_eq!(world.nodes[0].switch.stats().misbehaved, 0);
        assert_eq!(world.nodes[1].switch.stats().misbehaved, 0);
    }
}

#[test]
fn rekey_over_every_kind_of_link() {
    let first = seed(300);
    let mut rekeyed = 0;
    for n in 0..24 {
        let link = Link {
            latency_us: 1_000 * (n % 4) * 10,
            jitter_us: 3_000 * (n % 3),
            loss: 10 * (n % 5) * (n % 4),
            double: 50 * (n % 2),
            damage: 20 * (n % 3),
            ..Link::default()
        };
        let config = config(Suite::default(), 20 + 10 * (n % 7));
        let mut world = World::new(first + n, 2, &config, link);
        exchange(&mut world, (0, 1), 150_000);
        for node in &world.nodes {
            assert_eq!(node.switch.stats().misbehaved, 0, "seed {}", first + n);
            rekeyed += node.switch.stats().rekeyed;
        }
    }
    assert!(rekeyed > 100, "{rekeyed} times in all");
}

#[test]
fn rekey_both_ends_dial_at_once_and_renew() {
    let config = config(Suite::default(), 50);
    for n in 0..20 {
        let link = Link {
            latency_us: 5_000,
            jitter_us: 5_000,
            loss: 100,
            ..CLEAN
        };
        let mut world = World::new(seed(500) + n, 2, &config, link);
        world.connect(1, 0);
        exchange(&mut world, (0, 1), 50_000);
        world.run(1_000);
        for node in &world.nodes {
            let stats = node.switch.stats();
            assert_eq!((stats.misbehaved, node.switch.status().lines), (0, 1));
        }
    }
}

#[test]
fn rekey_line_at_rest_renews_only_when_it_is_used() {
    let mut config = config(Suite::default(), 1_000);
    config.life.unheld_timeout_ms = 10_000_000;
    config.life.keep_alive_ms = 5_000_000;
    config.life.idle_timeout_ms = 10_000_000;
    let mut world = World::new(1, 2, &config, CLEAN);
    let (line, _) = world.line(0, 1);
    world.run(900_000);
    let sessions = |world: &World| world.nodes[0].switch.line(line).map(|it| it.sessions);
    assert_eq!(sessions(&world), Some(1));
    let now = world.now;
    let sent = world.nodes[0].switch.send(now, line, &[0, 1, 9]);
    sent.expect("it is taken");
    world.run(1_000);
    assert_eq!(sessions(&world), Some(2));
    assert_eq!(world.nodes[1].switch.stats().rekeyed, 1);
}

#[test]
fn rekey_garbage_ends_the_line_and_a_flood_of_it_costs_little() {
    let mut config = config(Suite::default(), 1_000_000);
    config.line.rekeys_min_ms = 500;
    let mut rogue = Rogue::new(&config);
    // Within the least time between two nothing is computed, and nothing is said.
    for n in 0..1_000_u32 {
        rogue.send(|writer| {
            writer.rekey(n, &[9; 96]);
        });
    }
    assert_eq!(rogue.hear(), None);
    rogue.now = rogue.now.plus_ms(500);
    rogue.send(|writer| {
        writer.rekey(7, &[9; 96]);
    });
    let code = rogue.hear().map(|(code, _)| code);
    assert_eq!(code, Some(Misbehaviour::MalformedFrame.code()));
    for message in [&[9; 95][..], &[]] {
        let mut rogue = Rogue::new(&config);
        rogue.send(|writer| {
            writer.rekeyed(7, message);
        });
        let code = rogue.hear().map(|(code, _)| code);
        assert_eq!(code, Some(Misbehaviour::MalformedFrame.code()));
    }
}

#[test]
fn rekey_close_while_keys_are_renewed_is_told() {
    let config = config(Suite::default(), 40);
    for after in 35..60 {
        let mut world = World::new(2, 2, &config, CLEAN);
        let (line, theirs) = world.line(0, 1);
        let now = world.now;
        let opens = world.nodes[0].switch.open_stream(now, line, r#"{"n":0}"#);
        let mut at = Progress::default();
        pump(&mut world, 0, opens.expect("opens"), 3_000, &mut at);
        world.run(after);
        let now = world.now;
        let switch = &mut world.nodes[0].switch;
        let sent = switch.send(now, line, &[0, 1, 9]);
        sent.expect("it is taken");
        switch.close(now, line, 5, "enough").expect("closes");
        let told = world.until(20_000, |world| down(world, 1));
        let (code, reason) = (5, String::from("enough"));
        let closed = DownReason::Closed { code, reason };
        assert_eq!(told, Some((theirs, closed)));
    }
}
