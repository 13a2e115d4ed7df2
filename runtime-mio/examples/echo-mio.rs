//! An echo. `echo-mio listen [ADDRESS]` prints a ticket and sends back what comes;
//! `echo-mio TICKET TEXT` sends a text there and prints what comes back.

use std::{
    collections::BTreeMap,
    env,
    error::Error,
    io::{self, Read as _, Write as _},
    time::Duration,
};

use hydroid_mio::{
    Config, Endpoint, Event, Stream, fresh_secret, identity::Space, identity::Ticket,
};
use mio::{Events, Interest, Poll, Token};

fn listen(address: &str) -> Result<(), Box<dyn Error>> {
    let listen = vec![address.parse()?];
    let endpoint = Endpoint::bind(Config {
        listen,
        ..Config::default()
    })?;
    let (secret, space) = (fresh_secret()?, Space::open("echo")?);
    endpoint.install(&secret, &space)?;
    let ticket = Ticket::new(secret.public(), space, &endpoint.local_addresses(), None);
    println!("{ticket}");
    let mut streams = BTreeMap::new();
    run(endpoint, |endpoint, event| {
        while let Some(stream) = endpoint.accept() {
            streams.insert(stream.id(), (stream, Vec::new()));
        }
        if let Event::Readable(id) | Event::Writable(id) = event
            && let Some((stream, held)) = streams.get_mut(&id)
            && !would_block(&echo(stream, held))
        {
            streams.remove(&id);
        }
        Ok(())
    })
}

fn dial(ticket: &Ticket, text: &str) -> Result<(), Box<dyn Error>> {
    let endpoint = Endpoint::bind(Config::default())?;
    let me = endpoint.install(&fresh_secret()?, &Space::open("echo")?)?;
    let mut stream = endpoint.connect(me, ticket)?.open_stream("{}")?;
    stream.write_all(text.as_bytes())?;
    stream.finish()?;
    let mut echo = String::new();
    run(endpoint, |endpoint, event| {
        if event == Event::Readable(stream.id()) {
            let read = stream.read_to_string(&mut echo);
            if !would_block(&read) {
                read?;
                println!("{echo}");
                endpoint.shutdown(Duration::from_secs(1));
            }
        }
        Ok(())
    })
}

/// Turns the endpoint whenever there is something to do, until it is over, and hands on its events.
fn run(
    mut endpoint: Endpoint,
    mut on_event: impl FnMut(&mut Endpoint, Event) -> io::Result<()>,
) -> Result<(), Box<dyn Error>> {
    let (mut poll, mut ready) = (Poll::new()?, Events::with_capacity(8));
    let both = Interest::READABLE | Interest::WRITABLE;
    poll.registry().register(&mut endpoint, Token(0), both)?;
    while !endpoint.is_over() {
        poll.poll(&mut ready, endpoint.timeout())?;
        endpoint.turn()?;
        while let Some(event) = endpoint.next_event() {
            on_event(&mut endpoint, event)?;
        }
    }
    Ok(())
}

/// Sends back what comes on a stream until it would block or everything is done.
fn echo(stream: &mut Stream, held: &mut Vec<u8>) -> io::Result<()> {
    loop {
        while !held.is_empty() {
            let written = stream.write(held)?;
            held.drain(..written);
        }
        held.resize(16_384, 0);
        let read = stream.read(held);
        held.truncate(*read.as_ref().unwrap_or(&0));
        if read? == 0 {
            return stream.finish();
        }
    }
}

fn would_block<T>(done: &io::Result<T>) -> bool {
    matches!(done, Err(error) if error.kind() == io::ErrorKind::WouldBlock)
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["listen"] => listen("127.0.0.1:0"),
        ["listen", address] => listen(address),
        [ticket, text] => dial(&ticket.parse()?, text),
        _ => Err("usage: echo-mio listen [ADDRESS] | echo-mio TICKET TEXT".into()),
    }
}
