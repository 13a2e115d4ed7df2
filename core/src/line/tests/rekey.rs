//! New keys within a line: who asks when, what is agreed, and what a peer can make us pay.

use super::{super::rekey::SEALED_MAX, *};

/// A frame that one end wants to say about new keys.
#[derive(Clone)]
enum Said {
    Rekey(u32, Vec<u8>),
    Rekeyed(u32, Vec<u8>),
}

fn config() -> Config {
    Config {
        rekey_after_ms: 1000,
        rekeys_min_ms: 300,
        ..Config::default()
    }
}

/// A line whose keys are of this moment.
fn fresh(config: &Config) -> (World, Slot, Slot) {
    let (mut world, a, b) = connected(config);
    for (of, slot) in [(0, a), (1, b)] {
        let line = world.sides[of].lines.slots.get_mut(slot).unwrap();
        line.current.as_mut().unwrap().since = world.now;
    }
    (world, a, b)
}

fn rekey(world: &World, of: usize) -> Said {
    let slot = world.slot(of).unwrap();
    let (line, message) = world.sides[of].lines.rekey(slot).expect("it asks");
    Said::Rekey(line, message.to_vec())
}

fn rekeyed(world: &World, of: usize) -> Said {
    let slot = world.slot(of).unwrap();
    let (line, message) = world.sides[of].lines.rekeyed(slot).expect("it answers");
    Said::Rekeyed(line, message.to_vec())
}

/// A sealed packet of the side `from`, and what opening it at the other end came to.
fn packet(world: &mut World, from: usize) -> Result<Vec<Effect>, Dropped> {
    let slot = world.up(from).expect("it is up");
    let bytes = seal(&mut world.sides[from].lines, slot, &[PING]);
    open(world, 1 - from, bytes)
}

fn open(world: &mut World, of: usize, mut bytes: Vec<u8>) -> Result<Vec<Effect>, Dropped> {
    let (now, mut fx) = (world.now, effects());
    let lines = &mut world.sides[of].lines;
    lines.unseal(now, route_to(1 - of as u8), &mut bytes, &mut fx)?;
    Ok(drain(&mut fx))
}

/// The other end gets this in a packet of the side `from`. True if it has something to say to it.
fn say(world: &mut World, from: usize, said: &Said) -> Result<bool, Dropped> {
    packet(world, from).expect("it opens");
    take(world, 1 - from, said)
}

fn take(world: &mut World, of: usize, said: &Said) -> Result<bool, Dropped> {
    let (now, slot) = (world.now, world.slot(of).unwrap());
    let (lines, mut fx) = (&mut world.sides[of].lines, effects());
    match said {
        Said::Rekey(line, message) => lines.on_rekey(now, slot, *line, message),
        Said::Rekeyed(line, message) => {
            lines.on_rekeyed(now, slot, *line, message, &mut fx)?;
            Ok(!fx.is_empty())
        }
    }
}

fn renew(world: &mut World, of: usize) -> bool {
    let slot = world.slot(of).unwrap();
    world.sides[of].lines.rekey_if_due(world.now, slot)
}

fn sessions(world: &World) -> [u32; 2] {
    [0, 1].map(|of| {
        let slot = world.slot(of).unwrap();
        world.sides[of].lines.info(slot).unwrap().sessions
    })
}

/// Both ends seal under the same keys, and packets go both ways.
fn assert_agreed(world: &mut World) {
    for from in [0, 1, 0, 1] {
        packet(world, from).expect("it opens");
    }
    let keys = [0, 1].map(|of| {
        let slot = world.slot(of).unwrap();
        let line = world.sides[of].lines.slots.get(slot).unwrap();
        let current = line.current.as_ref().unwrap();
        assert!(!line.renewal.waits() && current.heard);
        (current.ours, current.theirs, current.hash)
    });
    let [(a, b, hash), (c, d, other)] = keys;
    assert_eq!((a, b, hash), (d, c, other));
}

