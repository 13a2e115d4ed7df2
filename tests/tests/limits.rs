//! The limits and periods of a switch, each shown to hold.

use hydroid_core::{
    base::{Seed, Time},
    identity::SecretKey,
    switch::{
        Config, ConfigError, ConnectError, DownReason, DropReason, Ecn, Event, InstallError, Life,
        LineError, OpenError, Path, SentError, Switch, Transmit,
    },
};
use hydroid_tests::{
    rogue::Rogue,
    transfer::{CLEAN, down, opened},
    world::{SOCKET, World},
};

fn with(life: Life) -> Config {
    Config {
        life,
        ..Config::default()
    }
}

#[test]
fn limits_config_that_contradicts_itself_is_refused_by_name() {
    let refused = |config: Config| Switch::new(config, &Seed::new([0; 32])).err();
    let life = Life {
        keep_alive_ms: 40_000,
        ..Life::default()
    };
    assert_eq!(
        refused(with(life)),
        Some(ConfigError::Illegal("life.keep_alive_ms"))
    );
    let life = Life {
        datagram_bytes: 100,
        ..Life::default()
    };
    assert_eq!(
        refused(with(life)),
        Some(ConfigError::Illegal("life.datagram_bytes"))
    );
    let life = Life {
        events_max: 0,
        ..Life::default()
    };
    assert_eq!(
        refused(with(life)),
        Some(ConfigError::Illegal("life.events_max"))
    );
    assert_eq!(refused(Config::default()), None);
}

#[test]
fn limits_close_waits_no_longer_than_its_timeout() {
    let config = with(Life {
        close_timeout_ms: 700,
        ..Life::default()
    });
    let mut world = World::new(1, 2, &config, CLEAN);
    let (line, _) = world.line(0, 1);
    let now = world.now;
    let stream = world.nodes[0]
        .switch
        .open_stream(now, line, "{\"n\":0}")
        .expect("opens");
    world.nodes[0]
        .switch
        .write(now, stream, b"never arrives")
        .expect("takes it");
    world.nodes[1].online = false;
    let reserved = world.nodes[0].switch.close(now, line, 0x104, "");
    assert_eq!(reserved, Err(LineError::ReservedCode));
    world.nodes[0]
        .switch
        .close(now, line, 0, "")
        .expect("closes");
    let again = world.nodes[0].switch.open_stream(now, line, "{\"n\":1}");
    assert_eq!(
        again,
        Err(OpenError::UnknownLine),
        "a closing line takes nothing new"
    );
    assert_eq!(world.until(699, |world| down(world, 0)), None);
    assert_eq!(
        world.until(2, |world| down(world, 0)),
        Some((line, DownReason::Local))
    );
}

#[test]
fn limits_lines_that_are_down_are_forgotten_oldest_first() {
    let config = with(Life {
        down_lines_max: 2,
        ..Life::default()
    });
    let mut world = World::new(2, 2, &config, CLEAN);
    let secret = SecretKey::from_bytes(&[42; 32]);
    let mut lines = Vec::new();
    for _ in 0..4 {
        world.restart(0, &secret, &config);
        let (ours, theirs) = world.line(0, 1);
        let now = world.now;
        let stream = world.nodes[0]
            .switch
            .open_stream(now, ours, "{\"n\":0}")
            .expect("opens");
        world.nodes[0]
            .switch
            .write(now, stream, b"unread")
            .expect("takes it");
        world.until(1_000, |world| opened(world, 1)).expect("comes");
        lines.push(theirs);
    }
    let known: Vec<_> = lines
        .iter()
        .map(|line| world.nodes[1].switch.line(*line).is_some())
        .collect();
    assert_eq!(
        known,
        [false, true, true, true],
        "two that are down, and the one that is up"
    );
}

