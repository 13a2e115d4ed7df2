//! Writes records. A head is written by hand and not by serde, since this runs for every call of a
//! switch that is recorded.

use alloc::{boxed::Box, string::String, vec::Vec};
use core::{
    fmt::{self, Write as _},
    net::{IpAddr, SocketAddr},
};

use twox_hash::xxhash3_64;

use super::{Config, End, words::harmless};
use crate::{base::Time, wire::TAG_LEN};

/// Bytes that a record may have after its length. A reader refuses one that claims more.
pub(super) const RECORD_MAX: usize = 1 << 24;
/// Bytes in front of a head: the length of the record and the length of the head.
pub(super) const BEFORE: usize = 6;
/// What a head ends with; the digits are those of the digest.
const DIGEST: &[u8; DIGEST_LEN] = br#","digest":"0123456789abcdef"}"#;
pub(super) const DIGEST_LEN: usize = 29;
/// Where in that the digits are.
const DIGITS: core::ops::Range<usize> = 11..27;
/// Room that is kept for the last record.
const END_ROOM: usize = 256;

/// A digest of bytes, and of whatever the digest before stands for.
pub(super) fn sum(before: u64, bytes: &[u8]) -> u64 {
    xxhash3_64::Hasher::oneshot_with_seed(before, bytes)
}

/// What a record carries behind its head.
#[derive(Clone, Copy)]
pub(super) enum Body<'a> {
    None,
    /// What somebody says: in a redacted tape its length and digest.
    Payload(&'a [u8]),
    /// What nobody else may know: in a redacted tape its length.
    Secret(&'a [u8], &'a [u8]),
    /// Sealed datagrams of so many bytes each: their tags stand for them.
    Tags(&'a [u8], usize),
}

/// A tape that is being written, or none.
#[derive(Default)]
pub(super) struct Tape(pub(super) Option<Box<Recorder>>);

impl Tape {
    /// Records a call.
    pub(super) fn note<'a>(
        &mut self,
        at: Time,
        call: &str,
        tell: impl FnOnce(&mut Recorder) -> Body<'a>,
    ) {
        if let Some(recorder) = self.0.as_deref_mut().filter(|it| !it.is_over) {
            recorder.last = at;
            recorder.begin("call", call);
            let body = tell(recorder);
            recorder.finish(body);
        }
    }

    /// Records something that was given, at the time of the call before.
    pub(super) fn out<'a>(
        &mut self,
        at: Option<Time>,
        out: &str,
        tell: impl FnOnce(&mut Recorder) -> Body<'a>,
    ) {
        if let Some(recorder) = self.0.as_deref_mut().filter(|it| !it.is_over) {
            recorder.last = at.unwrap_or(recorder.last);
            recorder.begin("out", out);
            let body = tell(recorder);
            recorder.finish(body);
        }
    }
}

/// What has been recorded and was not taken, and the record that is being written at its end.
pub(super) struct Recorder {
    pub(super) bytes: Vec<u8>,
    pub(super) digest: u64,
    pub(super) is_over: bool,
    config: Config,
    /// The number of the next record.
    pub(super) n: u64,
    /// The time of the last call.
    last: Time,
    /// Where the record that is being written begins.
    start: usize,
}

impl Recorder {
    pub(super) const fn new(config: Config) -> Self {
        Self {
            bytes: Vec::new(),
            digest: 0,
            is_over: false,
            config,
            n: 0,
            last: Time::ZERO,
            start: 0,
        }
    }

    pub(super) const fn is_redacted(&self) -> bool {
        self.config.redacted
    }

    /// Begins a record that is of this kind.
    pub(super) fn begin(&mut self, kind: &str, what: &str) {
        self.start = self.bytes.len();
        self.bytes.extend_from_slice(&[0; BEFORE]);
        self.bytes.extend_from_slice(b"{\"n\":");
        self.decimal(self.n);
        self.number("t", self.last.as_us());
        self.word(kind, what);
    }

    /// Ends the record; or, where it does not fit, the tape.
    pub(super) fn finish(&mut self, body: Body<'_>) {
        if self.config.redacted {
            self.redact(body);
            self.seal(Body::None);
        } else {
            self.seal(body);
        }
    }

    /// The last record.
    pub(super) fn end(&mut self, at: Time, end: End) {
        if self.is_over {
            return;
        }
        self.last = at;
        self.begin("end", end.code());
        self.is_over = true;
        self.seal(Body::None);
    }

