//! Machines that are network namespaces, on bridges in one more namespace. The names are this
//! process's own, nothing of the machine itself is touched, and all of it goes with the value.

use std::{
    env,
    process::{self, Command, Output},
    sync::atomic::{AtomicU32, Ordering},
};

/// If this is `required`, a machine that has no namespaces fails the tests.
const NAMESPACES: &str = "HYDROID_NAMESPACES";

/// Bridges, and the machines on them.
pub(crate) struct Lab {
    name: String,
    /// How many ports the bridges have.
    ports: u32,
    machines: Vec<Machine>,
}

/// A network namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Machine {
    pub(crate) namespace: String,
}

impl Lab {
    /// So many bridges and no machine yet. `None`, with the reason printed, where a process may not
    /// make namespaces.
    ///
    /// # Panics
    /// In that case, if the environment says that they are required.
    pub(crate) fn new(bridges: u8) -> Option<Self> {
        static LABS: AtomicU32 = AtomicU32::new(0);
        let nth = LABS.fetch_add(1, Ordering::Relaxed);
        let name = format!("hydroid-{}-{nth}", process::id());
        let mut lab = Self {
            name,
            ports: 0,
            machines: Vec::new(),
        };
        match lab.begin(bridges) {
            Ok(()) => Some(lab),
            Err(why) => {
                let is_required = env::var(NAMESPACES).is_ok_and(|value| value == "required");
                assert!(!is_required, "namespaces are required: {why}");
                println!("SKIPPED, as there are no network namespaces: {why}");
                None
            }
        }
    }

    fn begin(&mut self, bridges: u8) -> Result<(), String> {
        let hub = self.namespace("hub")?;
        for bridge in 0..bridges {
            let name = format!("br{bridge}");
            hub.try_ip(&["link", "add", &name, "type", "bridge"])?;
            hub.try_ip(&["link", "set", &name, "up"])?;
        }
        Ok(())
    }

    fn namespace(&mut self, what: &str) -> Result<Machine, String> {
        let namespace = format!("{}-{what}", self.name);
        ip(&["netns", "add", &namespace])?;
        let machine = Machine { namespace };
        self.machines.push(machine.clone());
        machine.try_ip(&["link", "set", "lo", "up"])?;
        Ok(machine)
    }

    /// A machine without any interface but its loopback.
    pub(crate) fn machine(&mut self) -> Machine {
        let what = self.machines.len().to_string();
        self.namespace(&what).expect("the first could be made")
    }

    /// Plugs a machine into a bridge, by an interface of that name.
    pub(crate) fn plug(&mut self, machine: &Machine, interface: &str, bridge: u8) {
        let (port, bridge) = (format!("port{}", self.ports), format!("br{bridge}"));
        self.ports += 1;
        let hub = &self.machines[0];
        let peer = ["peer", "name", interface, "netns", &machine.namespace];
        let link = ["link", "add", &port, "type", "veth"];
        hub.ip(&[&link[..], &peer[..]].concat());
        hub.ip(&["link", "set", &port, "master", &bridge, "up"]);
        machine.ip(&["link", "set", interface, "up"]);
    }

    /// So many machines on the first bridge, with addresses of one network and no other route.
    pub(crate) fn machines(&mut self, count: u8) -> Vec<Machine> {
        let machines = (1..=count).map(|n| {
            let machine = self.machine();
            self.plug(&machine, "eth0", 0);
            machine.address("eth0", &format!("192.0.2.{n}/24"));
            machine
        });
        machines.collect()
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        for machine in &self.machines {
            if let Err(why) = ip(&["netns", "del", &machine.namespace]) {
                println!("{} is left behind: {why}", machine.namespace);
            }
        }
    }
}

impl Machine {
    pub(crate) fn address(&self, interface: &str, address: &str) {
        self.ip(&["address", "add", address, "dev", interface]);
    }

    /// Runs `ip` in it.
    pub(crate) fn ip(&self, arguments: &[&str]) {
        self.try_ip(arguments).expect("it is ours");
    }

    fn try_ip(&self, arguments: &[&str]) -> Result<(), String> {
        ip(&[&["-n", &self.namespace], arguments].concat())
    }
}

fn ip(arguments: &[&str]) -> Result<(), String> {
    let told = |output: Output| {
        let text = String::from_utf8_lossy(&output.stderr);
        match output.status.success() {
            true => Ok(()),
            false => Err(format!("ip {}: {}", arguments.join(" "), text.trim())),
        }
    };
    let output = Command::new("ip").args(arguments).output();
    output
        .map_err(|error| format!("ip: {error}"))
        .and_then(told)
}
