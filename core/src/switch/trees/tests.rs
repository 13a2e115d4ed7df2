//! Commands to a tree, by switches that are joined by a loop.

use alloc::{format, string::ToString, vec::Vec};
use std::net::SocketAddr;

use crate::{
    base::{Seed, Time, Wall},
    identity::{Hashname, SecretKey, Space},
    switch::{
        BroadcastError, Broadcasted, Config, Ecn, Interface, Meta, Need, Part, Path,
        ReadBroadcastError, SocketId, SpaceCommandError, Switch,
    },
    tree::{Effect, Standing},
};

const WALL_MS: u64 = 1_700_000_000_000;

/// Switches that hear each other within a millisecond.
struct Village {
    now: Time,
    switches: Vec<Switch>,
    names: Vec<Hashname>,
}

fn address(n: usize) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, n as u8 + 1], 4_000))
}

fn secret(n: usize) -> SecretKey {
    SecretKey::from_bytes(&[n as u8 + 1; 32])
}

/// A switch with one identity; it was not told the time.
fn switch(n: usize) -> (Switch, Hashname) {
    let seed = Seed::new([n as u8 + 1; 32]);
    let mut switch = Switch::new(Config::default(), &seed).unwrap();
    let (socket, local) = (SocketId(0), address(n));
    switch.handle_network_change(Time::ZERO, &[Interface { socket, local }]);
    let space = Space::open("village").unwrap();
    let name = switch.install(Time::ZERO, &secret(n), &space).unwrap();
    (switch, name)
}

impl Village {
    /// So many in one tree.
    fn grown(count: usize) -> Self {
        let mut village = Self {
            now: Time::ZERO,
            switches: Vec::new(),
            names: Vec::new(),
        };
        for n in 0..count {
            let (mut switch, name) = switch(n);
            switch.handle_clock(village.now, Wall::from_ms(WALL_MS));
            let joined = switch.join(village.now, name, &secret(n), Part::default());
            assert_eq!(joined, Ok(()));
            village.switches.push(switch);
            village.names.push(name);
            if n > 0 {
                let to = secret(n - 1).public();
                let met = village.switches[n].meet(village.now, name, &to, &[address(n - 1)]);
                assert_eq!(met, Ok(()));
            }
            village.run(500);
        }
        village.run(2_000);
        assert_eq!(village.standing(0).members, count as u32);
        village
    }

    fn standing(&self, n: usize) -> Standing {
        self.switches[n].tree(self.names[n]).unwrap().standing()
    }

    fn run(&mut self, ms: u64) {
        for _ in 0..ms {
            self.now = self.now.plus_ms(1);
            for n in 0..self.switches.len() {
                self.carry(n);
                self.switches[n].handle_timeout(self.now);
            }
        }
    }

    fn carry(&mut self, from: usize) {
        let mut buf = [0; 65_535];
        while let Some(transmit) = self.switches[from].poll_transmit(self.now, &mut buf) {
            let is_to = |n: &usize| address(*n) == transmit.path.remote;
            let Some(to) = (0..self.switches.len()).find(is_to) else {
                continue;
            };
            let meta = Meta {
                socket: SocketId(0),
                path: Path::to(address(from)),
                interface: 0,
                ecn: Ecn::None,
                stride: transmit.segment,
            };
            self.switches[to].handle_datagram(self.now, &meta, &mut buf[..transmit.len]);
        }
    }

    /// The texts that a member can read now.
    fn read(&mut self, n: usize) -> Vec<Vec<u8>> {
        let mut texts = Vec::new();
        let mut buf = [0; 64];
        while let Ok(told) = self.switches[n].read_broadcast(self.now, self.names[n], &mut buf) {
            let Broadcasted::Message { len, .. } = told else {
                panic!("nothing was lost");
            };
            texts.push(buf[..len].to_vec());
        }
        texts
    }

    fn broadcast(&mut self, n: usize, text: &str) {
        let sent = self.switches[n].broadcast(self.now, self.names[n], text.as_bytes());
        assert!(sent.is_ok(), "{sent:?}");
    }
}

#[test]
fn tree_part_begins_only_where_the_time_or_the_life_before_is_known() {
    let (mut first, name) = switch(0);
    let join = |switch: &mut Switch| switch.join(Time::ZERO, name, &secret(0), Part::default());
    assert_eq!(join(&mut first), Err(SpaceCommandError::NoTime));
    assert!(
        SpaceCommandError::NoTime
            .to_string()
            .contains("handle_clock")
    );
    first.handle_clock(Time::ZERO, Wall::from_ms(WALL_MS));
    assert_eq!(join(&mut first), Ok(()));
    let epoch = first.tree(name).unwrap().me().epoch;
    assert_eq!(epoch, WALL_MS);
    let mut kept = None;
    while let Some(Need::Keep { key, bytes }) = first.poll_need() {
        kept = Some((key, bytes)).filter(|it| it.0 == "epochs").or(kept);
    }
    // The next one has no clock, but knows when the life before began.
    let (key, bytes) = kept.unwrap();
    let (mut second, _) = switch(0);
    second.restore(Time::ZERO, &key, &bytes).unwrap();
    assert_eq!(join(&mut second), Ok(()));
    assert_eq!(second.tree(name).unwrap().me().epoch, epoch + 1);
}

