use super::*;
use crate::base::{Rng, Seed};

const PACKET: u64 = 1000;

fn config(packets: u16) -> Config {
    Config {
        window_initial_packets: packets,
        ..Config::default()
    }
}

fn rtt(us: u64) -> Rtt {
    let mut rtt = Rtt::new(us);
    rtt.on_sample(Time::ZERO, us, 0);
    rtt
}

fn lose(cubic: &mut Cubic, now: Time, last_sent_at: Time, persistent: bool) {
    let losses = Losses {
        bytes: PACKET,
        last_sent_at,
        persistent,
    };
    cubic.on_lost(now, &losses);
}

/// RFC 9438 written down in seconds, packets and floats.
struct Reference {
    window: f64,
    threshold: f64,
    plateau: f64,
    prior: f64,
    reno: f64,
    epoch: Option<(f64, f64, f64)>,
}

impl Reference {
    fn new(window: f64) -> Self {
        let (threshold, epoch) = (f64::INFINITY, None);
        Self {
            window,
            threshold,
            plateau: 0.0,
            prior: 0.0,
            reno: 0.0,
            epoch,
        }
    }

    /// Where the window is at its old plateau to within 1 %, either branch of the fast
    /// convergence is right: the one that `ours` took.
    fn lose(&mut self, ours: &Cubic) {
        self.prior = self.window;
        let close = (self.window / self.plateau - 1.0).abs() < 0.01;
        let below = if close {
            ours.plateau < ours.prior
        } else {
            self.window < self.plateau
        };
        let converge = if below { 0.85 } else { 1.0 };
        self.plateau = self.window * converge;
        self.threshold = self.window * 0.7;
        self.window = self.threshold;
        self.epoch = None;
    }

    fn arrive(&mut self, now: f64, rtt: f64, packets: f64) {
        if self.window < self.threshold {
            self.window += packets;
            return;
        }
        let (start, plateau, middle) = *self.epoch.get_or_insert_with(|| {
            self.reno = self.window;
            let below = (self.plateau - self.window).max(0.0);
            (now, self.plateau.max(self.window), (below / 0.4).cbrt())
        });
        let curve = |t: f64| 0.4 * (t - middle).powi(3) + plateau;
        let slope = if self.reno < self.prior {
            9.0 / 17.0
        } else {
            1.0
        };
        self.reno += slope * packets / self.window;
        if curve(now - start) < self.reno {
            self.window = self.window.max(self.reno);
        } else {
            let target = curve(now - start + rtt).clamp(self.window, self.window * 1.5);
            self.window += (target - self.window) / self.window * packets;
        }
    }
}

/// A number of any magnitude.
fn any(rng: &mut Rng) -> u64 {
    let bits = rng.below(63);
    rng.below(1 << bits)
}

/// Feeds both for `seconds`, two packets a frame, evenly over each round trip, and shows both
/// windows in packets after each frame.
fn run(
    cubic: &mut Cubic,
    reference: &mut Reference,
    from_us: u64,
    seconds: u64,
    rtt_us: u64,
    mut look: impl FnMut(u64, f64, f64),
) -> u64 {
    let (mut now_us, rtt) = (from_us, rtt(rtt_us));
    while now_us < from_us + seconds * 1_000_000 {
        now_us += rtt_us * 2 * PACKET / cubic.window_bytes();
        cubic.on_arrived(Time::from_us(now_us - 1), 2 * PACKET, true);
        cubic.on_ranges(Time::from_us(now_us), &rtt, &Sample::default());
        reference.arrive(now_us as f64 / 1e6, rtt_us as f64 / 1e6, 2.0);
        look(
            now_us,
            cubic.window_bytes() as f64 / PACKET as f64,
            reference.window,
        );
    }
    now_us
}

fn near(value: f64, expected: f64) {
    assert!(
        (value / expected - 1.0).abs() < 0.01,
        "{value} is not near {expected}"
    );
}

#[test]
fn flow_cubic_agrees_with_a_float_reference_through_losses() {
    let mut rng = Rng::new(&Seed::new([11; 32]));
    for _ in 0..12 {
        let (packets, rtt_us) = (20 + rng.below(2000), 2000 + rng.below(200_000));
        let mut cubic = Cubic::new(&config(packets as u16), PACKET);
        let mut reference = Reference::new(packets as f64);
        let mut now_us = 1_000_000;
        for _ in 0..5 {
            let lost_at = Time::from_us(now_us);
            lose(&mut cubic, lost_at, lost_at, false);
            reference.lose(&cubic);
            let seconds = 1 + rng.below(12);
            now_us = run(
                &mut cubic,
                &mut reference,
                now_us,
                seconds,
                rtt_us,
                |_, ours, theirs| {
                    near(ours, theirs);
                },
            );
        }
    }
}

#[test]
fn flow_cubic_follows_the_published_curve() {
    // W_max = 1000, so K = cbrt(300 / 0.4) = 9.086 s; the window trails the curve by less than a
    // round trip.
    let (mut cubic, mut reference) = (Cubic::new(&config(1000), PACKET), Reference::new(1000.0));
    lose(&mut cubic, Time::from_us(1), Time::from_us(1), false);
    reference.lose(&cubic);
    let middle = (300.0f64 / 0.4).cbrt();
    run(
        &mut cubic,
        &mut reference,
        1,
        15,
        100_000,
        |now_us, ours, _| {
            let curve = 0.4 * (now_us as f64 / 1e6 - middle).powi(3) + 1000.0;
            near(ours, curve.max(700.0));
        },
    );
    assert!(
        cubic.window_bytes() > 1_070 * PACKET,
        "it probes beyond the plateau"
    );
}

