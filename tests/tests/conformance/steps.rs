//! The steps of two ends that live, each for one direction.

use std::{
    collections::BTreeSet,
    io::{self, Read as _, Write as _},
    thread,
    time::Duration,
};

use hydroid_core::switch::{DownReason, ReadError, WriteError};

use crate::node::{End, Line, Stream, closed, inside};

/// Bytes of each of the streams that run at once, and of one call.
const STREAM_BYTES: usize = 10 << 20;
const PIECE_BYTES: usize = 64 << 10;
/// Streams at once, each way.
const STREAMS: u8 = 3;

/// Unreliable packets; all arrive. Loopback loses nothing, and of the places where a packet may have
/// to wait none can overflow: the sender is never further ahead of the reader than `PACKETS_AHEAD`,
/// of which a line keeps 64 and the buffer of a socket more.
pub(crate) const PACKETS: usize = 100;
const PACKETS_AHEAD: usize = 20;
/// Beside a stranger the buffers are not the sender's alone: what it sends while the process waits
/// for a processor may push packets out. Half of them have to come.
pub(crate) const PACKETS_BESIDE_A_STRANGER: usize = 50;
/// How long a packet that does not come is waited for; only one that was lost costs it.
const PACKET_WAIT: Duration = Duration::from_secs(5);
/// How long no packet may come once all were read.
const PACKETS_OVER: Duration = Duration::from_millis(50);

/// Written before a close: to a stream that was ended, which is read meanwhile; and to one that was
/// not, which is read after the end and so has to fit what a reader grants unasked.
const ENDED_BYTES: usize = 1 << 20;
const OPEN_BYTES: usize = 40 << 10;

/// Bytes that no other `salt` has, as many as are asked for.
fn content(salt: &str) -> blake3::OutputReader {
    blake3::Hasher::new().update(salt.as_bytes()).finalize_xof()
}

fn bytes(salt: &str, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    content(salt).fill(&mut bytes);
    bytes
}

