//! Lines between endpoints of one loop: how they come, what they carry and how they end.

mod pair;

use std::{
    collections::BTreeMap,
    io::{self, Read as _, Write as _},
    net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket},
    time::Duration,
};

use hydroid_mio::{
    Config, ConnectError, Event, fresh_secret,
    identity::{Admission, Gate, Refusal, Roles, SpaceRef, Ticket},
    switch::{self, DownReason, LineEvent, ReadError, RestoreError, SpaceEvent},
};

use pair::{Member, World, content, inside, would_block};

const LONG: Duration = Duration::from_secs(20);

fn is_up(event: &Event) -> bool {
    matches!(event, Event::Line(LineEvent::Up { .. }))
}

fn graceful() -> DownReason {
    let (code, reason) = (0, String::new());
    DownReason::Closed { code, reason }
}

#[test]
fn line_comes_and_goes_as_events_at_both_ends() {
    let mut world = World::pair();
    let to = world.members[1].ticket.clone();
    let line = {
        let a = &world.members[0];
        a.endpoint.connect(a.hashname, &to).unwrap()
    };
    assert!(would_block(line.up()));
    assert!(line.closed().is_none());
    for (member, is_ours) in [(0, true), (1, false)] {
        world.until(|members| {
            let up = |event: &Event| matches!(event, Event::Line(LineEvent::Up { ours, .. }) if *ours == is_ours);
            members[member].saw(up).then_some(())
        });
    }
    line.up().unwrap();
    // The one that there is: up at once, and no event tells it again.
    let again = world.dial(0, &to).unwrap();
    assert_eq!(again.id(), line.id());
    let theirs = world.members[1].endpoint.line(line.id());
    assert_eq!(
        theirs.map(|line| line.peer().hashname),
        Some(world.members[0].hashname)
    );
    let (_near, mut far) = world.stream(&line, 1);
    line.close(5, "enough");
    let reason = String::from("enough");
    let closed = DownReason::Closed { code: 5, reason };
    let id = line.id();
    assert_eq!(world.until(|members| members[1].saw_down(id)), closed);
    assert_eq!(
        world.until(|members| members[0].saw_down(id)),
        DownReason::Local
    );
    assert_eq!(
        (line.closed(), far.line().closed()),
        (Some(DownReason::Local), Some(closed.clone()))
    );
    let error = world.read(&mut far).unwrap_err();
    assert_eq!(inside(&error), Some(ReadError::LineDown(closed)));
    assert_eq!(
        line.up().unwrap_err().kind(),
        io::ErrorKind::ConnectionReset
    );
    assert!(world.members[1].endpoint.line(id).is_some(), "it is held");
    drop(far);
    assert!(world.members[1].endpoint.line(id).is_none());
}

#[test]
fn line_of_which_the_last_handle_is_dropped_closes() {
    let mut world = World::pair();
    let line = world.line(0, 1);
    let (near, far) = world.stream(&line, 1);
    drop((line.clone(), line));
    assert!(near.line().info().is_some());
    drop(near);
    assert_eq!(world.until(|_| far.line().closed()), graceful());
}

#[test]
fn line_packets_on_it_and_without_it() {
    let mut config = switch::Config::default();
    config.life.anon_max = 8;
    let mut world = World::new([
        Member::with_switch(config.clone()),
        Member::with_switch(config),
    ]);
    let to = world.members[1].endpoint.local_addresses()[0];
    let packet = b"\0\x0b{\"hello\":1}you";
    let mut buf = [0; 100];
    assert!(would_block(world.members[1].endpoint.recv_anon(&mut buf)));
    world.members[0].endpoint.send_anon(to, packet).unwrap();
    world.until(|members| members[1].saw(|event| *event == Event::Anon).then_some(()));
    let (from, len) = world.members[1].endpoint.recv_anon(&mut buf).unwrap();
    assert_eq!(
        (from, &buf[..len]),
        (world.members[0].endpoint.local_addresses()[0], &packet[..])
    );
    let reserved = world.members[0]
        .endpoint
        .send_anon(to, b"\0\x0a{\"line\":1}");
    assert_eq!(reserved.unwrap_err().kind(), io::ErrorKind::InvalidInput);

    let line = world.line(0, 1);
    let id = line.id();
    let far = world.until(|members| members[1].endpoint.line(id));
    assert!(would_block(far.recv(&mut buf)));
    assert!(line.send(&[0]).is_err(), "that is no packet");
    for salt in 0..50 {
        for (from, to, member) in [(&line, &far, 1), (&far, &line, 0)] {
            let packet = [0, 2, 7, salt, 1, 2, 3];
            from.send(&packet).unwrap();
            world.until(|members| {
                members[member]
                    .saw(|event| *event == Event::Packet(id))
                    .then_some(())
            });
            let len = to.recv(&mut buf).unwrap();
            assert_eq!(buf[..len], packet);
            assert!(would_block(to.recv(&mut buf)));
        }
    }
}

