//! How much work one turn of a shell may do before it must look at its other side again.

use super::Config;

/// What is left of one turn's work. Datagrams in, datagrams out and timers share a thread; with a
/// budget for each, none can starve the others.
#[derive(Clone, Debug)]
pub struct Turn {
    receive: u32,
    send: u32,
}

impl Turn {
    /// A turn with its full budget.
    pub const fn new(config: &Config) -> Self {
        Self {
            receive: config.received_per_turn,
            send: config.sent_per_turn,
        }
    }

    /// True while datagrams may be taken from the socket.
    pub const fn may_receive(&self) -> bool {
        self.receive > 0
    }

    /// True while datagrams may be given to the socket.
    pub const fn may_send(&self) -> bool {
        self.send > 0
    }

    /// So many bytes came in, in datagrams of `segment` bytes.
    pub fn on_received(&mut self, bytes: usize, segment: usize) {
        self.receive = self.receive.saturating_sub(datagrams(bytes, segment));
    }

    /// So many bytes are on their way out, in datagrams of `segment` bytes.
    pub fn on_sent(&mut self, bytes: usize, segment: usize) {
        self.send = self.send.saturating_sub(datagrams(bytes, segment));
    }
}

/// How many datagrams a buffer holds; an empty one is a datagram too.
fn datagrams(bytes: usize, segment: usize) -> u32 {
    u32::try_from(bytes.div_ceil(segment.max(1)).max(1)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turn_counts_datagrams_on_each_side() {
        let mut turn = Turn::new(&Config {
            received_per_turn: 3,
            sent_per_turn: 2,
            ..Config::default()
        });
        turn.on_received(2_500, 1_200);
        assert!(!turn.may_receive() && turn.may_send());
        turn.on_sent(10, 10);
        assert!(turn.may_send());
        turn.on_sent(0, 0);
        assert!(!turn.may_send());
    }
}
