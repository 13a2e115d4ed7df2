//! How the things that calls take and give stand in a head.

use super::recorder::Recorder;
use crate::{
    base::Deadline,
    identity::{Hashname, PublicKey, Refusal, Space},
    switch::{
        BroadcastError, Broadcasted, ConnectError, DownReason, Ecn, Event, InstallError, Interface,
        LanEvent, LineError, LineEvent, LineId, Meta, Need, OpenError, Path, Peer, Read,
        ReadBroadcastError, ReadError, RestoreError, Route, SentError, SocketId, SpaceCommandError,
        SpaceEvent, StreamEvent, StreamId, Transmit, TreeEvent, WriteError,
    },
};

impl Recorder {
    pub(super) fn line(&mut self, line: LineId) {
        self.number("line", line.number());
    }

    pub(super) fn stream(&mut self, stream: StreamId) {
        self.line(stream.line);
        self.number("stream", stream.number());
    }

    pub(super) fn hashname(&mut self, key: &str, hashname: Hashname) {
        self.hex(key, hashname.as_bytes());
    }

    /// A public key. A redacted tape names nobody but by hashname.
    pub(super) fn public(&mut self, key: &PublicKey) {
        if !self.is_redacted() {
            self.hex("key", key.as_bytes());
        }
    }

    /// A space. Whoever knows the name of an open one may come in, so a redacted tape does not
    /// tell it.
    pub(super) fn space(&mut self, space: &Space) {
        if self.is_redacted() {
            self.flag("closed", space.is_closed());
            return;
        }
        self.word("space", space.name());
        if space.is_closed() {
            self.list("roots", space.roots().iter(), |it, key| it.quoted(key));
        }
    }

    /// The key of what is kept. That of a space goes on with its id and our public key there, which
    /// a redacted tape does not tell.
    pub(super) fn name(&mut self, key: &str) {
        let kind = key.split('.').next().unwrap_or_default();
        self.text("name", if self.is_redacted() { kind } else { key });
    }

    /// Text of the peer's. A redacted tape has its length.
    fn said(&mut self, key: &str, text: &str) {
        if self.is_redacted() {
            self.number("said_bytes", text.len() as u64);
        } else {
            self.text(key, text);
        }
    }

    fn way(&mut self, socket: SocketId, path: Path) {
        self.number("socket", u64::from(socket.0));
        if let Some(local) = path.local {
            self.ip("local", local);
        }
        self.address("remote", path.remote);
    }

    fn ecn(&mut self, ecn: Ecn) {
        match ecn {
            Ecn::None => {}
            Ecn::Ect0 => self.word("ecn", "ect0"),
            Ecn::Ect1 => self.word("ecn", "ect1"),
            Ecn::Congested => self.word("ecn", "congested"),
        }
    }

    pub(super) fn meta(&mut self, meta: &Meta) {
        self.way(meta.socket, meta.path);
        if meta.interface != 0 {
            self.number("interface", u64::from(meta.interface));
        }
        self.ecn(meta.ecn);
        self.number("stride", meta.stride as u64);
    }

    pub(super) fn interfaces(&mut self, interfaces: &[Interface]) {
        let sockets = interfaces.iter().map(|it| it.socket.0);
        self.list("sockets", sockets, |it, socket| it.decimal(socket.into()));
        self.addresses("locals", interfaces.iter().map(|it| it.local));
    }

    pub(super) fn transmit(&mut self, transmit: &Transmit) {
        self.way(transmit.socket, transmit.path);
        self.ecn(transmit.ecn);
        if let Some(ttl) = transmit.ttl {
            self.number("ttl", u64::from(ttl));
        }
        self.number("len", transmit.len as u64);
        self.number("segment", transmit.segment as u64);
    }

    pub(super) fn sent_error(&mut self, error: SentError) {
        let word = match error {
            SentError::TooLarge => "too_large",
            SentError::Unreachable => "unreachable",
        };
        self.word("error", word);
    }