#[test]
fn line_shutdown_delivers_what_was_written_and_says_good_bye() {
    const BYTES: usize = 2 << 20;
    let mut world = World::pair();
    let line = world.line(0, 1);
    let (mut near, mut far) = world.stream(&line, 1);
    let (mut data, mut got) = (&content(BYTES, 1)[..], Vec::new());
    while !data.is_empty() {
        match near.write(data) {
            Ok(written) => data = &data[written..],
            Err(_) => {
                world.step(LONG);
                let _more = far.read_to_end(&mut got);
            }
        }
    }
    near.finish().unwrap();
    world.members[0].endpoint.shutdown(LONG);
    assert!(line.open_stream("{}").is_err() && world.members[0].endpoint.accept().is_none());
    world.wait(|_| far.read_to_end(&mut got)).unwrap();
    assert!(got == content(BYTES, 1));
    let over = |members: &mut [Member]| members[0].endpoint.is_over().then_some(());
    world.until(over);
    assert_eq!(world.until(|_| far.line().closed()), graceful());
    assert_eq!(line.closed(), Some(DownReason::Local));
    near.finished().unwrap();
    let a = &mut world.members[0];
    assert!(a.saw(|event| *event == Event::Ended) && !a.saw(|event| *event == Event::Ended));
    assert_eq!(a.endpoint.timeout(), None);
    a.endpoint.turn().unwrap();
    let refused = a.endpoint.connect(a.hashname, &a.ticket);
    assert_eq!(refused.unwrap_err(), ConnectError::Ended);
}

#[test]
fn line_shutdown_ends_at_once_where_no_line_is_left() {
    const NEVER: Duration = Duration::from_secs(86_400);
    let mut world = World::pair();
    let line = world.line(0, 1);
    world.members[1].endpoint.shutdown(LONG);
    world.until(|_| line.closed());
    world.members[0].endpoint.shutdown(NEVER);
    world.members[0].endpoint.shutdown(NEVER);
    world.until(|members| {
        members
            .iter()
            .all(|one| one.endpoint.is_over())
            .then_some(())
    });
}

#[test]
fn line_refusals_are_told_apart() {
    let mut config = switch::Config::default();
    config.line.open_ms = 300;
    let mut world = World::new([Member::with_switch(config), Member::new()]);
    let (mine, theirs) = (
        world.members[0].ticket.clone(),
        world.members[1].ticket.clone(),
    );
    let endpoint = &world.members[0].endpoint;
    let refused = |from, ticket: &Ticket| endpoint.connect(from, ticket).unwrap_err();
    assert_eq!(
        refused(theirs.hashname(), &theirs),
        ConnectError::NotInstalled
    );
    assert_eq!(refused(mine.hashname(), &mine), ConnectError::Oneself);
    let mut nowhere = theirs;
    nowhere.addresses.clear();
    assert_eq!(refused(mine.hashname(), &nowhere), ConnectError::NoAddress);
    // A socket that is bound and that nobody reads.
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    nowhere.addresses = vec![silent.local_addr().unwrap()];
    let error = world.dial(0, &nowhere).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    assert_eq!(inside(&error), Some(ConnectError::Unreachable));
}

#[test]
fn line_peer_that_vanished_times_out_and_the_streams_end() {
    let mut config = switch::Config::default();
    config.life.keep_alive_ms = 300;
    config.life.idle_timeout_ms = 1_500;
    let mut world = World::new([Member::with_switch(config), Member::new()]);
    let line = world.line(0, 1);
    let (mut near, far) = world.stream(&line, 1);
    let vanished = world.members.pop();
    drop(vanished);
    let error = world.read(&mut near).unwrap_err();
    assert_eq!(
        inside(&error),
        Some(ReadError::LineDown(DownReason::TimedOut))
    );
    assert_eq!(line.closed(), Some(DownReason::TimedOut));
    assert!(near.write(b"x").is_err());
    drop(far);
}

#[test]
fn line_of_a_peer_that_started_again_is_another_one() {
    let mut world = World::pair();
    let line = world.line(0, 1);
    let old = line.id();
    let (_near, mut far) = world.stream(&line, 1);
    let again = world.members[0].again();
    world.add(again);
    let to = world.members[1].ticket.clone();
    world.members[1].events.clear();
    // The one that was there says nothing any more.
    let vanished = std::mem::replace(&mut world.members[0], Member::new());
    drop((vanished, line));
    let new = world.dial(2, &to).unwrap();
    assert_eq!(new.peer().hashname, world.members[1].hashname);
    let error = world.read(&mut far).unwrap_err();
    let down = world.until(|members| members[1].saw_down(old));
    assert_eq!(inside(&error), Some(ReadError::LineDown(down.clone())));
    assert!(
        matches!(down, DownReason::Restarted | DownReason::Replaced),
        "{down:?}"
    );
    assert!(world.members[1].saw(is_up));
}

