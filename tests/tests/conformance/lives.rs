//! The steps in which one end dies: it vanishes without a word, or comes back as a new life of the
//! same identity. What dies is a process of its own.

use std::{
    io::{self, Read as _, Write as _},
    net::UdpSocket,
    thread,
    time::{Duration, Instant},
};

use hydroid_core::{
    line::Suite,
    switch::{self, DownReason, ReadError, WriteError},
};

use crate::{
    node::{End, Line, Stream, inside, suite},
    script::Script,
    stand_in::{DIALLER, STREAMS, StandIn, WORDS},
    table::Table,
};

/// When a silent peer counts as gone.
const IDLE_MS: u64 = 2_000;
/// How late this process may be to notice, on a machine that is busy with other things. It tells the
/// limit of the config from the default one, which is 30 s.
const LATE: Duration = Duration::from_secs(10);

fn impatient() -> switch::Config {
    let mut config = suite(Suite::Aes256Gcm);
    config.life.keep_alive_ms = 500;
    config.life.idle_timeout_ms = IDLE_MS;
    config
}

/// The socket of B vanishes, and everything that waits at A for the line ends with that reason.
pub(crate) fn vanish(script: Script, table: &Table, test: &str) {
    let a = End::bind(script.a, "a", impatient());
    let mut b = table.step("a process to kill", || StandIn::listens(test));
    script.beside([&a.ticket, &b.ticket.clone()], || {
        let line = a.connect(&b.ticket);
        let streams = [(); 3].map(|()| echoed(&*line));
        table.step("it vanishes, the streams end within the idle limit", || {
            b.kill();
            let killed = Instant::now();
            // Nobody holds the port any more.
            drop(UdpSocket::bind(b.ticket.addresses[0]).expect("its socket is gone"));
            ended_by_silence(streams);
            assert_eq!(line.closed(), DownReason::TimedOut);
            let took = killed.elapsed();
            assert!(took < Duration::from_millis(IDLE_MS) + LATE, "{took:?}");
        });
    });
    a.node.shutdown(Duration::ZERO);
}

/// A stream that the other end is seen to live by.
fn echoed(line: &dyn Line) -> Box<dyn Stream> {
    let mut stream = line.open("{}").expect("the line is up");
    let mut echo = [0; 5];
    stream.write_all(b"there").expect("the line is up");
    stream.read_exact(&mut echo).expect("it echoes");
    assert_eq!(&echo, b"there");
    stream
}

/// One waits to read, one to write, one for what it wrote to arrive.
fn ended_by_silence([mut reads, mut writes, mut finishes]: [Box<dyn Stream>; 3]) {
    thread::scope(|scope| {
        scope.spawn(move || {
            let error = reads.read(&mut [0; 8]).expect_err("nothing comes");
            let down = ReadError::LineDown(DownReason::TimedOut);
            assert_eq!(inside(&error), Some(down));
        });
        let mut write = move || -> io::Result<()> {
            loop {
                writes.write_all(&[0; 64 << 10])?;
            }
        };
        let mut finish = move || {
            finishes.write_all(b"nobody reads this")?;
            finishes.finished()
        };
        for error in [
            scope.spawn(move || write().expect_err("nobody reads")),
            scope.spawn(move || finish().expect_err("nobody reads")),
        ] {
            let error = error.join().expect("it ended");
            let down = WriteError::LineDown(DownReason::TimedOut);
            assert_eq!(inside(&error), Some(down));
        }
    });
}

/// A comes back with the same identity: B has a new line to it, and what was of the old life is over.
pub(crate) fn restart(script: Script, table: &Table, test: &str) {
    let b = End::bind(script.b, "b", suite(Suite::ChaCha20Poly1305));
    let mut before = table.step("another one", || StandIn::dials(test, &b.ticket));
    let (old, downs) = b.next_line(&before.ticket);
    assert!(downs.is_empty(), "{downs:?}");
    let old_streams = [(); STREAMS].map(|()| {
        let mut stream = b.node.accept().expect("it was opened");
        let mut came = [0; WORDS.len()];
        stream.read_exact(&mut came).expect("it was written");
        assert_eq!(came, WORDS);
        stream
    });
    before.kill();
    let again = End::bind(script.a, DIALLER, suite(Suite::Aes256Gcm));
    assert_eq!(again.ticket.hashname(), before.ticket.hashname());
    script.beside([&again.ticket, &b.ticket], || {
        table.step("it starts again: a new line, the old streams end", || {
            let waiting = old_streams.map(|mut stream| {
                thread::spawn(move || {
                    let error = stream.read(&mut [0; 8]).expect_err("it was not ended");
                    (error, stream)
                })
            });
            let near = again.connect(&b.ticket);
            let (far, downs) = b.next_line(&again.ticket);
            assert_eq!(downs, [DownReason::Restarted]);
            assert_eq!(old.closed(), DownReason::Restarted);
            assert_ne!(far.id(), old.id());
            for stream in waiting {
                let (error, mut stream) = stream.join().expect("it ended");
                let down = ReadError::LineDown(DownReason::Restarted);
                assert_eq!(inside(&error), Some(down));
                let error = stream.write(b"x").expect_err("its line is no more");
                let down = WriteError::LineDown(DownReason::Restarted);
                assert_eq!(inside(&error), Some(down));
            }
            let (mut near, mut far) = b.stream(&*near);
            near.write_all(b"afterwards").expect("the line is up");
            near.end().expect("the line is up");
            let mut came = String::new();
            far.read_to_string(&mut came).expect("the line is up");
            assert_eq!(came, "afterwards");
        });
    });
}