#[test]
fn flow_cubic_is_as_fast_as_reno_on_short_paths() {
    // 50 packets at 5 ms: 9/17 packets a round trip until the old window, then a whole one.
    let (mut cubic, mut reference) = (Cubic::new(&config(50), PACKET), Reference::new(50.0));
    lose(&mut cubic, Time::from_us(1), Time::from_us(1), false);
    reference.lose(&cubic);
    let rounds = (15.0 * 17.0 / 9.0) + 20.0;
    let mut last = 0.0;
    run(
        &mut cubic,
        &mut reference,
        1,
        1,
        5_000,
        |now_us, ours, _| {
            if now_us <= (rounds * 5_000.0) as u64 {
                last = ours;
            }
        },
    );
    assert!(
        (last - 70.0f64).abs() < 1.5,
        "{last} packets after {rounds} rounds"
    );
}

#[test]
fn flow_cubic_reacts_once_to_what_was_sent_before_the_reaction() {
    let mut cubic = Cubic::new(&config(100), PACKET);
    lose(&mut cubic, Time::from_us(500), Time::from_us(100), false);
    assert_eq!(cubic.window_bytes(), 70 * PACKET);
    lose(&mut cubic, Time::from_us(600), Time::from_us(500), false);
    assert_eq!(cubic.window_bytes(), 70 * PACKET);
    cubic.on_arrived(Time::from_us(500), 9 * PACKET, true);
    cubic.on_ranges(Time::from_us(601), &rtt(100), &Sample::default());
    assert_eq!(
        cubic.window_bytes(),
        70 * PACKET,
        "no growth during recovery"
    );
    lose(&mut cubic, Time::from_us(700), Time::from_us(501), false);
    assert_eq!(cubic.window_bytes(), 49 * PACKET);
    assert_eq!(
        cubic.plateau,
        70 * PACKET * 17 / 20,
        "the second plateau makes room"
    );
}

#[test]
fn flow_cubic_persistent_congestion_begins_again_at_the_minimum() {
    let config = Config {
        window_min_packets: 3,
        ..config(100)
    };
    let mut cubic = Cubic::new(&config, PACKET);
    lose(&mut cubic, Time::from_us(500), Time::from_us(100), true);
    assert_eq!(cubic.window_bytes(), 3 * PACKET);
    cubic.on_arrived(Time::from_us(400), 3 * PACKET, true);
    cubic.on_ranges(Time::from_us(600), &rtt(100), &Sample::default());
    assert_eq!(cubic.window_bytes(), 6 * PACKET, "it doubles");
}

#[test]
fn flow_cubic_does_not_grow_for_what_the_application_limits() {
    let (mut cubic, rtt) = (Cubic::new(&config(10), PACKET), rtt(100_000));
    cubic.on_arrived(Time::from_us(1), 5 * PACKET, false);
    cubic.on_ranges(Time::from_us(2), &rtt, &Sample::default());
    assert_eq!(cubic.window_bytes(), 10 * PACKET);
    // Nor does the curve run on meanwhile: ten quiet minutes leave the window where it was.
    lose(&mut cubic, Time::from_us(3), Time::from_us(3), false);
    let minutes = Time::from_us(600_000_000);
    for (at, filled) in [
        (Time::from_us(9), true),
        (Time::from_us(10), false),
        (minutes, true),
    ] {
        cubic.on_arrived(at, PACKET, filled);
        cubic.on_ranges(at, &rtt, &Sample::default());
    }
    assert!(cubic.window_bytes() <= 7_200, "{}", cubic.window_bytes());
}

#[test]
fn flow_cubic_window_stays_within_its_bounds_whatever_comes() {
    let mut rng = Rng::new(&Seed::new([12; 32]));
    for _ in 0..200 {
        let most = any(&mut rng);
        let config = Config {
            window_max_bytes: most,
            ..config(10)
        };
        let mut cubic = Cubic::new(&config, PACKET);
        let most = most.clamp(2 * PACKET, WINDOW_MAX);
        let mut at = 0u64;
        for _ in 0..200 {
            at = at.saturating_add(any(&mut rng));
            let now = Time::from_us(at);
            cubic.on_arrived(now, any(&mut rng), true);
            match rng.below(8) {
                0 => lose(&mut cubic, now, now, rng.below(4) == 0),
                _ => cubic.on_ranges(now, &rtt(1 + any(&mut rng)), &Sample::default()),
            }
            assert!((2 * PACKET..=most).contains(&cubic.window_bytes()));
            assert!(cubic.rate(&rtt(1 + rng.below(1 << 40))) < u64::MAX);
        }
    }
}

#[test]
fn flow_cubic_cube_root_is_exact() {
    for root in [0u64, 1, 2, 3, 10, 999, 1_000_000, (1 << 42) - 1] {
        let cube = u128::from(root).pow(3);
        assert_eq!(cube_root(cube), root);
        assert_eq!(cube_root(cube + 1), if root == 0 { 1 } else { root });
        assert_eq!(cube_root(cube.saturating_sub(1)), root.saturating_sub(1));
    }
}