    fn redact(&mut self, body: Body<'_>) {
        match body {
            Body::None => {}
            Body::Payload(bytes) => self.sum(bytes),
            Body::Secret(one, other) => self.number("bytes", (one.len() + other.len()) as u64),
            Body::Tags(..) => {
                let mut tags = Vec::new();
                body.each(|part| tags.extend_from_slice(part));
                self.digits("sum", sum(0, &tags));
            }
        }
    }

    fn seal(&mut self, body: Body<'_>) {
        let head = self.bytes.len() - self.start - BEFORE + DIGEST_LEN;
        let total = 2 + head + body.len();
        let after = self.start as u64 + 4 + total as u64;
        let most = self.config.buffer_bytes;
        let most = if self.is_over {
            u64::MAX
        } else {
            most.saturating_sub(END_ROOM as u64)
        };
        let Some(head) = u16::try_from(head)
            .ok()
            .filter(|_| total <= RECORD_MAX && (after <= most || self.config.digest_only))
        else {
            self.bytes.truncate(self.start);
            self.end(self.last, End::Behind);
            return;
        };
        let fixed = &mut self.bytes[self.start..];
        fixed[..4].copy_from_slice(&(total as u32).to_be_bytes());
        fixed[4..BEFORE].copy_from_slice(&head.to_be_bytes());
        let digest = sum(self.digest, &fixed[4..]);
        let end_of_head = self.bytes.len();
        self.bytes.extend_from_slice(DIGEST);
        body.each(|part| self.bytes.extend_from_slice(part));
        let (head, body) = self.bytes[end_of_head..].split_at_mut(DIGEST_LEN);
        self.digest = if body.is_empty() {
            digest
        } else {
            sum(digest, body)
        };
        head[DIGITS].copy_from_slice(&digits(self.digest));
        self.n += 1;
        if self.config.digest_only {
            self.bytes.truncate(self.start);
        }
    }

    fn key(&mut self, key: &str) {
        self.bytes.extend_from_slice(b",\"");
        self.bytes.extend_from_slice(key.as_bytes());
        self.bytes.extend_from_slice(b"\":");
    }

    /// A number.
    pub(super) fn number(&mut self, key: &str, number: u64) {
        self.key(key);
        self.decimal(number);
    }

    /// A number that may be below zero.
    pub(super) fn signed(&mut self, key: &str, number: i64) {
        self.key(key);
        if number < 0 {
            self.bytes.push(b'-');
        }
        self.decimal(number.unsigned_abs());
    }

    /// True or false.
    pub(super) fn flag(&mut self, key: &str, flag: bool) {
        self.key(key);
        let word: &[u8] = if flag { b"true" } else { b"false" };
        self.bytes.extend_from_slice(word);
    }

    /// A word in which nothing needs an escape.
    pub(super) fn word(&mut self, key: &str, word: &str) {
        self.key(key);
        self.bytes.push(b'"');
        self.bytes.extend_from_slice(word.as_bytes());
        self.bytes.push(b'"');
    }

    /// Any text.
    pub(super) fn text(&mut self, key: &str, text: &str) {
        self.key(key);
        self.bytes.push(b'"');
        for byte in harmless(&text.replace('\\', "\\\\")).bytes() {
            match byte {
                b'"' => self.bytes.extend_from_slice(b"\\\""),
                0..0x20 => {
                    self.bytes.extend_from_slice(b"\\u00");
                    self.bytes.extend_from_slice(&hex(byte));
                }
                _ => self.bytes.push(byte),
            }
        }
        self.bytes.push(b'"');
    }

    /// JSON as it is.
    pub(super) fn json(&mut self, key: &str, json: &str) {
        self.key(key);
        self.bytes.extend_from_slice(json.as_bytes());
    }

    /// Bytes as hexadecimal digits.
    pub(super) fn hex(&mut self, key: &str, bytes: &[u8]) {
        self.key(key);
        self.bytes.push(b'"');
        bytes
            .iter()
            .for_each(|byte| self.bytes.extend_from_slice(&hex(*byte)));
        self.bytes.push(b'"');
    }

    /// The length of bytes, and a digest that stands for them.
    pub(super) fn sum(&mut self, bytes: &[u8]) {
        self.number("bytes", bytes.len() as u64);
        self.digits("sum", sum(0, bytes));
    }