    /// Nothing was to be sent: when the switch is to be called again, and why.
    pub(super) fn idle(&mut self, due: Option<Deadline>) {
        self.flag("none", true);
        if let Some(due) = due {
            self.number("due", due.at.as_us());
            self.word("why", due.why.code());
        }
    }

    pub(super) fn event(&mut self, event: &Event) {
        match event {
            Event::Line(event) => self.line_event(event),
            Event::Stream(event) => self.stream_event(event),
            Event::Space(SpaceEvent::Renewed { local, version }) => {
                self.word("event", "renewed");
                self.hashname("local", *local);
                self.number("version", *version);
            }
            Event::Space(SpaceEvent::Expelled { local, why }) => {
                self.word("event", "expelled");
                self.hashname("local", *local);
                self.word("why", why.code());
            }
            Event::Tree(event) => {
                let (word, local) = match event {
                    TreeEvent::Placed { local } => ("placed", local),
                    TreeEvent::Readable { local } => ("broadcasts", local),
                    TreeEvent::Writable { local } => ("may_broadcast", local),
                    TreeEvent::Members { local } => ("members", local),
                };
                self.word("event", word);
                self.hashname("local", *local);
            }
            Event::Lan(LanEvent::Neighbours { local }) => {
                self.word("event", "neighbours");
                self.hashname("local", *local);
            }
            Event::Anon => self.word("event", "anon"),
            Event::Packet { line } => {
                self.word("event", "packet");
                self.line(*line);
            }
            Event::MaySend { line } => {
                self.word("event", "may-send");
                self.line(*line);
            }
        }
    }

    /// What a read of broadcasts gave.
    pub(super) fn broadcasted(&mut self, told: &Broadcasted, buf: &[u8]) {
        match told {
            Broadcasted::Message {
                origin,
                epoch,
                sequence,
                wall,
                len,
            } => {
                self.hashname("from", origin.hashname);
                self.number("epoch", *epoch);
                self.number("sequence", *sequence);
                self.number("wall", wall.as_ms());
                self.sum(buf.get(..*len).unwrap_or_default());
            }
            Broadcasted::Gap {
                origin,
                epoch,
                first,
                last,
            } => {
                self.hashname("from", origin.hashname);
                self.number("epoch", *epoch);
                self.number("sequence", *first);
                self.number("last", *last);
            }
        }
    }

    fn line_event(&mut self, event: &LineEvent) {
        match event {
            LineEvent::Up {
                line,
                local,
                peer: Peer { hashname, key },
                ours,
            } => {
                self.word("event", "up");
                self.line(*line);
                self.hashname("local", *local);
                self.hashname("peer", *hashname);
                self.public(key);
                self.flag("ours", *ours);
            }
            LineEvent::Moved {
                line,
                route: Route { socket, path },
            } => {
                self.word("event", "moved");
                self.line(*line);
                self.way(*socket, *path);
            }
            LineEvent::Down { line, reason } => {
                self.word("event", "down");
                self.line(*line);
                self.down(reason);
            }
        }
    }

    fn stream_event(&mut self, event: &StreamEvent) {
        let (word, stream) = match event {
            StreamEvent::Opened { stream } => ("opened", stream),
            StreamEvent::Answered { stream } => ("answered", stream),
            StreamEvent::Readable { stream } => ("readable", stream),
            StreamEvent::Writable { stream } => ("writable", stream),
            StreamEvent::Finished { stream } => ("finished", stream),
            StreamEvent::Reset { stream, .. } => ("reset", stream),
            StreamEvent::Stopped { stream, .. } => ("stopped", stream),
            StreamEvent::MayOpen { line } => {
                self.word("event", "may_open");
                self.line(*line);
                return;
            }
        };
        self.word("event", word);
        self.stream(*stream);
        if let StreamEvent::Reset { code, .. } | StreamEvent::Stopped { code, .. } = event {
            self.number("code", *code);
        }
    }