#[test]
fn line_rekey_gives_new_keys_and_the_old_ones_are_good_for_a_while() {
    let (mut world, a, b) = fresh(&config());
    assert_eq!((renew(&mut world, 0), renew(&mut world, 1)), (false, false));
    world.now = world.now.plus_ms(1000);
    // The larger hashname leaves it to the smaller for a while.
    assert_eq!((renew(&mut world, 1), renew(&mut world, 0)), (false, true));
    assert!(!renew(&mut world, 0), "it is said once");
    let old = world.sides[0].lines.slots.get(a).unwrap().current.as_ref();
    let old = (old.unwrap().ours, old.unwrap().hash);
    let late = seal(&mut world.sides[0].lines, a, b"late");
    let asked = rekey(&world, 0);
    assert_eq!(say(&mut world, 0, &asked), Ok(true));
    assert_eq!(sessions(&world), [1, 1], "nobody has heard the other yet");
    let before = world.sides[1].lines.counter(b);
    let answer = rekeyed(&world, 1);
    assert_eq!(say(&mut world, 1, &answer), Ok(true));
    assert_eq!(sessions(&world), [2, 1]);
    let heard = packet(&mut world, 0).unwrap();
    assert_eq!(heard, [Effect::Renewed { slot: b }]);
    assert_eq!(sessions(&world), [2, 2]);
    assert_eq!(world.sides[1].lines.counter(b), before + 1, "it goes on");
    assert_eq!(open(&mut world, 1, late), Ok(vec![]));
    assert_agreed(&mut world);
    let current = world.sides[0].lines.slots.get(a).unwrap().current.as_ref();
    assert_ne!(current.unwrap().ours, old.0);
    assert_ne!(current.unwrap().hash, old.1);
    assert_eq!([0, 1].map(|of| world.sides[of].lines.ids.len()), [2, 2]);
    world.settle(&mut keep);
    assert_eq!([0, 1].map(|of| world.sides[of].lines.ids.len()), [1, 1]);
}

#[test]
fn line_at_rest_renews_nothing_and_in_use_whoever_uses_it() {
    let (mut world, a, b) = fresh(&config());
    assert_eq!([0, 1].map(|of| world.sides[of].lines.deadline()), [None; 2]);
    world.now = world.now.plus_ms(1_000_000);
    // What comes is use, too.
    let late = packet(&mut world, 1).unwrap();
    assert_eq!(late, [Effect::Renew { slot: a }]);
    let (mut world, ..) = fresh(&config());
    world.now = world.now.plus_ms(1125);
    let late = packet(&mut world, 0).unwrap();
    assert_eq!(late, [Effect::Renew { slot: b }]);
    let config = Config {
        rekey_after_packets: 8,
        rekeys_min_ms: 0,
        ..Config::default()
    };
    let (mut world, a, _) = fresh(&config);
    let sealed = |world: &World| world.sides[0].lines.counter(a);
    while !renew(&mut world, 0) {
        assert!(sealed(&world) < 8);
        packet(&mut world, 0).unwrap();
    }
    assert_eq!(sealed(&world), 8);
}

#[test]
fn line_rekeys_that_cross_leave_that_of_the_smaller() {
    for order in 0..6 {
        let (mut world, ..) = fresh(&config());
        world.now = world.now.plus_ms(2000);
        assert!(renew(&mut world, 0) && renew(&mut world, 1));
        let (ours, theirs) = (rekey(&world, 0), rekey(&world, 1));
        let stays = |world: &mut World| {
            assert_eq!(say(world, 1, &theirs), Ok(false), "the smaller's stays");
        };
        if order % 3 == 0 {
            stays(&mut world);
        }
        assert_eq!(say(&mut world, 0, &ours), Ok(true));
        if order % 3 == 1 {
            stays(&mut world);
        }
        let answer = rekeyed(&world, 1);
        let late = (order > 2).then(|| {
            let slot = world.slot(1).unwrap();
            seal(&mut world.sides[1].lines, slot, b"late")
        });
        assert_eq!(say(&mut world, 1, &answer), Ok(true));
        if order % 3 == 2 {
            // It comes when the session that it is chained to is the older one.
            stays(&mut world);
        }
        assert_agreed(&mut world);
        if let Some(late) = late {
            open(&mut world, 0, late).unwrap();
            assert_eq!(take(&mut world, 0, &theirs), Ok(false));
        }
        assert_eq!(sessions(&world), [2, 2]);
        assert_agreed(&mut world);
    }
}

