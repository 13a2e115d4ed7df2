//! `hydroid up`: is there, answers pings, takes files from whoever shows its ticket.

use std::{net::SocketAddr, sync::Arc};

use hydroid_core::identity::Token;
use serde_json::json;
use tokio::{
    sync::{Semaphore, mpsc},
    task::JoinSet,
};

#[cfg(unix)]
use crate::control::Control;
use crate::{
    args,
    context::{Context, Keeps, coming},
    exit::Failure,
    hindrance,
    input::{self, Input},
    node::{self, Node, Stream},
    offers::{Asks, Offers},
    output::{Level, Output},
    presence::Place,
    resident::{Inhabitant, Resident},
    spaces::in_home,
    taking::Taker,
    transfer::heads::{Announced, Request, Why, shows},
    who::shown,
};

/// Bytes of an answer to a question that are looked at.
const ANSWER_MAX: usize = 64;

/// Files that are taken at once; each holds at most a few MiB.
const TAKEN_MAX: usize = 64;

/// What every stream is served by.
struct Host {
    output: Output,
    token: Token,
    offers: Arc<Offers>,
    /// Offers that wait, and those that are taken.
    offered: Arc<Semaphore>,
    resident: Arc<Resident>,
}

/// Stays until it is ended by a signal.
///
/// # Errors
/// [`Failure`] if it cannot begin.
pub(crate) async fn run(context: &Context, args: args::Up) -> Result<(), Failure> {
    let output = context.output;
    let taking = &args.taking;
    let taker = Taker::new(output, taking.into.clone(), taking.max_bytes)?;
    let begun = begin(context, &args, &taker)?;
    let (node, resident) = (begun.node, begun.resident);
    let control = listen(context);
    if !resident.has_one_ticket() {
        let ticket = node.ticket(&begun.token).to_string();
        let object = json!({
            "event": "ticket", "ticket": ticket, "key": node.key().to_string(),
            "space": node::space().name(), "into": taker.folder().display().to_string(),
            "max_bytes": taking.max_bytes,
        });
        output.data(&ticket, &object).await?;
    }
    if let Some(place) = begun.open {
        resident.be_at(place)?;
    }
    resident.reload().await?;
    if !output.json {
        output.aside(&format!("up; files go into {}", taker.folder().display()));
    }
    let attended = input::is_attended();
    let accept = if attended {
        taking.accept
    } else {
        taking.accept.unattended()
    };
    let offers = Arc::new(Offers::new(output, Arc::new(taker), accept, Asks::Prompt));
    let host = Arc::new(Host {
        output,
        token: begun.token,
        offers: Arc::clone(&offers),
        offered: Arc::new(Semaphore::new(TAKEN_MAX)),
        resident: Arc::clone(&resident),
    });
    let ended = || Failure::failed("the switch has ended");
    tokio::select! {
        served = serve(host, &node) => served,
        () = resident.watch() => Err(ended()),
        () = answer(control, &resident) => Err(ended()),
        () = attend(&offers) => Err(ended()),
    }
}

