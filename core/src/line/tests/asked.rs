//! A peer that is asked whether it still has the line: what it is asked for, which streams the next
//! line begins with, and what the answer tells of the way.

use super::{life::begin_again, *};

/// Side `of` has started again, and the other one, which has the old line at the slot that is
/// given, asks after it; nothing of that has gone out.
fn asked(of: usize) -> (World, Slot) {
    let (mut world, ..) = connected(&Config::default());
    begin_again(&mut world, of, true);
    let (now, slot) = (world.now, world.up(1 - of).unwrap());
    let lines = &mut world.sides[1 - of].lines;
    lines.reopen(now, slot, &[route_to(of as u8)], 77);
    (world, slot)
}

#[test]
fn line_that_a_peer_opens_while_it_is_asked_after_begins_with_other_streams() {
    for of in [0, 1] {
        let (mut world, _) = asked(of);
        world.open(of);
        let mut first = true;
        world.settle(&mut |from, _, _: &[u8]| from != of && core::mem::take(&mut first));
        let line = world.up(1 - of).unwrap();
        let info = world.sides[1 - of].lines.info(line).unwrap();
        assert_eq!(info.first_stream, 77);
    }
}

#[test]
fn line_says_one_first_stream_with_one_end_number_however_often_it_asks() {
    let (mut world, a) = asked(1);
    let (now, lines) = (world.now, &mut world.sides[0].lines);
    let first = lines.pending_mut(a).unwrap().end.first_stream;
    lines.take_pending(a);
    lines.reopen(now, a, &[route_to(1)], 99);
    assert_eq!(lines.pending_mut(a).unwrap().end.first_stream, first);
}

#[test]
fn line_that_took_the_place_of_another_is_found_when_it_asks() {
    for of in [0, 1] {
        let (mut world, ..) = connected(&Config::default());
        begin_again(&mut world, of, false);
        let ask = |world: &mut World, first_stream| {
            let slot = world.up(1 - of).unwrap();
            let route = [route_to(of as u8)];
            let now = world.now;
            (world.sides[1 - of].lines).reopen(now, slot, &route, first_stream);
            world.settle(&mut keep);
        };
        ask(&mut world, 77);
        let downs = core::mem::take(&mut world.sides[1 - of].downs);
        assert_eq!(downs, [Down::Replaced], "the peer had forgotten the first");
        ask(&mut world, 99);
        assert_eq!(world.sides[1 - of].downs, [], "it has the second");
        world.assert_one_line();
    }
}

#[test]
fn line_whose_peer_was_found_asks_the_next_time_with_new_numbers() {
    let (mut world, a, _) = connected(&Config::default());
    let mut ends = Vec::new();
    for first_stream in [77, 99] {
        let (now, lines) = (world.now, &mut world.sides[0].lines);
        lines.reopen(now, a, &[route_to(1)], first_stream);
        let end = lines.pending_mut(a).unwrap().end;
        assert_eq!(end.first_stream, first_stream);
        ends.push(end.id);
        world.settle(&mut keep);
    }
    let own = world.sides[0].lines.slots.get(a).unwrap().end;
    assert!(ends[0] != ends[1] && !ends.contains(&own), "{ends:?} {own}");
}

#[test]
fn line_asks_with_the_number_that_it_has_just_answered_with() {
    for of in [0, 1] {
        let (mut world, ..) = connected(&Config::default());
        begin_again(&mut world, of, true);
        world.open(of);
        while world.sides[of].ups.is_empty() {
            world.collect(&mut keep);
            world.deliver(0, &mut keep);
        }
        // What shows that it is there is late, so its old line is there still at the other end.
        world.sides[of].ping_at = Some(world.now.plus_ms(100));
        let (now, slot) = (world.now, world.up(1 - of).unwrap());
        let lines = &mut world.sides[1 - of].lines;
        // The keys of the old line were renewed; the next begins with its first.
        lines.slots.get_mut(slot).unwrap().info.sessions = 3;
        lines.reopen(now, slot, &[route_to(of as u8)], 77);
        world.settle(&mut keep);
        assert_eq!(world.sides[of].downs, [], "its new line stays");
        let downs = core::mem::take(&mut world.sides[1 - of].downs);
        assert_eq!(downs, [Down::Restarted]);
        world.assert_one_line();
        let line = world.up(1 - of).unwrap();
        let info = world.sides[1 - of].lines.info(line).unwrap();
        assert_eq!(info.sessions, 1);
    }
}

#[test]
fn line_answers_with_the_number_that_it_has_asked_with() {
    for of in [0, 1] {
        let (mut world, slot) = asked(of);
        let lines = &mut world.sides[1 - of].lines;
        let end = lines.pending_mut(slot).unwrap().end;
        // Nobody answered; then the peer asks for itself.
        lines.take_pending(slot);
        world.open(of);
        world.settle(&mut keep);
        world.sides[1 - of].downs.clear();
        let line = world.up(1 - of).unwrap();
        let after = world.sides[1 - of].lines.slots.get(line).unwrap();
        assert_eq!(after.own_end(), end);
        world.assert_one_line();
    }
}

#[test]
fn line_open_that_went_somewhere_else_later_tells_no_round_trip() {
    // At once it may go to many places; the place where it went already is none more.
    for (later_ms, other, expected_us) in [
        (0, 3, Some(10_000)),
        (200, 2, Some(210_000)),
        (200, 3, None),
    ] {
        let (mut a, name) = room(1, &Config::default());
        let (mut b, _) = room(2, &Config::default());
        let (mut fx, key) = (effects(), secret(2).public());
        let slot = a.open(Time::ZERO, name, key, &[route_to(2)], 0).unwrap();
        let open = poll_one(&mut a, Time::ZERO);
        let later = Time::ZERO.plus_ms(later_ms);
        assert_eq!(a.open(later, name, key, &[route_to(other)], 0), Ok(slot));
        assert_eq!(a.has_output(), other == 3);
        b.on_open(later, route_to(1), &open).unwrap();
        let answer = poll_one(&mut b, later);
        let now = later.plus_ms(10);
        a.on_answer(now, route_to(other), &answer, &mut fx).unwrap();
        assert_eq!(a.greeting(slot).unwrap().rtt_us, expected_us);
    }
}
