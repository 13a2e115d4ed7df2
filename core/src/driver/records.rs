//! What handles need to know of lines and streams after the event that told it is gone: an event
//! is an edge, and a handle may look later.

use alloc::{boxed::Box, collections::BTreeMap, sync::Arc};

use crate::switch::{DownReason, LineId, StreamId, Who};

/// What became of a stream that somebody has a handle of.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct StreamRecord {
    /// Everything that we wrote, the end too, has reached the peer.
    pub finished: bool,
    /// The peer gave up its direction, with this code.
    pub reset: Option<u64>,
    /// The peer reads no more, with this code.
    pub stopped: Option<u64>,
    /// We gave up our direction.
    pub given_up: bool,
    /// We read no more.
    pub turned_away: bool,
    /// Everything that the peer wrote has been read, the end too.
    pub read: bool,
}

/// What became of a line.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct LineRecord {
    /// Who it is between, as long as the line is held.
    pub(super) who: Option<Arc<Who>>,
    /// Why the line is no more, once it is.
    pub down: Option<Box<DownReason>>,
    /// Handles of the line and of streams in it, and streams that wait to be accepted.
    pub(super) holds: u32,
    /// The application asked for the line, and its last handle closes it.
    pub(super) asked: bool,
    /// It came up.
    pub(super) up: bool,
}

/// The lines that live or are held, and the streams that are held.
#[derive(Debug, Default)]
pub(super) struct Records {
    pub(super) lines: BTreeMap<LineId, LineRecord>,
    pub(super) streams: BTreeMap<StreamId, StreamRecord>,
    live: u32,
}

impl Records {
    /// The record of a line that lives, made if it is new.
    pub(super) fn line(&mut self, line: LineId) -> &mut LineRecord {
        self.lines.entry(line).or_insert_with(|| {
            self.live += 1;
            LineRecord::default()
        })
    }

    /// The line is no more.
    pub(super) fn on_down(&mut self, line: LineId, reason: DownReason) {
        let record = self.line(line);
        if record.down.is_some() {
            return;
        }
        record.down = Some(Box::new(reason));
        let held = record.holds > 0;
        self.live -= 1;
        if !held {
            self.lines.remove(&line);
        }
    }

    /// One hold less. True if it was the last of a live line that the application asked for.
    pub(super) fn release(&mut self, line: LineId) -> bool {
        let Some(record) = self.lines.get_mut(&line) else {
            return false;
        };
        record.holds = record.holds.saturating_sub(1);
        if record.holds > 0 {
            return false;
        }
        if record.down.is_some() {
            self.lines.remove(&line);
            return false;
        }
        record.who = None;
        core::mem::take(&mut record.asked)
    }

    /// How many lines live.
    pub(super) const fn live(&self) -> u32 {
        self.live
    }
}
