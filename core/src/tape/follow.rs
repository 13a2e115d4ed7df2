//! The last record of a tape whose later records are lost.

use alloc::vec::Vec;

use serde::Deserialize;

use super::{Config, End, recorder::Recorder};
use crate::{
    base::Time,
    wire::{Head, Packet, json},
};

#[derive(Deserialize)]
struct Before {
    n: u64,
    t: u64,
    digest: alloc::string::String,
}

/// Writes the record that ends a tape right behind `record`, one of its records in full, to the end
/// of `out`: for whoever keeps a tape and could not keep what followed. `None` if that is no record.
pub fn follow(record: &[u8], end: End, out: &mut Vec<u8>) -> Option<()> {
    let (length, packet) = record.split_first_chunk()?;
    let Head::Json(head) = Packet::decode(packet).ok()?.head else {
        return None;
    };
    let before: Before = json::parse(head, &json::Limits::default()).ok()?;
    let whole = u32::from_be_bytes(*length) as usize == packet.len();
    let mut recorder = Recorder::new(Config::default());
    recorder.digest = u64::from_str_radix(&before.digest, 16).ok()?;
    recorder.n = before.n.checked_add(1).filter(|_| whole)?;
    recorder.end(Time::from_us(before.t), end);
    out.append(&mut recorder.bytes);
    Some(())
}
