//! Too little memory: what happens to bytes, credit, streams and writers, and that all of it ends
//! once there is memory again.

use super::*;
use crate::base::{Limits, Rng, Seed};

fn limits(most: u64, near: u64) -> Limits {
    Limits {
        most,
        near,
        raise: 0,
    }
}

impl End {
    fn limit(&mut self, most: u64, near: u64) {
        self.streams.set_limits(limits(most, near), false);
    }

    fn frame(&mut self, id: u64, offset: u64, data: &[u8]) -> Taken {
        let taken = self
            .streams
            .on_bytes(Time::ZERO, id, offset, data, false, &mut self.fx);
        taken.unwrap()
    }
}

#[test]
fn stream_bytes_without_room_change_nothing_and_are_taken_when_they_come_again() {
    let (mut a, mut b, id) = opened();
    write(&mut a, id, &[3; 9_000]);
    let mut packets = Vec::new();
    while a.streams.has_output() {
        packets.push(a.pack(1200));
    }
    b.limit(4_096 + 300, 2_000);
    let mut refused = Vec::new();
    for what in packets.iter().flat_map(|packet| &packet.carried) {
        let Carried::Bytes { offset, len, .. } = *what else {
            panic!("bytes");
        };
        let before = b.streams.charged_bytes();
        let data = vec![3; len as usize];
        if b.frame(id, offset, &data) == Taken::NoRoom {
            assert_eq!(b.streams.charged_bytes(), before);
            refused.push((offset, data));
        }
        assert!(b.streams.charged_bytes() <= 4_096 + 300);
    }
    assert!(!refused.is_empty());
    let mut read = 0;
    while let Ok(bytes) = b.read(id, 500) {
        read += bytes.len();
        refused.retain(|(offset, data)| b.frame(id, *offset, data) == Taken::NoRoom);
        assert!(b.streams.charged_bytes() <= 4_096 + 300);
    }
    assert_eq!(read, 9_000);
}

#[test]
fn stream_gap_is_filled_however_little_memory_there_is() {
    let (_, mut b, id) = opened();
    assert_eq!(b.frame(id, 4_000, &[1; 1_000]), Taken::Acted);
    let held = b.streams.charged_bytes();
    b.limit(held, held);
    let head = 2 + HEAD.len() as u64;
    for offset in (head..4_000).step_by(1_000) {
        assert_eq!(b.frame(id, offset, &[1; 1_000]), Taken::Acted);
    }
    assert_eq!(b.read(id, 9_000).unwrap().len() as u64, 5_000 - head);
}

#[test]
fn stream_of_the_peer_is_refused_where_memory_is_short() {
    let (mut a, mut b) = ends(&Config::default());
    b.limit(10_000, 200);
    let id = a.streams.open(HEAD).unwrap();
    write(&mut a, id, &[1; 3_000]);
    pump(&mut a, &mut b);
    assert_eq!(b.effects(), [], "the application hears of nothing");
    assert_eq!(
        (b.streams.take_refused(), b.streams.charged_bytes()),
        (1, 0)
    );
    let code = REFUSED;
    let told = a.effects();
    assert!(told.contains(&Effect::Stopped { id, code }), "{told:?}");
    assert!(told.contains(&Effect::Reset { id, code }), "{told:?}");
    assert_eq!(a.read(id, 9), Err(ReadError::Reset(code)));
    assert!(a.streams.is_empty() && b.streams.is_empty());
    b.limit(10_000, 9_000);
    let id = a.streams.open(HEAD).unwrap();
    pump(&mut a, &mut b);
    assert_eq!(b.effects(), [Effect::Opened { id }]);
    b.streams.set_limits(Limits::NONE, true);
    a.streams.open(HEAD).unwrap();
    pump(&mut a, &mut b);
    assert_eq!((b.effects(), b.streams.take_refused()), (vec![], 1));
}

#[test]
fn stream_whose_head_finds_no_memory_is_refused_and_gives_back_what_it_has() {
    let (_, mut b) = ends(&Config::default());
    b.limit(3_000, 2_000);
    let mut head = vec![0x10, 0];
    head.resize(5_000, b' ');
    assert_eq!(b.frame(6, 0, &head[..1_000]), Taken::Acted);
    assert!(b.streams.charged_bytes() > 1_000);
    assert_eq!(b.frame(6, 1_000, &head[1_000..2_000]), Taken::Acted);
    assert_eq!(
        (b.streams.charged_bytes(), b.streams.take_refused()),
        (0, 1)
    );
    assert_eq!(b.effects(), []);
    let packet = b.pack(1200);
    assert_eq!(
        packet.carried[..2],
        [Carried::Reset { id: 6 }, Carried::Stop { id: 6 }]
    );
}

#[test]
fn stream_writers_and_openers_wait_for_memory_and_are_told_once() {
    let (mut a, mut b, id) = opened();
    a.limit(4_000, 2_100);
    assert_eq!(a.streams.write(id, &[0; 9_000]), Ok(2_048));
    assert_eq!(a.streams.write(id, &[0; 9_000]), Err(WriteError::Blocked));
    assert_eq!(a.streams.open(""), Err(OpenError::Blocked));
    assert!(a.streams.lacks_memory());
    a.effects();
    pump(&mut a, &mut b);
    assert_eq!(
        a.effects(),
        [Effect::Writable { id }],
        "as its bytes arrive"
    );
    a.limit(9_000, 300);
    a.streams.rest();
    assert_eq!(a.streams.write(id, &[0; 9_000]), Ok(256));
    pump(&mut a, &mut b);
    a.limit(9_000, 100);
    a.streams.rest();
    assert_eq!(a.streams.write(id, &[0; 9_000]), Err(WriteError::Blocked));
    a.streams.on_room(&mut a.fx);
    assert_eq!(a.effects(), [], "there is none");
    a.limit(90_000, 60_000);
    a.streams.on_room(&mut a.fx);
    assert_eq!(a.effects(), [Effect::Writable { id }, Effect::MayOpen]);
    a.streams.on_room(&mut a.fx);
    assert_eq!(a.effects(), []);
}