#[test]
fn line_over_both_families_of_addresses_by_one_endpoint() {
    let everywhere = || Member::listening(Config::default(), fresh_secret().unwrap());
    let mut world = World::new([everywhere(), everywhere()]);
    let addresses = world.members[1].endpoint.local_addresses();
    assert_eq!(addresses.len(), 2, "this machine has both families");
    for address in addresses {
        let port = address.port();
        let loopback = match address {
            SocketAddr::V4(_) => SocketAddr::from((Ipv4Addr::LOCALHOST, port)),
            SocketAddr::V6(_) => SocketAddr::from((Ipv6Addr::LOCALHOST, port)),
        };
        let mut ticket = world.members[1].ticket.clone();
        ticket.addresses = vec![loopback];
        let line = world.dial(0, &ticket).unwrap();
        let (mut near, _far) = world.stream(&line, 1);
        world.wait(|_| near.finished()).unwrap();
        line.close(0, "");
        world.until(|_| line.closed());
    }
}

#[test]
fn line_that_is_kept_comes_back_and_what_is_kept_brings_it_back_after_a_start() {
    let mut world = World::pair();
    let b = world.members[1].hashname;
    let to = world.members[1].ticket.clone();
    let a = &world.members[0];
    a.endpoint.keep_line(a.hashname, &to).unwrap();
    world.until(|members| members[1].saw(is_up).then_some(()));
    let theirs = world.line(1, 0);
    theirs.close(4, "again");
    world.until(|members| members[1].saw(is_up).then_some(()));
    world.members[0].endpoint.shutdown(LONG);
    world.until(|members| members[0].endpoint.is_over().then_some(()));
    assert!(world.members[0].saw(|event| *event == Event::Need));
    // The last of each key is what there is to keep.
    let a = &mut world.members[0];
    let mut kept = BTreeMap::new();
    while let Some(switch::Need::Keep { key, bytes }) = a.endpoint.need() {
        kept.insert(key, bytes);
    }
    assert_eq!(kept.keys().collect::<Vec<_>>(), ["opens", "peers"]);
    let again = a.again();
    for (key, bytes) in &kept {
        again.endpoint.restore(key, bytes).unwrap();
    }
    assert!(again.endpoint.peers(again.hashname)[0].wanted);
    world.add(again);
    world.until(|members| members[1].saw(is_up).then_some(()));
    let again = &world.members[2];
    again.endpoint.forget_line(again.hashname, b);
    assert!(!again.endpoint.peers(again.hashname)[0].wanted);
    assert_eq!(
        again.endpoint.restore("peers", b"garbage"),
        Err(RestoreError::Malformed)
    );
}

#[test]
fn line_in_a_closed_space_ends_with_the_membership() {
    let secrets: [_; 2] = std::array::from_fn(|_| fresh_secret().unwrap());
    let club = Admission::found(&secrets[0], "club", Gate::new([1; 32])).unwrap();
    let guest = secrets[1].public();
    let admitted = club.admit(&secrets[0], &guest, Roles::NONE, 0).unwrap();
    let members = [(&secrets[0], &club), (&secrets[1], &admitted)].map(|(secret, admission)| {
        let mut member = Member::new();
        let open = member.hashname;
        let endpoint = &member.endpoint;
        member.hashname = endpoint.install_member(secret, admission).unwrap();
        endpoint.uninstall(open).unwrap();
        assert!(endpoint.uninstall(open).is_err());
        let (space, addresses) = (SpaceRef::Id(club.space().id()), endpoint.local_addresses());
        member.ticket = Ticket::new(secret.public(), space, &addresses, None);
        member
    });
    let mut world = World::new(members);
    let line = world.line(1, 0);
    let out = club
        .revoke(&secrets[0], &[guest], Gate::new([3; 32]))
        .unwrap();
    let local = world.members[0].hashname;
    world.members[0].endpoint.renew(local, &out).unwrap();
    let why = DownReason::Refused(Refusal::Revoked);
    assert_eq!(world.until(|_| line.closed()), why);
    let renewed = Event::Space(SpaceEvent::Renewed { local, version: 2 });
    assert!(world.members[0].saw(|event| *event == renewed));
    let held = world.members[0].endpoint.admission(local).unwrap();
    assert_eq!(held.document(), out.document());
}
