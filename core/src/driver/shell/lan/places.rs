//! The addresses that the machine has on interfaces that are up, and which of them announcements
//! are made from.

use std::{
    collections::BTreeMap,
    format, io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6},
    string::String,
    vec::Vec,
};

use if_addrs::{IfAddr, Interface, get_if_addrs};

use crate::{driver::shell::LanConfig, switch::LAN_NETWORKS_MOST};

/// A network of fewer addresses has none that means everybody.
const PREFIX_MOST: u8 = 30;

/// One address of the machine.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Place {
    /// The name of the interface.
    pub(super) name: String,
    /// The system's index of it.
    pub(super) index: u32,
    pub(super) ip: IpAddr,
    pub(super) prefix_bits: u8,
    /// The address of everybody on the network, where it has one.
    pub(super) broadcast: Option<Ipv4Addr>,
}

impl Place {
    fn new(interface: &Interface) -> Option<Self> {
        let (ip, prefix_bits) = match &interface.addr {
            IfAddr::V4(v4) => (IpAddr::V4(v4.ip), v4.prefixlen),
            IfAddr::V6(v6) => (IpAddr::V6(v6.ip), v6.prefixlen),
        };
        let everybody = || everybody(ip, prefix_bits);
        Some(Self {
            // A second address may have a label of its own, which begins with the name.
            name: interface.name.split(':').next()?.into(),
            index: interface.index?,
            ip,
            prefix_bits,
            broadcast: (!interface.is_p2p).then(everybody).flatten(),
        })
    }

    /// Where a socket is bound that sends from here.
    pub(super) fn address(&self) -> SocketAddr {
        match self.ip {
            IpAddr::V4(ip) => (ip, 0).into(),
            IpAddr::V6(ip) => SocketAddrV6::new(ip, 0, 0, self.index).into(),
        }
    }

    /// Over IPv6 only what every interface has by itself: all others of a link have it, too.
    fn is_local(&self) -> bool {
        match self.ip {
            IpAddr::V4(_) => true,
            IpAddr::V6(ip) => ip.is_loopback() || ip.is_unicast_link_local(),
        }
    }

    /// True if whoever hears of a socket from here can reach it: one that is bound to another
    /// address is of no use here, nor is one of the other family.
    fn is_served_by(&self, bound: SocketAddr) -> bool {
        let is_any = bound.ip().is_unspecified() && bound.is_ipv4() == self.ip.is_ipv4();
        is_any || bound.ip() == self.ip
    }
}

/// Every address of the machine that is on an interface which is up, in a fixed order.
pub(super) fn places() -> io::Result<Vec<Place>> {
    let interfaces = get_if_addrs()?;
    let up = interfaces.iter().filter(|it| it.is_oper_up());
    let mut places: Vec<_> = up.filter_map(Place::new).collect();
    places.sort_by_key(|place| (place.ip.is_ipv6(), place.index, place.ip));
    places.dedup_by_key(|place| (place.index, place.ip));
    Ok(places)
}

/// Those that are announced from, for an endpoint whose sockets are `bound`; and what of the
/// config could not be followed.
pub(super) fn chosen(
    all: &[Place],
    config: &LanConfig,
    bound: &[SocketAddr],
) -> (Vec<Place>, Vec<String>) {
    let names = &config.interfaces;
    let is_named = |place: &&Place| names.is_empty() || names.contains(&place.name);
    let is_served = |place: &&Place| bound.iter().any(|bound| place.is_served_by(*bound));
    let missing = names
        .iter()
        .filter(|name| !all.iter().any(|place| place.name == **name));
    let mut errors: Vec<_> = missing
        .map(|name| format!("{name}: there is no such interface, or it is down or has no address"))
        .collect();
    let used = all.iter().filter(is_named).filter(is_served);
    let used: Vec<_> = used.filter(|it| it.is_local()).collect();
    // Where there are too many, each interface counts with its first address before any second one.
    let mut counts: BTreeMap<(u32, bool), usize> = BTreeMap::new();
    let nth = used.iter().map(|place| {
        let count = counts.entry((place.index, place.ip.is_ipv4())).or_default();
        *count += 1;
        *count
    });
    let mut order: Vec<_> = nth
        .enumerate()
        .map(|(at, nth)| (nth, used[at].index, at))
        .collect();
    order.sort_unstable();
    if let Some(more) = used
        .len()
        .checked_sub(LAN_NETWORKS_MOST)
        .filter(|more| *more > 0)
    {
        errors.push(format!(
            "{more} addresses beyond {LAN_NETWORKS_MOST} are left out: name the interfaces to use"
        ));
    }
    let first = order.into_iter().take(LAN_NETWORKS_MOST);
    let mut first: Vec<usize> = first.map(|(_, _, at)| at).collect();
    first.sort_unstable();
    let chosen = first.into_iter().map(|at| used[at].clone());
    (chosen.collect(), errors)
}

/// True if lines know a change of the machine's addresses by this one. Those of one link come and
/// go with every container.
pub(super) fn is_routed(place: &&Place) -> bool {
    match place.ip {
        IpAddr::V4(_) => true,
        IpAddr::V6(ip) => !Ipv6Addr::is_unicast_link_local(&ip),
    }
}

