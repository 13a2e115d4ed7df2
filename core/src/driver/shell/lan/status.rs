//! How an endpoint stands on the local networks.

use std::{net::IpAddr, string::String, vec::Vec};

/// Where the identities of an endpoint are announced, and what hinders that. Empty while none is.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct LanStatus {
    /// The addresses that are announced from.
    pub networks: Vec<LanAddress>,
    /// The ports at which announcements are heard.
    pub ports: Vec<u16>,
    /// What does not work: where, what, and what the system says. The rest goes on without it, and it
    /// is tried again at every look.
    pub errors: Vec<String>,
}

/// An address of the machine on an interface.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct LanAddress {
    /// The name of the interface.
    pub interface: String,
    /// The address.
    pub address: IpAddr,
}
