//! What a record says, for people.

use alloc::string::String;
use core::fmt::{self, Display, Write as _};

use super::record::{Fields, Record};
use crate::{base::Time, wire::json::Value};

/// A time as a sentence has it.
pub(super) struct At(pub(super) Time);

impl Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let us = self.0.as_us();
        write!(f, "t={}.{:06} s", us / 1_000_000, us % 1_000_000)
    }
}

/// A number with a comma before every three digits.
struct Grouped(u64);

impl Display for Grouped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 < 1000 {
            return write!(f, "{}", self.0);
        }
        write!(f, "{},{:03}", Self(self.0 / 1000), self.0 % 1000)
    }
}

/// What is there, or a question mark.
struct Or<T>(Option<T>);

impl<T: Display> Display for Or<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Some(it) => it.fmt(f),
            None => f.write_str("?"),
        }
    }
}

/// So many bytes.
struct Bytes(Option<u64>);

impl Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(1) => f.write_str("1 byte"),
            count => write!(f, "{} bytes", Or(count.map(Grouped))),
        }
    }
}

/// So many datagrams.
fn datagrams(f: &mut dyn fmt::Write, len: Option<u64>, each: Option<u64>) -> fmt::Result {
    let (total, each) = (len.unwrap_or(0), each.unwrap_or(0));
    match if each == 0 { 1 } else { total.div_ceil(each) } {
        0 | 1 => write!(f, "a datagram of {}", Bytes(len)),
        count if total % each == 0 => {
            write!(f, "{count} datagrams of {}", Bytes(Some(each)))
        }
        count => write!(f, "{count} datagrams of up to {}", Bytes(Some(each))),
    }
}

/// The record in words.
pub(super) fn of(record: &Record<'_>) -> String {
    let mut words = String::new();
    let written = write!(words, "{}  ", At(record.at())).and_then(|()| say(record, &mut words));
    written.expect("a text grows");
    words
        .chars()
        .map(|c| {
            if c.is_control() || steers(c) {
                '\u{fffd}'
            } else {
                c
            }
        })
        .collect()
}

