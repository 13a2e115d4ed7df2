//! Opens under load: cookies, and what a flood can make us pay.

use super::*;

fn at(n: u32) -> Route {
    let [_, a, b, c] = n.to_be_bytes();
    Route {
        socket: SocketId(0),
        path: Path::to(SocketAddr::from(([10, a, b, c], 4000))),
    }
}

/// A room that reads 20 opens a second, 10 of them without a cookie.
fn config() -> Config {
    Config {
        opens_per_second: 20,
        opens_burst: 20,
        opens_per_prefix_per_second: 3,
        cookie_secret_ms: 1000,
        ..Config::default()
    }
}

/// A valid open to room 1, from a key of its own.
fn open_from(n: u32) -> Vec<u8> {
    let mut bytes = [9; 32];
    bytes[..4].copy_from_slice(&n.to_be_bytes());
    let secret = SecretKey::from_bytes(&bytes);
    open_as(&secret, secret.public(), 1, n, 1)
}

/// Uses up what opens without a cookie may use.
fn flood(lines: &mut Lines, now: Time, opens: core::ops::Range<u32>) -> u64 {
    let (before, mut bytes_in, mut bytes_out) = (lines.opens_read(), 0, 0);
    for n in opens {
        let open = open_from(n);
        bytes_in += open.len();
        let _dropped = lines.on_open(now, at(n), &open);
        while let Some((route, bytes)) = poll(lines, now) {
            assert!(route == at(n) && bytes.len() < open.len());
            bytes_out += bytes.len();
        }
    }
    assert!(bytes_out < bytes_in);
    lines.opens_read() - before
}

/// An honest end whose open the flooded room 1 has asked for a cookie for.
fn asked(lines: &mut Lines, now: Time, from: Route) -> (Lines, Slot, Vec<u8>) {
    let (mut honest, name) = room(3, &config());
    let key = secret(1).public();
    let slot = honest.open(now, name, key, &[route_to(1)], 0).unwrap();
    let open = poll_one(&mut honest, now);
    assert_eq!(lines.on_open(now, from, &open), Err(Dropped::CookieAsked));
    let reply = poll_one(lines, now);
    assert_eq!(kind_of(&reply), Ok(Some(Kind::Cookie)));
    (honest, slot, reply)
}

#[test]
fn line_flood_of_opens_costs_a_bounded_number_of_curve_operations() {
    let (mut lines, _) = room(1, &config());
    let mut read = 0;
    for second in 0..5 {
        let now = Time::ZERO.plus_ms(1000 * second);
        let opens = second as u32 * 1000;
        read += flood(&mut lines, now, opens..opens + 1000);
        assert!(lines.replies.is_empty() && lines.prefixes() == 0);
    }
    assert_eq!(read, 10 + 4 * 20 - 4 * 10, "half of the burst is left");
}

