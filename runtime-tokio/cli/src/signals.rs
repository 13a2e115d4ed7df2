//! The signals that end a command. Handlers are set before anything else is begun, so that a
//! SIGINT counts also where it was inherited as ignored, as a shell's background jobs do.

use std::io;

/// The signals, caught.
#[cfg(unix)]
#[derive(Debug)]
pub(crate) struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
    /// The terminal went away; none where that is to be survived.
    hang_up: Option<tokio::signal::unix::Signal>,
}

#[cfg(unix)]
impl Signals {
    /// Catches SIGINT, SIGTERM and, unless it was inherited as ignored, SIGHUP from now on.
    ///
    /// # Errors
    /// The system's, if it allows no handler.
    pub(crate) fn catch() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        let hang_up = (!survives_its_terminal()).then(|| signal(SignalKind::hangup()));
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hang_up: hang_up.transpose()?,
        })
    }

    /// Returns when one of them has come.
    pub(crate) async fn caught(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            () = hung_up(&mut self.hang_up) => {}
        }
    }
}

#[cfg(unix)]
async fn hung_up(signal: &mut Option<tokio::signal::unix::Signal>) {
    match signal {
        Some(signal) => _ = signal.recv().await,
        None => std::future::pending().await,
    }
}

/// True if whoever started us has asked for it, as `nohup` does: SIGHUP is ignored. Where that
/// cannot be seen, it is left as it is.
#[cfg(unix)]
fn survives_its_terminal() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mut lines = status.lines();
    let ignored = lines.find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    ignored.is_none_or(|mask| mask & 1 != 0)
}

/// The console's signals, caught.
#[cfg(not(unix))]
#[derive(Debug)]
pub(crate) struct Signals;

#[cfg(not(unix))]
impl Signals {
    /// Nothing is caught before [`Signals::caught`] waits.
    ///
    /// # Errors
    /// None.
    pub(crate) fn catch() -> io::Result<Self> {
        Ok(Self)
    }

    /// Returns when the user asks to end.
    pub(crate) async fn caught(&mut self) {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