/// True for what would steer a terminal and may stand in JSON as it is: characters of the second
/// set of controls, and those that turn the direction of writing.
const fn steers(c: char) -> bool {
    matches!(c, '\u{7f}'..='\u{9f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// JSON in which nothing steers a terminal.
pub(super) fn harmless(json: &str) -> String {
    let mut harmless = String::with_capacity(json.len());
    for c in json.chars() {
        if steers(c) {
            write!(harmless, "\\u{:04x}", u32::from(c)).expect("a text grows");
        } else {
            harmless.push(c);
        }
    }
    harmless
}

fn say(record: &Record<'_>, f: &mut String) -> fmt::Result {
    let it = &*record.fields;
    let body = (!record.body().is_empty()).then_some(record.body().len() as u64);
    let bytes = body.or(it.bytes).or(Some(0));
    if it.tape.is_some() {
        let holds = if it.secrets == Some(true) {
            "it holds secrets"
        } else {
            "redacted, it cannot be replayed"
        };
        let scheme = it.scheme.as_deref();
        write!(
            f,
            "a tape of a switch that computes by {}; {holds}",
            Or(scheme)
        )
    } else if let Some(end) = record.end() {
        write!(f, "end: {end}")
    } else if let Some(call) = it.call.as_deref() {
        if !network(it, call, bytes, f)? {
            command(it, call, bytes, f)?;
            result(it, f)?;
        }
        Ok(())
    } else {
        match it.out.as_deref() {
            Some("transmit") => transmit(it, f),
            Some("event") => event(it, f),
            Some("need") => write!(
                f,
                "asks to keep '{}', {}",
                Or(it.name.as_ref()),
                Bytes(it.bytes)
            ),
            _ => f.write_str("nothing that is known here"),
        }
    }
}

fn network(
    it: &Fields,
    call: &str,
    bytes: Option<u64>,
    f: &mut String,
) -> Result<bool, fmt::Error> {
    match call {
        "handle_datagram" => {
            datagrams(f, bytes, it.stride.filter(|stride| *stride > 0).or(bytes))?;
            way(it, "from", f)?;
        }
        "handle_timeout" => f.write_str("the time has come")?,
        "handle_clock" => {
            let ms = it.wall.unwrap_or(0);
            write!(f, "the wall time is {}.{:03} s", ms / 1000, ms % 1000)?;
        }
        "handle_network_change" => {
            f.write_str("the sockets are now:")?;
            let locals = it.locals.iter().flatten();
            for (socket, local) in it.sockets.iter().flatten().zip(locals) {
                write!(f, " {socket} at {local};")?;
            }
        }
        "handle_sent_error" => {
            datagrams(f, it.len, it.segment)?;
            way(it, "to", f)?;
            write!(f, " could not be sent: {}", Or(it.error.as_ref()))?;
        }
        _ => return Ok(false),
    }
    Ok(true)
}

fn way(it: &Fields, direction: &str, f: &mut String) -> fmt::Result {
    write!(
        f,
        " {direction} {} on socket {}",
        Or(it.remote.as_ref()),
        Or(it.socket)
    )
}

fn transmit(it: &Fields, f: &mut String) -> fmt::Result {
    if it.none == Some(true) {
        return match (it.due, &it.why) {
            (Some(due), Some(why)) => {
                write!(
                    f,
                    "nothing to send; next at {} for {why}",
                    At(Time::from_us(due))
                )
            }
            _ => f.write_str("nothing to send, and nothing is due"),
        };
    }
    f.write_str("sends ")?;
    datagrams(f, it.len, it.segment)?;
    way(it, "to", f)
}

/// A call, and what it is about.
fn command(it: &Fields, call: &str, bytes: Option<u64>, f: &mut String) -> fmt::Result {
    f.write_str(call)?;
    if let Some(name) = &it.name {
        write!(f, " '{name}'")?;
    }
    match (&it.space, it.closed) {
        (Some(space), _) => write!(f, " in the space '{space}'")?,
        (None, Some(true)) => f.write_str(" in a closed space")?,
        (None, Some(false)) => f.write_str(" in an open space")?,
        (None, None) => {}
    }
    if let Some(local) = &it.local {
        write!(f, " as {}", short(local))?;
    }
    if let Some(key) = &it.key {
        write!(f, " to the key {}", short(key))?;
    }
    if let Some(peer) = it.peer.as_ref().or(it.target.as_ref()) {
        write!(f, " to {}", short(peer))?;
    }
    if let Some(to) = it.to.as_ref().filter(|to| !to.is_empty()) {
        write!(f, " at {}", to.join(", "))?;
    }
    if let Some(remote) = &it.remote {
        write!(f, " to {remote}")?;
    }
    match (it.line, it.stream) {
        (Some(line), Some(stream)) => write!(f, " on stream {line}.{stream}")?,
        (Some(line), None) => write!(f, " on line {line}")?,
        (None, _) => {}
    }
    if let Some(code) = it.code {
        write!(f, " with code {code}")?;
    }
    if let Some(priority) = it.priority {
        write!(f, " at {priority}")?;
    }
    if bytes != Some(0) {
        write!(f, ", {}", Bytes(bytes))?;
    }
    Ok(())
}

fn result(it: &Fields, f: &mut String) -> fmt::Result {
    if let Some(from) = &it.from {
        write!(f, " from {from}")?;
    }
    match (&it.err, &it.ok) {
        (Some(err), _) => {
            write!(f, ": no, {err}")?;
            why(it, f)
        }
        (None, Some(Value::String(word))) => write!(f, ": {}", short(word)),
        (None, Some(_) | None) => Ok(()),
    }
}

fn event(it: &Fields, f: &mut String) -> fmt::Result {
    let event = it.event.as_deref().unwrap_or_default();
    match (it.line, it.stream) {
        (Some(line), Some(stream)) => write!(f, "stream {line}.{stream} is {event}")?,
        (Some(line), None) => write!(f, "line {line} is {event}")?,
        (None, _) => write!(f, "{event}")?,
    }
    if let Some(peer) = &it.peer {
        write!(f, " to {}", short(peer))?;
    }
    if let Some(remote) = &it.remote {
        write!(f, " to {remote} on socket {}", Or(it.socket))?;
    } else if let Some(local) = &it.local {
        write!(f, " as {}", short(local))?;
    }
    if let Some(version) = it.version {
        write!(f, " by version {version}")?;
    }
    if let Some(code) = it.code {
        write!(f, ", code {code}")?;
    }
    why(it, f)
}

fn why(it: &Fields, f: &mut String) -> fmt::Result {
    if let Some(why) = it.why.as_ref().or(it.refusal.as_ref()) {
        write!(f, ": {why}")?;
    }
    if let Some(code) = it.peer_code {
        write!(f, ", code {code}")?;
    }
    for said in [&it.reason, &it.versions].into_iter().flatten() {
        write!(f, " '{}'", said.escape_default())?;
    }
    Ok(())
}

/// The beginning of a long row of digits.
fn short(digits: &str) -> String {
    match digits.get(..8) {
        Some(first) if digits.len() > 12 => String::from(first) + "…",
        _ => digits.into(),
    }
}
