//! Events to those who wait, and what the handles of a shell rest on: holds, the accept queue, the
//! orderly end.

use alloc::sync::Arc;

use super::{Driver, Flushed, LineRecord, StreamRecord, Wait};
use crate::{
    base::{Bounded, Time},
    switch::{
        Event, LineEvent, LineId, Need, OpenError, ReadError, StreamEvent, StreamId, Who,
        WriteError,
    },
};

/// The code and the reason of a graceful end.
const GRACEFUL: (u64, &str) = (0, "");

impl Driver {
    /// Takes the switch's events and fires whoever waits for one. Due after every call.
    pub fn dispatch(&mut self, now: Time) {
        while let Some(event) = self.switch.poll_event() {
            match event {
                Event::Line(event) => self.on_line(now, event),
                Event::Stream(event) => self.on_stream(now, &event),
                Event::Space(event) => {
                    let is_room = push_newest(&mut self.space_events, event);
                    self.on_news(Wait::SpaceEvent, is_room);
                }
                Event::Tree(event) => {
                    let is_room = push_newest(&mut self.tree_events, event);
                    self.on_news(Wait::TreeEvent, is_room);
                }
                Event::Lan(event) => {
                    let is_room = push_newest(&mut self.lan_events, event);
                    self.on_news(Wait::LanEvent, is_room);
                }
                Event::Anon => {
                    self.waiters.fire(Wait::Anon);
                    self.tell(Wait::Anon);
                }
                Event::Packet { line } => {
                    self.waiters.fire(Wait::Packet(line));
                    self.tell(Wait::Packet(line));
                }
                Event::MaySend { line } => {
                    self.waiters.fire(Wait::Send(line));
                    self.tell(Wait::Send(line));
                }
            }
        }
        if self.end_by.is_some() {
            // There may be no later.
            self.switch.keep_now(now);
        }
        while let Some(need) = self.switch.poll_need() {
            self.on_need(need);
        }
    }

    /// Holds what is to be kept until somebody takes it, the newest under each key.
    fn on_need(&mut self, need: Need) {
        let Need::Keep { key, .. } = &need;
        self.needs
            .retain(|Need::Keep { key: other, .. }| other != key);
        if self.needs.len() >= self.config.needs_max as usize {
            self.needs.pop_front();
        }
        self.needs.push_back(need);
        self.waiters.fire(Wait::Need);
        self.tell(Wait::Need);
    }

    fn on_line(&mut self, now: Time, event: LineEvent) {
        match &event {
            &LineEvent::Up { line, .. } => {
                self.records.line(line).up = true;
                self.waiters.fire(Wait::Line(line));
                if self.end_by.is_some() {
                    self.close(now, line);
                }
            }
            LineEvent::Moved { .. } => {}
            LineEvent::Down { line, reason } => {
                self.records.on_down(*line, reason.clone());
                self.waiters.fire_line(*line);
            }
        }
        let down = match event {
            LineEvent::Down { line, .. } => Some(line),
            LineEvent::Up { .. } | LineEvent::Moved { .. } => None,
        };
        if push_newest(&mut self.line_events, event) {
            self.tell(Wait::LineEvent);
        }
        if let Some(line) = down {
            self.tell_down(line);
        }
        self.waiters.fire(Wait::LineEvent);
    }

    /// An event that is a value waits in a queue of its own: whoever asks late finds it.
    fn on_news(&mut self, wait: Wait, is_room: bool) {
        if is_room {
            self.tell(wait);
        }
        self.waiters.fire(wait);
    }

    fn on_stream(&mut self, now: Time, event: &StreamEvent) {
        match *event {
            StreamEvent::Opened { stream } => self.on_opened(now, stream),
            StreamEvent::Answered { stream } => {
                self.waiters.fire(Wait::Head(stream));
                self.tell_of(stream, Wait::Head);
            }
            StreamEvent::Readable { stream } => {
                // A peer that writes without a head tells so by writing.
                self.waiters.fire(Wait::Head(stream));
                self.waiters.fire(Wait::Read(stream));
                self.tell_of(stream, Wait::Read);
            }
            StreamEvent::Writable { stream } => {
                self.waiters.fire(Wait::Write(stream));
                self.tell_of(stream, Wait::Write);
            }
            StreamEvent::Finished { stream } => {
                self.note(stream, |record| record.finished = true);
                self.waiters.fire(Wait::Finished(stream));
                self.tell_of(stream, Wait::Finished);
            }
            StreamEvent::Reset { stream, code } => {
                self.note(stream, |record| record.reset = Some(code));
                self.waiters.fire(Wait::Head(stream));
                self.waiters.fire(Wait::Read(stream));
                self.tell_of(stream, Wait::Read);
            }
            StreamEvent::MayOpen { line } => {
                self.waiters.fire(Wait::Room(line));
                self.tell(Wait::Room(line));
            }
            StreamEvent::Stopped { stream, code } => {
                self.note(stream, |record| record.stopped = Some(code));
                self.waiters.fire(Wait::Write(stream));
                self.waiters.fire(Wait::Finished(stream));
                self.tell_of(stream, Wait::Write);
            }
        }
    }

