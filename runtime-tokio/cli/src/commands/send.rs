//! `hydroid send`: gives a file or a folder to whoever shows the ticket, or to an `up`.

use std::{path::Path, sync::Arc, time::Duration};

use hydroid_core::identity::Token;
use serde_json::json;
use tokio::{
    sync::Semaphore,
    task::{JoinSet, spawn_blocking},
    time::timeout,
};

use crate::{
    args,
    context::{
        Context,
        coming::{Target, nick},
    },
    dial::Channel,
    exit::Failure,
    figures, home,
    node::{self, Node, Stream},
    output::{Output, printable},
    progress::Progress,
    transfer::{
        TransferError,
        heads::{Answer, Request, Why, shows},
        send::{Source, send},
    },
};

/// Receivers that are served at once; one that reads nothing costs about 5 MiB.
const SERVED_MAX: usize = 16;

/// Further ones that wait for their turn. Each costs a stream.
const WAITING_MAX: usize = 64;

/// How long one waits for its turn: longer than it takes to notice that others are gone, and shorter
/// than it waits for an answer.
const TURN_WITHIN: Duration = Duration::from_secs(12);

/// How long receivers that take nothing are waited for when another one has everything.
const STALLED: Duration = Duration::from_secs(3);

/// Gives the file.
///
/// # Errors
/// [`Failure`] if there is none to give, or, with `--to`, if it was not taken.
pub(crate) async fn run(context: &Context, args: args::Send) -> Result<(), Failure> {
    let Some(to) = &args.to else {
        let node = context.start(args.being.listen)?;
        let source = open(context.output, &args.file).await?;
        return serve(context, &node, source).await;
    };
    let nick = nick(args.name.as_deref())?;
    let found = context.target(to, &args.being, true).await?;
    let source = open(context.output, &args.file).await?;
    let request = match &found.shown {
        // Whoever has a ticket has been asked for the file.
        None => Request::Put {
            token: node::token_text(&found.ticket),
            file: source.offer.announce(),
        },
        Some(shown) => {
            let plain = format!("{} is offered to {shown}", source.offer.name);
            let object = json!({ "event": "offered", "to": shown, "name": source.offer.name });
            context.output.note(&printable(&plain), &object);
            Request::Offer {
                from: nick,
                file: source.offer.announce(),
            }
        }
    };
    give_to(context, &found, &source, &request).await
}

async fn open(output: Output, path: &Path) -> Result<Source, Failure> {
    let path = path.to_owned();
    let hash = move || {
        let mut progress = None;
        Source::open(&path, |bytes, size| {
            // The first object of `--json` is the ticket, for whoever reads one line.
            if output.json {
                return;
            }
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            progress
                .get_or_insert_with(|| Progress::begin(output, "hashing", &name, size))
                .advance(bytes);
        })
    };
    spawn_blocking(hash)
        .await
        .unwrap_or_else(|error| Err(Failure::failed(error.to_string())))
}

/// Gives the file to an `up`, or to whoever says yes to it.
async fn give_to(
    context: &Context,
    found: &Target,
    source: &Source,
    request: &Request,
) -> Result<(), Failure> {
    let reached = found
        .dialer
        .connect(&found.ticket, node::CONNECT_WITHIN)
        .await?;
    let (stream, answer) = reached.ask(request).await?;
    if !matches!(answer, Answer::Go { .. }) {
        return Err(Failure::failed("the peer takes no files"));
    }
    give(context.output, stream, source)
        .await
        .map_err(Failure::from)
}

/// Waits for receivers until one has everything.
async fn serve(context: &Context, node: &Node, source: Source) -> Result<(), Failure> {
    let output = context.output;
    let token = home::fresh_token()?;
    let ticket = node.ticket(&token).to_string();
    let object = json!({
        "event": "ticket", "ticket": ticket, "name": source.offer.name,
        "bytes": source.offer.size, "blake3": source.offer.root.to_hex().as_str(),
    });
    output.data(&ticket, &object).await?;
    if !output.json {
        output.aside(&format!("to fetch it: hydroid recv {ticket}"));
    }
    let mut served = JoinSet::new();
    let turns = Arc::new(Semaphore::new(SERVED_MAX));
    loop {
        tokio::select! {
            stream = node.accept() => {
                let stream = stream.ok_or_else(|| Failure::failed("the switch has ended"))?;
                let Some(stream) = greet(output, stream, &token).await else {
                    continue;
                };
                if served.len() < SERVED_MAX + WAITING_MAX {
                    let (source, turns) = (source.clone(), Arc::clone(&turns));
                    served.spawn(async move { serve_one(output, stream, &source, &turns).await });
                } else {
                    waits(output, &Failure::failed(node::BUSY));
                    node::turn_down(stream, Why::Busy, node::BUSY).await;
                }
            }
            Some(outcome) = served.join_next() => match outcome {
                Ok(Ok(true)) => {
                    finish(output, &source, served).await;
                    return Ok(());
                }
                Ok(Err(TransferError::Changed)) => return Err(TransferError::Changed.into()),
                Ok(Ok(false)) => {}
                Ok(Err(error)) => waits(output, &Failure::from(error)),
                Err(error) => waits(output, &Failure::failed(error.to_string())),
            },
        }
    }
}

