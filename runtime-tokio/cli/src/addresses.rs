//! Which addresses a ticket names.

use std::{
    collections::BTreeSet,
    net::{IpAddr, SocketAddr},
};

/// The addresses of this machine's interfaces.
pub(crate) fn of_interfaces() -> Vec<IpAddr> {
    let interfaces = if_addrs::get_if_addrs().unwrap_or_default();
    interfaces.iter().map(if_addrs::Interface::ip).collect()
}

/// The addresses by which others may reach the sockets that are bound to `bound`.
pub(crate) fn to_name(bound: &[SocketAddr], interfaces: &[IpAddr]) -> Vec<SocketAddr> {
    let mut named = BTreeSet::new();
    for far in [true, false] {
        for address in bound {
            if address.ip().is_unspecified() {
                let fitting = interfaces
                    .iter()
                    .filter(|ip| ip.is_ipv4() == address.is_ipv4() && is_far_reaching(ip) == far);
                named.extend(fitting.map(|ip| SocketAddr::new(*ip, address.port())));
            } else {
                named.insert(*address);
            }
        }
        // An address that means something only here is named where there is no other.
        if !named.is_empty() {
            break;
        }
    }
    named.into_iter().collect()
}

fn is_far_reaching(ip: &IpAddr) -> bool {
    match ip {
        IpAddr::V4(v4) => !v4.is_loopback() && !v4.is_link_local() && !v4.is_unspecified(),
        IpAddr::V6(v6) => !v6.is_loopback() && !v6.is_unicast_link_local() && !v6.is_unspecified(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(bound: &[&str], interfaces: &[&str]) -> Vec<String> {
        let bound: Vec<SocketAddr> = bound.iter().map(|text| text.parse().unwrap()).collect();
        let interfaces: Vec<IpAddr> = interfaces
            .iter()
            .map(|text| text.parse().unwrap())
            .collect();
        let named = to_name(&bound, &interfaces);
        named.iter().map(SocketAddr::to_string).collect()
    }

    #[test]
    fn addresses_of_every_interface_are_named() {
        let interfaces = [
            "127.0.0.1",
            "::1",
            "192.0.2.1",
            "10.0.0.1",
            "2001:db8::1",
            "fe80::1",
        ];
        assert_eq!(
            name(&["0.0.0.0:5", "[::]:6"], &interfaces),
            ["10.0.0.1:5", "192.0.2.1:5", "[2001:db8::1]:6"]
        );
    }

    #[test]
    fn addresses_that_mean_something_only_here_are_a_last_resort() {
        assert_eq!(
            name(&["0.0.0.0:5", "[::]:6"], &["127.0.0.1", "::1", "fe80::1"]),
            ["127.0.0.1:5", "[::1]:6", "[fe80::1]:6"]
        );
        assert_eq!(
            name(&["0.0.0.0:5", "[::]:6"], &["127.0.0.1", "2001:db8::1"]),
            ["[2001:db8::1]:6"]
        );
    }

    #[test]
    fn addresses_that_were_asked_for_are_named_alone() {
        let interfaces = ["127.0.0.1", "192.0.2.1"];
        assert_eq!(name(&["127.0.0.1:5"], &interfaces), ["127.0.0.1:5"]);
        assert_eq!(name(&["0.0.0.0:5"], &interfaces), ["192.0.2.1:5"]);
    }
}
