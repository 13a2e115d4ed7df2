//! A line that was up ends for a reason that somebody gave it.

use hydroid_core::{base::Time, switch::DownReason};

use super::{Verdict, demand};

/// The end of a line, as one end heard it.
#[derive(Clone, Debug)]
pub struct Ending {
    /// When it came up; `None` if it never did.
    pub up: Option<Time>,
    /// What the switch says.
    pub reason: DownReason,
    /// True if no stream lived in it.
    pub empty: bool,
    /// When something last happened to either end that ends lines.
    pub cut: Option<Time>,
    /// A handshake that was under way at that time may bring up a line that gives way to the next:
    /// so long, in milliseconds.
    pub flight_ms: u64,
}

/// It had a cause.
///
/// # Errors
/// If nothing happened to either of its ends since it came up, and it did not end in order and
/// empty.
pub fn cause(line: &str, ending: &Ending) -> Verdict {
    let reason = &ending.reason;
    let Some(up) = ending.up else {
        let is_known = matches!(
            reason,
            DownReason::Unreachable
                | DownReason::Local
                | DownReason::Replaced
                | DownReason::Closed { .. }
                | DownReason::Refused(_)
                | DownReason::Revoked
        );
        return demand("causes", is_known, || {
            format!("{line} was never up and ended: {reason}")
        });
    };
    let in_order = matches!(
        reason,
        DownReason::Local | DownReason::Closed { code: 0, .. }
    );
    if ending.empty && in_order {
        return Ok(());
    }
    let caused = ending
        .cut
        .is_some_and(|cut| cut.plus_ms(ending.flight_ms) >= up);
    demand("causes", caused, || {
        format!("{line}, up since {up:?}, ended for nothing: {reason}")
    })
}
