//! What the default congestion control makes of a link.

use alloc::vec;

use super::{
    bottleneck::{Bottleneck, DELAY_US, Line, PACKET, PRODUCT, RATE},
    *,
};

/// More than any test sends.
const ENDLESS: u32 = u32::MAX;
/// What is left of a packet for an application.
const PAYLOAD: u32 = 1160;

fn s(seconds: u64) -> Time {
    ms(seconds * 1000)
}

fn cubic() -> Config {
    Config {
        algorithm: Algorithm::Cubic,
        ..Config::default()
    }
}

fn endless(config: &Config) -> Line {
    Line::new(config, ms(0), ENDLESS)
}

fn lone(config: &Config, lost_percent: u64) -> Bottleneck {
    Bottleneck::new(1, lost_percent, vec![endless(config)])
}

/// The part of the link in percent that a lone line has in so many seconds from now on.
fn share(link: &mut Bottleneck, seconds: u64) -> u64 {
    let (from, rate) = (link.now, link.rate);
    let got = link.until(from.plus_ms(seconds * 1000))[0];
    got * 100 / (rate * seconds)
}

/// The first line's part in percent of what two lines have until then.
fn of_two(link: &mut Bottleneck, until: Time) -> u64 {
    let got = link.until(until);
    got[0] * 100 / (got[0] + got[1])
}

#[test]
fn flow_model_fills_a_link_whatever_it_loses() {
    for (lost_percent, least) in [(0, 98), (1, 97), (5, 93), (10, 85)] {
        let mut link = lone(&Config::default(), lost_percent);
        link.until(s(10));
        let share = share(&mut link, 5);
        assert!(share >= least, "{share} % at {lost_percent} % loss");
    }
}

#[test]
fn flow_model_carries_20_mib_from_the_first_byte() {
    for (lost_percent, least) in [(0, 9.7), (1, 9.3), (5, 8.6)] {
        for seed in 1..4 {
            let line = Line::new(&Config::default(), ms(0), (20 << 20) / PAYLOAD + 1);
            let mut link = Bottleneck::new(seed, lost_percent, vec![line]);
            link.hasten();
            let rate = 20e6 / link.finish().as_us() as f64;
            assert!(rate >= least, "{rate} MiB/s at {lost_percent} %, {seed}");
        }
    }
}

#[test]
fn flow_model_shares_with_its_like_also_when_one_comes_later() {
    for (queue, later) in [(50, 0), (100, 0), (100, 5), (300, 5)] {
        let second = Line::new(&Config::default(), s(later), ENDLESS);
        let mut link = Bottleneck::new(1, 0, vec![endless(&Config::default()), second]);
        link.queue_bytes = PRODUCT * queue / 100;
        link.until(s(later + 10));
        let share = of_two(&mut link, s(later + 40));
        let all = (35..=65).contains(&share);
        assert!(all, "{share} % with {queue} % of queue, {later} s later");
        assert!(link.queue_mean() < PRODUCT, "a queue stands");
    }
}

#[test]
fn flow_model_shares_with_cubic() {
    for (first, second) in [(0, 0), (0, 5), (5, 0)] {
        let lines = vec![
            Line::new(&Config::default(), s(first), ENDLESS),
            Line::new(&cubic(), s(second), ENDLESS),
        ];
        let mut link = Bottleneck::new(1, 0, lines);
        link.hasten();
        link.until(s(10));
        let share = of_two(&mut link, s(60));
        let fair = (35..=65).contains(&share);
        assert!(fair, "{share} % from {first} s on beside {second} s");
    }
}

#[test]
fn flow_model_lets_no_queue_stand() {
    for lost_percent in [0, 1, 5] {
        let mut link = lone(&Config::default(), lost_percent);
        link.queue_bytes = 8 * PRODUCT;
        link.until(s(3));
        assert_eq!(link.dropped, 0, "start-up goes no further than it must");
        assert!(link.queue_most <= PRODUCT * 5 / 4);
        link.forget();
        link.until(s(33));
        let (mean, most) = (link.queue_mean(), link.queue_most);
        assert!(mean < PRODUCT / 4, "{mean} bytes at {lost_percent} %");
        assert!(most < PRODUCT, "{most} bytes at {lost_percent} %");
    }
}

#[test]
fn flow_model_window_is_the_gain_that_the_config_says() {
    let config = Config {
        window_gain_percent: 300,
        pacing_slack_us: 0,
        ..Config::default()
    };
    for (gain, least) in [(130, 93), (150, 97), (300, 97)] {
        let config = Config {
            window_gain_percent: gain,
            ..config
        };
        let mut link = lone(&config, 0);
        link.queue_bytes = 4 * PRODUCT;
        link.until(s(5));
        let share = share(&mut link, 2);
        assert!(share >= least, "{share} % with a gain of {gain}");
        let window = link.lines[0].flow().window_bytes() * 100 / PRODUCT;
        let expected = u64::from(gain);
        assert!((expected - 5..expected + 15).contains(&window), "{window}");
    }
}