    fn on_opened(&mut self, now: Time, stream: StreamId) {
        if self.end_by.is_some() || self.accepted.push(stream).is_err() {
            self.give_up(now, stream, self.config.refused_code);
            return;
        }
        self.hold(stream.line);
        self.records.streams.insert(stream, StreamRecord::default());
        self.waiters.fire(Wait::Accept);
        self.tell(Wait::Accept);
    }

    pub(super) fn note(&mut self, stream: StreamId, change: impl FnOnce(&mut StreamRecord)) {
        if let Some(record) = self.records.streams.get_mut(&stream) {
            change(record);
        }
    }

    /// Ends both directions of a stream that nobody cares for any more; what is over already
    /// stays as it is.
    fn give_up(&mut self, now: Time, stream: StreamId, code: u64) {
        let _over = self.switch.reset(now, stream, code);
        let _over = self.switch.stop(now, stream, code);
    }

    fn close(&mut self, now: Time, line: LineId) {
        let (code, reason) = GRACEFUL;
        let _over = self.switch.close(now, line, code, reason);
    }

    /// The application asked for this line: a handle of it is held. Once no handle of the line or
    /// of a stream in it is held any more, the line is closed, if it was opened from this end and is
    /// not kept; else that is for the peer to do.
    pub fn hold_asked(&mut self, line: LineId) -> Option<Arc<Who>> {
        self.hold(line);
        let record = self.records.line(line);
        record.asked = true;
        record.who.clone()
    }

    /// One more handle of the line, or of a stream in it.
    pub fn hold(&mut self, line: LineId) {
        let record = self.records.line(line);
        record.holds += 1;
        if record.who.is_none() {
            record.who = self.switch.who(line);
        }
    }

    /// Who a line is between that has come up, and lives or is held.
    pub fn who(&self, line: LineId) -> Option<Arc<Who>> {
        let record = self.records.lines.get(&line).filter(|record| record.up)?;
        record.who.clone().or_else(|| self.switch.who(line))
    }

    /// One handle of the line less.
    pub fn release(&mut self, now: Time, line: LineId) {
        let asked = self.records.release(line);
        if asked && self.switch.is_kept(line) {
            let _over = self.switch.release(now, line);
        } else if asked && self.switch.line(line).is_some_and(|info| info.ours) {
            self.close(now, line);
        }
    }

    /// What became of a line that lives or is held.
    pub fn line(&self, line: LineId) -> Option<&LineRecord> {
        self.records.lines.get(&line)
    }

    /// What became of a stream that somebody has a handle of.
    pub fn stream(&self, stream: StreamId) -> Option<&StreamRecord> {
        self.records.streams.get(&stream)
    }

    /// Opens a stream, whose handle is held until `release_stream`.
    ///
    /// # Errors
    /// As `Switch::open_stream`.
    pub fn open_stream(
        &mut self,
        now: Time,
        line: LineId,
        head: &str,
    ) -> Result<StreamId, OpenError> {
        let stream = self.switch.open_stream(now, line, head)?;
        self.records.streams.insert(stream, StreamRecord::default());
        Ok(stream)
    }

    /// As `Switch::reset`; whoever waits to write, or for what was written, is told.
    ///
    /// # Errors
    /// As `Switch::reset`.
    pub fn reset(&mut self, now: Time, stream: StreamId, code: u64) -> Result<(), WriteError> {
        let reset = self.switch.reset(now, stream, code);
        if reset.is_ok() {
            self.note(stream, |record| record.given_up = true);
            self.waiters.fire(Wait::Write(stream));
            self.waiters.fire(Wait::Finished(stream));
        }
        reset
    }

