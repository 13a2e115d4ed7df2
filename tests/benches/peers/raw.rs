//! What the system itself allows, and what ciphers and curve do: a work done with nothing between.

use std::{
    io::IoSliceMut,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use hydroid_core::line::{Cipher, Provider, PureRust, Suite, fast};
use quinn_udp::{BATCH_SIZE, RecvMeta, Transmit, UdpSocketState};
use tokio::{io::Interest, net::UdpSocket, runtime::Runtime, time::sleep};

use super::{
    Outcome,
    work::{MIB, SMALL, Work},
};

const TRIPS: usize = 20_000;
const LINES: usize = 2_000;
/// Both ends of a handshake.
const AGREEMENTS: usize = 8;
const KEYS: usize = 2;
/// No system takes or gives more at once.
const RUN_BYTES: usize = 65_507;
/// Datagrams are counted for so long, after as long a start.
const WATCH: Duration = Duration::from_millis(400);
const TAG: usize = 16;
const NONCE: [u8; 12] = [7; 12];

/// Datagrams of a work: how many bytes, and how many of its units in each.
struct Datagrams {
    bytes: usize,
    units: f64,
}

impl Datagrams {
    const fn of(bytes: usize) -> Self {
        let units = bytes as f64 / MIB as f64;
        Self { bytes, units }
    }

    /// Eleven messages in each.
    const MESSAGES: Self = Self {
        bytes: 1_200,
        units: 11.0,
    };
}

/// Units a second.
pub(super) fn limit(work: Work, runtime: &Runtime) -> Outcome<f64> {
    match work {
        Work::Trips | Work::TripsApart => runtime.block_on(async { tokio::spawn(trips()).await? }),
        Work::Lines => lines(1),
        // Each thread has a processor of its own.
        Work::LinesAtOnce => lines(work.threads()),
        Work::Bulk | Work::Streams => carried(runtime, &Datagrams::of(1_452)),
        Work::BulkFree => carried(runtime, &Datagrams::of(RUN_BYTES)),
        Work::Messages => carried(runtime, &Datagrams::MESSAGES),
    }
}

fn provider() -> &'static dyn Provider {
    fast().unwrap_or(&PureRust)
}

fn cipher() -> Box<dyn Cipher> {
    provider().cipher(Suite::Aes256Gcm, &[3; 32])
}

/// The arithmetic of both ends of so many handshakes at a time.
fn lines(at_once: usize) -> Outcome<f64> {
    let begun = Instant::now();
    thread::scope(|scope| {
        for _thread in 0..at_once {
            scope.spawn(|| {
                let (provider, mut key) = (provider(), [9; 32]);
                for _line in 0..LINES / at_once {
                    (0..KEYS).for_each(|_| key = provider.public(&key));
                    (0..AGREEMENTS).for_each(|_| key = provider.agree(&[3; 32], &key));
                }
                assert_ne!(key, [0; 32]);
            });
        }
    });
    Ok(LINES as f64 / begun.elapsed().as_secs_f64())
}

/// Datagrams that are sealed, sent as many at once as the system takes, received as many at once as
/// it gives and opened, one task each; those that arrive count. Nothing is acknowledged.
fn carried(runtime: &Runtime, datagrams: &Datagrams) -> Outcome<f64> {
    runtime.block_on(async {
        let (one, other) = (socket()?, socket()?);
        let to = other.0.local_addr()?;
        let over = Arc::new(AtomicBool::new(false));
        let sends = tokio::spawn(send(one, to, datagrams.bytes, Arc::clone(&over)));
        let receives = tokio::spawn(receive(other, datagrams.bytes, Arc::clone(&over)));
        sleep(2 * WATCH).await;
        over.store(true, Ordering::Relaxed);
        let rate = receives.await??;
        sends.await??;
        Ok(rate * datagrams.units)
    })
}

type Socket = (UdpSocket, UdpSocketState);

