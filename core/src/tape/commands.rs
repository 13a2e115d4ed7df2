//! A switch whose calls are recorded: the commands about identities, lines and packets.

use core::net::SocketAddr;

use super::{Recorded, recorder::Body};
use crate::{
    base::Time,
    identity::{Admission, Hashname, PublicKey, SecretKey, Space},
    switch::{
        ConnectError, InstallError, LineError, LineId, OpenError, RestoreError, SpaceCommandError,
        StreamId,
    },
};

impl Recorded {
    // C. Commands.

    /// As `Switch::install`.
    ///
    /// # Errors
    /// The same.
    pub fn install(
        &mut self,
        now: Time,
        secret: &SecretKey,
        space: &Space,
    ) -> Result<Hashname, InstallError> {
        let bytes = self.is_recording().then(|| secret.to_bytes());
        let result = self.switch.install(now, secret, space);
        self.tape.note(now, "install", |it| {
            it.space(space);
            it.result(&result, |it, local| it.hashname("ok", *local));
            Body::Secret(bytes.as_deref().map_or(&[], |bytes| bytes), &[])
        });
        result
    }

    /// As `Switch::install_member`.
    ///
    /// # Errors
    /// The same.
    pub fn install_member(
        &mut self,
        now: Time,
        secret: &SecretKey,
        admission: &Admission,
    ) -> Result<Hashname, InstallError> {
        let bytes = self
            .is_recording()
            .then(|| (secret.to_bytes(), admission.to_bytes()));
        let result = self.switch.install_member(now, secret, admission);
        self.tape.note(now, "install_member", |it| {
            it.space(admission.space());
            it.result(&result, |it, local| it.hashname("ok", *local));
            bytes.as_ref().map_or(Body::None, |(secret, admission)| {
                Body::Secret(&**secret, admission)
            })
        });
        result
    }

    /// As `Switch::uninstall`.
    ///
    /// # Errors
    /// The same.
    pub fn uninstall(&mut self, now: Time, local: Hashname) -> Result<(), SpaceCommandError> {
        let result = self.switch.uninstall(now, local);
        self.tape.note(now, "uninstall", |it| {
            it.hashname("local", local);
            it.done(&result);
            Body::None
        });
        result
    }

    /// As `Switch::renew`.
    ///
    /// # Errors
    /// The same.
    pub fn renew(
        &mut self,
        now: Time,
        local: Hashname,
        admission: &Admission,
    ) -> Result<(), SpaceCommandError> {
        let bytes = self.is_recording().then(|| admission.to_bytes());
        let result = self.switch.renew(now, local, admission);
        self.tape.note(now, "renew", |it| {
            it.hashname("local", local);
            it.done(&result);
            bytes
                .as_ref()
                .map_or(Body::None, |bytes| Body::Secret(bytes, &[]))
        });
        result
    }

    /// As `Switch::restore`.
    ///
    /// # Errors
    /// The same.
    pub fn restore(&mut self, now: Time, key: &str, bytes: &[u8]) -> Result<(), RestoreError> {
        let result = self.switch.restore(now, key, bytes);
        self.tape.note(now, "restore", |it| {
            it.name(key);
            it.done(&result);
            Body::Secret(bytes, &[])
        });
        result
    }

    /// As `Switch::keep_now`.
    pub fn keep_now(&mut self, now: Time) {
        self.switch.keep_now(now);
        self.tape.note(now, "keep_now", |_| Body::None);
    }

    /// As `Switch::connect`.
    ///
    /// # Errors
    /// The same.
    pub fn connect(
        &mut self,
        now: Time,
        local: Hashname,
        peer: &PublicKey,
        addresses: &[SocketAddr],
    ) -> Result<LineId, ConnectError> {
        let result = self.switch.connect(now, local, peer, addresses);
        self.tape.note(now, "connect", |it| {
            it.hashname("local", local);
            it.public(peer);
            it.addresses("to", addresses.iter().copied());
            it.result(&result, |it, line| it.line(*line));
            Body::None
        });
        result
    }

