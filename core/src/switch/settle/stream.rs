//! What happened to streams, and their errors in the façade's words.

use crate::{
    base::Slot,
    stream::{self, Effect},
    switch::{
        DownReason, Event, Misbehaviour, OpenError, ReadError, StreamEvent, StreamId, Switch,
        WriteError, link::Phase,
    },
    wire::frame::FrameError,
};

impl Switch {
    /// Tells the caller what happened to the streams of a line.
    pub(in crate::switch) fn settle_streams(&mut self, slot: Slot) {
        let Some(line) = self.links.get(slot).map(|link| link.id) else {
            return;
        };
        while let Some(effect) = self.stream_effects.pop() {
            if self.on_system_effect(slot, effect) {
                continue;
            }
            let at = |id| StreamId { line, id };
            let event = match effect {
                Effect::Opened { id } => StreamEvent::Opened { stream: at(id) },
                Effect::Answered { id } => StreamEvent::Answered { stream: at(id) },
                Effect::Readable { id } => StreamEvent::Readable { stream: at(id) },
                Effect::Writable { id } => StreamEvent::Writable { stream: at(id) },
                Effect::Finished { id } => StreamEvent::Finished { stream: at(id) },
                Effect::Reset { id, code } => StreamEvent::Reset {
                    stream: at(id),
                    code,
                },
                Effect::Stopped { id, code } => StreamEvent::Stopped {
                    stream: at(id),
                    code,
                },
                Effect::MayOpen => StreamEvent::MayOpen { line },
            };
            self.events.push_back(Event::Stream(event));
        }
        self.settle_system(slot);
    }
}

/// Why the line of a phase is down.
fn down(phase: &Phase) -> DownReason {
    match phase {
        Phase::Down(reason) => reason.clone(),
        Phase::Connecting { .. } | Phase::Up { .. } | Phase::Closing { .. } => DownReason::Local,
    }
}

pub(in crate::switch) fn write_error(error: stream::WriteError, phase: &Phase) -> WriteError {
    match error {
        stream::WriteError::UnknownStream => WriteError::UnknownStream,
        stream::WriteError::Blocked => WriteError::Blocked,
        stream::WriteError::Finished => WriteError::Finished,
        stream::WriteError::Stopped(code) => WriteError::Stopped(code),
        stream::WriteError::LineDown => WriteError::LineDown(down(phase)),
        stream::WriteError::IllegalHead => WriteError::IllegalHead,
    }
}

pub(in crate::switch) fn read_error(error: stream::ReadError, phase: &Phase) -> ReadError {
    match error {
        stream::ReadError::UnknownStream => ReadError::UnknownStream,
        stream::ReadError::Blocked => ReadError::Blocked,
        stream::ReadError::Reset(code) => ReadError::Reset(code),
        stream::ReadError::LineDown => ReadError::LineDown(down(phase)),
    }
}

impl From<stream::OpenError> for OpenError {
    fn from(error: stream::OpenError) -> Self {
        match error {
            stream::OpenError::Blocked => Self::Blocked,
            stream::OpenError::IllegalHead => Self::IllegalHead,
            stream::OpenError::LineDown => Self::UnknownLine,
        }
    }
}

impl From<stream::Misbehaviour> for Misbehaviour {
    fn from(error: stream::Misbehaviour) -> Self {
        match error {
            stream::Misbehaviour::CreditExceeded => Self::CreditExceeded,
            stream::Misbehaviour::TooManyStreams => Self::TooManyStreams,
            stream::Misbehaviour::UnknownStream => Self::UnknownStream,
            stream::Misbehaviour::EndMoved => Self::EndMoved,
            stream::Misbehaviour::IllegalHead => Self::IllegalHead,
        }
    }
}

impl From<FrameError> for Misbehaviour {
    fn from(error: FrameError) -> Self {
        match error {
            FrameError::Truncated | FrameError::Illegal => Self::MalformedFrame,
            FrameError::UnknownCritical(_) => Self::UnknownCriticalFrame,
        }
    }
}