#[test]
fn tree_members_who_cannot_be_met_are_refused_with_the_reason() {
    let mut village = Village::grown(2);
    let (now, name) = (village.now, village.names[0]);
    let switch = &mut village.switches[0];
    let own = switch.meet(now, name, &secret(0).public(), &[address(0)]);
    assert_eq!(own, Err(SpaceCommandError::Oneself));
    let stranger = secret(9).public();
    for addresses in [&[][..], &["[2001:db8::1]:4000".parse().unwrap()]] {
        let nowhere = switch.meet(now, name, &stranger, addresses);
        assert_eq!(nowhere, Err(SpaceCommandError::NoAddress), "{addresses:?}");
    }
    // To whom there is a line needs no address.
    assert_eq!(switch.meet(now, name, &secret(1).public(), &[]), Ok(()));
}

#[test]
fn tree_broadcasts_that_do_not_fit_say_how_long_they_are_and_may_be() {
    let mut village = Village::grown(2);
    let (now, names) = (village.now, village.names.clone());
    let most = Config::default().tree.cast.message_bytes_max;
    let long = alloc::vec![0; most as usize + 1];
    let refused = village.switches[0].broadcast(now, names[0], &long);
    assert_eq!(refused, Err(BroadcastError::TooLarge(most)));
    let text = format!("the message is longer than the {most} bytes that the config allows");
    assert_eq!(BroadcastError::TooLarge(most).to_string(), text);
    village.broadcast(0, "hello");
    village.run(50);
    let short = village.switches[1].read_broadcast(village.now, names[1], &mut [0; 4]);
    assert_eq!(short.err(), Some(ReadBroadcastError::TooShort(5)));
    assert_eq!(village.read(1), [b"hello"]);
}

#[test]
fn tree_is_left_by_an_identity_that_is_uninstalled() {
    let mut village = Village::grown(3);
    let root = (0..3).find(|n| village.standing(*n).is_root).unwrap();
    let (now, name) = (village.now, village.names[root]);
    assert_eq!(village.switches[root].uninstall(now, name), Ok(()));
    assert!(village.switches[root].tree(name).is_none());
    village.run(1_000);
    for n in (0..3).filter(|n| *n != root) {
        let standing = village.standing(n);
        assert_eq!((standing.members, standing.is_settled), (2, true));
    }
    assert!(
        village.switches[root]
            .poll_timeout()
            .is_none_or(|due| due.at > now)
    );
    let space = Space::open("village").unwrap();
    let again = village.switches[root].install(village.now, &secret(root), &space);
    let again = again.unwrap();
    let joined = village.switches[root].join(village.now, again, &secret(root), Part::default());
    assert_eq!(joined, Ok(()));
}

#[test]
fn tree_switch_gives_a_member_that_needs_it_a_new_life() {
    let mut village = Village::grown(3);
    village.broadcast(0, "before");
    village.run(100);
    assert_eq!((village.read(1).len(), village.read(2).len()), (1, 1));
    let (now, name) = (village.now, village.names[0]);
    let before = village.switches[0].tree(name).unwrap().me();
    let toward = village.switches[1].tree(village.names[1]).unwrap().me();
    village.switches[0].with_tree(now, name, |tree, _, fx| {
        tree.remember_contact(toward.key, [address(1)].into());
        fx.push(Effect::NewLife);
    });
    village.switches[0].settle_trees(now);
    let after = village.switches[0].tree(name).unwrap().me();
    assert!(after.key == before.key && after.epoch > before.epoch);
    // What is said meanwhile, by those who are still there, is for them.
    village.run(5_000);
    for n in 0..3 {
        assert_eq!(village.standing(n).members, 3, "{n}");
    }
    for n in 0..3 {
        village.broadcast(n, &format!("after {n}"));
    }
    village.run(200);
    for n in 0..3 {
        let mut read = village.read(n);
        read.sort();
        let others = (0..3).filter(|other| *other != n);
        let others: Vec<_> = others.map(|n| format!("after {n}").into_bytes()).collect();
        assert_eq!(read, others);
    }
    assert_eq!(village.switches[0].tree(name).unwrap().stats().lives, 1);
}
