//! What the façade promises to hold at any step.

use hydroid_core::{
    base::Time,
    switch::{Config, Switch},
};

/// Once everything was polled, nothing comes until the next call, and nothing is due.
///
/// # Panics
/// If that is not so.
pub(super) fn drained(switch: &mut Switch, now: Time) {
    let mut buf = [0; 2048];
    for _ in 0..2 {
        assert_eq!(switch.poll_transmit(now, &mut buf), None, "None stays None");
        assert_eq!(switch.poll_event(), None, "None stays None");
        assert_eq!(switch.poll_need(), None, "None stays None");
    }
}

/// What a switch holds is within the limits of its config.
///
/// # Panics
/// If that is not so.
pub(super) fn within(switch: &Switch, config: &Config) {
    let status = switch.status();
    assert!(status.lines <= config.line.lines as usize, "{status:?}");
    assert!(
        status.ledger_bytes <= config.ledger.switch_bytes,
        "{status:?}"
    );
    assert!(
        status.buffered_bytes <= config.ledger.switch_bytes,
        "{status:?}"
    );
    assert!(
        status.installed <= config.line.hashnames as usize,
        "{status:?}"
    );
}
