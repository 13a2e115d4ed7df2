//! The end of the line: nothing goes out any more, and what has come can still be read.

use alloc::{boxed::Box, vec::Vec};

use super::{Effect, Streams, pair::Stream, pool::Fx};

impl Streams {
    /// The line is no more. A stream whose bytes came whole is read to its end, any other gives the
    /// bytes in hand up to the first that is missing and then `LineDown`; `read` lets a stream go
    /// with what it gives last. Writing gives `LineDown`. Readers and writers that wait are told.
    pub fn on_down(&mut self, fx: &mut Fx) {
        if self.is_down {
            return;
        }
        self.is_down = true;
        self.pool.down();
        for stream in self.streams.values_mut() {
            stream.leave_queues();
        }
        let is_over = |s: &&Box<Stream>| !s.announced || s.recv.is_over() || s.stop.is_some();
        let over: Vec<u64> = self
            .streams
            .values()
            .filter(is_over)
            .map(|s| s.id)
            .collect();
        over.iter().for_each(|id| self.remove(*id));
        for (id, stream) in &mut self.streams {
            if stream.blocked {
                fx.push(Effect::Writable { id: *id });
            }
            if !stream.told {
                stream.told = true;
                fx.push(Effect::Readable { id: *id });
            }
            stream.silence(&mut self.pool);
        }
    }

    /// The application drops a stream of a line that is no more.
    pub fn forget(&mut self, id: u64) {
        debug_assert!(
            self.is_down,
            "a stream of a line that lives is reset and stopped"
        );
        if self.is_down {
            self.remove(id);
        }
    }
}