    /// As `Switch::keep_line`.
    ///
    /// # Errors
    /// The same.
    pub fn keep_line(
        &mut self,
        now: Time,
        local: Hashname,
        peer: &PublicKey,
        addresses: &[SocketAddr],
    ) -> Result<(), ConnectError> {
        let result = self.switch.keep_line(now, local, peer, addresses);
        self.tape.note(now, "keep_line", |it| {
            it.hashname("local", local);
            it.public(peer);
            it.addresses("to", addresses.iter().copied());
            it.done(&result);
            Body::None
        });
        result
    }

    /// As `Switch::forget_line`.
    pub fn forget_line(&mut self, now: Time, local: Hashname, peer: Hashname) {
        self.switch.forget_line(now, local, peer);
        self.tape.note(now, "forget_line", |it| {
            it.hashname("local", local);
            it.hashname("peer", peer);
            Body::None
        });
    }

    /// As `Switch::release`.
    ///
    /// # Errors
    /// The same.
    pub fn release(&mut self, now: Time, line: LineId) -> Result<(), LineError> {
        let result = self.switch.release(now, line);
        self.tape.note(now, "release", |it| {
            it.line(line);
            it.done(&result);
            Body::None
        });
        result
    }

    /// As `Switch::close`.
    ///
    /// # Errors
    /// The same.
    pub fn close(
        &mut self,
        now: Time,
        line: LineId,
        code: u64,
        reason: &str,
    ) -> Result<(), LineError> {
        let result = self.switch.close(now, line, code, reason);
        self.tape.note(now, "close", |it| {
            it.line(line);
            it.number("code", code);
            it.done(&result);
            Body::Payload(reason.as_bytes())
        });
        result
    }

    /// As `Switch::open_stream`.
    ///
    /// # Errors
    /// The same.
    pub fn open_stream(
        &mut self,
        now: Time,
        line: LineId,
        head: &str,
    ) -> Result<StreamId, OpenError> {
        let result = self.switch.open_stream(now, line, head);
        self.tape.note(now, "open_stream", |it| {
            it.line(line);
            it.result(&result, |it, stream| it.number("stream", stream.number()));
            Body::Payload(head.as_bytes())
        });
        result
    }

    /// As `Switch::send`.
    ///
    /// # Errors
    /// The same.
    pub fn send(&mut self, now: Time, line: LineId, packet: &[u8]) -> Result<(), LineError> {
        let result = self.switch.send(now, line, packet);
        self.tape.note(now, "send", |it| {
            it.line(line);
            it.done(&result);
            Body::Payload(packet)
        });
        result
    }

    /// As `Switch::recv`.
    ///
    /// # Errors
    /// The same.
    pub fn recv(&mut self, now: Time, line: LineId, buf: &mut [u8]) -> Result<usize, LineError> {
        let result = self.switch.recv(now, line, buf);
        self.tape.note(now, "recv", |it| {
            it.line(line);
            it.number("room", buf.len() as u64);
            it.result(&result, |it, len| {
                it.sum(buf.get(..*len).unwrap_or_default());
            });
            Body::None
        });
        result
    }

    /// As `Switch::send_anon`.
    ///
    /// # Errors
    /// The same.
    pub fn send_anon(&mut self, now: Time, to: SocketAddr, packet: &[u8]) -> Result<(), LineError> {
        let result = self.switch.send_anon(now, to, packet);
        self.tape.note(now, "send_anon", |it| {
            it.address("remote", to);
            it.done(&result);
            Body::Payload(packet)
        });
        result
    }

    /// As `Switch::recv_anon`.
    ///
    /// # Errors
    /// The same.
    pub fn recv_anon(
        &mut self,
        now: Time,
        buf: &mut [u8],
    ) -> Result<(SocketAddr, usize), LineError> {
        let result = self.switch.recv_anon(now, buf);
        self.tape.note(now, "recv_anon", |it| {
            it.number("room", buf.len() as u64);
            it.result(&result, |it, (from, len)| {
                it.address("from", *from);
                it.sum(buf.get(..*len).unwrap_or_default());
            });
            Body::None
        });
        result
    }
}