    fn digits(&mut self, key: &str, digest: u64) {
        self.key(key);
        self.bytes.push(b'"');
        self.bytes.extend_from_slice(&digits(digest));
        self.bytes.push(b'"');
    }

    /// An address with its port.
    pub(super) fn address(&mut self, key: &str, address: SocketAddr) {
        self.key(key);
        self.place(address);
    }

    /// Addresses with their ports.
    pub(super) fn addresses(&mut self, key: &str, addresses: impl Iterator<Item = SocketAddr>) {
        self.list(key, addresses, |it, address| it.place(address));
    }

    /// A list.
    pub(super) fn list<T>(
        &mut self,
        key: &str,
        items: impl Iterator<Item = T>,
        mut write: impl FnMut(&mut Self, T),
    ) {
        self.key(key);
        self.bytes.push(b'[');
        for (at, item) in items.enumerate() {
            if at > 0 {
                self.bytes.push(b',');
            }
            write(self, item);
        }
        self.bytes.push(b']');
    }

    /// An address without a port.
    pub(super) fn ip(&mut self, key: &str, ip: IpAddr) {
        self.key(key);
        self.bytes.push(b'"');
        self.write_ip(ip);
        self.bytes.push(b'"');
    }

    /// A text in quotes, in which nothing needs an escape.
    pub(super) fn quoted(&mut self, text: &dyn fmt::Display) {
        write!(Text(&mut self.bytes), "\"{text}\"").expect("a vector grows");
    }

    fn place(&mut self, address: SocketAddr) {
        self.bytes.push(b'"');
        match address {
            SocketAddr::V4(v4) => {
                self.write_ip(IpAddr::V4(*v4.ip()));
                self.bytes.push(b':');
                self.decimal(u64::from(v4.port()));
            }
            SocketAddr::V6(_) => {
                write!(Text(&mut self.bytes), "{address}").expect("a vector grows");
            }
        }
        self.bytes.push(b'"');
    }

    fn write_ip(&mut self, ip: IpAddr) {
        match ip {
            IpAddr::V4(v4) => {
                for (at, octet) in v4.octets().into_iter().enumerate() {
                    if at > 0 {
                        self.bytes.push(b'.');
                    }
                    self.decimal(u64::from(octet));
                }
            }
            IpAddr::V6(_) => write!(Text(&mut self.bytes), "{ip}").expect("a vector grows"),
        }
    }

    /// A number as it stands in a list.
    pub(super) fn decimal(&mut self, mut number: u64) {
        let mut digits = [0; 20];
        let mut at = digits.len();
        loop {
            at -= 1;
            digits[at] = b'0' + (number % 10) as u8;
            number /= 10;
            if number == 0 {
                break;
            }
        }
        self.bytes.extend_from_slice(&digits[at..]);
    }
}

impl Body<'_> {
    fn each(&self, mut part: impl FnMut(&[u8])) {
        match self {
            Self::None => {}
            Self::Payload(bytes) => part(bytes),
            Self::Secret(one, other) => {
                part(one);
                part(other);
            }
            Self::Tags(bytes, segment) => {
                for datagram in bytes.chunks((*segment).max(1)) {
                    part(&datagram[datagram.len().saturating_sub(TAG_LEN)..]);
                }
            }
        }
    }

    fn len(&self) -> usize {
        let mut len = 0;
        self.each(|part| len += part.len());
        len
    }
}

/// A vector as the place that `write!` writes to.
struct Text<'a>(&'a mut Vec<u8>);

impl fmt::Write for Text<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.extend_from_slice(text.as_bytes());
        Ok(())
    }
}

/// The config as it stands in the first record.
pub(super) fn config_text(config: &crate::switch::Config) -> String {
    crate::wire::json::write(config)
}

/// The hexadecimal digits of a digest.
fn digits(digest: u64) -> [u8; 16] {
    let mut digits = [0; 16];
    let pairs = digits.as_chunks_mut::<2>().0;
    for (pair, byte) in pairs.iter_mut().zip(digest.to_be_bytes()) {
        *pair = hex(byte);
    }
    digits
}

const fn hex(byte: u8) -> [u8; 2] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    [DIGITS[(byte >> 4) as usize], DIGITS[(byte & 15) as usize]]
}
