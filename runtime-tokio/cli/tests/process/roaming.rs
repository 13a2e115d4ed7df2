//! A transfer between two network namespaces, one of which changes its address in the middle. They
//! are made and removed here and joined by nothing but a pair of interfaces.

use std::{
    fs,
    io::Read as _,
    process::{Command, Stdio, id},
    time::{Duration, Instant},
};

use crate::running::{Running, World};

const MIB: usize = 1 << 20;
const SIZE: usize = 256 * MIB;

/// Two namespaces, and the pair of interfaces between them.
struct Spaces {
    names: [String; 2],
}

/// Runs `ip` or `tc` and tells what it complained about.
fn run(program: &str, arguments: &str) -> Result<(), String> {
    let output = Command::new(program)
        .args(arguments.split(' '))
        .output()
        .map_err(|error| format!("{program}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let stderr = String::from_utf8_lossy(&output.stderr);
    Err(format!("{program} {arguments}: {}", stderr.trim()))
}

impl Spaces {
    /// # Errors
    /// What the system says that lets nobody make the first one.
    fn new(n: u32) -> Result<Self, String> {
        let names = ["a", "b"].map(|end| format!("hy{}-{n}{end}", id()));
        let [a, b] = &names;
        run("ip", &format!("netns add {a}"))?;
        let spaces = Self {
            names: names.clone(),
        };
        run("ip", &format!("netns add {b}")).unwrap();
        let pair = format!("-n {a} link add veth0 type veth peer name veth0 netns {b}");
        run("ip", &pair).unwrap();
        for (name, address) in [(a, "10.77.0.1/24"), (b, "10.77.0.2/24")] {
            run("ip", &format!("-n {name} addr add {address} dev veth0")).unwrap();
            run("ip", &format!("-n {name} link set veth0 up")).unwrap();
            run("ip", &format!("-n {name} link set lo up")).unwrap();
            let limit = "qdisc add dev veth0 root tbf rate 400mbit burst 256k latency 20ms";
            if let Err(error) = run("tc", &format!("-n {name} {limit}")) {
                println!("no limit of the rate: {error}");
            }
        }
        Ok(spaces)
    }

    /// The program in one of them.
    fn command(&self, world: &World, end: usize, arguments: &[&str]) -> Command {
        let plain = world.command(arguments);
        let mut command = Command::new("ip");
        command
            .args(["netns", "exec", &self.names[end]])
            .arg(plain.get_program())
            .args(plain.get_args())
            .current_dir(plain.get_current_dir().unwrap());
        for (name, value) in plain.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        command
    }

    /// Another address in place of the first.
    fn change_address(&self, end: usize) {
        let name = &self.names[end];
        let n = end + 1;
        // Of another length, so that it does not go with the first.
        let new = format!("-n {name} addr add 10.77.0.{}/25 dev veth0", n + 10);
        run("ip", &new).unwrap();
        let old = format!("-n {name} addr del 10.77.0.{n}/24 dev veth0");
        run("ip", &old).unwrap();
    }
}

impl Drop for Spaces {
    fn drop(&mut self) {
        for name in &self.names {
            let _gone = run("ip", &format!("netns del {name}"));
        }
    }
}

/// Sends a file from the first namespace to the second while `mover` changes its address, and tells
/// the longest time in which nothing came before that, and after.
fn roam(n: u32, mover: usize) -> Option<[Duration; 2]> {
    let spaces = match Spaces::new(n) {
        Ok(spaces) => spaces,
        Err(error) => {
            println!("SKIPPED, no network namespaces can be made here: {error}");
            return None;
        }
    };
    let world = World::new();
    let file = world.file("file", SIZE as u64);
    let expected = fs::read(&file).unwrap();
    let mut sender = Running::start(spaces.command(&world, 0, &["send", file.to_str().unwrap()]));
    let ticket = sender.line();
    let mut receiver = spaces.command(&world, 1, &["recv", &ticket, "-o", "-"]);
    receiver
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit());
    let mut receiver = receiver.spawn().unwrap();
    let mut out = receiver.stdout.take().unwrap();
    let (mut got, mut buf) = (Vec::with_capacity(SIZE), vec![0; MIB]);
    let (mut last, mut gaps) = (None, [Duration::ZERO; 2]);
    let mut moved = false;
    loop {
        let len = out.read(&mut buf).unwrap();
        if len == 0 {
            break;
        }
        let now = Instant::now();
        if let Some(last) = last {
            let gap = &mut gaps[usize::from(moved)];
            *gap = now.duration_since(last).max(*gap);
        }
        last = Some(now);
        got.extend_from_slice(&buf[..len]);
        if !moved && got.len() > SIZE / 3 {
            spaces.change_address(mover);
            moved = true;
        }
    }
    assert!(receiver.wait().unwrap().success());
    sender.end().by(0);
    assert!(moved && got == expected, "the file arrived whole");
    Some(gaps)
}

#[test]
fn roaming_transfer_outlives_a_change_of_address_of_either_end() {
    for (n, who) in ["the sender", "the receiver"].into_iter().enumerate() {
        if let Some([before, after]) = roam(n as u32, n) {
            println!(
                "{who} changed its address: {} ms without data at most, {} ms before",
                after.as_millis(),
                before.as_millis()
            );
        }
    }
}