#[test]
fn limits_unread_events_keep_strangers_out() {
    let config = with(Life {
        events_max: 2,
        ..Life::default()
    });
    let mut rogue = Rogue::new(&config);
    for n in 0..3 {
        let id = 2 * n + u64::from(!rogue.is_smaller());
        rogue.send_unread(|writer| {
            writer.stream(id, 0, 2, true, |place| place.fill(0));
        });
    }
    assert!(rogue.switch.status().events >= 2);
    rogue.stranger(r#"{"open":1,"suite":"aes256gcm","line":1}"#);
    assert_eq!(rogue.switch.stats().dropped(DropReason::EventsFull), 1);
}

// S2.12, S2.26, S2.48, S2.67, S2.73
#[test]
fn limits_unreliable_packets_block_when_sent_and_drop_the_oldest_when_unread() {
    let config = with(Life {
        packets_max: 3,
        ..Life::default()
    });
    let mut world = World::new(3, 2, &config, CLEAN);
    let (line, theirs) = world.line(0, 1);
    let now = world.now;
    let packet = |n: u8| vec![0, 1, n, 7, 7];
    let switch = &mut world.nodes[0].switch;
    assert_eq!(switch.send(now, line, &[0, 9, 1]), Err(LineError::NoPacket));
    assert_eq!(
        switch.send(now, line, &[0; 1_200]),
        Err(LineError::TooLarge)
    );
    let sent: Vec<_> = (0..4).map(|n| switch.send(now, line, &packet(n))).collect();
    assert_eq!(sent, [Ok(()), Ok(()), Ok(()), Err(LineError::Blocked)]);
    world.run(100);
    let node = &mut world.nodes[0];
    let may_send = |event: &Event| (*event == Event::MaySend { line }).then_some(());
    assert!(node.take(may_send).is_some(), "who was blocked is told");
    assert!(node.take(may_send).is_none(), "once");
    world.nodes[0]
        .switch
        .send(world.now, line, &packet(9))
        .expect("there is room again");
    world.run(100);
    let now = world.now;
    let told = |world: &mut World| {
        let is_packet = |event: &Event| *event == Event::Packet { line: theirs };
        let node = &mut world.nodes[1];
        std::iter::from_fn(|| node.take(|event| is_packet(event).then_some(()))).count()
    };
    assert_eq!(told(&mut world), 1, "the first of them is told");
    let switch = &mut world.nodes[1].switch;
    assert_eq!(switch.stats().packets_unread, 1);
    assert_eq!(
        switch.recv(now, theirs, &mut [0; 2]),
        Err(LineError::TooLarge)
    );
    let mut buf = [0; 64];
    for n in [1, 2, 9] {
        assert_eq!(switch.recv(now, theirs, &mut buf), Ok(5));
        assert_eq!(buf[..5], packet(n));
    }
    assert_eq!(switch.recv(now, theirs, &mut buf), Err(LineError::Blocked));
}

#[test]
fn limits_datagrams_are_no_longer_than_the_config_says() {
    let config = with(Life {
        datagram_bytes: 900,
        datagram_most_bytes: 900,
        ..Life::default()
    });
    let mut world = World::new(4, 2, &config, CLEAN);
    world.kept = Some(Vec::new());
    let (line, _) = world.line(0, 1);
    let now = world.now;
    let stream = world.nodes[0]
        .switch
        .open_stream(now, line, "{\"n\":0}")
        .expect("opens");
    world.nodes[0]
        .switch
        .write(now, stream, &[7; 20_000])
        .expect("takes some");
    world.run(500);
    let kept = world.kept.expect("was kept");
    assert_eq!(
        kept.iter().map(|(_, _, datagram)| datagram.len()).max(),
        Some(900)
    );
}

#[test]
fn limits_commands_say_what_is_wrong() {
    let config = Config::default();
    let mut world = World::new(5, 2, &config, CLEAN);
    let (key, address) = (world.nodes[1].key, world.nodes[1].address);
    let (ours, our_key) = (world.nodes[0].hashname, world.nodes[0].key);
    let theirs = world.nodes[1].hashname;
    let switch = &mut world.nodes[0].switch;
    let six = "[2001:db8::1]:4000".parse().expect("an address");
    let now = Time::ZERO;
    assert_eq!(
        switch.connect(now, theirs, &key, &[address]),
        Err(ConnectError::NotInstalled)
    );
    assert_eq!(
        switch.connect(now, ours, &our_key, &[address]),
        Err(ConnectError::Oneself)
    );
    assert_eq!(
        switch.connect(now, ours, &key, &[]),
        Err(ConnectError::NoAddress)
    );
    assert_eq!(
        switch.connect(now, ours, &key, &[six]),
        Err(ConnectError::NoAddress)
    );
    assert_eq!(switch.status().lines, 0, "nothing was left behind");
    let secret = SecretKey::from_bytes(&[7; 32]);
    let space = hydroid_core::identity::Space::open("world").expect("legal");
    assert!(switch.install(now, &secret, &space).is_ok());
    assert_eq!(
        switch.install(now, &secret, &space),
        Err(InstallError::Twice)
    );
}

#[test]
fn limits_what_could_not_be_sent_is_counted_whatever_the_shell_says_of_it() {
    let mut world = World::new(6, 1, &Config::default(), CLEAN);
    let transmit = Transmit {
        socket: SOCKET,
        path: Path::to(world.nodes[0].address),
        ecn: Ecn::None,
        ttl: None,
        len: 0,
        segment: 0,
    };
    let now = world.now;
    let switch = &mut world.nodes[0].switch;
    switch.handle_sent_error(now, &transmit, SentError::TooLarge);
    switch.handle_sent_error(now, &transmit, SentError::Unreachable);
    assert_eq!(switch.stats().sent_errors, 2);
}
