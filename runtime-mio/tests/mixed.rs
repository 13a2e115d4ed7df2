//! An endpoint of mio against one of tokio, in one process.

mod pair;

use std::{
    io::{Read as _, Write as _},
    net::SocketAddr,
    sync::mpsc,
    thread,
    time::Duration,
};

use hydroid_mio::{
    Event, fresh_secret,
    identity::{Space, Ticket},
    switch::{DownReason, LineEvent},
};
use hydroid_tokio as tokio_shell;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy};

use pair::{Member, World, content};

const BYTES: usize = 1 << 20;

/// What the other endpoint does, given itself, the ticket of ours and its own identity.
fn with_other<T: Send + 'static>(
    work: impl AsyncFnOnce(tokio_shell::Endpoint, Ticket, hydroid_mio::identity::Hashname) -> T
    + Send
    + 'static,
    ours: Ticket,
) -> (Ticket, thread::JoinHandle<T>) {
    let (tell, told) = mpsc::channel();
    let other = thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime starts");
        runtime.block_on(async {
            let endpoint = tokio_shell::Endpoint::bind(tokio_shell::Config {
                listen: vec![SocketAddr::from(([127, 0, 0, 1], 0))],
                ..Default::default()
            })
            .expect("there are ports");
            let (secret, space) = (fresh_secret(), Space::open("test"));
            let (secret, space) = (
                secret.expect("there is randomness"),
                space.expect("it is legal"),
            );
            let me = endpoint.install(&secret, &space).expect("it is the first");
            let addresses = endpoint.local_addresses();
            tell.send(Ticket::new(secret.public(), space, &addresses, None))
                .expect("it is waited for");
            let bounded = tokio::time::timeout(Duration::from_secs(30), work(endpoint, ours, me));
            bounded.await.expect("the test hung")
        })
    });
    (told.recv().expect("it tells"), other)
}

#[test]
fn mixed_dials_an_endpoint_of_tokio() {
    let mut world = World::new([Member::new()]);
    let ours = world.members[0].ticket.clone();
    let (ticket, other) = with_other(
        async |endpoint, _, _| {
            let (mut reader, mut writer) = endpoint.accept().await.unwrap().split();
            copy(&mut reader, &mut writer).await.unwrap();
            writer.finished().await.unwrap();
            let closed = reader.line().closed().await;
            endpoint.shutdown(Duration::from_secs(5)).await;
            closed
        },
        ours,
    );
    let line = world.dial(0, &ticket).unwrap();
    let mut stream = line.open_stream("{}").unwrap();
    let data = content(BYTES, 1);
    let (mut left, mut got) = (&data[..], Vec::new());
    let read = world.wait(|_| {
        while !left.is_empty() {
            match stream.write(left) {
                Ok(written) => left = &left[written..],
                Err(_) => break,
            }
        }
        if left.is_empty() {
            stream.finish()?;
        }
        stream.read_to_end(&mut got)
    });
    read.unwrap();
    assert!(got == data);
    world.members[0].endpoint.shutdown(Duration::from_secs(5));
    world.until(|members| members[0].endpoint.is_over().then_some(()));
    let (code, reason) = (0, String::new());
    assert_eq!(other.join().unwrap(), DownReason::Closed { code, reason });
}

#[test]
fn mixed_is_dialled_by_an_endpoint_of_tokio() {
    let mut world = World::new([Member::new()]);
    let ours = world.members[0].ticket.clone();
    let (_, other) = with_other(
        async |endpoint, ours, me| {
            let line = endpoint.connect(me, &ours).await.unwrap();
            let mut stream = line.open_stream(r#"{"from":"tokio"}"#).await.unwrap();
            stream.write_all(&content(BYTES, 2)).await.unwrap();
            stream.shutdown().await.unwrap();
            assert_eq!(stream.peer_head().await.unwrap(), r#"{"from":"mio"}"#);
            let mut answer = Vec::new();
            stream.read_to_end(&mut answer).await.unwrap();
            endpoint.shutdown(Duration::from_secs(5)).await;
            answer
        },
        ours,
    );
    let mut stream = world.until(|members| members[0].endpoint.accept());
    assert_eq!(stream.head().as_deref(), Some(r#"{"from":"tokio"}"#));
    stream.answer(r#"{"from":"mio"}"#).unwrap();
    let question = world.read(&mut stream).unwrap();
    assert!(question == content(BYTES, 2));
    world.write(&mut stream, b"answer").unwrap();
    stream.finish().unwrap();
    let down = |event: &Event| matches!(event, Event::Line(LineEvent::Down { .. }));
    world.until(|members| members[0].saw(down).then_some(()));
    assert_eq!(other.join().unwrap(), b"answer");
}