#[test]
fn line_open_with_a_cookie_gets_in_at_once() {
    let (mut lines, _) = room(1, &config());
    let now = Time::ZERO;
    flood(&mut lines, now, 0..500);
    let (mut honest, slot, reply) = asked(&mut lines, now, at(7));
    assert_eq!(honest.on_cookie(now, &reply), Ok(()));
    let open = poll_one(&mut honest, now);
    assert_eq!(open.len(), 600 + r#","cookie":"""#.len() + 32);
    // A copied reply does nothing: it is about an open that is no more.
    assert_eq!(honest.on_cookie(now, &reply), Err(Dropped::UnknownLine));
    // From another address the cookie is worth nothing.
    assert_eq!(lines.on_open(now, at(8), &open), Err(Dropped::CookieAsked));
    assert_eq!(kind_of(&poll_one(&mut lines, now)), Ok(Some(Kind::Cookie)));
    assert_eq!(lines.on_open(now, at(7), &open), Ok(()));
    let answer = poll_one(&mut lines, now);
    let mut fx = effects();
    honest
        .on_answer(now, route_to(1), &answer, &mut fx)
        .unwrap();
    assert_eq!(drain(&mut fx), [Effect::Up { slot, ours: true }]);
}

#[test]
fn line_cookie_counts_for_two_periods_of_its_secret_at_most() {
    for (ms, counts) in [(999, true), (1999, true), (2000, false), (50_000, false)] {
        let config = Config {
            opens_per_second: 0,
            ..config()
        };
        let (mut lines, _) = room(1, &config);
        let now = Time::ZERO;
        flood(&mut lines, now, 0..50);
        let (mut honest, _, reply) = asked(&mut lines, now, at(7));
        honest.on_cookie(now, &reply).unwrap();
        let open = poll_one(&mut honest, now);
        // Somebody asks in between, so that the secret is renewed in time.
        flood(&mut lines, now.plus_ms(1000.min(ms)), 50..51);
        let result = lines.on_open(now.plus_ms(ms), at(7), &open);
        let expected = if counts {
            Ok(())
        } else {
            Err(Dropped::CookieAsked)
        };
        assert_eq!(result, expected, "after {ms} ms");
    }
}

#[test]
fn line_reply_that_nobody_who_saw_the_open_made_is_refused() {
    let (mut lines, _) = room(1, &config());
    let now = Time::ZERO;
    flood(&mut lines, now, 0..50);
    let (mut honest, _, reply) = asked(&mut lines, now, at(7));
    for byte in 2..reply.len() {
        let mut forged = reply.clone();
        forged[byte] ^= 1;
        assert!(honest.on_cookie(now, &forged).is_err(), "byte {byte}");
    }
    // Of another open with the same line id: who saw only that one cannot make it.
    let later = now.plus_ms(1);
    let (mut other, _, other_reply) = asked(&mut lines, later, at(7));
    let digits = |datagram: &[u8]| datagram[..20].to_vec();
    assert_eq!(digits(&reply), digits(&other_reply));
    assert_ne!(reply, other_reply);
    let result = other.on_cookie(later, &reply);
    assert_eq!(result, Err(Dropped::NotInstalled));
    assert_eq!(other.on_cookie(later, &other_reply), Ok(()));
    assert_eq!(poll(&mut honest, now), None, "nothing was sent for them");
    assert_eq!(honest.on_cookie(now, &reply), Ok(()));
}

#[test]
fn line_attempt_follows_as_many_cookies_as_the_config_says() {
    let (mut lines, _) = room(
        1,
        &Config {
            half_open: 0,
            ..config()
        },
    );
    let now = Time::ZERO;
    let followed = Config {
        cookies: 2,
        ..config()
    };
    let (mut honest, name) = room(3, &followed);
    let key = secret(1).public();
    honest.open(now, name, key, &[route_to(1)], 0).unwrap();
    for n in 0..=2 {
        let open = poll_one(&mut honest, now);
        // Each time it comes from somewhere else.
        assert_eq!(lines.on_open(now, at(n), &open), Err(Dropped::CookieAsked));
        let reply = poll_one(&mut lines, now);
        let expected = if n < 2 {
            Ok(())
        } else {
            Err(Dropped::Repeated)
        };
        assert_eq!(honest.on_cookie(now, &reply), expected);
    }
    assert_eq!(honest.ids.len(), 1, "there is one open");
}

#[test]
fn line_cookies_of_one_prefix_have_a_share_of_their_own() {
    let (mut lines, _) = room(1, &config());
    let now = Time::ZERO;
    flood(&mut lines, now, 0..50);
    let mut opens = Vec::new();
    for n in 0..5 {
        let from = if n < 4 { at(700 + n) } else { at(1 << 16) };
        let (mut honest, _, reply) = asked(&mut lines, now, from);
        honest.on_cookie(now, &reply).unwrap();
        opens.push((from, poll_one(&mut honest, now)));
    }
    let results: Vec<_> = opens
        .iter()
        .map(|(from, open)| lines.on_open(now, *from, open))
        .collect();
    let busy = Err(Dropped::Busy);
    assert_eq!(results, [Ok(()), Ok(()), Ok(()), busy, Ok(())]);
    let (from, open) = &opens[3];
    let later = now.plus_ms(1000);
    assert_eq!(lines.on_open(later, *from, open), Ok(()));
    assert_eq!(lines.prefixes(), 1);
}

#[test]
fn line_places_for_opens_that_wait_are_not_one_prefix_s_to_keep() {
    let config = Config {
        half_open: 8,
        opens_per_second: 1000,
        opens_burst: 1000,
        opens_per_prefix_per_second: 1000,
        ..config()
    };
    let (mut lines, _) = room(1, &config);
    let now = Time::ZERO;
    flood(&mut lines, now, 0..4);
    // Whoever has one address takes what is left, and never proves that it is there.
    for n in 0..20 {
        let (mut rogue, _, reply) = asked(&mut lines, now, at(700 + n));
        rogue.on_cookie(now, &reply).unwrap();
        let open = poll_one(&mut rogue, now);
        assert_eq!(lines.on_open(now, at(700 + n), &open), Ok(()));
        poll_one(&mut lines, now);
        assert!(lines.answers() <= 8 && lines.ids.len() <= 8);
    }
    let (mut honest, slot, reply) = asked(&mut lines, now, at(1 << 16));
    honest.on_cookie(now, &reply).unwrap();
    let open = poll_one(&mut honest, now);
    assert_eq!(lines.on_open(now, at(1 << 16), &open), Ok(()));
    let (answer, mut fx) = (poll_one(&mut lines, now), effects());
    honest
        .on_answer(now, route_to(1), &answer, &mut fx)
        .unwrap();
    let mut proof = seal(&mut honest, slot, b"here");
    assert!(lines.unseal(now, at(1 << 16), &mut proof, &mut fx).is_ok());
}
