//! Which addresses a ticket names.

use std::net::{IpAddr, SocketAddr};

/// The addresses of this machine's interfaces, but those that say nothing without the link they are
/// on.
pub(crate) fn of_interfaces() -> Vec<IpAddr> {
    let interfaces = if_addrs::get_if_addrs().unwrap_or_default();
    let ips = interfaces.iter().map(if_addrs::Interface::ip);
    ips.filter(|ip| !matches!(ip, IpAddr::V6(v6) if v6.is_unicast_link_local()))
        .collect()
}

/// The addresses by which others may reach the sockets that are bound to `bound`: those of one
/// socket and another by turns, each in the system's order, for a ticket holds the first few only.
pub(crate) fn to_name(bound: &[SocketAddr], interfaces: &[IpAddr]) -> Vec<SocketAddr> {
    // An address that means something only here is named where there is no other.
    let named = [true, false].map(|far| {
        let of_each = bound
            .iter()
            .map(|address| of_one(*address, interfaces, far));
        by_turns(&of_each.collect::<Vec<_>>())
    });
    let [far, near] = named;
    if far.is_empty() { near } else { far }
}

fn of_one(bound: SocketAddr, interfaces: &[IpAddr], far: bool) -> Vec<SocketAddr> {
    if !bound.ip().is_unspecified() {
        return vec![bound];
    }
    let fitting = interfaces
        .iter()
        .filter(|ip| ip.is_ipv4() == bound.is_ipv4() && is_far_reaching(ip) == far);
    fitting
        .map(|ip| SocketAddr::new(*ip, bound.port()))
        .collect()
}

fn by_turns(lists: &[Vec<SocketAddr>]) -> Vec<SocketAddr> {
    let longest = lists.iter().map(Vec::len).max().unwrap_or(0);
    let mut all = Vec::new();
    for address in (0..longest).flat_map(|turn| lists.iter().filter_map(move |list| list.get(turn)))
    {
        if !all.contains(address) {
            all.push(*address);
        }
    }
    all
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
            ["192.0.2.1:5", "[2001:db8::1]:6", "10.0.0.1:5"]
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
