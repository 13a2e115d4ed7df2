//! Bytes taken for everything that bytes from outside can be: a packet, its head, a datagram of a
//! handshake, a sealed one, frames, and what members of a closed space show each other.

use hydroid_core::{
    identity::{Admission, Document, Membership, Space},
    line,
    wire::{
        Head, Packet, Sealed,
        frame::{Frame, Frames},
        json::{self, Limits, Value},
    },
};

/// Decodes bytes in every way there is. What is read is written again as it was, and what is read
/// of a hostile length is bounded by the bytes.
///
/// # Panics
/// If that is not so.
pub fn packet(bytes: &[u8]) {
    if let Ok(packet) = Packet::decode(bytes) {
        let mut again = Vec::new();
        packet.encode(&mut again).expect("it came from a packet");
        assert_eq!(again, bytes, "a packet is written as it was read");
        if let Head::Json(bytes) = packet.head {
            head(bytes);
        }
        frames(packet.body);
    }
    if let Some(sealed) = Sealed::parse(bytes) {
        let mut again = bytes.to_vec();
        sealed.write(&mut again);
        assert_eq!(again, bytes, "a prefix is written as it was read");
    }
    head(bytes);
    frames(bytes);
    shown(bytes);
}

fn head(bytes: &[u8]) {
    let _kind = line::kind(bytes);
    let is_anonymous = line::is_anonymous(bytes);
    let parsed = json::parse::<Value>(bytes, &Limits::default());
    assert!(!is_anonymous || parsed.is_ok(), "such a head is legal JSON");
    let Ok(value) = parsed else {
        return;
    };
    let text = json::write(&value);
    let again = json::parse::<Value>(text.as_bytes(), &Limits::default());
    assert_eq!(again.as_ref(), Ok(&value), "{text}");
}

fn frames(bytes: &[u8]) {
    let mut count = 0;
    for frame in Frames::new(bytes) {
        count += 1;
        assert!(count <= bytes.len(), "each frame takes a byte at least");
        let Ok(Frame::Ranges(ranges)) = frame else {
            continue;
        };
        let mut floor = ranges.highest + 1;
        let mut runs = 0;
        for run in ranges.runs() {
            assert!(run.start < run.end && run.end <= floor, "runs go down");
            floor = run.start;
            runs += 1;
        }
        assert!((1..=bytes.len()).contains(&runs), "each run takes bytes");
    }
}

fn shown(bytes: &[u8]) {
    if let Ok(admission) = Admission::from_bytes(bytes) {
        let again = admission.to_bytes();
        let again = Admission::from_bytes(&again).expect("what was written can be read");
        assert_eq!(again.document().as_bytes(), admission.document().as_bytes());
    }
    let space = Space::open("world").expect("a legal name");
    let _document = Document::parse(bytes, &space);
    if let Some(bytes) = bytes.first_chunk() {
        let _membership = Membership::parse(bytes);
    }
}