#[test]
fn stream_end_and_short_answer_find_room_where_there_is_none() {
    let (mut a, mut b) = ends(&Config::default());
    let ids: Vec<_> = (0..40).map(|_| a.streams.open("").unwrap()).collect();
    pump(&mut a, &mut b);
    b.effects();
    let held = b.streams.charged_bytes();
    b.limit(held, 0);
    for id in &ids[..20] {
        b.streams.finish(*id).unwrap();
    }
    for id in &ids[20..] {
        b.streams.answer(*id, r#"{"fine":1}"#).unwrap();
    }
    assert!(b.streams.charged_bytes() <= held);
    pump(&mut a, &mut b);
    for id in &ids[..20] {
        assert_eq!(a.read(*id, 1).unwrap(), b"");
    }
}

#[test]
fn stream_memory_stays_within_its_limit_whatever_both_ends_do() {
    let mut rng = Rng::new(&Seed::new([5; 32]));
    for most in [6_000, 20_000, 100_000] {
        let (mut a, mut b) = ends(&Config {
            head_max_bytes: 1_000,
            ..Config::default()
        });
        let head = alloc::format!("{{\"a\":\"{}\"}}", "x".repeat(900));
        let mut ids = Vec::new();
        for _ in 0..4_000 {
            for end in [&mut a, &mut b] {
                end.limit(most, most * 3 / 4);
            }
            let id = ids.get(rng.below(ids.len() as u64) as usize).copied();
            let id: u64 = id.unwrap_or_default();
            let len = rng.below(5_000) as usize;
            let end = if rng.below(2) == 0 { &mut a } else { &mut b };
            match rng.below(9) {
                0 => ids.extend(end.streams.open(if len > 2_500 { &head } else { "" })),
                1 | 2 => drop(end.streams.write(id, &vec![0; len])),
                3 => drop(end.streams.answer(id, if len > 2_500 { &head } else { "" })),
                4 => drop(end.streams.finish(id)),
                5 => drop(end.read(id, len)),
                6 if len < 300 => drop(end.streams.stop(Time::ZERO, id, 1, &mut end.fx)),
                7 if len < 300 => drop(end.streams.reset(id, 1)),
                _ => {
                    let (from, to) = if rng.below(2) == 0 {
                        (&mut a, &mut b)
                    } else {
                        (&mut b, &mut a)
                    };
                    let packet = from.pack(1200);
                    let mut whole = true;
                    for frame in Frames::new(&packet.plain) {
                        whole &= to.frame_of(frame.unwrap());
                    }
                    if whole && rng.below(10) > 0 {
                        from.arrived(&packet);
                    } else {
                        from.lost(&packet);
                    }
                }
            }
            for end in [&mut a, &mut b] {
                assert!(end.streams.charged_bytes() <= most);
                end.effects();
            }
        }
        assert!(ids.len() > 30);
        for end in [&mut a, &mut b] {
            end.streams.on_down(&mut end.fx);
            ids.iter().for_each(|id| end.streams.forget(*id));
            assert_eq!(end.streams.charged_bytes(), 0, "everything is given back");
        }
    }
}

impl End {
    /// False if it found no room.
    pub(super) fn frame_of(&mut self, frame: Frame<'_>) -> bool {
        let (streams, fx) = (&mut self.streams, &mut self.fx);
        match frame {
            Frame::Stream {
                id,
                offset,
                data,
                end,
            } => {
                let taken = streams.on_bytes(Time::ZERO, id, offset, data, end, fx);
                return taken.unwrap() == Taken::Acted;
            }
            Frame::LineCredit { bytes } => streams.on_line_credit(bytes),
            Frame::StreamCredit { id, bytes } => streams.on_stream_credit(id, bytes, fx).unwrap(),
            Frame::StreamsCredit { count } => streams.on_streams_credit(count, fx),
            Frame::Reset { id, code, size } => {
                streams.on_reset(Time::ZERO, id, code, size, fx).unwrap();
            }
            Frame::Stop { id, code } => streams.on_stop(id, code, fx).unwrap(),
            Frame::Padding
            | Frame::Ping
            | Frame::Ranges(_)
            | Frame::Challenge(_)
            | Frame::Response(_)
            | Frame::Close { .. }
            | Frame::Rekey { .. }
            | Frame::Rekeyed { .. }
            | Frame::Packet(_)
            | Frame::Skipped { .. } => panic!("streams send no such frame"),
        }
        true
    }
}

#[test]
fn stream_buffers_that_are_kept_for_later_give_way_to_bytes_that_come() {
    let config = Config {
        buffers_spare_max_bytes: 8_192,
        ..Config::default()
    };
    let (mut a, mut b) = ends(&config);
    let ids = [0; 3].map(|_| a.streams.open(HEAD).unwrap());
    for id in ids {
        write(&mut a, id, &[1; 1_500]);
        pump(&mut a, &mut b);
        assert_eq!(b.read(id, 9_000).unwrap().len(), 1_500);
    }
    let kept = b.streams.charged_bytes();
    assert!(kept >= 3 * 2_048, "{kept}");
    b.limit(kept, kept);
    let at = 2 + HEAD.len() as u64 + 1_500;
    assert_eq!(b.frame(ids[0], at, &[2; 4_000]), Taken::Acted);
    assert_eq!(b.read(ids[0], 9_000).unwrap().len(), 4_000);
    assert!(b.streams.charged_bytes() <= kept);
}
