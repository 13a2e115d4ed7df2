//! What an endpoint is made with.

use std::{
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    path::PathBuf,
    string::String,
    time::Duration,
    vec,
    vec::Vec,
};

#[cfg(feature = "fast")]
use crate::switch::fast;
use crate::{
    base::Seed,
    driver,
    switch::{self, Provider, PureRust, Suite},
    tape,
};

/// The choices of an endpoint. `Config::default()` is good for most programs.
#[derive(Clone, Debug)]
pub struct Config {
    /// The addresses to listen on, a socket for each. Where a port is 0, the port of the socket
    /// before is tried first. `[::]` is left out where the system has no IPv6, if any other socket
    /// could be had. By default every address of both families, on a port that the system takes.
    pub listen: Vec<SocketAddr>,
    /// The choices of the switch. By default the suite that this processor is fastest at.
    pub switch: switch::Config,
    /// What computes the curve and the ciphers. By default the fast provider where the core's
    /// feature `fast` is on (by `fast-crypto` of each shell) and the processor has what it needs,
    /// and pure Rust elsewhere; the bytes that are sent are the same.
    pub provider: &'static dyn Provider,
    /// The choices of the driver.
    pub driver: driver::Config,
    /// All randomness comes from this; from the operating system if it is `None`, as it should be
    /// outside of tests.
    pub seed: Option<Seed>,
    /// The size that the buffers of each socket are raised to, each way, as far as the system
    /// allows. Smaller ones lose datagrams when the process is late.
    pub socket_buffer_bytes: u32,
    /// How long what was written may still take to be delivered after the last handle was dropped.
    pub linger: Duration,
    /// The file that all that the switch is told and answers is recorded in, for a replay. It holds
    /// secrets, and is made for its owner alone. Recording costs some processor time for every
    /// packet, and a little more disk than what was sent and received.
    pub record_to: Option<PathBuf>,
    /// Replace the file of `record_to`, if there is one of this name already.
    pub record_over: bool,
    /// How it is recorded. A thread writes what is recorded; as much as its buffer may wait there
    /// once more.
    pub tape: tape::Config,
    /// Where identities are announced, once one is.
    pub lan: LanConfig,
}

/// The local networks of an endpoint that announces identities.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LanConfig {
    /// The names of the interfaces that are used, as the system has them; all of them, if none is
    /// named. One that is not there yet is used once it is.
    pub interfaces: Vec<String>,
    /// How often it is looked which interfaces there are, and what their addresses. Lower finds a
    /// change sooner; a look takes some 50 us.
    pub look_ms: u32,
    /// Where announcements are heard is looked at this often at most, however much else there is to
    /// do. Lower hears of somebody sooner, and takes 3 us more often.
    pub hear_us: u32,
}

impl Default for LanConfig {
    fn default() -> Self {
        Self {
            interfaces: Vec::new(),
            look_ms: 2_000,
            hear_us: 2_000,
        }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: vec![
                (Ipv4Addr::UNSPECIFIED, 0).into(),
                (Ipv6Addr::UNSPECIFIED, 0).into(),
            ],
            switch: fastest(),
            provider: provider(),
            driver: driver::Config::default(),
            seed: None,
            socket_buffer_bytes: 4 << 20,
            linger: Duration::from_secs(5),
            record_to: None,
            record_over: false,
            tape: tape::Config::default(),
            lan: LanConfig::default(),
        }
    }
}

#[cfg(feature = "fast")]
fn provider() -> &'static dyn Provider {
    fast().unwrap_or(&PureRust)
}

#[cfg(not(feature = "fast"))]
fn provider() -> &'static dyn Provider {
    &PureRust
}

/// The switch's own defaults, with AES where the processor has instructions for it: under either
/// provider it is the faster one then, and without them there is no fast provider.
fn fastest() -> switch::Config {
    let mut config = switch::Config::default();
    config.line.suite = if has_aes() {
        Suite::Aes256Gcm
    } else {
        Suite::ChaCha20Poly1305
    };
    config
}

#[cfg(target_arch = "x86_64")]
fn has_aes() -> bool {
    std::is_x86_feature_detected!("aes") && std::is_x86_feature_detected!("pclmulqdq")
}

#[cfg(target_arch = "aarch64")]
fn has_aes() -> bool {
    std::arch::is_aarch64_feature_detected!("aes")
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
const fn has_aes() -> bool {
    false
}
