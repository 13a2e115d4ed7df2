//! Two who are announced on a local network.

use hydroid_core::{
    identity::{Hashname, SecretKey, Space},
    switch::{Event, LanEvent, LocalNetwork, SocketId},
};

use super::Duet;

/// Both are announced, find each other, and one of them is announced no more.
pub(super) fn near(duet: &mut Duet, keys: &[SecretKey; 2], space: &Space) {
    let names = [0, 1].map(|n| Hashname::of(&keys[n].public(), &space.id()));
    let now = duet.now;
    for n in [0, 1] {
        let one = &mut duet.both[n];
        let network = LocalNetwork {
            interface: 3,
            socket: SocketId(0),
            local: one.address.ip(),
            prefix_bits: 24,
            broadcast: Some([192, 0, 2, 255].into()),
            multicast: true,
        };
        one.switch.handle_local_networks(now, &[network]);
        one.switch.announce(now, names[n], &keys[n]).expect("is");
        assert!(one.switch.announce(now, names[n], &keys[n]).is_err());
    }
    duet.run(500);
    for n in [0, 1] {
        let one = &mut duet.both[n];
        let told = one.take(|event| {
            let Event::Lan(LanEvent::Neighbours { local }) = event else {
                return None;
            };
            Some(*local)
        });
        assert_eq!(told, Some(names[n]));
        assert_eq!(one.switch.neighbours(names[n]).count(), 1);
    }
    let (now, second) = (duet.now, &mut duet.both[1].switch);
    second.hush(now, names[1]).expect("is announced");
    assert!(second.hush(now, names[1]).is_err());
    duet.run(500);
    let first = &mut duet.both[0].switch;
    assert_eq!(first.neighbours(names[0]).count(), 0);
    first.hush(duet.now, names[0]).expect("is announced");
    duet.run(500);
}
