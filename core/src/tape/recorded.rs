//! A switch whose calls are recorded: what the network and the clock bring, and the outputs.

use alloc::{boxed::Box, vec::Vec};
use core::{fmt, ops::Deref};

use super::{
    Config, End,
    recorder::{Body, Recorder, Tape, config_text},
};
use crate::{
    base::{Seed, Time, Wall},
    switch::{
        self, ConfigError, Event, Interface, Meta, Need, Provider, SentError, Switch, Transmit,
    },
};

/// A switch with the same calls, each of which is recorded if a tape was asked for. Its getters
/// are those of [`Switch`], to which it dereferences; there is no way to change the switch past it.
pub struct Recorded {
    pub(super) switch: Switch,
    pub(super) tape: Tape,
}

impl Recorded {
    /// A switch that is recorded from its birth, if `tape` says how.
    ///
    /// # Errors
    /// [`ConfigError`] if a field of the config is illegal, with its name.
    pub fn new(
        config: switch::Config,
        seed: &Seed,
        provider: &'static dyn Provider,
        tape: Option<Config>,
    ) -> Result<Self, ConfigError> {
        let mut recorder = None;
        if let Some(tape) = tape {
            let mut first = Box::new(Recorder::new(tape));
            first.begin("tape", "hydroid");
            first.number("version", VERSION);
            first.flag("secrets", !first.is_redacted());
            first.word("scheme", provider.scheme());
            first.json("config", &config_text(&config));
            first.finish(Body::Secret(seed.as_bytes(), &[]));
            recorder = Some(first);
        }
        Ok(Self {
            switch: Switch::with_provider(config, seed, provider)?,
            tape: Tape(recorder),
        })
    }

    /// Moves the whole records so far to the end of `out`.
    pub fn take_tape(&mut self, out: &mut Vec<u8>) {
        if let Some(recorder) = &mut self.tape.0 {
            if out.is_empty() {
                core::mem::swap(&mut recorder.bytes, out);
            } else {
                out.append(&mut recorder.bytes);
            }
        }
    }

    /// Bytes that `take_tape` would give.
    pub fn tape_bytes(&self) -> usize {
        self.tape.0.as_ref().map_or(0, |it| it.bytes.len())
    }

    /// Ends the tape with a record that says why. Room for it is always kept.
    pub fn end_tape(&mut self, now: Time, end: End) {
        if let Some(recorder) = &mut self.tape.0 {
            recorder.end(now, end);
        }
    }

    /// True until the tape has ended, if there is one.
    pub fn is_recording(&self) -> bool {
        self.tape.0.as_ref().is_some_and(|it| !it.is_over)
    }

    /// Stands for everything recorded so far, inputs and outputs; 0 if nothing is recorded.
    pub fn digest(&self) -> u64 {
        self.tape.0.as_ref().map_or(0, |it| it.digest)
    }

    // B. Network and clock.

    /// As [`Switch::handle_datagram`].
    pub fn handle_datagram(&mut self, now: Time, meta: &Meta, datagrams: &mut [u8]) {
        // It is decrypted where it lies, so it is recorded before.
        self.tape.note(now, "handle_datagram", |it| {
            it.meta(meta);
            Body::Payload(datagrams)
        });
        self.switch.handle_datagram(now, meta, datagrams);
    }

    /// As [`Switch::handle_timeout`].
    pub fn handle_timeout(&mut self, now: Time) {
        self.tape.note(now, "handle_timeout", |_| Body::None);
        self.switch.handle_timeout(now);
    }

    /// As [`Switch::handle_clock`].
    pub fn handle_clock(&mut self, now: Time, wall: Wall) {
        self.tape.note(now, "handle_clock", |it| {
            it.number("wall", wall.as_ms());
            Body::None
        });
        self.switch.handle_clock(now, wall);
    }

    /// As [`Switch::handle_network_change`].
    pub fn handle_network_change(&mut self, now: Time, interfaces: &[Interface]) {
        self.tape.note(now, "handle_network_change", |it| {
            it.interfaces(interfaces);
            Body::None
        });
        self.switch.handle_network_change(now, interfaces);
    }

    /// As [`Switch::handle_sent_error`].
    pub fn handle_sent_error(&mut self, now: Time, transmit: &Transmit, error: SentError) {
        self.tape.note(now, "handle_sent_error", |it| {
            it.transmit(transmit);
            it.sent_error(error);
            Body::None
        });
        self.switch.handle_sent_error(now, transmit, error);
    }

    // D. Outputs.

    /// As [`Switch::poll_transmit`].
    pub fn poll_transmit(&mut self, now: Time, buf: &mut [u8]) -> Option<Transmit> {
        let transmit = self.switch.poll_transmit(now, buf);
        let switch = &self.switch;
        self.tape.out(Some(now), "transmit", |it| {
            it.number("room", buf.len() as u64);
            let Some(transmit) = &transmit else {
                it.idle(switch.poll_timeout());
                return Body::None;
            };
            it.transmit(transmit);
            let sent = buf.get(..transmit.len).unwrap_or_default();
            if sent.starts_with(&SEALED) {
                Body::Tags(sent, transmit.segment)
            } else {
                Body::Payload(sent)
            }
        });
        transmit
    }

    /// As [`Switch::poll_event`].
    pub fn poll_event(&mut self) -> Option<Event> {
        let event = self.switch.poll_event();
        if let Some(event) = &event {
            self.tape.out(None, "event", |it| {
                it.event(event);
                Body::None
            });
        }
        event
    }

    /// As [`Switch::poll_need`].
    pub fn poll_need(&mut self) -> Option<Need> {
        let need = self.switch.poll_need();
        if let Some(need) = &need {
            self.tape.out(None, "need", |it| {
                it.need(need);
                Body::None
            });
        }
        need
    }
}

/// The version of the tape's form.
pub(super) const VERSION: u64 = 1;
/// What a sealed datagram begins with: the length of its head.
const SEALED: [u8; 2] = [0, 4];

impl From<Switch> for Recorded {
    /// Nothing is recorded.
    fn from(switch: Switch) -> Self {
        Self {
            switch,
            tape: Tape::default(),
        }
    }
}

impl Deref for Recorded {
    type Target = Switch;

    fn deref(&self) -> &Switch {
        &self.switch
    }
}

impl fmt::Debug for Recorded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.switch.fmt(f)
    }
}
