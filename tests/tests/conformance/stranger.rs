//! A stranger that sends garbage to the ports of both ends, for as long as a script runs.

use std::{
    net::{SocketAddr, UdpSocket},
    ops::Range,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use hydroid_core::{
    line::Dropped,
    switch::{DropReason, Stats},
};

/// Datagrams in one burst, to each port.
const BURST: usize = 4;
/// From one burst to the next. With the bursts some 2,000 datagrams a second to each port: more than
/// the honest ones of a small exchange, and little enough for a busy machine's socket buffers.
const PAUSE: Duration = Duration::from_millis(2);

/// Kinds of garbage.
const KINDS: u64 = 7;
/// So many are sent to each before anything else is: whatever happens then, they were heard first.
const BEFORE: u64 = 10 * KINDS;

/// Does `work` while a stranger sends to both.
pub(crate) fn beside<T>(to: [SocketAddr; 2], work: impl FnOnce() -> T) -> T {
    struct Over<'a>(&'a AtomicBool);
    impl Drop for Over<'_> {
        fn drop(&mut self) {
            self.0.store(true, Ordering::Relaxed);
        }
    }
    let (over, socket) = (AtomicBool::new(false), bound());
    send(&socket, to, 0..BEFORE);
    thread::scope(|scope| {
        // Also where the work panics.
        let _over = Over(&over);
        scope.spawn(|| pester(&socket, to, &over));
        work()
    })
}

/// What the stranger sent was dropped, under every reason that it gave.
pub(crate) fn was_heard(stats: &Stats) {
    let drops: Vec<_> = stats.drops().collect();
    for reason in [
        DropReason::NoPacket,
        DropReason::UnknownHead,
        DropReason::Line(Dropped::Malformed),
        DropReason::Line(Dropped::UnknownVersion),
        DropReason::Line(Dropped::NotInstalled),
        DropReason::Line(Dropped::UnknownLine),
    ] {
        assert!(stats.dropped(reason) > 0, "{reason:?} is not in {drops:?}");
    }
}

fn bound() -> UdpSocket {
    UdpSocket::bind("127.0.0.1:0").expect("there are ports")
}

fn pester(socket: &UdpSocket, to: [SocketAddr; 2], over: &AtomicBool) {
    for first in (BEFORE..).step_by(BURST) {
        if over.load(Ordering::Relaxed) {
            break;
        }
        send(socket, to, first..first + BURST as u64);
        thread::sleep(PAUSE);
    }
}

fn send(socket: &UdpSocket, to: [SocketAddr; 2], numbers: Range<u64>) {
    for n in numbers {
        for to in to {
            // What the system refuses is not sent again: there is more.
            let _refused = socket.send_to(&garbage(n), to);
        }
    }
}

/// Noise, and noise behind heads: of a sealed packet, of an open, of a cookie, of another version, of
/// nothing that a switch knows, and of no JSON.
fn garbage(n: u64) -> Vec<u8> {
    let mut noise = blake3::Hasher::new()
        .update(&n.to_be_bytes())
        .finalize_xof();
    let mut word = [0; 8];
    noise.fill(&mut word);
    let word = u64::from_be_bytes(word);
    let line = (word >> 32) as u32;
    let open = format!(r#"{{"open":1,"suite":"aes256gcm","line":{line}}}"#);
    let kind = n % KINDS;
    let head: &[u8] = match kind {
        0 => &[],
        1 => &line.to_be_bytes(),
        2 => open.as_bytes(),
        3 => br#"{"cookie":1,"line":7}"#,
        4 => br#"{"open":99,"versions":[98,99]}"#,
        5 => br#"{"hello":"stranger"}"#,
        _ => br#"{"open":{"open":[[[["#,
    };
    let mut bytes = vec![0; (600 + word % 600) as usize];
    noise.fill(&mut bytes);
    if kind > 0 {
        let length = u16::try_from(head.len()).expect("it is short");
        let packet = [&length.to_be_bytes(), head];
        bytes.splice(..0, packet.concat());
    }
    bytes
}
