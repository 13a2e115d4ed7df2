//! Unreliable packets of one line: those that wait to be sent, and those that nobody has read.

use alloc::boxed::Box;

use crate::base::Bounded;

/// Both queues, which are there only while they are used.
#[derive(Debug, Default)]
pub(super) struct Packets(Option<Box<Queues>>);

#[derive(Debug)]
struct Queues {
    out: Bounded<Box<[u8]>>,
    unread: Bounded<Box<[u8]>>,
    bytes: u64,
}

impl Packets {
    /// Bytes of all of them.
    pub(super) const fn bytes(&self) -> u64 {
        match &self.0 {
            Some(queues) => queues.bytes,
            None => 0,
        }
    }

    /// The next one to be sent.
    pub(super) fn out(&self) -> Option<&[u8]> {
        Some(self.0.as_ref()?.out.front()?)
    }

    /// The oldest that nobody has read.
    pub(super) fn unread(&self) -> Option<&[u8]> {
        Some(self.0.as_ref()?.unread.front()?)
    }

    /// One more to be sent; false if `most` of them wait.
    pub(super) fn push_out(&mut self, packet: &[u8], most: u32) -> bool {
        let queues = self.queues(most);
        let pushed = queues.out.push(packet.into()).is_ok();
        queues.bytes += if pushed { packet.len() as u64 } else { 0 };
        pushed
    }

    /// One more came. False if the oldest of `most` that nobody has read was dropped for it.
    pub(super) fn push_unread(&mut self, packet: &[u8], most: u32) -> bool {
        let queues = self.queues(most);
        queues.bytes += packet.len() as u64;
        let Err(packet) = queues.unread.push(packet.into()) else {
            return true;
        };
        let oldest = queues.unread.pop();
        queues.bytes -= oldest.map_or(0, |oldest| oldest.len() as u64);
        if let Err(packet) = queues.unread.push(packet) {
            queues.bytes -= packet.len() as u64;
        }
        false
    }

    /// The first one was sent.
    pub(super) fn pop_out(&mut self) {
        if let Some(queues) = &mut self.0 {
            let packet = queues.out.pop();
            queues.bytes -= packet.map_or(0, |packet| packet.len() as u64);
        }
    }

    /// The oldest one was read.
    pub(super) fn pop_unread(&mut self) {
        if let Some(queues) = &mut self.0 {
            let packet = queues.unread.pop();
            queues.bytes -= packet.map_or(0, |packet| packet.len() as u64);
        }
    }

    /// Drops those to be sent that are longer than this.
    pub(super) fn shorten(&mut self, longest: usize) {
        if let Some(queues) = &mut self.0 {
            let bytes = &mut queues.bytes;
            queues.out.retain(|packet| {
                let fits = packet.len() <= longest;
                *bytes -= if fits { 0 } else { packet.len() as u64 };
                fits
            });
        }
    }

    /// Nothing can be sent any more.
    pub(super) fn clear_out(&mut self) {
        while self.out().is_some() {
            self.pop_out();
        }
    }

    /// Gives up what is kept for later.
    pub(super) fn rest(&mut self) {
        if self.out().is_none() && self.unread().is_none() {
            self.0 = None;
        }
    }

    fn queues(&mut self, most: u32) -> &mut Queues {
        self.0.get_or_insert_with(|| {
            Box::new(Queues {
                out: Bounded::new(most as usize),
                unread: Bounded::new(most as usize),
                bytes: 0,
            })
        })
    }
}
