//! Who goes first, and that nobody is forgotten.

use std::collections::BTreeMap;

use super::*;

/// Bytes of each stream in packets, in the order in which they went.
fn order(packets: &[Packet]) -> Vec<(u64, u64)> {
    let carried = packets.iter().flat_map(|packet| &packet.carried);
    let bytes = carried.filter_map(|what| match *what {
        Carried::Bytes { id, len, .. } => Some((id, u64::from(len))),
        Carried::LineCredit
        | Carried::StreamCredit { .. }
        | Carried::StreamsCredit
        | Carried::Reset { .. }
        | Carried::Stop { .. } => None,
    });
    bytes.collect()
}

/// The ids alone, runs of one as one.
fn runs(packets: &[Packet]) -> Vec<u64> {
    let mut ids: Vec<u64> = order(packets).iter().map(|(id, _)| *id).collect();
    ids.dedup();
    ids
}

fn drain(end: &mut End) -> Vec<Packet> {
    let mut packets = Vec::new();
    while end.streams.has_output() {
        packets.push(end.pack(1200));
    }
    packets
}

#[test]
fn stream_priority_decides_who_goes_through_a_narrow_window() {
    let (mut a, _) = ends(&Config::default());
    let ids: Vec<_> = (0..4).map(|_| a.streams.open("").unwrap()).collect();
    for (id, priority) in ids.iter().zip([0, -128, 127, 5]) {
        write(&mut a, *id, &[1; 20_000]);
        a.streams.prioritize(*id, priority).unwrap();
    }
    let system = a.streams.open_system(r#"{"sys":"x"}"#).unwrap();
    write(&mut a, system, &[1; 20_000]);
    let expected = [system, ids[2], ids[3], ids[0], ids[1]];
    assert_eq!(runs(&drain(&mut a)), expected);
    assert!(a.streams.is_system(system) && !a.streams.is_system(ids[2]));
    let refused = a.streams.prioritize(system, 3);
    assert_eq!(refused, Err(WriteError::UnknownStream));
    assert_eq!(a.streams.prioritize(99, 3), Err(WriteError::UnknownStream));
}

#[test]
fn stream_priority_is_kept_by_what_was_lost() {
    let (mut a, _) = ends(&Config::default());
    let low = a.streams.open("").unwrap();
    let high = a.streams.open("").unwrap();
    a.streams.prioritize(low, -1).unwrap();
    write(&mut a, low, &[1; 3_000]);
    let lost = drain(&mut a);
    write(&mut a, high, &[2; 3_000]);
    lost.iter().for_each(|packet| a.lost(packet));
    assert_eq!(runs(&drain(&mut a)), [high, low]);
    lost.iter().for_each(|packet| a.lost(packet));
    write(&mut a, high, &[2; 3_000]);
    a.streams.prioritize(low, 1).unwrap();
    assert_eq!(
        runs(&drain(&mut a)),
        [low, high],
        "a new rank holds at once"
    );
}

#[test]
fn stream_priority_equals_get_equal_shares_within_one_turn() {
    let turn_bytes = 2_000;
    let (mut a, mut b) = ends(&Config {
        streams_max: 200,
        turn_bytes,
        ..Config::default()
    });
    a.streams.on_streams_credit(200, &mut a.fx);
    a.streams.on_line_credit(1 << 30);
    a.streams.set_path(1_000, 4 << 20);
    let ids: Vec<_> = (0..100).map(|_| a.streams.open("").unwrap()).collect();
    for id in &ids {
        write(&mut a, *id, &[1; 60_000]);
        a.streams.prioritize(*id, 9).unwrap();
    }
    let low = a.streams.open("").unwrap();
    write(&mut a, low, &[1; 60_000]);
    let mut shares: BTreeMap<u64, u64> = ids.iter().map(|id| (*id, 0)).collect();
    for _ in 0..3_000 {
        let packet = a.pack(1200);
        for (id, len) in order(core::slice::from_ref(&packet)) {
            *shares.get_mut(&id).expect("no lower one goes meanwhile") += len;
        }
        let (least, most) = (shares.values().min(), shares.values().max());
        assert!(most.unwrap() - least.unwrap() <= turn_bytes);
    }
    b.effects();
}

#[test]
fn stream_priority_of_a_stream_without_credit_keeps_nobody_waiting() {
    let (mut a, _) = ends(&Config::default());
    let high = a.streams.open("").unwrap();
    let low = a.streams.open("").unwrap();
    a.streams.prioritize(high, 100).unwrap();
    write(&mut a, high, &[1; 100_000]);
    write(&mut a, low, &[1; 10_000]);
    let packets = drain(&mut a);
    assert_eq!(runs(&packets), [high, low]);
    let sent: u64 = order(&packets).iter().map(|(_, len)| len).sum();
    assert_eq!(sent, STREAM_CREDIT_FIRST_BYTES + 10_002);
    a.streams.on_stream_credit(high, 80_000, &mut a.fx).unwrap();
    write(&mut a, low, &[1; 1_000]);
    assert_eq!(
        runs(&drain(&mut a)),
        [high, low],
        "and then it goes first again"
    );
}
