//! `hydroid demo`: two switches on this machine, a handshake and a file; then eight that find each
//! other. It prints nothing that it has not just verified.

mod colony;

use std::{
    fs::{self, File},
    io::{Read as _, Write as _},
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    time::Instant,
};

use data_encoding::HEXLOWER;
use hydroid_core::identity::{SecretKey, Ticket, Token};
use serde_json::{Value, json};
use tokio::task::spawn_blocking;

use super::{ping, send::give};
use crate::{
    args,
    context::Context,
    dial::{Channel, Reached},
    exit::{Exit, Failure},
    figures, files, home,
    node::{self, CONNECT_WITHIN, Line, Listen, Node, Stream},
    output::Output,
    transfer::{
        hashes::GROUP,
        heads::{Answer, Offer, Request, Why, shows},
        landing::Landing,
        recv::{Moved, receive},
        send::Source,
    },
};

/// Bytes of the file.
const SIZE: u64 = 64 << 20;

/// Messages there and back that are timed.
const PINGS: u64 = 100;

/// The demonstration.
///
/// # Errors
/// [`Failure`] at the first thing that is not as it should be.
pub(crate) async fn run(context: &Context, args: &args::Demo) -> Result<(), Failure> {
    let folder = Folder::create()?;
    let told = Told {
        output: context.output,
        began: Instant::now(),
    };
    let source = prepare(&told, &folder.path).await?;
    let loopback = Listen::at(Some(SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 0)));
    let start = || context.start_as(&loopback, &SecretKey::from_bytes(&home::random()?), None);
    let (giver, taker) = (start()?, start()?);
    let token = home::fresh_token()?;
    let serving = tokio::spawn(serve(giver.clone(), source.clone(), token.clone()));
    let ticket = reread(&giver.ticket(&token))?;
    let line = shake_hands(&told, &giver, &taker, &ticket).await?;
    there_and_back(&told, &line).await?;
    refuse_a_stranger(&told, &line).await?;
    fetch(&told, &line, &token, &source, &folder.path).await?;
    let served = serving.await.map_err(|error| wrong(&error.to_string()))??;
    if served != taker.key().to_string() {
        return Err(wrong(
            "the file was taken by another than the one who was sent it",
        ));
    }
    colony::show(&told, &folder.path, args.cut).await?;
    folder.remove()?;
    told.say(
        &format!(
            "Nothing is left behind. {} in all.",
            figures::seconds(told.began.elapsed())
        ),
        &json!({ "event": "end", "seconds": told.began.elapsed().as_secs_f64() }),
    )
    .await
}

fn wrong(sentence: &str) -> Failure {
    Failure::new(Exit::Unverified, sentence)
}

/// Where the sentences go.
struct Told {
    output: Output,
    began: Instant,
}

impl Told {
    async fn say(&self, plain: &str, object: &Value) -> Result<(), Failure> {
        self.output.data(plain, object).await
    }
}

/// A file of random bytes, hashed.
async fn prepare(told: &Told, folder: &Path) -> Result<Source, Failure> {
    let path = folder.join("sent");
    let seed = home::random::<32>()?;
    let make = move || {
        let mut file = files::private().write(true).create_new(true).open(&path)?;
        let mut bytes = blake3::Hasher::new_keyed(&seed).finalize_xof();
        let mut group = vec![0; GROUP as usize];
        for _group in 0..SIZE / GROUP {
            bytes.fill(&mut group);
            file.write_all(&group)?;
        }
        drop(file);
        Source::open(&path, |_hashed, _size| {})
    };
    let source = joined(spawn_blocking(make).await)?;
    if source.offer.size != SIZE {
        return Err(wrong("the file has another size than was written"));
    }
    told.say(
        &format!(
            "A file of {} of random bytes; its BLAKE3 hash is {}.",
            figures::bytes(SIZE),
            source.offer.root
        ),
        &json!({ "event": "file", "bytes": SIZE, "blake3": source.offer.root.to_hex().as_str() }),
    )
    .await?;
    Ok(source)
}

/// The ticket, through its text.
fn reread(ticket: &Ticket) -> Result<Ticket, Failure> {
    let read = node::parse_ticket(&ticket.to_string())?;
    if read == *ticket {
        Ok(read)
    } else {
        Err(wrong("the ticket's text stands for another ticket"))
    }
}

async fn shake_hands(
    told: &Told,
    giver: &Node,
    taker: &Node,
    ticket: &Ticket,
) -> Result<Line, Failure> {
    let began = Instant::now();
    let line = taker.connect(ticket, CONNECT_WITHIN).await?;
    let time = began.elapsed();
    if line.peer().key != giver.key() {
        return Err(wrong("the line leads to another key than the ticket's"));
    }
    let (from, to) = (taker.local_addresses(), giver.local_addresses());
    told.say(
        &format!(
            "A handshake from {} to {} over UDP in {}: the line's peer has proved the ticket's key.",
            from[0],
            to[0],
            figures::ms(time)
        ),
        &json!({
            "event": "line", "from": from[0].to_string(), "to": to[0].to_string(),
            "handshake_ms": time.as_secs_f64() * 1e3, "peer": line.peer().hashname.to_string(),
        }),
    ).await?;
    Ok(line)
}