/// Three streams from one end of a line to the other at once; what arrives has the hash of what was
/// written in the stream of that head.
pub(crate) fn streams(line: &dyn Line, to: &End, salt: &str) {
    let salt_of = |n: u8| format!("{salt} {n}");
    thread::scope(|scope| {
        let sending: Vec<_> = (0..STREAMS)
            .map(|n| {
                scope.spawn(move || {
                    let stream = line.open(&format!(r#"{{"n":{n}}}"#));
                    send(stream.expect("the line is up"), &salt_of(n))
                })
            })
            .collect();
        let reading: Vec<_> = (0..STREAMS)
            .map(|_| {
                let stream = to.node.accept().expect("it was opened");
                scope.spawn(move || read(stream))
            })
            .collect();
        let sent = sending.into_iter().map(|it| it.join().expect("it wrote"));
        let sent: Vec<_> = (0..).zip(sent).collect();
        let came = reading.into_iter().map(|it| it.join().expect("it read"));
        let mut came: Vec<_> = came.collect();
        came.sort_unstable_by_key(|(n, _)| *n);
        assert_eq!(came, sent);
    });
}

/// The hash of what was written, once all of it has arrived.
fn send(mut stream: Box<dyn Stream>, salt: &str) -> blake3::Hash {
    let (mut content, mut hasher) = (content(salt), blake3::Hasher::new());
    let mut piece = vec![0; PIECE_BYTES];
    for _ in 0..STREAM_BYTES / PIECE_BYTES {
        content.fill(&mut piece);
        hasher.update(&piece);
        stream.write_all(&piece).expect("the line is up");
    }
    stream.finished().expect("the other end reads");
    hasher.finalize()
}

/// Which stream it is, and the hash of what came.
fn read(mut stream: Box<dyn Stream>) -> (u8, blake3::Hash) {
    let head = stream.head().expect("it is there");
    let n = head.trim_start_matches(r#"{"n":"#).trim_end_matches('}');
    let n = n.parse().expect("the head is the other end's");
    let (mut hasher, mut piece, mut length) = (blake3::Hasher::new(), vec![0; PIECE_BYTES], 0);
    loop {
        let count = stream.read(&mut piece).expect("the line is up");
        if count == 0 {
            break;
        }
        length += count;
        hasher.update(&piece[..count]);
    }
    assert_eq!(length, STREAM_BYTES);
    (n, hasher.finalize())
}

/// A packet without a head that tells its number; their lengths differ.
fn packet(n: usize) -> Vec<u8> {
    let number = u16::try_from(n).expect("there are few").to_be_bytes();
    let body = bytes(&n.to_string(), 10 * n);
    [&[0, 0][..], &number, &body].concat()
}

/// At least so many unreliable packets arrive, each as it was and none twice.
pub(crate) fn packets([from, to]: [&dyn Line; 2], least: usize) {
    let (mut came, mut buf) = (BTreeSet::new(), [0; 2_000]);
    let mut next = |within| {
        let length = match to.recv(&mut buf, within) {
            Ok(length) => length,
            Err(error) if error.kind() == io::ErrorKind::TimedOut => return false,
            Err(error) => panic!("the line is up: {error}"),
        };
        let n = usize::from(u16::from_be_bytes([buf[2], buf[3]]));
        assert!(buf[..length] == packet(n), "packet {n} came as another");
        assert!(came.insert(n), "packet {n} came twice");
        true
    };
    for first in (0..PACKETS).step_by(PACKETS_AHEAD) {
        for n in first..first + PACKETS_AHEAD {
            from.send(&packet(n)).expect("there is room for so many");
        }
        let _lost = (0..PACKETS_AHEAD).any(|_| !next(PACKET_WAIT));
    }
    assert!(!next(PACKETS_OVER), "more came than were sent");
    assert!(came.len() >= least, "{} of {PACKETS} came", came.len());
    from.send(&[0]).expect_err("that is no packet");
}

/// Codes arrive: of a direction that its writer gave up, and of one that its reader did.
pub(crate) fn give_up((mut near, mut far): (Box<dyn Stream>, Box<dyn Stream>)) {
    near.write_all(b"not all").expect("the line is up");
    near.reset(7);
    let error = far.read_to_end(&mut Vec::new()).expect_err("it was reset");
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
    assert_eq!(inside(&error), Some(ReadError::Reset(7)));
    near.stop(9);
    let error = loop {
        if let Err(error) = far.write_all(&[0; 4096]) {
            break error;
        }
    };
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
    assert_eq!(inside(&error), Some(WriteError::Stopped(9)));
}

/// One direction is over, and the other still carries more than anybody grants unasked.
pub(crate) fn half_close((mut near, mut far): (Box<dyn Stream>, Box<dyn Stream>)) {
    near.write_all(b"question").expect("the line is up");
    near.end().expect("the line is up");
    let mut question = String::new();
    far.read_to_string(&mut question).expect("it was ended");
    assert_eq!(question, "question");
    near.finished().expect("it was read");
    let error = near.write(b"more").expect_err("it was ended");
    assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
    far.answer(r#"{"yes":2}"#).expect("it is the first");
    assert_eq!(near.head().expect("it was sent"), r#"{"yes":2}"#);
    let answer = thread::spawn(move || {
        far.write_all(&bytes("answer", ENDED_BYTES))?;
        far.finished()
    });
    let mut came = Vec::new();
    near.read_to_end(&mut came).expect("it was ended");
    assert!(came == bytes("answer", ENDED_BYTES));
    let answered = answer.join().expect("it wrote");
    answered.expect("the other end reads");
}

/// What was written before the close arrives, then the code and the reason.
pub(crate) fn close([from, to]: [&dyn Line; 2], end: &End, (code, reason): (u64, &str)) {
    let (mut ended, mut far_ended) = end.stream(from);
    let (mut open, mut far_open) = end.stream(from);
    thread::scope(|scope| {
        let reading = scope.spawn(move || {
            let mut came = Vec::new();
            far_ended.read_to_end(&mut came).map(|_| came)
        });
        open.write_all(&bytes("open", OPEN_BYTES))
            .expect("it is up");
        ended
            .write_all(&bytes("ended", ENDED_BYTES))
            .expect("it is up");
        ended.end().expect("it is up");
        from.close(code, reason);
        let came = reading.join().expect("it read").expect("it was ended");
        assert!(came == bytes("ended", ENDED_BYTES));
    });
    assert_eq!(to.closed(), closed(code, reason));
    assert_eq!(from.closed(), DownReason::Local);
    let mut came = vec![0; OPEN_BYTES];
    far_open.read_exact(&mut came).expect("it had come");
    assert!(came == bytes("open", OPEN_BYTES));
    let error = far_open.read(&mut came).expect_err("it was not ended");
    let down = ReadError::LineDown(closed(code, reason));
    assert_eq!(inside(&error), Some(down));
    from.send(&packet(0)).expect_err("the line is no more");
    from.open("{}").map(drop).expect_err("the line is no more");
}

/// An end that was told of the last close holds nothing more, and nobody misbehaved.
pub(crate) fn empty(end: &End) {
    while end.node.status().streams > 0 || end.node.status().buffered_bytes > 0 {
        thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(end.node.stats().misbehaved, 0);
    end.node.shutdown(Duration::from_secs(20));
    end.node.accept().map(drop).expect_err("it has ended");
}