fn everybody(ip: IpAddr, prefix_bits: u8) -> Option<Ipv4Addr> {
    match ip {
        IpAddr::V4(ip) if prefix_bits <= PREFIX_MOST => {
            let hosts = u32::MAX.checked_shr(prefix_bits.into()).unwrap_or(0);
            Some(Ipv4Addr::from_bits(ip.to_bits() | hosts))
        }
        IpAddr::V4(_) | IpAddr::V6(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use std::{string::ToString as _, vec};

    use super::*;

    fn place(name: &str, index: u32, ip: &str, prefix_bits: u8) -> Place {
        let ip = ip.parse().unwrap();
        Place {
            name: name.into(),
            index,
            ip,
            prefix_bits,
            broadcast: everybody(ip, prefix_bits),
        }
    }

    fn machine() -> Vec<Place> {
        vec![
            place("lo", 1, "127.0.0.1", 8),
            place("eth0", 2, "192.0.2.7", 24),
            place("lo", 1, "::1", 128),
            place("eth0", 2, "fe80::1", 64),
            place("eth0", 2, "2001:db8::1", 64),
        ]
    }

    fn ips(config: &LanConfig, bound: &[&str]) -> (Vec<String>, Vec<String>) {
        let bound: Vec<_> = bound.iter().map(|it| it.parse().unwrap()).collect();
        let (places, errors) = chosen(&machine(), config, &bound);
        (places.iter().map(|it| it.ip.to_string()).collect(), errors)
    }

    #[test]
    fn lan_places_everybody_has_an_address_in_networks_of_four_and_more() {
        for (ip, prefix_bits, all) in [
            ("192.0.2.7", 24, Some("192.0.2.255")),
            ("127.0.0.1", 8, Some("127.255.255.255")),
            ("192.0.2.7", 30, Some("192.0.2.7")),
            ("192.0.2.7", 31, None),
            ("192.0.2.7", 32, None),
            ("192.0.2.7", 0, Some("255.255.255.255")),
            ("fe80::1", 10, None),
        ] {
            let all = all.map(|it| it.parse().unwrap());
            let ip = ip.parse().unwrap();
            assert_eq!(everybody(ip, prefix_bits), all, "{ip}/{prefix_bits}");
        }
    }

    #[test]
    fn lan_places_are_those_where_a_socket_takes_lines() {
        let every = LanConfig::default();
        for (bound, expected) in [
            (
                &["0.0.0.0:1", "[::]:1"][..],
                &["127.0.0.1", "192.0.2.7", "::1", "fe80::1"][..],
            ),
            (&["0.0.0.0:1"], &["127.0.0.1", "192.0.2.7"]),
            (&["127.0.0.1:1"], &["127.0.0.1"]),
            (&["127.0.0.9:1"], &[]),
            (&["[::1]:1"], &["::1"]),
            (&["192.0.2.7:1"], &["192.0.2.7"]),
            (&["[2001:db8::1]:1"], &[]),
            (&[], &[]),
        ] {
            let (used, errors) = ips(&every, bound);
            assert_eq!(used, expected, "{bound:?}");
            assert!(errors.is_empty(), "{errors:?}");
        }
    }

    #[test]
    fn lan_places_are_those_of_the_named_interfaces() {
        let named = |names: &[&str]| LanConfig {
            interfaces: names.iter().copied().map(String::from).collect(),
            ..LanConfig::default()
        };
        let bound = ["0.0.0.0:1", "[::]:1"];
        let (used, errors) = ips(&named(&["lo"]), &bound);
        assert_eq!((used.len(), errors.len()), (2, 0), "{used:?} {errors:?}");
        let (used, errors) = ips(&named(&["wlan7", "lo"]), &bound);
        assert_eq!((used.len(), errors.len()), (2, 1), "{used:?} {errors:?}");
        assert!(errors[0].starts_with("wlan7: "), "{errors:?}");
    }

    #[test]
    fn lan_places_beyond_what_a_switch_takes_are_left_out() {
        let ips = (1..=70).map(|n| format!("192.0.2.{n}"));
        let all: Vec<_> = ips.map(|ip| place("eth0", 2, &ip, 24)).collect();
        let any = [(Ipv4Addr::UNSPECIFIED, 1).into()];
        let (used, errors) = chosen(&all, &LanConfig::default(), &any);
        assert_eq!(used.len(), LAN_NETWORKS_MOST);
        assert!(errors[0].starts_with("6 addresses"), "{errors:?}");
        // They keep neither another interface out nor the other family.
        let more = [
            place("eth1", 3, "198.51.100.1", 24),
            place("eth0", 2, "fe80::1", 64),
        ];
        let all: Vec<_> = all.into_iter().chain(more.clone()).collect();
        let both = [any[0], (Ipv6Addr::UNSPECIFIED, 1).into()];
        let (used, _) = chosen(&all, &LanConfig::default(), &both);
        assert_eq!(used.len(), LAN_NETWORKS_MOST);
        assert!(more.iter().all(|it| used.contains(it)), "{used:?}");
    }

    #[test]
    fn lan_places_of_this_machine_have_its_loopback() {
        let places = places().unwrap();
        let own = places.iter().find(|it| it.ip == Ipv4Addr::LOCALHOST);
        let own = own.expect("there is a loopback interface");
        assert!(own.index > 0 && own.prefix_bits == 8, "{own:?}");
        let everybody = Ipv4Addr::new(127, 255, 255, 255);
        assert_eq!(own.broadcast, Some(everybody));
    }
}
