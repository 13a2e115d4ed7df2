//! `hydroid up`: is there, answers pings, takes files from whoever shows its ticket.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
};

use hydroid_core::identity::Token;
use serde_json::json;
use tokio::task::JoinSet;

use super::recv::note_restart;
#[cfg(unix)]
use crate::control::Control;
use crate::{
    args,
    context::{Context, Keeps},
    exit::Failure,
    figures, files, home,
    node::{self, Listen, Node, Stream},
    output::{Level, Output, printable},
    progress::Progress,
    resident::Resident,
    transfer::{
        heads::{Announced, Answer, Offer, Request, Why, shows},
        landing::Landing,
        recv::receive,
    },
};

/// Files that are taken at once; each holds at most a few MiB.
const TAKEN_MAX: usize = 64;

/// What every stream is served by.
struct Host {
    output: Output,
    token: Token,
    into: PathBuf,
    max_bytes: u64,
    resident: Arc<Resident>,
}

/// Stays until it is ended by a signal.
///
/// # Errors
/// [`Failure`] if it cannot begin.
pub(crate) async fn run(context: &Context, args: args::Up) -> Result<(), Failure> {
    let output = context.output;
    let into = match &args.into {
        Some(into) => into.clone(),
        None => home::inbox()?,
    };
    let begun = begin(context, &args, &into)?;
    let (node, resident) = (begun.node, begun.resident);
    let control = listen(context);
    if context.space.is_none() {
        let ticket = node.ticket(&begun.token).to_string();
        let object = json!({
            "event": "ticket", "ticket": ticket, "key": node.key().to_string(),
            "space": node::space().name(), "into": into.display().to_string(),
            "max_bytes": args.max_bytes,
        });
        output.data(&ticket, &object).await?;
    }
    resident.reload().await?;
    if !output.json {
        output.aside(&format!("up; files go into {}", into.display()));
    }
    let host = Arc::new(Host {
        output,
        token: begun.token,
        into,
        max_bytes: args.max_bytes,
        resident: Arc::clone(&resident),
    });
    let ended = || Failure::failed("the switch has ended");
    tokio::select! {
        served = serve(host, &node) => served,
        () = resident.watch() => Err(ended()),
        () = answer(control, &resident) => Err(ended()),
    }
}

/// What `up` is made of.
struct Begun {
    node: Node,
    token: Token,
    resident: Arc<Resident>,
}

/// Starts the switch where it was before, and gives it back what it knew.
fn begin(context: &Context, args: &args::Up, into: &Path) -> Result<Begun, Failure> {
    let output = context.output;
    let secret = context.hold(None)?;
    let (token, port, only) = context.with_home(|home| {
        if home.contains(into) {
            return Err(Failure::usage(
                "received files do not belong into the home; name another folder by --into",
            ));
        }
        let only = context.space.as_deref().map(|name| home.space(name));
        let only = only.transpose()?.map(|admission| admission.space().id());
        Ok((home.token()?, home.port()?, only))
    })?;
    check_folder(into)?;
    let listen = Listen {
        address: args.listen,
        port,
    };
    let node = context.start_as(listen, &secret, None)?;
    let bound = node.local_addresses().first().map_or(0, SocketAddr::port);
    let asked = args.listen.is_some_and(|address| address.port() != 0);
    if let Some(port) = port.filter(|port| *port != bound && !asked) {
        let plain = format!(
            "the port {port} that this `up` had before is taken, and it has {bound} now: tickets \
             from before lead nowhere"
        );
        let object = json!({ "event": "moved", "from": port, "to": bound });
        output.note(&plain, &object);
    }
    context.restore(&node)?;
    context.with_home(|home| home.keep_port(bound))?;
    context.keep(&node, Keeps::Everything);
    let resident = Resident::new(output, node.clone(), secret, token.clone(), only);
    Ok(Begun {
        node,
        token,
        resident: Arc::new(resident),
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
                    taken.spawn(async move { host.take(stream, file).await });
                } else {
                    host.missed(node::BUSY);
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

/// Makes the folder if there is none, and sees that files can be made in it.
fn check_folder(into: &Path) -> Result<(), Failure> {
    let failed = |error| Failure::failed(format!("cannot write in {}: {error}", into.display()));
    fs::create_dir_all(into).map_err(failed)?;
    files::check_writable(into).map_err(failed)
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
            Some(Request::Join { token }) => {
                tokio::spawn(Arc::clone(&self.resident).let_in(stream, token));
            }
            Some(Request::Get { .. } | Request::Pipe { .. }) | None => {
                node::turn_down(stream, Why::Unknown, "here files are taken, and none given").await;
            }
        }
        None
    }

    async fn take(&self, mut stream: Stream, file: Announced) {
        let (offer, landing) = match self.prepare(file) {
            Ok(prepared) => prepared,
            Err((why, tell, sentence)) => {
                self.missed(&sentence);
                return node::turn_down(stream, why, &tell).await;
            }
        };
        if node::answer(&mut stream, &Answer::Go { ok: true }).is_err() {
            return self.missed("the peer is gone");
        }
        if let Some(why) = landing.useless() {
            note_restart(self.output, &offer.name, why);
        }
        let mut progress = Progress::begin(self.output, "receiving", &offer.name, offer.size);
        let peer = stream.peer().hashname;
        let moved = |moved| _ = progress.moved(moved);
        let taken = receive(&mut stream, &offer, landing, moved).await;
        let time = progress.time();
        drop(progress);
        node::last_bytes(stream).await;
        let taken = match taken {
            Ok(taken) => taken,
            Err(error) => return self.missed(&Failure::from(error).sentence),
        };
        let path = taken.path.expect("a landing has a path");
        let plain = format!(
            "received {}{} from {peer} in {}, {}, BLAKE3 {}",
            path.display(),
            figures::resumed(taken.resumed_from),
            figures::seconds(time),
            figures::rate(offer.size - taken.resumed_from, time),
            offer.root
        );
        let object = json!({
            "event": "received", "name": offer.name, "path": path.display().to_string(),
            "peer": peer.to_string(), "bytes": offer.size,
            "blake3": offer.root.to_hex().as_str(), "seconds": time.as_secs_f64(),
            "resumed_from": taken.resumed_from, "came": taken.came,
        });
        self.output.note(&printable(&plain), &object);
    }

    /// The offer and the place for it, or what to answer and what to tell here.
    fn prepare(&self, file: Announced) -> Result<(Offer, Landing), (Why, String, String)> {
        let offer = Offer::try_from(file)
            .map_err(|failure| (Why::Name, failure.to_string(), failure.sentence))?;
        if offer.size > self.max_bytes {
            let most = figures::bytes(self.max_bytes);
            let tell = format!(
                "the file has {}, and at most {most} are taken",
                figures::bytes(offer.size)
            );
            return Err((Why::TooLarge, tell.clone(), tell));
        }
        let landing = Landing::begin(&self.into, &offer.name, &offer, false)
            .map_err(|barred| (barred.why, barred.tell.into(), barred.failure.sentence))?;
        Ok((offer, landing))
    }

    fn missed(&self, sentence: &str) {
        let object = json!({ "event": "missed", "text": sentence });
        let plain = format!("a file was not received: {sentence}");
        self.output.note(&printable(&plain), &object);
    }
}
