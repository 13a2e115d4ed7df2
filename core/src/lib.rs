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
//! | [`identity`] | keys, spaces, hashnames, tickets |
//! | [`mod@line`] | handshakes, and packets sealed under their keys |
//! | [`flow`] | packets in flight on a path: ranges, loss, pacing, congestion |
//! | [`stream`] | heads, bytes, order and credit of the streams of a line |
//! | [`switch`] | the façade, and the only mediator between the rooms |
//! | [`driver`] | what every shell needs: budgets, held sends, who waits for what |
//!
//! Every byte on the wire is in `PROTOCOL.md` beside this crate's manifest. A hand-written loop
//! over a plain UDP socket is in `examples/loop.rs`.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod base;
pub mod driver;
pub mod flow;
pub mod identity;
pub mod line;
pub mod stream;
pub mod switch;
pub mod wire;