fn socket() -> Outcome<Socket> {
    let socket = std::net::UdpSocket::bind("127.0.0.1:0")?;
    let state = UdpSocketState::new((&socket).into())?;
    let (send, receive) = (4 << 20, 4 << 20);
    let _smaller = state.set_send_buffer_size((&socket).into(), send);
    let _smaller = state.set_recv_buffer_size((&socket).into(), receive);
    Ok((UdpSocket::from_std(socket)?, state))
}

async fn send(
    (socket, state): Socket,
    to: std::net::SocketAddr,
    bytes: usize,
    over: Arc<AtomicBool>,
) -> Outcome<()> {
    let count = (RUN_BYTES / bytes).clamp(1, state.max_gso_segments());
    let (cipher, mut run) = (cipher(), vec![5; count * bytes]);
    while !over.load(Ordering::Relaxed) {
        for datagram in run.chunks_mut(bytes) {
            let (text, tag) = datagram.split_at_mut(bytes - TAG);
            tag.copy_from_slice(&cipher.seal(&NONCE, &[], text));
        }
        let transmit = Transmit {
            destination: to,
            ecn: None,
            contents: &run,
            segment_size: (count > 1).then_some(bytes),
            src_ip: None,
        };
        let attempt = || state.try_send((&socket).into(), &transmit);
        socket.async_io(Interest::WRITABLE, attempt).await?;
    }
    Ok(())
}

/// Datagrams a second in the second half of the time.
async fn receive((socket, state): Socket, bytes: usize, over: Arc<AtomicBool>) -> Outcome<f64> {
    let cipher = cipher();
    let mut room = vec![0; BATCH_SIZE << 16];
    let mut metas = [RecvMeta::default(); BATCH_SIZE];
    let (mut begun, mut counts, mut arrived) = (Instant::now(), false, 0);
    while !over.load(Ordering::Relaxed) {
        if !counts && begun.elapsed() >= WATCH {
            (begun, counts, arrived) = (Instant::now(), true, 0);
        }
        let mut rooms: Vec<_> = room.chunks_mut(1 << 16).map(IoSliceMut::new).collect();
        let attempt = || state.recv((&socket).into(), &mut rooms, &mut metas);
        let receive = socket.async_io(Interest::READABLE, attempt);
        let Ok(runs) = tokio::time::timeout(WATCH, receive).await else {
            continue;
        };
        for (meta, room) in metas[..runs?].iter().zip(room.chunks_mut(1 << 16)) {
            for datagram in room[..meta.len].chunks_mut(meta.stride) {
                let (text, tag) = datagram.split_at_mut(bytes - TAG);
                let tag = (&*tag).try_into()?;
                if !cipher.open(&NONCE, &[], text, tag) {
                    return Err("a datagram was not what was sent".into());
                }
                arrived += 1;
            }
        }
    }
    Ok(f64::from(arrived) / begun.elapsed().as_secs_f64())
}
/// A UDP echo under the same runtime.
async fn trips() -> Outcome<f64> {
    let (one, other) = (
        UdpSocket::bind("127.0.0.1:0").await?,
        UdpSocket::bind("127.0.0.1:0").await?,
    );
    one.connect(other.local_addr()?).await?;
    other.connect(one.local_addr()?).await?;
    let echo = tokio::spawn(async move {
        let mut buf = [0; SMALL];
        loop {
            let len = other.recv(&mut buf).await?;
            other.send(&buf[..len]).await?;
            if buf[0] == 1 {
                return Ok::<_, std::io::Error>(());
            }
        }
    });
    let begun = Instant::now();
    let mut buf = [0; SMALL];
    for trip in 0..TRIPS {
        let last = trip + 1 == TRIPS;
        one.send(&[u8::from(last); SMALL]).await?;
        one.recv(&mut buf).await?;
    }
    let seconds = begun.elapsed().as_secs_f64();
    echo.await??;
    Ok(TRIPS as f64 / seconds)
}