#[test]
fn line_rekey_that_comes_again_gets_the_same_answer_and_too_many_get_none() {
    let (mut world, ..) = fresh(&config());
    world.now = world.now.plus_ms(1000);
    assert!(renew(&mut world, 0));
    let asked = rekey(&world, 0);
    assert_eq!(say(&mut world, 0, &asked), Ok(true));
    let Said::Rekeyed(line, message) = rekeyed(&world, 1) else {
        panic!("an answer is one");
    };
    assert_eq!(say(&mut world, 0, &asked), Ok(true));
    let Said::Rekeyed(again, same) = rekeyed(&world, 1) else {
        panic!("an answer is one");
    };
    assert_eq!((line, message), (again, same));
    let ids = world.sides[1].lines.ids.len();
    // Another one, within the least time between two: nothing is computed.
    let other = Said::Rekey(7, vec![9; 96]);
    for _ in 0..1000 {
        assert_eq!(say(&mut world, 0, &other), Ok(false));
    }
    assert_eq!(world.sides[1].lines.ids.len(), ids);
    // An end that is not answered says it again.
    assert!(!renew(&mut world, 0));
    world.now = world.now.plus_ms(1000);
    assert!(renew(&mut world, 0));
    // Later garbage ends the line, and so does what has another length at any time.
    assert_eq!(say(&mut world, 0, &other), Err(Dropped::BadTag));
    let short = Said::Rekey(7, vec![0; 95]);
    assert_eq!(say(&mut world, 0, &short), Err(Dropped::Malformed));
    assert_eq!(world.sides[1].lines.ids.len(), ids);
}

#[test]
fn line_rekeyed_that_nobody_asked_for_is_nothing_and_garbage_ends_the_line() {
    let (mut world, ..) = fresh(&config());
    let garbage = Said::Rekeyed(7, vec![9; 48]);
    assert_eq!(say(&mut world, 1, &garbage), Ok(false));
    world.now = world.now.plus_ms(1000);
    assert!(renew(&mut world, 0));
    let short = Said::Rekeyed(7, vec![0; 47]);
    assert_eq!(say(&mut world, 1, &short), Err(Dropped::Malformed));
    assert_eq!(say(&mut world, 1, &garbage), Err(Dropped::BadTag));
    // The rekey is gone with it, so that more of it costs nothing.
    assert_eq!(take(&mut world, 0, &garbage), Ok(false));
    assert_eq!(world.sides[0].lines.ids.len(), 1);
}

#[test]
fn line_rekey_of_another_key_is_refused() {
    let (mut world, _, b) = fresh(&config());
    world.now = world.now.plus_ms(1000);
    // The peer of the line has the hash, and somebody else's key.
    let hash = world.sides[1].lines.slots.get(b).unwrap().current.as_ref();
    let prologue = super::super::rekey::prologue(&hash.unwrap().hash);
    let mut rng = Rng::new(&Seed::new([9; 32]));
    let other = Home::new(&secret(77), space(), &PureRust, &mut rng);
    let peer = world.sides[1].key.agreement();
    let suite = Config::default().suite;
    let mut handshake = noise::Handshake::initiator(suite, &other.agreement, &peer, &prologue, rng);
    let mut message = vec![0; 96];
    handshake.write(&[], &mut message).unwrap();
    let asked = Said::Rekey(7, message);
    assert_eq!(say(&mut world, 0, &asked), Err(Dropped::KeyMismatch));
}

#[test]
fn line_seals_no_more_than_its_keys_may_and_ends_if_nobody_renews_them() {
    let (mut world, a, _) = fresh(&config());
    world.now = world.now.plus_ms(1000);
    assert!(renew(&mut world, 0));
    let asked = rekey(&world, 0);
    assert_eq!(say(&mut world, 0, &asked), Ok(true));
    let answer = rekeyed(&world, 1);
    let lines = &mut world.sides[0].lines;
    let line = lines.slots.get_mut(a).unwrap();
    line.current.as_mut().unwrap().sealed = SEALED_MAX - 1;
    seal(lines, a, b"the last");
    assert_eq!((lines.next_counter(a), lines.is_exhausted(a)), (None, true));
    assert_eq!(lines.seal(a, &mut [0; 64], 4), None);
    assert!(!renew(&mut world, 0));
    let until = world.sides[0].lines.deadline().unwrap();
    assert_eq!(until.at, world.now.plus_ms(10_000));
    // The answer comes at last.
    assert_eq!(say(&mut world, 1, &answer), Ok(true));
    assert_eq!(world.sides[0].lines.deadline(), None);
    assert_agreed(&mut world);
    // Next time it does not.
    let lines = &mut world.sides[0].lines;
    let line = lines.slots.get_mut(a).unwrap();
    line.current.as_mut().unwrap().sealed = SEALED_MAX;
    assert!(!renew(&mut world, 0));
    world.now = world.now.plus_ms(10_000);
    let mut fx = effects();
    world.sides[0].lines.on_deadline(world.now, &mut fx);
    let why = Down::Exhausted;
    assert_eq!(drain(&mut fx), [Effect::Down { slot: a, why }]);
    assert_eq!(world.sides[0].lines.ids.len(), 0);
}

