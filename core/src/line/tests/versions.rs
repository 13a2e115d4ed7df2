//! Opens of other versions, and being told of them.

use super::*;

fn unknown(line: u32) -> Vec<u8> {
    let head = std::format!(r#"{{"open":7,"line":{line},"more":[1,2]}}"#);
    open::packet(head.as_bytes())
}

fn told(line: u32, versions: &str) -> Vec<u8> {
    let head = std::format!(r#"{{"line":{line},"versions":{versions}}}"#);
    open::packet(head.as_bytes())
}

/// The id of the open that waits to be polled.
fn line_of(open: &[u8]) -> u32 {
    open::Clear::parse(open).unwrap().line
}

#[test]
fn line_unknown_version_is_told_ours_and_not_too_often() {
    let config = Config {
        versions_per_second: 3,
        ..Config::default()
    };
    let (mut lines, _) = room(1, &config);
    let now = Time::ZERO;
    let mut told_count = 0;
    for n in 0..100 {
        let question = unknown(n);
        let result = lines.on_open(now, route_to(9), &question);
        assert_eq!(result, Err(Dropped::UnknownVersion));
        if let Some((route, reply)) = poll(&mut lines, now) {
            assert_eq!((route, &reply), (route_to(9), &told(n, "[1]")));
            assert_eq!(kind_of(&reply), Ok(Some(Kind::Versions)));
            assert!(reply.len() <= question.len());
            told_count += 1;
        }
    }
    assert_eq!((told_count, lines.opens_read()), (3, 0));
    // Never more than the question had.
    let short = open::packet(br#"{"open":2,"line":7}"#);
    let later = now.plus_ms(1000);
    let result = lines.on_open(later, route_to(9), &short);
    assert_eq!(result, Err(Dropped::UnknownVersion));
    assert_eq!(poll(&mut lines, later), None);
}

#[test]
fn line_other_versions_are_believed_when_nobody_answered() {
    let (mut a, name) = room(1, &Config::default());
    let (mut b, _) = room(2, &Config::default());
    let (now, mut fx) = (Time::ZERO, effects());
    let key = secret(2).public();
    let slot = a.open(now, name, key, &[route_to(2)], 0).unwrap();
    let open = poll_one(&mut a, now);
    let line = line_of(&open);
    for lie in ["[1]", "[2,1]", "[]"] {
        assert_eq!(a.on_versions(&told(line, lie)), Err(Dropped::Malformed));
    }
    let other = told(line.wrapping_add(1), "[2]");
    assert_eq!(a.on_versions(&other), Err(Dropped::UnknownLine));
    assert_eq!(a.on_versions(&told(line, "[2,3,4,5,6]")), Ok(()));
    let second = told(line, "[9]");
    assert_eq!(a.on_versions(&second), Err(Dropped::Repeated));
    // It was a lie: the peer answers, and the line is there.
    b.on_open(now, route_to(1), &open).unwrap();
    let answer = poll_one(&mut b, now);
    a.on_answer(now, route_to(2), &answer, &mut fx).unwrap();
    assert_eq!(drain(&mut fx), [Effect::Up { slot, ours: true }]);
    a.forget(slot);
    // And where nobody answers, that is the reason.
    let slot = a.open(now, name, key, &[route_to(2)], 0).unwrap();
    let line = line_of(&poll_one(&mut a, now));
    a.on_versions(&told(line, "[2,3,4,5,6]")).unwrap();
    while let Some(deadline) = a.deadline() {
        a.on_deadline(deadline.at, &mut fx);
    }
    let [
        Effect::Down {
            slot: of,
            why: Down::Version(versions),
        },
    ] = drain(&mut fx)[..]
    else {
        panic!("it goes down for its version");
    };
    assert_eq!(
        (of, std::format!("{versions}")),
        (slot, "2, 3, 4, 5".into())
    );
}