async fn there_and_back(told: &Told, line: &Line) -> Result<(), Failure> {
    let (mut times, reached) = (Vec::new(), Reached::Own(line.clone()));
    for n in 1..=PINGS {
        times.push(ping::once(&reached, n, CONNECT_WITHIN).await?);
    }
    times.sort_unstable();
    let median = times[times.len() / 2];
    told.say(
        &format!(
            "{} questions, each on a stream of its own, had their answers; {} there and back is \
             the median.",
            times.len(),
            figures::ms(median)
        ),
        &json!({ "event": "pings", "count": times.len(), "median_ms": median.as_secs_f64() * 1e3 }),
    )
    .await
}

async fn refuse_a_stranger(told: &Told, line: &Line) -> Result<(), Failure> {
    let token = "0".repeat(32);
    match node::ask(line, &Request::Get { token }).await {
        Err(failure) if failure.exit == Exit::Refused => {
            told.say(
                "Whoever asks for the file with another token is refused.",
                &json!({ "event": "refused" }),
            )
            .await
        }
        Err(failure) => Err(failure),
        Ok(_) => Err(wrong("a wrong token was good enough")),
    }
}

async fn fetch(
    told: &Told,
    line: &Line,
    token: &Token,
    source: &Source,
    folder: &Path,
) -> Result<(), Failure> {
    let began = Instant::now();
    let token = HEXLOWER.encode(token.as_bytes());
    let (mut stream, answer) = node::ask(line, &Request::Get { token }).await?;
    let Answer::File { file } = answer else {
        return Err(wrong("the ticket's token brings no file"));
    };
    let offer = Offer::try_from(file)?;
    if offer != source.offer {
        return Err(wrong("another file is offered than was made"));
    }
    let landing = Landing::begin(folder, "received", &offer, false);
    let landing = landing.map_err(|barred| barred.failure)?;
    let mut groups = 0;
    let taken = receive(&mut stream, &offer, landing, |moved| {
        groups += u64::from(matches!(moved, Moved::More(1..)));
    })
    .await?;
    let time = began.elapsed();
    node::last_bytes(stream).await;
    told.say(
        &format!(
            "The file came in {}, {}: {groups} parts, each checked against the hash before it was \
             written.",
            figures::seconds(time),
            figures::rate(offer.size, time)
        ),
        &json!({
            "event": "received", "bytes": offer.size, "parts": groups,
            "seconds": time.as_secs_f64(), "mib_per_s": figures::mib_per_s(offer.size, time),
        }),
    )
    .await?;
    let path = taken.path.expect("a landing has a path");
    let (size, hash) = joined(spawn_blocking(move || read_back(&path)).await)?;
    if (size, hash) != (SIZE, source.offer.root) {
        return Err(wrong(
            "the file that was received differs from the one that was sent",
        ));
    }
    told.say(
        &format!("Read back from disk, it has {size} bytes and the hash {hash}: the same file."),
        &json!({ "event": "verified", "bytes": size, "blake3": hash.to_hex().as_str() }),
    )
    .await
}

fn read_back(path: &Path) -> Result<(u64, blake3::Hash), Failure> {
    let mut file = File::open(path)?;
    let mut hasher = blake3::Hasher::new();
    let mut group = vec![0; GROUP as usize];
    loop {
        match file.read(&mut group)? {
            0 => return Ok((hasher.count(), hasher.finalize())),
            read => hasher.update(&group[..read]),
        };
    }
}

fn joined<T>(done: Result<Result<T, Failure>, tokio::task::JoinError>) -> Result<T, Failure> {
    done.unwrap_or_else(|error| Err(Failure::failed(error.to_string())))
}

/// The giver's side: answers until the file was taken, and says by whom.
async fn serve(node: Node, source: Source, token: Token) -> Result<String, Failure> {
    loop {
        let stream = node.accept().await;
        let stream = stream.ok_or_else(|| Failure::failed("the giving switch has ended"))?;
        if let Some(taker) = serve_one(stream, &source, &token).await? {
            return Ok(taker);
        }
    }
}

async fn serve_one(
    mut stream: Stream,
    source: &Source,
    token: &Token,
) -> Result<Option<String>, Failure> {
    match node::request(&stream) {
        Some(Request::Ping(n)) => {
            tokio::spawn(node::pong(stream, n));
            Ok(None)
        }
        Some(Request::Get { token: shown }) if shows(&shown, token) => {
            let file = source.offer.announce();
            node::answer(&mut stream, &Answer::File { file })?;
            let taker = stream.peer().key.to_string();
            give(Output::silent(), Channel::Own(stream), source).await?;
            Ok(Some(taker))
        }
        Some(
            Request::Get { .. }
            | Request::Put { .. }
            | Request::Offer { .. }
            | Request::Past {}
            | Request::Pipe { .. }
            | Request::Join { .. },
        )
        | None => {
            tokio::spawn(node::turn_down(stream, Why::Refused, "another token"));
            Ok(None)
        }
    }
}

/// A folder for the time of the demonstration.
struct Folder {
    path: PathBuf,
}

impl Folder {
    fn create() -> Result<Self, Failure> {
        let name = format!("hydroid-demo-{}", HEXLOWER.encode(&home::random::<8>()?));
        let path = std::env::temp_dir().join(name);
        files::create_private_folder(&path)?;
        Ok(Self { path })
    }

    fn remove(self) -> Result<(), Failure> {
        fs::remove_dir_all(&self.path)?;
        if self.path.exists() {
            return Err(wrong("the demonstration's folder is still there"));
        }
        Ok(())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _absent = fs::remove_dir_all(&self.path);
    }
}
