//! Numbers as people read and write them.

use std::time::Duration;

const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];

/// `1536` as `1.5 KiB`.
pub(crate) fn bytes(count: u64) -> String {
    if count < 1024 {
        return format!("{count} B");
    }
    let mut value = count as f64;
    let mut unit = "";
    for next in UNITS {
        if value < 1024.0 {
            break;
        }
        value /= 1024.0;
        unit = next;
    }
    format!("{value:.1} {unit}")
}

/// Says in a sentence that a transfer went on from so many bytes, if it did.
pub(crate) fn resumed(from: u64) -> String {
    if from == 0 {
        return String::new();
    }
    format!(" (from {} on)", bytes(from))
}

/// Bytes a second, in MiB/s.
pub(crate) fn rate(count: u64, time: Duration) -> String {
    format!("{:.1} MiB/s", mib_per_s(count, time))
}

/// Bytes a second, in MiB/s.
pub(crate) fn mib_per_s(count: u64, time: Duration) -> f64 {
    count as f64 / f64::from(1 << 20) / time.as_secs_f64().max(1e-9)
}

/// A short time in milliseconds.
pub(crate) fn ms(time: Duration) -> String {
    format!("{:.3} ms", time.as_secs_f64() * 1e3)
}

/// A time in seconds.
pub(crate) fn seconds(time: Duration) -> String {
    format!("{:.2} s", time.as_secs_f64())
}

/// Reads `10s`, `500ms`, `2m` or a plain number of seconds; more than nothing, at most a day.
pub(crate) fn parse_time(text: &str) -> Result<Duration, String> {
    let split = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let scale_ms = match unit {
        "ms" => 1,
        "" | "s" => 1000,
        "m" => 60_000,
        _ => return Err("a time is a whole number and ms, s or m, like 10s".into()),
    };
    let time_ms = number
        .parse::<u64>()
        .ok()
        .and_then(|number| number.checked_mul(scale_ms))
        .filter(|ms| (1..=86_400_000).contains(ms))
        .ok_or("a time is between 1ms and 1440m")?;
    Ok(Duration::from_millis(time_ms))
}

/// Reads `12.5s`, `500ms`, `2m` or a plain number of seconds, in microseconds.
pub(crate) fn parse_moment(text: &str) -> Result<u64, String> {
    let number = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let scale_us = match &text[number.len()..] {
        "us" => 1,
        "ms" => 1000,
        "" | "s" => 1_000_000,
        "m" => 60_000_000,
        _ => return Err("a moment is a number and us, ms, s or m, like 12.5s".into()),
    };
    let (whole, part) = number.split_once('.').unwrap_or((number, "0"));
    let digits = |text: &str| text.bytes().all(|c| c.is_ascii_digit()) && text.len() <= 9;
    let read = |text: &str| text.parse::<u64>().ok().filter(|_| digits(text));
    read(whole)
        .zip(read(part))
        .map(|(whole, part_of)| {
            let places = 10_u64.pow(u32::try_from(part.len()).unwrap_or_default());
            whole * scale_us + part_of * scale_us / places
        })
        .ok_or_else(|| "a moment is a number like 12.5".into())
}

/// A moment in the life of a switch.
pub(crate) fn moment(us: u64) -> String {
    format!("{}.{:06} s", us / 1_000_000, us % 1_000_000)
}

/// Reads `30m`, `12h`, `90d` or a plain number of seconds; more than nothing, at most ten years.
pub(crate) fn parse_span(text: &str) -> Result<u64, String> {
    let number = text.trim_end_matches(|c: char| !c.is_ascii_digit());
    let scale_s = match &text[number.len()..] {
        "" | "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        _ => return Err("a time is a whole number and s, m, h or d, like 12h".into()),
    };
    number
        .parse::<u64>()
        .ok()
        .and_then(|number| number.checked_mul(scale_s))
        .filter(|s| (1..=3650 * 86_400).contains(s))
        .ok_or_else(|| "a time is between 1s and 3650d".into())
}

/// Reads a number of bytes: `1000`, `64K`, `10M`, `2G`, `1T`, by powers of 1024.
pub(crate) fn parse_bytes(text: &str) -> Result<u64, String> {
    let number = text.trim_end_matches(|c: char| !c.is_ascii_digit());
    let shift = match text[number.len()..].to_ascii_lowercase().as_str() {
        "" | "b" => 0,
        "k" | "kib" => 10,
        "m" | "mib" => 20,
        "g" | "gib" => 30,
        "t" | "tib" => 40,
        _ => return Err("a number of bytes is a whole number and at most K, M, G or T".into()),
    };
    number
        .parse::<u64>()
        .ok()
        .and_then(|number| number.checked_mul(1 << shift))
        .ok_or_else(|| "that is no number of bytes".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_read_moments() {
        assert_eq!(parse_moment("12.5s"), Ok(12_500_000));
        assert_eq!(parse_moment("12.5"), Ok(12_500_000));
        assert_eq!(parse_moment("0.000001"), Ok(1));
        assert_eq!(parse_moment("500ms"), Ok(500_000));
        assert_eq!(parse_moment("2m"), Ok(120_000_000));
        for bad in ["", "s", ".", "-1", "1h", "1.2.3", "+1", "9999999999", "1e3"] {
            assert!(parse_moment(bad).is_err(), "{bad}");
        }
        assert_eq!(moment(12_500_000), "12.500000 s");
    }

    #[test]
    fn figures_read_back_what_people_write() {
        assert_eq!(parse_time("10s"), Ok(Duration::from_secs(10)));
        assert_eq!(parse_time("7"), Ok(Duration::from_secs(7)));
        assert_eq!(parse_time("250ms"), Ok(Duration::from_millis(250)));
        for bad in ["", "s", "0", "-1s", "1h", "99999m", "1.5s"] {
            assert!(parse_time(bad).is_err(), "{bad}");
        }
        assert_eq!(parse_bytes("64K"), Ok(65536));
        assert_eq!(parse_bytes("0"), Ok(0));
        assert_eq!(parse_bytes("1TiB"), Ok(1 << 40));
        for bad in ["", "K", "1X", "-1", "99999999T", "1.5G"] {
            assert!(parse_bytes(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn figures_are_short() {
        assert_eq!(bytes(0), "0 B");
        assert_eq!(bytes(1023), "1023 B");
        assert_eq!(bytes(1536), "1.5 KiB");
        assert_eq!(bytes(1 << 40), "1.0 TiB");
        assert_eq!(rate(1 << 21, Duration::from_secs(2)), "1.0 MiB/s");
        assert_eq!(ms(Duration::from_micros(1234)), "1.234 ms");
    }
}