/// Lets whoever sits at the terminal answer what is asked.
async fn attend(offers: &Offers) {
    let mut lines = None;
    loop {
        let line = async {
            match &mut lines {
                Some(lines) => mpsc::Receiver::recv(lines).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = offers.asked() => {
                if !input::is_attended() {
                    offers.answer(false);
                } else if lines.is_none() {
                    // Only now: a program in the background that reads is stopped.
                    lines = Some(input::lines(ANSWER_MAX));
                }
            }
            line = line => match line {
                Some(Input::Line(text)) => _ = offers.answer(is_yes(&text)),
                Some(Input::Bad(_) | Input::Broken(_)) => _ = offers.answer(false),
                None => {
                    lines = None;
                    offers.answer(false);
                }
            },
        }
    }
}

fn is_yes(text: &str) -> bool {
    let text = text.trim();
    ["y", "yes"]
        .iter()
        .any(|yes| text.eq_ignore_ascii_case(yes))
}

/// What `up` is made of.
struct Begun {
    node: Node,
    token: Token,
    resident: Arc<Resident>,
    /// The open space to be in.
    open: Option<Place>,
}

/// Starts the switch where it was before, and gives it back what it knew.
fn begin(context: &Context, args: &args::Up, taker: &Taker) -> Result<Begun, Failure> {
    let output = context.output;
    let nick = coming::nick(args.name.as_deref())?;
    let manner = coming::manner(&args.being, Some(nick))?;
    let secret = context.hold(None)?;
    let (token, port) = context.with_home(|home| {
        taker.check_home(home)?;
        Ok((home.token()?, home.port()?))
    })?;
    let place = context.place()?;
    let only = place.admission().map(|admission| admission.space().id());
    taker.check_folder()?;
    let listen = coming::listen(&args.being, port);
    let node = context.start_as(&listen, &secret, None)?;
    let bound = node.local_addresses().first().map_or(0, SocketAddr::port);
    let asked = args.being.listen.is_some_and(|address| address.port() != 0);
    if let Some(port) = port.filter(|port| *port != bound && !asked) {
        let plain = format!(
            "the port {port} that this `up` had before is taken, and it has {bound} now: tickets \
             from before lead nowhere"
        );
        let object = json!({ "event": "moved", "from": port, "to": bound });
        output.note(&plain, &object);
    }
    if manner.announced {
        hindrance::tell(output, &node);
    }
    context.restore(&node)?;
    context.with_home(|home| home.keep_port(bound))?;
    context.keep(&node, Keeps::Everything);
    let inhabitant = Inhabitant {
        secret,
        token: token.clone(),
        manner,
        only: only.filter(|_| context.space.is_some()),
        presences: context.presences(),
    };
    let resident = Resident::new(output, node.clone(), inhabitant);
    Ok(Begun {
        node,
        token,
        resident: Arc::new(resident),
        open: Some(place).filter(|place| place.admission().is_none()),
    })
}

/// Serves the streams of peers.
async fn serve(host: Arc<Host>, node: &Node) -> Result<(), Failure> {
    let mut taken = JoinSet::new();
    loop {
        tokio::select! {
            stream = node.accept() => {
                let stream = stream.ok_or_else(|| Failure::failed("the switch has ended"))?;
                let Some((stream, file)) = host.greet(stream).await else {
                    continue;
                };
                if taken.len() < TAKEN_MAX {
                    let host = Arc::clone(&host);
                    let name = host.resident.name_of(&stream.peer());
                    let who = name.map(|name| shown(Some(&name), &stream.peer().key));
                    taken.spawn(async move { host.offers.taker().take(stream, file, who).await });
                } else {
                    host.offers.taker().missed(node::BUSY);
                    node::turn_down(stream, Why::Busy, node::BUSY).await;
                }
            }
            Some(_over) = taken.join_next() => {}
        }
    }
}

/// Where other commands speak to this `up`. It is there before the tickets are: whoever has read one
/// finds it.
#[cfg(unix)]
fn listen(context: &Context) -> Option<Control> {
    let control = context
        .with_home(|home| Ok(home.control()))
        .and_then(|path| Ok(Control::bind(&path)?));
    match control {
        Ok(control) => Some(control),
        Err(failure) => {
            let plain = format!("other commands cannot speak to this `up`: {failure}");
            context.output.aside(&plain);
            None
        }
    }
}

/// Answers the commands that speak to this `up`.
#[cfg(unix)]
async fn answer(control: Option<Control>, resident: &Arc<Resident>) {
    let Some(control) = control else {
        return std::future::pending().await;
    };
    let resident = Arc::clone(resident);
    let answer = move |ask| Arc::clone(&resident).answer(ask);
    control.serve(answer).await;
}

/// Commands speak to an `up` only where there are sockets in the file system.
#[cfg(not(unix))]
fn listen(_context: &Context) {}

#[cfg(not(unix))]
async fn answer((): (), _resident: &Arc<Resident>) {
    std::future::pending().await
}

impl Host {
    /// Answers what is answered at once, and gives what is to be taken.
    async fn greet(&self, stream: Stream) -> Option<(Stream, Announced)> {
        let peer = stream.peer().hashname;
        match node::request(&stream) {
            Some(Request::Ping(n)) => {
                self.output
                    .log(Level::Info, &format!("ping {n} from {peer}"));
                node::pong(stream, n).await;
            }
            Some(Request::Put { token, file }) if shows(&token, &self.token) => {
                return Some((stream, file));
            }
            Some(Request::Put { .. }) => {
                let plain = format!("{peer} was refused: it does not show the ticket's token");
                let object = json!({ "event": "refused", "peer": peer.to_string() });
                self.output.note(&plain, &object);
                node::turn_down(stream, Why::Refused, "the token is not the ticket's").await;
            }
            Some(Request::Offer { from, file }) => self.consider(stream, (from, file)),
            Some(Request::Past {}) => match self.resident.room_of(&stream.peer()) {
                Some(room) => _ = tokio::spawn(async move { room.give_past(stream).await }),
                None => node::turn_down(stream, Why::Unknown, "nothing is said here").await,
            },
            Some(Request::Join { token }) => {
                tokio::spawn(Arc::clone(&self.resident).let_in(stream, token));
            }
            Some(Request::Get { .. } | Request::Pipe { .. }) | None => {
                node::turn_down(stream, Why::Unknown, "here files are taken, and none given").await;
            }
        }
        None
    }

    fn consider(&self, stream: Stream, offered: (String, Announced)) {
        let Ok(turn) = Arc::clone(&self.offered).try_acquire_owned() else {
            tokio::spawn(node::turn_down(stream, Why::Busy, node::BUSY));
            return;
        };
        let offers = Arc::clone(&self.offers);
        let name = self.resident.name_of(&stream.peer());
        let room = self.resident.room_of(&stream.peer());
        let is_closed = room.is_some_and(|room| room.presence().is_closed());
        let (key, output) = (stream.peer().key, self.output);
        tokio::spawn(async move {
            // Whoever cannot be looked up is a stranger.
            let known = in_home(output, |home| home.known()).await;
            let is_stranger = !is_closed && !known.is_ok_and(|known| known.contains(&key));
            offers.consider(stream, name, is_stranger, offered).await;
            drop(turn);
        });
    }
}
