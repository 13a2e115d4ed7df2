//! Small stories whose tapes are committed: what they send and tell changes only on purpose.

use hydroid_core::{
    base::{Rng, Seed},
    identity::{Admission, Gate, Refusal, Roles, SecretKey, Space},
    line::{Provider, Suite},
    switch::{Config, DownReason, Event, LineError, LineState, SpaceEvent},
    tape,
};
use hydroid_tests::{
    transfer::{CLEAN, Progress, down, opened, pump},
    world::{Link, World},
};

/// Whose tapes they are, and the tapes, each of one switch from its birth on.
pub(crate) type Tapes = Vec<(usize, Vec<u8>)>;
/// A story: what is recorded while switches with this arithmetic live it.
pub(crate) type Scenario = fn(&'static dyn Provider) -> Tapes;

/// What the wall clocks show when a world begins.
const START_S: u64 = 1_700_000_000;

fn secret(n: usize) -> SecretKey {
    SecretKey::from_bytes(&[n as u8 + 1; 32])
}

/// A world in which everything is recorded.
fn world(provider: &'static dyn Provider, count: usize, config: &Config, link: Link) -> World {
    let tape = tape::Config::default();
    World::recorded(7, vec![provider; count], config, link, &tape)
}

/// A few bytes each way through a stream that node 0 opens.
fn echo(world: &mut World, line: hydroid_core::switch::LineId, bytes: u64) {
    let now = world.nodes[0].time(world.now);
    let switch = &mut world.nodes[0].switch;
    let ours = switch.open_stream(now, line, r#"{"echo":1}"#);
    let ours = ours.expect("opens");
    let (mut here, mut there) = (Progress::default(), Progress::default());
    let mut theirs = None;
    let done = world.until(60_000, |world| {
        pump(world, 0, ours, bytes, &mut here);
        theirs = theirs.or_else(|| opened(world, 1));
        pump(world, 1, theirs?, bytes, &mut there);
        (here.ended && there.ended).then_some(())
    });
    assert_eq!(done, Some(()), "{here:?} and {there:?}");
}

fn close(mut world: World, line: hydroid_core::switch::LineId) -> Tapes {
    let now = world.nodes[0].time(world.now);
    let closed = world.nodes[0].switch.close(now, line, 7, "enough");
    closed.expect("closes");
    world.run(5_000);
    world.tapes()
}

/// A handshake, a stream that is answered, an unreliable packet, and the end.
pub(crate) fn echoes(provider: &'static dyn Provider) -> Tapes {
    let mut world = world(provider, 2, &Config::default(), CLEAN);
    let (line, theirs) = world.line(0, 1);
    echo(&mut world, line, 200);
    let now = world.now;
    let sent = world.nodes[0].switch.send(now, line, b"\0\0hello");
    sent.expect("is taken");
    world.run(100);
    let now = world.now;
    let mut buf = [0; 16];
    let got = world.nodes[1].switch.recv(now, theirs, &mut buf);
    assert_eq!(got, Ok(7));
    close(world, line)
}

/// A link that loses, doubles, damages and reorders, and keys that are soon used up.
pub(crate) fn loses(provider: &'static dyn Provider) -> Tapes {
    let mut config = Config::default();
    config.line.suite = Suite::ChaCha20Poly1305;
    config.line.rekey_after_packets = 6;
    config.line.rekeys_min_ms = 20;
    config.life.datagram_bytes = 600;
    let link = Link {
        loss: 120,
        double: 60,
        damage: 60,
        jitter_us: 8_000,
        ..CLEAN
    };
    let mut world = world(provider, 2, &config, link);
    let (line, _) = world.line(0, 1);
    for _ in 0..2 {
        echo(&mut world, line, 800);
        world.run(300);
    }
    let stats = world.nodes[0].switch.stats();
    assert!(stats.rekeyed > 0 && stats.packets_lost > 0, "{stats:?}");
    close(world, line)
}

/// A closed space: its founder lets somebody in, and puts him out.
pub(crate) fn kicks(provider: &'static dyn Provider) -> Tapes {
    let mut world = world(provider, 2, &Config::default(), CLEAN);
    let founder = Admission::found(&secret(0), "club", Gate::new([1; 32])).expect("legal");
    let member = founder.admit(&secret(0), &secret(1).public(), Roles::SPACER, 0);
    let now = world.now;
    for (n, admission) in [(0, &founder), (1, &member.expect("signs"))] {
        let node = &mut world.nodes[n];
        let local = node.switch.install_member(now, &secret(n), admission);
        (node.hashname, node.key) = (local.expect("installs"), secret(n).public());
    }
    let (line, theirs) = world.line(0, 1);
    echo(&mut world, line, 100);
    let kicked = founder.revoke(&secret(0), &[secret(1).public()], Gate::new([2; 32]));
    let (now, local) = (world.now, world.nodes[0].hashname);
    let renewed = world.nodes[0]
        .switch
        .renew(now, local, &kicked.expect("signs"));
    renewed.expect("the founder is a member");
    let end = world.until(5_000, |world| down(world, 1));
    assert!(end.is_some_and(|(line, _)| line == theirs), "he is put out");
    world.run(5_000);
    world.tapes()
}

/// A member of a closed space hears that somebody else was put out; then its own time is over.
pub(crate) fn expels(provider: &'static dyn Provider) -> Tapes {
    let mut config = Config::default();
    config.line.membership_skew_ms = 100;
    let mut world = world(provider, 2, &config, CLEAN);
    let founder = Admission::found(&secret(0), "club", Gate::new([1; 32])).expect("legal");
    let until_s = START_S + 4;
    let member = founder.admit(&secret(0), &secret(1).public(), Roles::SPACER, until_s);
    let now = world.now;
    for (n, admission) in [(0, &founder), (1, &member.expect("signs"))] {
        let node = &mut world.nodes[n];
        let local = node.switch.install_member(now, &secret(n), admission);
        (node.hashname, node.key) = (local.expect("installs"), secret(n).public());
    }
    let (_, theirs) = world.line(0, 1);
    let kicked = founder.revoke(&secret(0), &[secret(2).public()], Gate::new([2; 32]));
    let (now, local) = (world.now, world.nodes[0].hashname);
    let founder = &mut world.nodes[0].switch;
    let renewed = founder.renew(now, local, &kicked.expect("signs"));
    renewed.expect("the founder is a member");
    let local = world.nodes[1].hashname;
    let (version, why) = (2, Refusal::Expired);
    for event in [
        SpaceEvent::Renewed { local, version },
        SpaceEvent::Expelled { local, why },
    ] {
        let told = world.until(10_000, |world| world.nodes[1].take(space_event));
        assert_eq!(told, Some(event));
    }
    let end = world.until(1_000, |world| down(world, 1));
    assert!(end.is_some_and(|(line, _)| line == theirs), "it is out");
    world.tapes()
}

fn space_event(event: &Event) -> Option<SpaceEvent> {
    let Event::Space(event) = event else {
        return None;
    };
    Some(event.clone())
}

/// The peer of a line that is kept starts again, with what it kept, and then without a word from
/// before.
pub(crate) fn restarts(provider: &'static dyn Provider) -> Tapes {
    let config = Config::default();
    let mut world = world(provider, 2, &config, CLEAN);
    world.restart(1, &secret(1), &config);
    let (key, address) = (world.nodes[1].key, world.nodes[1].address);
    let node = &mut world.nodes[0];
    let kept = node
        .switch
        .keep_line(world.now, node.hashname, &key, &[address]);
    kept.expect("a line to keep");
    let up = |world: &mut World| world.until(30_000, |world| world.nodes[0].take_up());
    let first = up(&mut world).expect("comes up");
    echo(&mut world, first, 100);
    world.restart_kept(1, &secret(1), &config);
    let second = up(&mut world).expect("comes up again");
    assert_ne!(first, second);
    let (_, why) = down(&mut world, 0).expect("the first is over");
    assert_eq!(why, DownReason::Restarted);
    world.nodes[1].events.clear();
    echo(&mut world, second, 100);
    let peer = world.nodes[1].hashname;
    let node = &mut world.nodes[0];
    node.switch.forget_line(world.now, node.hashname, peer);
    close(world, second)
}

/// A machine sleeps, wakes elsewhere, and says so or not; its line goes on.
pub(crate) fn roams(provider: &'static dyn Provider) -> Tapes {
    // What is asked of a path that may be dead makes the longest part of the tape.
    let mut config = Config::default();
    config.line.path_grace_ms = 1;
    let mut world = world(provider, 2, &config, CLEAN);
    let (line, _) = world.line(0, 1);
    echo(&mut world, line, 100);
    world.move_to(0, ([10, 1, 0, 5], 4000).into(), true);
    world.run(300);
    world.sleep(0);
    world.run(20_000);
    world.move_to(0, ([10, 1, 0, 6], 4001).into(), false);
    world.wake(0, false);
    world.run(2_000);
    assert_eq!(world.nodes[0].switch.stats().sleeps, 1);
    let state = world.nodes[0].switch.line(line).map(|info| info.state);
    assert_eq!(state, Some(LineState::Up));
    echo(&mut world, line, 100);
    close(world, line)
}

/// Everybody is refused something: the program, a stranger, and whoever repeats what it overheard.
pub(crate) fn refuses(provider: &'static dyn Provider) -> Tapes {
    let mut config = Config::default();
    config.life.anon_max = 1;
    let mut world = world(provider, 3, &config, CLEAN);
    world.kept = Some(Vec::new());
    let (line, _) = world.line(0, 1);
    let (now, nowhere) = (world.now, world.nodes[1].hashname);
    let key = world.nodes[1].key;
    let switch = &mut world.nodes[0].switch;
    assert!(switch.connect(now, nowhere, &key, &[]).is_err());
    assert!(switch.open_stream(now, line, r#"{"n":1.5}"#).is_err());
    let reserved = switch.close(now, line, 0x101, "");
    assert_eq!(reserved, Err(LineError::ReservedCode));
    let closed = Space::closed("club", &[secret(2).public()]).expect("legal");
    assert!(switch.install(now, &secret(5), &closed).is_err());
    assert!(switch.restore(now, "peers", b"no such thing").is_err());
    let kept = world.kept.take().expect("was kept");
    let stranger = world.nodes[2].address;
    let mut rng = Rng::new(&Seed::new([9; 32]));
    for (_, _, datagram) in kept.iter().take(3) {
        let mut turned = datagram.clone();
        turned[datagram.len() / 2] ^= 1 << rng.below(8);
        world.inject(stranger, 0, &turned);
        world.inject(stranger, 0, datagram);
    }
    for text in [
        r#"{"open":9,"suite":"x","line":1}"#,
        r#"{"hello":"you"}"#,
        r#"{"a":1,"a":2}"#,
    ] {
        let head = (text.len() as u16).to_be_bytes();
        world.inject(stranger, 0, &[&head, text.as_bytes(), &[0; 80]].concat());
    }
    world.inject(stranger, 0, &[]);
    world.inject(
        stranger,
        0,
        &[0, 4, 1, 2, 3, 4, 0, 0, 0, 0, 0, 0, 0, 9, 1, 2],
    );
    world.run(200);
    assert!(world.nodes[0].switch.stats().dropped_in_all() >= 8);
    echo(&mut world, line, 100);
    close(world, line)
}