#[test]
fn line_that_ends_forgets_what_is_under_way_about_keys() {
    for close in [false, true] {
        let (mut world, a, b) = fresh(&config());
        world.now = world.now.plus_ms(1000);
        assert!(renew(&mut world, 0));
        let asked = rekey(&world, 0);
        assert_eq!(say(&mut world, 0, &asked), Ok(true));
        for (of, slot) in [(0, a), (1, b)] {
            let now = world.now;
            let lines = &mut world.sides[of].lines;
            if close {
                let last = seal(lines, slot, b"bye");
                lines.close(now, slot, &last);
                assert!(!lines.rekey_if_due(now, slot));
            } else {
                lines.forget(slot);
            }
        }
        world.settle(&mut keep);
        world.assert_nothing();
    }
}

#[test]
fn line_crossed_session_whose_first_packet_is_late_changes_nothing_after_a_rekey() {
    let mut world = World::new(&config());
    // The open of 1 is answered before 0 opens too, so that both handshakes complete.
    world.open(1);
    let open_of_1 = poll_one(&mut world.sides[1].lines, world.now);
    let (now, mut fx) = (world.now, effects());
    let opened = world.sides[0].lines.on_open(now, route_to(1), &open_of_1);
    assert_eq!(opened, Ok(()));
    let answer_of_0 = poll_one(&mut world.sides[0].lines, now);
    world.open(0);
    let open_of_0 = poll_one(&mut world.sides[0].lines, now);
    let opened = world.sides[1].lines.on_open(now, route_to(0), &open_of_0);
    assert_eq!(opened, Ok(()));
    let answer_of_1 = poll_one(&mut world.sides[1].lines, now);
    let [zero, one] = &mut world.sides;
    one.lines
        .on_answer(now, route_to(0), &answer_of_0, &mut fx)
        .unwrap();
    let slot = one.lines.find(one.name, zero.name).unwrap();
    let [mut late, mut later] = [(); 2].map(|()| seal(&mut one.lines, slot, &[PING]));
    zero.lines
        .on_answer(now, route_to(1), &answer_of_1, &mut fx)
        .unwrap();
    // 0 proves itself: its session stays at 1, whose own one is the older.
    packet(&mut world, 0).unwrap();
    packet(&mut world, 1).unwrap();
    world.now = world.now.plus_ms(1000);
    assert!(renew(&mut world, 0));
    let said = rekey(&world, 0);
    assert_eq!(say(&mut world, 0, &said), Ok(true));
    let said = rekeyed(&world, 1);
    assert_eq!(say(&mut world, 1, &said), Ok(true));
    assert_agreed(&mut world);
    assert_eq!(sessions(&world), [2, 2]);

    // Now the first packet of the crossed session comes: the line stays as it is.
    let ids = world.sides[0].lines.ids.len();
    let (now, mut fx) = (world.now, effects());
    let zero = &mut world.sides[0].lines;
    let unsealed = zero.unseal(now, route_to(1), &mut late, &mut fx);
    assert_eq!(unsealed.map(|it| it.plain.to_vec()), Ok(vec![PING]));
    assert_eq!(zero.ids.len(), ids - 1, "its session is not kept");
    let unsealed = zero.unseal(now, route_to(1), &mut later, &mut fx);
    assert_eq!(unsealed, Err(Dropped::UnknownLine));
    assert!(fx.is_empty());
    assert_agreed(&mut world);
    assert_eq!(sessions(&world), [2, 2]);
}