/// Lets the others that are being served have the rest, as long as any of them takes some of it.
async fn finish(output: Output, source: &Source, mut served: JoinSet<Result<bool, TransferError>>) {
    let mut given = source.given();
    loop {
        match timeout(STALLED, served.join_next()).await {
            Ok(None) => return,
            Ok(Some(Ok(Err(error)))) => {
                let failure = Failure::from(error);
                let plain = format!("a receiver did not get the file: {failure}");
                let object = json!({ "event": "missed", "text": failure.sentence });
                output.note(&printable(&plain), &object);
            }
            Ok(Some(_served)) => {}
            Err(_elapsed) if source.given() == given => return,
            Err(_elapsed) => given = source.given(),
        }
    }
}

fn waits(output: Output, failure: &Failure) {
    let plain = format!("a receiver did not get the file: {failure}; waiting for another");
    let object = json!({ "event": "missed", "text": failure.sentence });
    output.note(&printable(&plain), &object);
}

/// Answers what is answered at once, and gives the stream of a receiver.
async fn greet(output: Output, stream: Stream, token: &Token) -> Option<Stream> {
    match node::request(&stream) {
        Some(Request::Ping(n)) => node::pong(stream, n).await,
        Some(Request::Get { token: shown }) if shows(&shown, token) => return Some(stream),
        Some(Request::Get { .. }) => {
            let object = json!({ "event": "refused", "peer": stream.peer().hashname.to_string() });
            output.note("a receiver without the ticket's token was refused", &object);
            node::turn_down(stream, Why::Refused, "the token is not the ticket's").await;
        }
        Some(
            Request::Put { .. }
            | Request::Offer { .. }
            | Request::Past {}
            | Request::Pipe { .. }
            | Request::Join { .. },
        )
        | None => {
            node::turn_down(
                stream,
                Why::Unknown,
                "here a file is given, and nothing else",
            )
            .await;
        }
    }
    None
}

/// Serves one receiver; true if it has the whole file.
async fn serve_one(
    output: Output,
    mut stream: Stream,
    source: &Source,
    turns: &Semaphore,
) -> Result<bool, TransferError> {
    let Ok(_turn) = timeout(TURN_WITHIN, turns.acquire()).await else {
        waits(output, &Failure::failed(node::BUSY));
        node::turn_down(stream, Why::Busy, node::BUSY).await;
        return Ok(false);
    };
    let file = source.offer.announce();
    if node::answer(&mut stream, &Answer::File { file }).is_err() {
        return Ok(false);
    }
    give(output, Channel::Own(stream), source).await?;
    Ok(true)
}

/// Gives the file on a stream whose heads are exchanged.
pub(super) async fn give(
    output: Output,
    mut stream: Channel,
    source: &Source,
) -> Result<(), TransferError> {
    let offer = &source.offer;
    let peer = stream.peer();
    let mut progress = Progress::begin(output, "sending", &offer.name, offer.size);
    let mut held = 0;
    let sent = |moved| held += progress.moved(moved);
    let given = send(&mut stream, source, sent).await;
    let time = progress.time();
    drop(progress);
    if given.is_err() {
        // The last piece says why; the peer is to have it.
        stream.last_bytes().await;
    }
    given?;
    let plain = format!(
        "sent {}{} to {peer} in {}, {}, BLAKE3 {}",
        offer.name,
        figures::resumed(held),
        figures::seconds(time),
        figures::rate(offer.size - held, time),
        offer.root
    );
    let object = json!({
        "event": "sent", "name": offer.name, "peer": peer.to_string(), "bytes": offer.size,
        "blake3": offer.root.to_hex().as_str(), "seconds": time.as_secs_f64(),
        "resumed_from": held,
    });
    output.note(&plain, &object);
    Ok(())
}
