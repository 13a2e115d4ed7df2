//! The hydroid switch: put it into any program, and it can reach any other by its key.
//!
//! A switch is a state machine. It consumes datagrams and ticks and emits datagrams and events; it
//! has no socket, no clock, no thread and no randomness but its seed, so the same inputs give the
//! same outputs, byte for byte, everywhere. Two of them in one process, joined by nothing but a
//! loop:
//!
//! ```
//! use hydroid_core::base::{Seed, Time};
//! use hydroid_core::identity::{SecretKey, Space};
//! use hydroid_core::switch::*;
//!
//! /// Hands what one switch sends to another that sits at the address it is sent to.
//! fn carry(now: Time, from: &mut Switch, to: &mut Switch, source: &str) {
//!     let mut buf = [0; 65_535];
//!     while let Some(transmit) = from.poll_transmit(now, &mut buf) {
//!         let path = Path::to(source.parse().unwrap());
//!         let (socket, ecn, stride) = (SocketId(0), Ecn::None, transmit.segment);
//!         let meta = Meta { socket, path, interface: 0, ecn, stride };
//!         to.handle_datagram(now, &meta, &mut buf[..transmit.len]);
//!     }
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let now = Time::ZERO;
//! let space = Space::open("example")?;
//! let (ada, bob) = (SecretKey::from_bytes(&[1; 32]), SecretKey::from_bytes(&[2; 32]));
//!
//! let mut left = Switch::new(Config::default(), &Seed::new([3; 32]))?;
//! let mut right = Switch::new(Config::default(), &Seed::new([4; 32]))?;
//! for (switch, address) in [(&mut left, "192.0.2.1:4000"), (&mut right, "192.0.2.2:4000")] {
//!     let local = address.parse()?;
//!     switch.handle_network_change(now, &[Interface { socket: SocketId(0), local }]);
//! }
//! let me = left.install(now, &ada, &space)?;
//! right.install(now, &bob, &space)?;
//!
//! let line = left.connect(now, me, &bob.public(), &["192.0.2.2:4000".parse()?])?;
//! let stream = left.open_stream(now, line, r#"{"greet":"you"}"#)?;
//! left.write(now, stream, b"hello")?;
//! left.finish(now, stream)?;
//!
//! let mut greeting = Vec::new();
//! for tick in 1..100 {
//!     let now = Time::from_us(tick * 1000);
//!     carry(now, &mut left, &mut right, "192.0.2.1:4000");
//!     carry(now, &mut right, &mut left, "192.0.2.2:4000");
//!     left.handle_timeout(now);
//!     right.handle_timeout(now);
//!     while let Some(event) = right.poll_event() {
//!         if let Event::Stream(StreamEvent::Readable { stream }) = event {
//!             assert_eq!(right.stream_head(stream), Some(r#"{"greet":"you"}"#));
//!             let mut buf = [0; 64];
//!             while let Ok(Read::Bytes(len)) = right.read(now, stream, &mut buf) {
//!                 greeting.extend_from_slice(&buf[..len]);
//!             }
//!         }
//!     }
//! }
//! assert_eq!(greeting, b"hello");
//! # Ok(())
//! # }
//! ```
//!
//! # Closed spaces
//!
//! In an open space, as above, whoever knows the name is a member. A closed one has root operators,
//! who sign members in. What a member gets is its *admission*: its membership, the document of the
//! space, and the gate, without which nobody gets as far as an answer.
//!
//! ```
//! use hydroid_core::base::{Seed, Time};
//! use hydroid_core::identity::{Admission, Gate, Roles, SecretKey};
//! use hydroid_core::switch::{Config, InstallError, Switch};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let (now, ada, bob) = (Time::ZERO, SecretKey::from_bytes(&[1; 32]), SecretKey::from_bytes(&[2; 32]));
//! // Ada founds the club and signs Bob in, for ever and with no further role. In earnest the gate is
//! // 32 bytes of randomness.
//! let founder = Admission::found(&ada, "club", Gate::new([5; 32]))?;
//! let member = founder.admit(&ada, &bob.public(), Roles::default(), 0)?;
//! // What Bob is sent, over a line that he trusts, and keeps: it holds the gate.
//! let bytes = member.to_bytes();
//!
//! let mut switch = Switch::new(Config::default(), &Seed::new([4; 32]))?;
//! let member = Admission::from_bytes(&bytes)?;
//! let without = switch.install(now, &bob, member.space());
//! assert_eq!(without, Err(InstallError::NoAdmission));
//! let me = switch.install_member(now, &bob, &member)?;
//!
//! // Ada puts him out: the new document ends his lines wherever it spreads, and the new gate keeps
//! // him out from then on.
//! let renewed = founder.revoke(&ada, &[bob.public()], Gate::new([6; 32]))?;
//! assert!(renewed.document().is_revoked(&bob.public()));
//! assert_eq!(switch.admission(me).map(|it| it.document().version()), Some(1));
//! # Ok(())
//! # }
//! ```
//!
//! # The tree of a space
//!
//! Members that [`join`](switch::Switch::join) and [`meet`](switch::Switch::meet) stand in one tree
//! of lines, each below one parent and above a few children. What one of them broadcasts reaches
//! each of the others once, in order; whoever goes, the others close the gap. Any member leads in:
//!
//! ```
//! use hydroid_core::base::{Seed, Time, Wall};
//! use hydroid_core::identity::{SecretKey, Space};
//! use hydroid_core::switch::*;
//!
//! # /// Hands what a switch sends to the one whose number the address ends with.
//! # fn carry(now: Time, switches: &mut [Switch; 3], from: usize) {
//! #     let mut buf = [0; 65_535];
//! #     while let Some(transmit) = switches[from].poll_transmit(now, &mut buf) {
//! #         let to: usize = transmit.path.remote.ip().to_string().split('.').last().unwrap().parse().unwrap();
//! #         let path = Path::to(format!("192.0.2.{from}:4000").parse().unwrap());
//! #         let (socket, ecn, stride) = (SocketId(0), Ecn::None, transmit.segment);
//! #         let meta = Meta { socket, path, interface: 0, ecn, stride };
//! #         switches[to].handle_datagram(now, &meta, &mut buf[..transmit.len]);
//! #     }
//! # }
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let space = Space::open("village")?;
//! let secrets = [1, 2, 3].map(|n| SecretKey::from_bytes(&[n; 32]));
//! let mut switches = [1, 2, 3].map(|n| Switch::new(Config::default(), &Seed::new([n; 32])).unwrap());
//! let mut names = Vec::new();
//! for (n, switch) in switches.iter_mut().enumerate() {
//!     let local = format!("192.0.2.{n}:4000").parse()?;
//!     switch.handle_network_change(Time::ZERO, &[Interface { socket: SocketId(0), local }]);
//!     let name = switch.install(Time::ZERO, &secrets[n], &space)?;
//!     // A life in a tree begins at a time of its own, so the switch has to know the time.
//!     switch.handle_clock(Time::ZERO, Wall::from_ms(1_700_000_000_000));
//!     switch.join(Time::ZERO, name, &secrets[n], Part::default())?;
//!     names.push(name);
//! }
//! // The second asks the first for a place, the third the second.
//! for n in [1, 2] {
//!     let (other, at) = (secrets[n - 1].public(), format!("192.0.2.{}:4000", n - 1).parse()?);
//!     switches[n].meet(Time::ZERO, names[n], &other, &[at])?;
//! }
//!
//! let mut heard = 0;
//! for ms in 1..2_000 {
//!     let now = Time::from_us(ms * 1000);
//!     for n in 0..3 {
//!         carry(now, &mut switches, n);
//!         switches[n].handle_timeout(now);
//!     }
//!     if ms == 1_000 {
//!         assert_eq!(switches[2].tree(names[2]).unwrap().standing().members, 3);
//!         switches[2].broadcast(now, names[2], b"good morning")?;
//!     }
//!     for n in 0..2 {
//!         let mut buf = [0; 64];
//!         while let Ok(told) = switches[n].read_broadcast(now, names[n], &mut buf) {
//!             let Broadcasted::Message { origin, len, .. } = told else { continue };
//!             assert_eq!((origin.key, &buf[..len]), (secrets[2].public(), &b"good morning"[..]));
//!             heard += 1;
//!         }
//!     }
//! }
//! assert_eq!(heard, 2);
//! # Ok(())
//! # }
//! ```
//!
//! [`tree`] has the rest: who takes whose place when a member dies, why there is never a loop, the
//! picture that every member has of the others.
//!
//! # The rooms
//!
//! Each is a folder that says in its first paragraph what it owns and what it never does. The rooms
//! `line`, `flow` and `stream` do not know each other: [`switch`] alone carries one's effects to
//! another.
//!
//! | room | what it owns |
//! |---|---|
//! | [`base`] | time as a number, seeded randomness, slots, timers, ranges, bounded queues |
//! | [`wire`] | bytes to legal values and back: packets, heads, frames, addresses |
//! | [`identity`] | keys, hashnames, spaces, memberships and what spreads about them, tickets |
//! | [`mod@line`] | handshakes, packets sealed under their keys, new keys, the paths they take |
//! | [`flow`] | packets in flight on a path: ranges, loss, size, pacing, congestion by a model or CUBIC |
//! | [`stream`] | heads, bytes, order and credit of the streams of a line |
//! | [`tree`] | the tree of a space: places, broadcasts, the picture of the members |
//! | [`switch`] | the façade, and the only mediator between the rooms |
//! | [`tape`] | what was asked of a switch and what it gave, to be replayed to the byte |
//! | [`driver`] | what every shell needs: budgets, held sends, who waits for what |
//!
//! With the feature `shell` there is `driver::shell`, what every shell over the standard library
//! would write again: handles, sockets, errors. With the feature `fast` there is a second provider of the curve and the ciphers in
//! [`mod@line`], for processors that have the instructions; the bytes on the wire are the same.
//!
//! Every byte on the wire is in `PROTOCOL.md` beside this crate's manifest. A hand-written loop
//! over a plain UDP socket is in `examples/loop.rs`.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(any(test, feature = "shell"))]
extern crate std;

pub mod base;
pub mod driver;
pub mod flow;
pub mod identity;
pub mod lan;
pub mod line;
pub mod stream;
pub mod switch;
pub mod tape;
pub mod tree;
pub mod wire;
