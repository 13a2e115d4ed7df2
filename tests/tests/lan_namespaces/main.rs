//! Hosts on real networks: switches in processes of their own, each in a network namespace, find
//! each other through bridges. It needs root and iproute2, and says so where they are missing.
//! `cargo test -p hydroid-tests --test lan_namespaces -- --nocapture` prints what it took.

mod host;
mod lab;
mod part;

use std::{
    env,
    sync::{Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use host::{ANNOUNCE, Host, LEAVE, SPACE, now_us};
use lab::{Lab, Machine};

/// The name of the test that is run in the processes.
pub(crate) const PART: &str = "lan_namespaces_host";
/// How often two hosts find each other.
const RUNS: usize = 20;
/// Far more than anything here is to take: the machine may be busy.
const GENEROUS_MS: u64 = 15_000;

/// One test at a time: they take times.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn hosts(machines: &[Machine], space: &str) -> Vec<Host> {
    let start = |machine| Host::start(machine, space);
    let hosts: Vec<_> = machines.iter().map(start).collect();
    hosts.iter().for_each(|host| drop(host.key()));
    hosts
}

/// Announces all of them at once, and gives when the last one was.
fn announce(hosts: &mut [Host]) -> u64 {
    hosts.iter_mut().for_each(|host| host.tell(ANNOUNCE));
    let up = hosts.iter().map(|host| host.first("up", |_| true).at_us);
    up.max().unwrap_or(0)
}

/// When every one knew every other.
fn all_know_us(hosts: &[Host]) -> u64 {
    let keys: Vec<_> = hosts.iter().map(Host::key).collect();
    let knows = hosts.iter().enumerate().map(|(n, host)| {
        let mut others = keys.clone();
        others.remove(n);
        host.knows_us(&others)
    });
    knows.max().unwrap_or(0)
}

fn wait_for_tree(hosts: &[Host], size: usize) -> u64 {
    let size = size.to_string();
    let there = hosts.iter().map(|host| host.first("tree", |it| it == size));
    there.map(|line| line.at_us).max().unwrap_or(0)
}

fn row(what: &str, figures: &str) {
    println!("{what:<64} {figures}");
}

fn ms(from_us: u64, to_us: u64) -> u64 {
    to_us.saturating_sub(from_us).div_ceil(1_000)
}

/// Prints a row of many runs, and holds them to a bound that says only that they end.
fn many(what: &str, mut took_us: Vec<u64>) {
    took_us.sort_unstable();
    let at = |percent: usize| took_us[(took_us.len() * percent).div_ceil(100) - 1] as f64 / 1e3;
    let (median, late, last) = (at(50), at(99), at(100));
    row(
        what,
        &format!("median {median:.1} ms, 99 % {late:.1} ms, most {last:.1} ms"),
    );
    assert!(last <= GENEROUS_MS as f64, "{what}: {last} ms");
}

fn once(what: &str, took_ms: u64) {
    row(what, &format!("{took_ms} ms"));
    assert!(took_ms <= GENEROUS_MS, "{what}: {took_ms} ms");
}

/// Not a test: what the processes run.
#[test]
fn lan_namespaces_host() {
    if let Ok(space) = env::var(SPACE) {
        part::play(&space);
    }
}

#[test]
fn lan_namespaces_two_hosts_find_each_other() {
    let _alone = alone();
    let Some(mut lab) = Lab::new(1) else { return };
    let machines = lab.machines(2);
    let (mut together, mut later, mut trees) = (Vec::new(), Vec::new(), Vec::new());
    for _run in 0..RUNS {
        let mut both = hosts(&machines, "two");
        let up_us = announce(&mut both);
        together.push(all_know_us(&both).saturating_sub(up_us));
        trees.push(wait_for_tree(&both, 2).saturating_sub(up_us));
    }
    for machine in &machines {
        machine.ip(&["route", "add", "default", "dev", "eth0"]);
    }
    for run in 0..RUNS {
        let mut both = hosts(&machines, "two");
        announce(&mut both[..1]);
        // The second one comes whenever it comes.
        thread::sleep(Duration::from_millis(100 + 97 * run as u64));
        let up_us = announce(&mut both[1..]);
        later.push(all_know_us(&both).saturating_sub(up_us));
    }
    many("two hosts at the same moment, no default route", together);
    many("two hosts, one after the other", later);
    many(
        "two hosts, no default route, until they are one tree",
        trees,
    );
}

#[test]
fn lan_namespaces_fifty_hosts_know_each_other() {
    let _alone = alone();
    let Some(mut lab) = Lab::new(1) else { return };
    let machines = lab.machines(50);
    let mut all = hosts(&machines, "fifty");
    let up_us = announce(&mut all);
    once(
        "fifty hosts at the same moment",
        ms(up_us, all_know_us(&all)),
    );
    once(
        "fifty hosts, until they are one tree",
        ms(up_us, wait_for_tree(&all, 50)),
    );
    let mut left = all.split_off(49);
    let key = left[0].key();
    left[0].tell(LEAVE);
    let leaves_us = left[0].first("leaves", |_| true).at_us;
    let gone = all.iter().map(|host| host.first("gone", |it| it == key));
    let gone_us = gone.map(|line| line.at_us).max().unwrap_or(0);
    once(
        "one of fifty leaves, until all others know",
        ms(leaves_us, gone_us),
    );
}

#[test]
fn lan_namespaces_a_host_on_two_networks_is_found_on_each() {
    let _alone = alone();
    let Some(mut lab) = Lab::new(2) else { return };
    let machines = [(); 3].map(|()| lab.machine());
    let [one, both, other] = &machines;
    for (machine, interface, bridge, address) in [
        (one, "eth0", 0, "192.0.2.1/24"),
        (both, "eth0", 0, "192.0.2.2/24"),
        (both, "eth1", 1, "198.51.100.2/24"),
        (other, "eth0", 1, "198.51.100.3/24"),
    ] {
        lab.plug(machine, interface, bridge);
        machine.address(interface, address);
    }
    let mut hosts = hosts(&machines, "homes");
    let keys: Vec<_> = hosts.iter().map(Host::key).collect();
    let up_us = announce(&mut hosts);
    let knows = [
        hosts[0].knows_us(&keys[1..2]),
        hosts[1].knows_us(&[keys[0].clone(), keys[2].clone()]),
        hosts[2].knows_us(&keys[1..2]),
    ];
    let last_us = knows.into_iter().max().unwrap_or(0);
    once(
        "a host on two networks is found on each",
        ms(up_us, last_us),
    );
    once(
        "all three are one tree",
        ms(up_us, wait_for_tree(&hosts, 3)),
    );
    for (host, other, network) in [
        (&hosts[0], &keys[2], "192.0.2."),
        (&hosts[2], &keys[0], "198.51.100."),
    ] {
        let found: Vec<_> = host
            .lines()
            .into_iter()
            .filter(|it| it.word == "found")
            .collect();
        assert!(
            !found.iter().any(|it| it.rest.starts_with(other.as_str())),
            "{found:?}"
        );
        let addresses = found[0].rest.split(' ').skip(1);
        for address in addresses {
            assert!(
                address.starts_with(network) || address.starts_with("[fe80:"),
                "{address}"
            );
        }
    }
}

#[test]
fn lan_namespaces_hosts_without_any_address_but_the_links_own() {
    let _alone = alone();
    let Some(mut lab) = Lab::new(1) else { return };
    let machines = [(); 2].map(|()| lab.machine());
    for machine in &machines {
        lab.plug(machine, "eth0", 0);
    }
    let mut both = hosts(&machines, "links");
    // The system first asks whether the address is another's.
    let up_us = announce(&mut both);
    once(
        "IPv6 alone, no route, interfaces that just came up",
        ms(up_us, all_know_us(&both)),
    );
    once("they are one tree", ms(up_us, wait_for_tree(&both, 2)));
}

#[test]
fn lan_namespaces_an_interface_goes_down_and_comes_back() {
    let _alone = alone();
    let Some(mut lab) = Lab::new(1) else { return };
    let machines = lab.machines(3);
    let mut hosts = hosts(&machines, "down");
    announce(&mut hosts[..2]);
    all_know_us(&hosts[..2]);
    machines[1].ip(&["link", "set", "eth0", "down"]);
    hosts[1].first("networks", |it| it == "127.0.0.1");
    announce(&mut hosts[2..]);
    let keys: Vec<_> = hosts.iter().map(Host::key).collect();
    hosts[0].knows_us(&keys[2..]);
    machines[1].ip(&["link", "set", "eth0", "up"]);
    let up_us = now_us();
    let back_us = hosts[1]
        .knows_us(&keys[2..])
        .max(hosts[2].knows_us(&keys[1..2]));
    once(
        "an interface down and up again, until a newcomer is known",
        ms(up_us, back_us),
    );
    once("all are one tree", ms(up_us, wait_for_tree(&hosts, 3)));
    let late = lab.machine();
    let mut host = [Host::start(&late, "down")];
    announce(&mut host);
    lab.plug(&late, "eth0", 0);
    late.address("eth0", "192.0.2.9/24");
    let up_us = now_us();
    let back_us = host[0].knows_us(&keys);
    once("an interface that was not there before", ms(up_us, back_us));
}