#[test]
fn flow_model_follows_a_rate_that_halves_and_doubles() {
    let mut link = lone(&Config::default(), 0);
    link.until(s(5));
    link.rate = RATE / 2;
    link.until(s(7));
    link.forget();
    assert!(share(&mut link, 3) >= 95);
    assert!(
        link.queue_mean() < PRODUCT / 2,
        "what it was too fast is gone"
    );
    link.rate = RATE;
    link.until(s(12));
    assert!(share(&mut link, 3) >= 93);
    link.rate = RATE * 8;
    link.queue_bytes *= 8;
    link.until(s(25));
    let share = share(&mut link, 1);
    assert!(share >= 93, "{share} % of eight times as much");
}

#[test]
fn flow_model_learns_of_a_longer_path_and_renews_what_it_knows() {
    let config = Config {
        round_trip_renewal_ms: 5000,
        ..Config::default()
    };
    let mut link = lone(&config, 0);
    link.queue_bytes = 4 * PRODUCT;
    link.until(s(3));
    link.delay_us = DELAY_US * 4;
    link.until(s(12));
    let share = share(&mut link, 5);
    assert!(share >= 93, "{share} %");
    assert!(link.lines[0].flow().window_bytes() > 7 * PRODUCT);
}

#[test]
fn flow_model_remembers_over_what_the_application_does_not_send() {
    let mut link = lone(&Config::default(), 0);
    link.until(s(3));
    link.lines[0].fresh = 0;
    link.until(s(4));
    link.forget();
    // A packet now and then, for longer than any filter.
    for second in 4..30 {
        link.lines[0].fresh = 1;
        link.until(s(second));
    }
    link.lines[0].fresh = 4000;
    let from = link.now;
    let took_us = link.finish().since_us(from);
    // At the rate of the link from the first packet on.
    let least_us = 4000 * u64::from(PACKET) * 1_000_000 / RATE + 2 * DELAY_US;
    assert!(took_us < least_us + 60_000, "{took_us} of {least_us} us");
    assert_eq!(link.dropped, 0);
}

#[test]
fn flow_model_answers_a_shallow_buffer() {
    for (queue, lost_percent, most) in [(10, 0, 4), (25, 0, 4), (10, 5, 10), (25, 5, 10)] {
        let mut link = lone(&Config::default(), lost_percent);
        link.hasten();
        link.queue_bytes = link.queue_bytes * queue / 100;
        link.until(s(5));
        link.forget();
        let sent = link.lines[0].sent;
        assert!(share(&mut link, 8) >= 98 - lost_percent * 6 / 5);
        let sent = (link.lines[0].sent - sent) * u64::from(PACKET);
        let permille = link.dropped * 1000 / sent;
        assert!(permille <= most, "{permille} in a thousand, queue {queue}");
    }
}

#[test]
fn flow_model_tolerates_loss_up_to_the_bound_of_the_config() {
    let strict = Config {
        loss_tolerated_percent: 1,
        ..Config::default()
    };
    let mut link = lone(&strict, 5);
    link.until(s(5));
    // What is beyond is taken for a full buffer. What arrives is still not starved.
    let strict = share(&mut link, 5);
    let mut link = lone(&Config::default(), 5);
    link.until(s(5));
    let usual = share(&mut link, 5);
    assert!(strict + 5 < usual, "{strict} and {usual} %");
}

#[test]
fn flow_model_is_at_home_on_short_and_on_long_paths() {
    // 20 us each way at 1 GB/s: pacing must not hold back what no timer can time.
    let mut link = lone(&Config::default(), 0);
    (link.rate, link.delay_us, link.queue_bytes) = (1_000_000_000, 20, 1 << 20);
    link.until(ms(100));
    let got = link.until(ms(300))[0];
    assert!(got >= 180_000_000, "{got} bytes of 200,000,000");
    // Half a second there and back.
    let mut link = lone(&Config::default(), 1);
    (link.delay_us, link.queue_bytes) = (250_000, PRODUCT * 10);
    link.until(s(20));
    assert!(share(&mut link, 10) >= 93);
}

#[test]
fn flow_model_is_itself_again_soon_after_an_outage() {
    for (outage_ms, lost_permille) in [(700, 1000), (4000, 1000), (20_000, 1000), (4000, 900)] {
        let mut link = lone(&Config::default(), 0);
        link.until(s(2));
        link.lost_permille = lost_permille;
        link.until(s(2).plus_ms(outage_ms));
        link.lost_permille = 0;
        // A probe may just have left: the next one comes after as long again, at most 64 periods.
        link.until(s(9).plus_ms(outage_ms * 2));
        let share = share(&mut link, 2);
        assert!(share >= 90, "{share} % after {outage_ms} ms");
    }
}

#[test]
fn flow_model_believes_no_delay_that_makes_the_round_trip_shorter_than_any() {
    let windows = |delay_us: u64| {
        let mut flow = measured(&Config::default(), 40);
        flow.set_peer_ranges_delay_ms(1000);
        let (mut next, mut fates) = (1, Vec::new());
        let round = |round: u64| {
            let (from, now) = (next, ms(round * 100));
            flow.on_deadline(now, &mut fates);
            while flow.allowance(now) == Allowance::Packet {
                send(&mut flow, now, [next]);
                next += 1;
            }
            with_ranges(&[from..next], delay_us, |frame| {
                let told = flow.on_ranges(now.plus_ms(40), frame, next, &mut fates);
                assert_eq!(told.unwrap().sample_us, Some(40_000));
            });
            flow.window_bytes()
        };
        (1..30).map(round).collect::<Vec<_>>()
    };
    assert_eq!(windows(1_000_000), windows(0));
}