    /// Why a line is no more.
    fn down(&mut self, reason: &DownReason) {
        let word = match reason {
            DownReason::Local => "local",
            DownReason::Closed { code, reason } => {
                self.number("peer_code", *code);
                self.said("reason", reason);
                "closed"
            }
            DownReason::Unreachable => "unreachable",
            DownReason::TimedOut => "timed_out",
            DownReason::Restarted => "restarted",
            DownReason::Replaced => "replaced",
            DownReason::Exhausted => "exhausted",
            DownReason::OtherVersions { versions } => {
                self.said("versions", versions);
                "other_versions"
            }
            DownReason::Misbehaved(how) => {
                self.number("peer_code", how.code());
                "misbehaved"
            }
            DownReason::Refused(refusal) => {
                self.word("refusal", refusal.code());
                "refused"
            }
            DownReason::Revoked => "revoked",
        };
        self.word("why", word);
    }

    pub(super) fn need(&mut self, need: &Need) {
        match need {
            Need::Keep { key, bytes } => {
                self.word("need", "keep");
                self.name(key);
                if self.is_redacted() {
                    self.number("bytes", bytes.len() as u64);
                } else {
                    self.sum(bytes);
                }
            }
        }
    }

    /// What a command gave that gives nothing, or what it gave as `tell` puts it.
    pub(super) fn result<T, E: Failure>(
        &mut self,
        result: &Result<T, E>,
        tell: impl FnOnce(&mut Self, &T),
    ) {
        match result {
            Ok(given) => tell(self, given),
            Err(error) => {
                self.word("err", error.word());
                error.more(self);
            }
        }
    }

    /// What a command gave that gives nothing.
    pub(super) fn done<E: Failure>(&mut self, result: &Result<(), E>) {
        self.result(result, |it, ()| it.flag("ok", true));
    }

    pub(super) fn given_read(&mut self, result: &Result<Read, ReadError>, buf: &[u8]) {
        self.result(result, |it, read| match read {
            Read::Bytes(len) => it.sum(buf.get(..*len).unwrap_or_default()),
            Read::End => it.word("ok", "end"),
        });
    }
}

/// An error of a command, as a tape has it.
pub(super) trait Failure {
    /// The name of the variant.
    fn word(&self) -> &'static str;

    /// What it holds.
    fn more(&self, _head: &mut Recorder) {}
}

macro_rules! failures {
    ($($error:ident $(: $it:ident, $head:ident => $more:expr)?;)+) => {$(
        impl Failure for $error {
            fn word(&self) -> &'static str {
                Self::word(self)
            }

            $(fn more(&self, $head: &mut Recorder) {
                let $it = self;
                $more
            })?
        }
    )+};
}

failures! {
    LineError;
    OpenError;
    RestoreError;
    BroadcastError;
    ReadBroadcastError: it, head => match it {
        Self::TooShort(need) => head.number("bytes", *need as u64),
        Self::NotTaking | Self::Blocked => {}
    };
    SpaceCommandError;
    InstallError: it, head => if let Self::Refused(refusal) = it {
        refused(head, *refusal);
    };
    ConnectError: it, head => if let Self::Refused(refusal) = it {
        refused(head, *refusal);
    };
    WriteError: it, head => match it {
        Self::Stopped(code) => head.number("peer_code", *code),
        Self::LineDown(reason) => head.down(reason),
        Self::UnknownStream | Self::Blocked | Self::Finished | Self::IllegalHead => {}
    };
    ReadError: it, head => match it {
        Self::Reset(code) => head.number("peer_code", *code),
        Self::LineDown(reason) => head.down(reason),
        Self::UnknownStream | Self::Blocked => {}
    };
}

fn refused(head: &mut Recorder, refusal: Refusal) {
    head.word("refusal", refusal.code());
}
