use quickcheck::{Gen, QuickCheck};

use super::{
    world::{Wire, World},
    *,
};

fn check(items: [u32; 2], wire: Wire, holes: u64, seed: u64) -> World {
    let mut world = World::new(&Config::default(), seed, items, [wire; 2]);
    world.holes = holes;
    world.finish(200_000);
    for (end, peer) in [(0, 1), (1, 0)] {
        let (end, peer) = (&world.ends[end], &world.ends[peer]);
        assert!(end.flow.is_at_rest() && end.flow.bytes_in_flight() == 0);
        assert!(end.todo.is_empty() && end.flow.deadline().is_none());
        assert!(end.told.iter().eq(&peer.got), "what is told is what came");
    }
    for (end, count) in world.ends.iter().zip(items) {
        assert_eq!(end.told.len(), count as usize);
    }
    world
}

// S2.89, S2.96
#[test]
fn flow_journey_every_item_arrives_whatever_the_wire_does() {
    fn property(items: (u16, u16), faults: (u8, u8), delays: (u16, u16), holes: u8, seed: u64) {
        let wire = Wire {
            delay_us: u64::from(delays.0) * 4,
            jitter_us: u64::from(delays.1),
            lost_percent: u64::from(faults.0 % 40),
            twice_percent: u64::from(faults.1 % 30),
            ..Wire::FREE
        };
        let items = [u32::from(items.0 % 400), u32::from(items.1 % 400)];
        check(items, wire, u64::from(holes) + 2, seed);
    }
    QuickCheck::new()
        .rng(Gen::from_size_and_seed(1 << 16, seed()))
        .tests(120)
        .quickcheck(property as fn((u16, u16), (u8, u8), (u16, u16), u8, u64));
}

#[test]
fn flow_journey_without_faults_sends_nothing_twice() {
    let world = check([3000, 0], Wire::FREE, u64::MAX, 1);
    let [sender, receiver] = &world.ends;
    let asked: u64 = sender.log.iter().map(|(_, bytes)| bytes).sum();
    assert_eq!(asked, 3000 * 1200);
    let pings = receiver.log.len() as u64;
    assert!(pings > 0 && pings < 20, "{pings} pings of a pure receiver");
    assert!(
        sender.counter <= 3000 + pings,
        "ranges travel with the items"
    );
}

#[test]
fn flow_journey_a_lost_tail_takes_two_probe_periods_and_no_five_seconds() {
    let mut world = World::new(&Config::default(), 1, [30, 0], [Wire::FREE; 2]);
    while world.ends[0].todo.len() > 2 {
        assert!(world.step());
    }
    // From here on everything is lost until the last item has left.
    world.wires[0].lost_percent = 100;
    while !world.ends[0].todo.is_empty() {
        assert!(world.step());
    }
    world.step();
    let gone_at = world.ends[0].log.last().unwrap().0;
    world.wires[0].lost_percent = 0;
    let period_us = world.ends[0].flow.probe_period_us();
    world.finish(1000);
    assert_eq!(world.ends[1].got.len(), 30);
    let took_us = world.now.since_us(gone_at);
    assert!(
        took_us < 2 * period_us + 50_000,
        "{took_us} us, period {period_us} us"
    );
}