    /// As `Switch::stop`; whoever waits to read is told.
    ///
    /// # Errors
    /// As `Switch::stop`.
    pub fn stop(&mut self, now: Time, stream: StreamId, code: u64) -> Result<(), ReadError> {
        let stop = self.switch.stop(now, stream, code);
        if stop.is_ok() {
            self.note(stream, |record| record.turned_away = true);
            self.waiters.fire(Wait::Head(stream));
            self.waiters.fire(Wait::Read(stream));
        }
        stop
    }

    /// The handle of a stream is gone.
    pub fn release_stream(&mut self, stream: StreamId) {
        self.records.streams.remove(&stream);
        self.waiters.forget(stream);
        self.forget_news(stream);
    }

    /// The oldest stream that a peer opened. The caller takes over a hold of its line, too.
    pub fn accept(&mut self) -> Option<StreamId> {
        self.accepted.pop()
    }

    /// The oldest thing that the switch asks to be kept and nobody has taken.
    pub fn next_need(&mut self) -> Option<Need> {
        self.needs.pop_front()
    }

    /// The oldest line that came up or went down and was not yet looked at.
    pub fn next_line_event(&mut self) -> Option<LineEvent> {
        self.line_events.pop()
    }

    /// Begins the orderly end: every line closes once what was written in it has been delivered,
    /// and new ones at once; streams that nobody accepted are given up. It takes no longer than
    /// `within_us`; a second call can only bring the end nearer.
    pub fn shut_down(&mut self, now: Time, within_us: u64) {
        let by = now.plus_us(within_us);
        let begun = self.end_by.is_some();
        self.end_by = Some(self.end_by.map_or(by, |other| other.min(by)));
        if begun {
            return;
        }
        self.answered_until = now.plus_ms(self.config.answered_ms);
        self.say_good_bye(now);
        while let Some(stream) = self.accepted.pop() {
            self.give_up(now, stream, self.config.refused_code);
            self.release_stream(stream);
            self.release(now, stream.line);
        }
        let live = self.records.lines.iter();
        let live = live.filter(|(_, record)| record.down.is_none());
        let live: alloc::vec::Vec<_> = live.map(|(line, _)| *line).collect();
        for line in live {
            self.close(now, line);
        }
        self.waiters.fire(Wait::Accept);
        self.tell(Wait::Accept);
    }

    /// Those on the local network learn at once that nobody is here any more.
    fn say_good_bye(&mut self, now: Time) {
        if !self.switch.is_announcing() {
            return;
        }
        let installed = self.switch.installed().map(|it| it.hashname);
        for local in installed.collect::<alloc::vec::Vec<_>>() {
            // One that is not announced has nobody to tell.
            let _silent = self.switch.hush(now, local);
        }
    }

    /// True once the orderly end has begun.
    pub const fn is_ending(&self) -> bool {
        self.end_by.is_some()
    }

    /// True if the orderly end has come: every line is down, no peer that was just answered may
    /// have one, and nothing is left to send; or the time for it is over.
    pub fn is_over(&self, now: Time, flushed: Flushed) -> bool {
        let is_done = || {
            let is_idle = self.records.live() == 0 && flushed == Flushed::Idle;
            is_idle && !self.awaits_answered(now) && !self.switch.is_taking_leave()
        };
        self.end_by.is_some_and(|by| now >= by || is_done())
    }

    /// True if a peer may have a line of which we have not heard yet, and the end waits for it.
    fn awaits_answered(&self, now: Time) -> bool {
        now < self.answered_until && self.switch.is_awaited()
    }

    /// When an end that has begun and is to come by `by` may come next.
    pub(super) fn next_end(&self, now: Time, by: Time) -> Time {
        if self.awaits_answered(now) {
            by.min(self.answered_until)
        } else {
            by
        }
    }

    /// Everybody who waits for anything is to look again, because the end has come.
    pub fn fire_all(&mut self) {
        self.waiters.fire_all();
        self.tell(Wait::Ended);
    }
}

/// Queues something; where the queue is full, the oldest goes. True if there was room.
fn push_newest<T>(queue: &mut Bounded<T>, item: T) -> bool {
    let Err(item) = queue.push(item) else {
        return true;
    };
    queue.pop();
    let _full = queue.push(item);
    false
}
