use std::net::SocketAddr;

use hydroid_core::identity::{PublicKey, Roles, Ticket, Token};
use serde_json::{Value, json};
use tokio::time::{Duration, sleep};

use super::ask_up;
use crate::{
    args,
    context::Context,
    control::Ask,
    exit::{Exit, Failure},
    home::{self, Home, invites::Invite, now_s},
    node::{self, Listen, Node, Stream},
    spaces::{self, in_home, until_text},
    transfer::heads::{Request, Why},
};

/// Prints a ticket that lets one bearer in, and sees to it that somebody serves it.
///
/// # Errors
/// [`Failure`] if this home lets nobody in, or where it serves the ticket itself and nobody comes.
pub(super) async fn run(context: &Context, args: args::Invite) -> Result<(), Failure> {
    let token = home::fresh_token()?;
    let expires_s = now_s().saturating_add(args.expires);
    let (name, roles, member_s) = (args.name.clone(), args.roles, args.member_s);
    let kept = token.clone();
    let space = in_home(context.output, move |home| {
        let admission = home.space(&name)?;
        let key = home.identity()?.public();
        let space = admission.space();
        if !admission.document().is_operator(space, &key) {
            return Err(Failure::refused(format!(
                "this home is no operator of {name}, and only operators let others in"
            )));
        }
        if roles.has(Roles::OPERATOR) && !space.roots().contains(&key) {
            return Err(Failure::refused(format!(
                "this home is no root operator of {name}, and only those make operators"
            )));
        }
        let invite = Invite {
            space: space.id().to_string(),
            roles: roles.bits(),
            member_s,
            expires_s,
            used: None,
        };
        home.invite(&kept, &invite, now_s())?;
        Ok(space.name().to_owned())
    })
    .await?;
    let up = ask_up(context, &Ask::Status {}).await;
    let withdrawal = Withdrawal(Some(token.clone()));
    match up? {
        Some(status) => {
            print(context, &ticket_of(&status, &token)?, &space, expires_s).await?;
        }
        None => serve(context, args.listen, &token, &space, expires_s).await?,
    }
    withdrawal.not_needed();
    Ok(())
}

/// Forgets an invitation whose command ends before it has done its own, also by a signal: who gave
/// it up does not expect that a later `up` lets its bearer in.
struct Withdrawal(Option<Token>);

impl Withdrawal {
    fn not_needed(mut self) {
        self.0 = None;
    }
}

impl Drop for Withdrawal {
    fn drop(&mut self) {
        if let Some(token) = &self.0 {
            // One file, and the last thing that the command does.
            let _unread = Home::open().and_then(|mut home| Ok(home.withdraw(token)?));
        }
    }
}

async fn print(
    context: &Context,
    ticket: &Ticket,
    space: &str,
    expires_s: u64,
) -> Result<(), Failure> {
    let ticket = ticket.to_string();
    let object = json!({
        "event": "ticket", "ticket": ticket, "space": space, "expires_s": expires_s,
    });
    context.output.data(&ticket, &object).await?;
    if !context.output.json {
        let until = until_text(expires_s, now_s());
        context.output.aside(&format!(
            "good once and {until}; to come in: hydroid space join {ticket}"
        ));
    }
    Ok(())
}

/// The ticket to the `up` that tells this of itself.
fn ticket_of(status: &Value, token: &Token) -> Result<Ticket, Failure> {
    let key: Option<PublicKey> = status["key"].as_str().and_then(|text| text.parse().ok());
    let addresses = status["addresses"].as_array();
    let addresses = addresses.into_iter().flatten().filter_map(Value::as_str);
    let addresses: Vec<SocketAddr> = addresses.filter_map(|text| text.parse().ok()).collect();
    let key = key.ok_or_else(|| Failure::failed("the `up` of this home does not say who it is"))?;
    Ok(Ticket::new(
        key,
        node::space(),
        &addresses,
        Some(token.clone()),
    ))
}

/// Serves the ticket until its bearer is a member, or it has expired.
async fn serve(
    context: &Context,
    listen: Option<SocketAddr>,
    token: &Token,
    space: &str,
    expires_s: u64,
) -> Result<(), Failure> {
    // Where the `up` of this home was and will be: the bearer remembers where it found us.
    let port = context.with_home(Home::port)?;
    let listen = Listen {
        address: listen,
        port,
        interfaces: Vec::new(),
    };
    let node = context.start_as_home(&listen, None, None)?;
    print(context, &node.ticket(token), space, expires_s).await?;
    let left = Duration::from_secs(expires_s.saturating_sub(now_s()));
    let over = sleep(left);
    tokio::pin!(over);
    loop {
        let stream = tokio::select! {
            stream = node.accept() => stream,
            () = &mut over => {
                let sentence = "the invitation has expired, and nobody came";
                return Err(Failure::new(Exit::Failed, sentence));
            }
        };
        let stream = stream.ok_or_else(|| Failure::failed("the switch has ended"))?;
        if greet(context, &node, stream).await && !is_open(context, token).await? {
            return Ok(());
        }
    }
}

async fn is_open(context: &Context, token: &Token) -> Result<bool, Failure> {
    let token = token.clone();
    in_home(context.output, move |home| Ok(home.is_open(&token))).await
}

/// Answers a stream; true if somebody was let in.
async fn greet(context: &Context, node: &Node, stream: Stream) -> bool {
    match node::request(&stream) {
        Some(Request::Ping(n)) => node::pong(stream, n).await,
        Some(Request::Join { token }) => {
            return spaces::let_in(context.output, node, stream, token).await;
        }
        Some(
            Request::Get { .. }
            | Request::Put { .. }
            | Request::Offer { .. }
            | Request::Past {}
            | Request::Pipe { .. },
        )
        | None => {
            let sentence = "here somebody is let into a space, and nothing else is done";
            node::turn_down(stream, Why::Unknown, sentence).await;
        }
    }
    false
}
