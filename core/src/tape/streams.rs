//! A switch whose calls are recorded: the commands about streams, and those to a space's services.

use super::{Recorded, recorder::Body};
use crate::{
    base::Time,
    identity::Hashname,
    switch::{Read, ReadError, SpaceCommandError, StreamId, WriteError},
};

impl Recorded {
    /// As `Switch::answer`.
    ///
    /// # Errors
    /// The same.
    pub fn answer(&mut self, now: Time, stream: StreamId, head: &str) -> Result<(), WriteError> {
        let result = self.switch.answer(now, stream, head);
        self.tape.note(now, "answer", |it| {
            it.stream(stream);
            it.done(&result);
            Body::Payload(head.as_bytes())
        });
        result
    }

    /// As `Switch::write`.
    ///
    /// # Errors
    /// The same.
    pub fn write(
        &mut self,
        now: Time,
        stream: StreamId,
        bytes: &[u8],
    ) -> Result<usize, WriteError> {
        let result = self.switch.write(now, stream, bytes);
        self.tape.note(now, "write", |it| {
            // What was not taken had no effect, but for being there.
            let (taken, more) = bytes.split_at(*result.as_ref().unwrap_or(&0));
            it.stream(stream);
            it.flag("more", !more.is_empty());
            it.result(&result, |it, _| it.flag("ok", true));
            Body::Payload(taken)
        });
        result
    }

    /// As `Switch::finish`.
    ///
    /// # Errors
    /// The same.
    pub fn finish(&mut self, now: Time, stream: StreamId) -> Result<(), WriteError> {
        let result = self.switch.finish(now, stream);
        self.tape.note(now, "finish", |it| {
            it.stream(stream);
            it.done(&result);
            Body::None
        });
        result
    }

    /// As `Switch::reset`.
    ///
    /// # Errors
    /// The same.
    pub fn reset(&mut self, now: Time, stream: StreamId, code: u64) -> Result<(), WriteError> {
        let result = self.switch.reset(now, stream, code);
        self.tape.note(now, "reset", |it| {
            it.stream(stream);
            it.number("code", code);
            it.done(&result);
            Body::None
        });
        result
    }

    /// As `Switch::prioritize`.
    ///
    /// # Errors
    /// The same.
    pub fn prioritize(
        &mut self,
        now: Time,
        stream: StreamId,
        priority: i8,
    ) -> Result<(), WriteError> {
        let result = self.switch.prioritize(now, stream, priority);
        self.tape.note(now, "prioritize", |it| {
            it.stream(stream);
            it.signed("priority", priority.into());
            it.done(&result);
            Body::None
        });
        result
    }

    /// As `Switch::read`.
    ///
    /// # Errors
    /// The same.
    pub fn read(&mut self, now: Time, stream: StreamId, buf: &mut [u8]) -> Result<Read, ReadError> {
        let result = self.switch.read(now, stream, buf);
        self.tape.note(now, "read", |it| {
            it.stream(stream);
            it.number("room", buf.len() as u64);
            it.given_read(&result, buf);
            Body::None
        });
        result
    }

    /// As `Switch::stop`.
    ///
    /// # Errors
    /// The same.
    pub fn stop(&mut self, now: Time, stream: StreamId, code: u64) -> Result<(), ReadError> {
        let result = self.switch.stop(now, stream, code);
        self.tape.note(now, "stop", |it| {
            it.stream(stream);
            it.number("code", code);
            it.done(&result);
            Body::None
        });
        result
    }

    /// As `Switch::seek`.
    ///
    /// # Errors
    /// The same.
    pub fn seek(
        &mut self,
        now: Time,
        local: Hashname,
        target: Hashname,
    ) -> Result<(), SpaceCommandError> {
        let result = self.switch.seek(now, local, target);
        self.tape.note(now, "seek", |it| {
            it.hashname("local", local);
            it.hashname("target", target);
            it.done(&result);
            Body::None
        });
        result
    }
}
