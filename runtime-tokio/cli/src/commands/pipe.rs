//! `hydroid pipe`: stdin and stdout through a stream.

use hydroid_core::identity::Token;
use serde_json::json;

use crate::{
    args,
    context::Context,
    dial::Channel,
    exit::Failure,
    figures, home,
    node::{self, Node, Stream},
    output::Level,
    pipe::Closer,
    transfer::heads::{Answer, Request, Why, shows},
};

/// What whoever comes late is told.
const TAKEN: &str = "somebody else is at the other end of the pipe already";

/// Moves stdin to the peer and the peer's to stdout, until both have ended.
///
/// # Errors
/// [`Failure`] if either could not be moved to its end.
pub(crate) async fn run(context: &Context, args: args::Pipe) -> Result<(), Failure> {
    let ticket = args.ticket.as_deref().map(node::parse_ticket).transpose()?;
    let Some(ticket) = ticket else {
        return listen(context, &context.start(args.listen)?).await;
    };
    let dialer = context.dialer(&ticket).await?;
    let reached = dialer.connect(&ticket, node::CONNECT_WITHIN).await?;
    let token = node::token_text(&ticket);
    let (stream, answer) = reached.ask(&Request::Pipe { token }).await?;
    if !matches!(answer, Answer::Go { .. }) {
        return Err(Failure::failed("the peer has no pipe"));
    }
    drop(reached);
    both_ways(context, stream, Closer::Us).await
}

/// Waits for one peer that shows the token; the others are turned down, before and meanwhile.
async fn listen(context: &Context, node: &Node) -> Result<(), Failure> {
    let output = context.output;
    let token = home::fresh_token()?;
    let ticket = node.ticket(&token).to_string();
    let object = json!({ "event": "ticket", "ticket": ticket });
    output.data(&ticket, &object).await?;
    if !output.json {
        output.aside(&format!("for the other end: hydroid pipe {ticket}"));
    }
    loop {
        let stream = next(context, node, &token, None).await?;
        let mut stream = stream;
        if node::answer(&mut stream, &Answer::Go { ok: true }).is_ok() {
            return tokio::select! {
                ended = both_ways(context, Channel::Own(stream), Closer::Peer) => ended,
                failed = next(context, node, &token, Some(TAKEN)) => failed.map(drop),
            };
        }
    }
}

/// The next stream that is for the pipe. Where the pipe is `taken` there is none.
async fn next(
    context: &Context,
    node: &Node,
    token: &Token,
    taken: Option<&str>,
) -> Result<Stream, Failure> {
    loop {
        let stream = node.accept().await;
        let stream = stream.ok_or_else(|| Failure::failed("the switch has ended"))?;
        match node::request(&stream) {
            Some(Request::Ping(n)) => node::pong(stream, n).await,
            Some(Request::Pipe { token: shown }) if shows(&shown, token) => match taken {
                None => return Ok(stream),
                Some(sentence) => node::turn_down(stream, Why::Busy, sentence).await,
            },
            Some(Request::Pipe { .. }) => {
                let peer = stream.peer().hashname.to_string();
                let object = json!({ "event": "refused", "peer": peer });
                let plain = "somebody without the ticket's token was refused";
                context.output.note(plain, &object);
                node::turn_down(stream, Why::Refused, "the token is not the ticket's").await;
            }
            Some(
                Request::Get { .. }
                | Request::Put { .. }
                | Request::Offer { .. }
                | Request::Past {}
                | Request::Join { .. },
            )
            | None => {
                node::turn_down(stream, Why::Unknown, "here is a pipe, and nothing else").await;
            }
        }
    }
}

async fn both_ways(context: &Context, stream: Channel, closer: Closer) -> Result<(), Failure> {
    let output = context.output;
    let peer = stream.peer();
    if output.json {
        output.note("", &json!({ "event": "begun", "peer": peer.to_string() }));
    }
    let moved = stream.pipe(closer).await?;
    let (sent, received) = (figures::bytes(moved.sent), figures::bytes(moved.received));
    let text = format!("sent {sent} to {peer} and received {received}");
    output.log(Level::Info, &text);
    if output.json {
        let object = json!({
            "event": "ended", "peer": peer.to_string(),
            "sent": moved.sent, "received": moved.received,
        });
        output.note("", &object);
    }
    Ok(())
}
