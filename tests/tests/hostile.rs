//! What strangers and misbehaving peers can do to a switch: nothing that lasts.

use hydroid_core::switch::{Config, DropReason};
use hydroid_tests::{
    transfer::{CLEAN, Progress, opened, pump},
    world::World,
};

#[test]
fn hostile_strangers_bytes_are_dropped_counted_and_cost_nothing() {
    let mut world = World::new(11, 3, &Config::default(), CLEAN);
    world.kept = Some(Vec::new());
    let (line, _) = world.line(0, 1);
    let now = world.now;
    let stream = world.nodes[0]
        .switch
        .open_stream(now, line, "{\"n\":0}")
        .expect("opens");
    let mut at = Progress::default();
    world.until(500, |world| {
        pump(world, 0, stream, 30_000, &mut at);
        None::<()>
    });
    let kept = world.kept.take().expect("was kept");
    let before = world.nodes[1].switch.status();
    let sent_before = world.nodes[1].switch.stats().bytes_out;
    let dropped_before = world.nodes[1].switch.stats().dropped_in_all();
    let stranger = world.nodes[2].address;
    let (mut injected, mut injected_bytes) = (0, 0);
    for (_, _, datagram) in kept.iter().take(200) {
        let mut turned = datagram.clone();
        turned[datagram.len() / 2] ^= 0x40;
        for bytes in [
            datagram[..datagram.len() / 2].to_vec(),
            turned,
            datagram.clone(),
            vec![],
        ] {
            injected_bytes += bytes.len() as u64;
            injected += 1;
            world.inject(stranger, 1, bytes);
        }
    }
    for head in [
        "{\"open\":2,\"suite\":\"x\",\"line\":1}",
        "{\"hello\":\"world\"}",
        "{\"line\":12345}",
    ] {
        let mut bytes = (head.len() as u16).to_be_bytes().to_vec();
        bytes.extend_from_slice(head.as_bytes());
        bytes.resize(700, 0);
        injected_bytes += bytes.len() as u64;
        injected += 1;
        world.inject(stranger, 1, bytes);
    }
    world.run(200);
    let switch = &world.nodes[1].switch;
    assert_eq!(switch.status().lines, before.lines);
    assert_eq!(switch.status().streams, before.streams);
    assert_eq!(
        switch.stats().dropped_in_all() - dropped_before,
        injected,
        "{:?}",
        switch.stats()
    );
    assert!(switch.stats().dropped(DropReason::NoPacket) > 0);
    assert!(switch.stats().dropped(DropReason::UnknownHead) > 0);
    assert!(
        switch.stats().bytes_out - sent_before <= injected_bytes,
        "no amplification"
    );
    let more = world.nodes[0]
        .switch
        .open_stream(world.now, line, "{\"n\":1}");
    assert!(more.is_ok());
    assert!(
        world.until(5_000, |world| opened(world, 1)).is_some(),
        "the honest line goes on"
    );
}
