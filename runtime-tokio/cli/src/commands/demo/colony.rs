//! Eight switches that are told nothing of each other: they meet, hang together as a tree, talk, and
//! are one again when they lose their root.

use std::{
    collections::BTreeSet,
    fs,
    net::{Ipv4Addr, SocketAddr},
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use data_encoding::HEXLOWER;
use hydroid_core::identity::{PublicKey, SecretKey};
use serde_json::json;
use tokio::{
    runtime::{Builder, Runtime},
    task::JoinHandle,
    time::sleep,
};

use super::{Told, wrong};
use crate::{
    chat::room::{Heard, Room, Said},
    commands::send::give,
    dial::Channel,
    exit::Failure,
    figures, home,
    node::{self, Listen, Node},
    offers::{Accept, Asks, Offers},
    output::Output,
    presence::{Manner, Place, Presence},
    taking::Taker,
    transfer::{heads::Request, send::Source},
};

/// How many there are.
const COUNT: usize = 8;

/// How long anything may take that is waited for.
const WITHIN: Duration = Duration::from_secs(10);

/// The time from one look to the next.
const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// Bytes of the file.
const SIZE: usize = 3 << 20;

/// How long the switches may take to end.
const LAST_PACKETS: Duration = Duration::from_millis(200);

/// One of them.
struct Hydra {
    name: String,
    room: Arc<Room>,
    /// What it runs in, which can be taken away from it.
    runtime: Option<Runtime>,
}

/// All of them.
struct Colony {
    all: Vec<Hydra>,
}

impl Drop for Hydra {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // It is what a machine does whose power fails: nobody hears a word of it.
            runtime.shutdown_background();
        }
    }
}

/// Shows it. The switch that is cut is not announced.
///
/// # Errors
/// [`Failure`] at the first thing that is not as it should be.
pub(super) async fn show(told: &Told, folder: &Path, cut: Option<u8>) -> Result<(), Failure> {
    let space = format!("demo-{}", HEXLOWER.encode(&home::random::<8>()?));
    let began = Instant::now();
    let mut colony = Colony { all: Vec::new() };
    for n in 1..=COUNT {
        let announced = cut.is_none_or(|cut| usize::from(cut) != n);
        colony.all.push(Hydra::start(&space, n, announced)?);
    }
    colony.meet(told, began).await?;
    colony.grow(told).await?;
    colony
        .talk("a line", "Each of them said a line", told)
        .await?;
    colony.give_file(told, folder).await?;
    colony.lose_root(told).await?;
    let again = "Each of the seven said one more";
    colony.talk("one more", again, told).await?;
    colony.end().await;
    Ok(())
}

impl Hydra {
    fn start(space: &str, n: usize, announced: bool) -> Result<Self, Failure> {
        let secret = SecretKey::from_bytes(&home::random()?);
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()?;
        let inside = runtime.enter();
        let loopback = Listen::at(Some(SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 0)));
        let node = Node::start(&loopback, &secret, None, None)?;
        drop(inside);
        let name = format!("hydra-{n}");
        let manner = Manner {
            nick: Some(name.clone()),
            announced,
            ..Manner::default()
        };
        let presence = Presence::enter(&node, &secret, Place::open(space)?, &manner)?;
        Ok(Self {
            room: Arc::new(Room::new(presence, secret, name.clone())),
            name,
            runtime: Some(runtime),
        })
    }

    fn presence(&self) -> &Presence {
        self.room.presence()
    }

    fn key(&self) -> PublicKey {
        self.presence().node().key()
    }

    /// The names of the others that it knows.
    fn known(&self) -> BTreeSet<String> {
        let members = self.presence().members().into_iter();
        members.filter_map(|member| member.name).collect()
    }
}

impl Colony {
    fn others_of(&self, one: &Hydra) -> BTreeSet<String> {
        let others = self.all.iter().filter(|other| other.name != one.name);
        others.map(|other| other.name.clone()).collect()
    }

    /// They find each other.
    async fn meet(&self, told: &Told, began: Instant) -> Result<(), Failure> {
        let know_all = || {
            self.all
                .iter()
                .all(|one| one.known() == self.others_of(one))
        };
        if !until(know_all).await {
            let mut lost = self.all.iter().map(|one| (one.known().len(), &one.name));
            // The loneliest is the one that is missing.
            let lost = lost.by_ref().min().expect("there are eight");
            return Err(wrong(&format!(
                "{} and the others did not find each other: it knows {} of seven",
                lost.1, lost.0
            )));
        }
        let time = began.elapsed();
        let plain = format!(
            "Eight switches found each other in {}, from nothing but the name of their space: each \
             knows the other seven.",
            figures::ms(time)
        );
        let object = json!({
            "event": "met", "switches": COUNT, "seconds": time.as_secs_f64(),
        });
        told.say(&plain, &object).await
    }

    /// The one root, if they are one tree and each knows all the others, and nobody else.
    fn root(&self) -> Option<&Hydra> {
        let stands = |one: &Hydra| one.presence().standing().is_settled;
        let knows_all = |one: &Hydra| one.known() == self.others_of(one);
        if !self.all.iter().all(|one| stands(one) && knows_all(one)) {
            return None;
        }
        let mut roots = self
            .all
            .iter()
            .filter(|one| one.presence().standing().is_root);
        let root = roots.next().filter(|_| roots.next().is_none())?;
        let hangs = |one: &Hydra| self.hangs_on(one.key(), root.key());
        self.all.iter().all(hangs).then_some(root)
    }

    /// True if the chain of parents leads from one to the other.
    fn hangs_on(&self, from: PublicKey, root: PublicKey) -> bool {
        let mut at = from;
        for _step in 0..self.all.len() {
            if at == root {
                return true;
            }
            let Some(hydra) = self.all.iter().find(|one| one.key() == at) else {
                return false;
            };
            let Some(parent) = hydra.presence().standing().parent else {
                return false;
            };
            at = parent.key;
        }
        false
    }

    fn depth(&self) -> u16 {
        let depths = self.all.iter().map(|one| one.presence().standing().depth);
        depths.max().unwrap_or_default()
    }

    async fn grow(&self, told: &Told) -> Result<(), Failure> {
        if !until(|| self.root().is_some()).await {
            return Err(wrong("the eight switches did not become one tree"));
        }
        let root = self
            .root()
            .map_or_else(String::new, |root| root.name.clone());
        let depth = self.depth();
        let plain = format!(
            "They grew a tree: every chain of parents leads to {root}, in at most {depth} steps."
        );
        let object = json!({ "event": "tree", "root": root, "depth": depth });
        told.say(&plain, &object).await
    }

    /// Each says a line, and each hears each of the others once.
    async fn talk(&self, text: &str, sentence: &str, told: &Told) -> Result<(), Failure> {
        let began = Instant::now();
        for one in &self.all {
            let line = one.room.compose(text)?;
            if one.room.say(&line)? == Said::Blocked {
                return Err(wrong("there was no room for a single line"));
            }
        }
        let mut heard = vec![Vec::new(); self.all.len()];
        let expected: Vec<_> = self.all.iter().map(|one| self.others_of(one)).collect();
        let all_heard = || {
            for (one, heard) in self.all.iter().zip(&mut heard) {
                while let Some(next) = one.room.hear() {
                    heard.push(next);
                }
            }
            heard
                .iter()
                .zip(&expected)
                .all(|(heard, names)| heard.len() >= names.len())
        };
        let complete = until(all_heard).await;
        let time = began.elapsed();
        for ((one, heard), names) in self.all.iter().zip(&heard).zip(expected) {
            let lines = heard.iter().filter_map(|heard| match heard {
                Heard::Line(line) if line.text == text => Some(line.name.clone()),
                Heard::Line(_) | Heard::Gap(..) => None,
            });
            let speakers: BTreeSet<_> = lines.collect();
            if !complete || heard.len() != names.len() || speakers != names {
                return Err(wrong(&format!(
                    "{} heard {} lines of {} that were said",
                    one.name,
                    heard.len(),
                    names.len()
                )));
            }
        }
        let count: usize = heard.iter().map(Vec::len).sum();
        let plain = format!(
            "{sentence}, and each of the others heard it once: {count} lines in {}.",
            figures::ms(time)
        );
        let object = json!({
            "event": "talked", "text": text, "heard": count, "seconds": time.as_secs_f64(),
        });
        told.say(&plain, &object).await
    }

    /// One offers a file to another, by its name.
    async fn give_file(&self, told: &Told, folder: &Path) -> Result<(), Failure> {
        let (giver, taker) = (&self.all[0], &self.all[COUNT - 1]);
        let (path, into) = (folder.join("offered"), folder.join("inbox"));
        let mut bytes = vec![0; SIZE];
        let seed = home::random::<32>()?;
        blake3::Hasher::new_keyed(&seed)
            .finalize_xof()
            .fill(&mut bytes);
        fs::write(&path, &bytes)?;
        fs::create_dir(&into)?;
        let source = Source::open(&path, |_hashed, _size| {})?;
        let taking = take_one(
            taker,
            Taker::new(Output::silent(), Some(into.clone()), u64::MAX)?,
        );
        let presence = giver.presence();
        let member = presence.resolve(&taker.name)?;
        if member.key != taker.key() {
            return Err(wrong("a name was taken for somebody else's"));
        }
        let ticket = presence.ticket(member.key, &member.addresses);
        let line = presence.node().connect(&ticket, WITHIN).await?;
        let offer = Request::Offer {
            from: giver.name.clone(),
            file: source.offer.announce(),
        };
        let (stream, _yes) = node::ask(&line, &offer).await?;
        give(Output::silent(), Channel::Own(stream), &source).await?;
        let _taken = tokio::time::timeout(WITHIN, taking).await;
        if fs::read(into.join("offered"))? != bytes {
            return Err(wrong("the file that was offered is not the one that came"));
        }
        let plain = format!(
            "{} gave {} a file of {}, by its name alone; it said yes and has the same file.",
            giver.name,
            taker.name,
            figures::bytes(SIZE as u64)
        );
        let object = json!({
            "event": "given", "from": giver.name, "to": taker.name, "bytes": SIZE,
        });
        told.say(&plain, &object).await
    }

    /// The root is no more from one moment to the next.
    async fn lose_root(&mut self, told: &Told) -> Result<(), Failure> {
        // It may stand otherwise than before, for whoever stands deep looks for a better place.
        until(|| self.root().is_some()).await;
        let root = self.root().map(|root| root.name.clone());
        let lost = root.ok_or_else(|| wrong("the tree has no root any more"))?;
        let began = Instant::now();
        self.all.retain(|one| one.name != lost);
        if !until(|| self.root().is_some()).await {
            return Err(wrong(&format!(
                "the others did not become one tree again without {lost}"
            )));
        }
        let time = began.elapsed();
        let root = self
            .root()
            .map_or_else(String::new, |root| root.name.clone());
        let plain = format!(
            "The root was {lost}, until it was cut off without a word: {} later the seven others \
             are one tree again, below {root}.",
            figures::seconds(time)
        );
        let object = json!({
            "event": "healed", "lost": lost, "root": root, "seconds": time.as_secs_f64(),
        });
        told.say(&plain, &object).await
    }

    async fn end(self) {
        let nodes: Vec<_> = self
            .all
            .iter()
            .map(|one| one.presence().node().clone())
            .collect();
        for one in &self.all {
            one.presence().leave();
        }
        let ends = nodes
            .into_iter()
            .map(|node| tokio::spawn(async move { node.stop(LAST_PACKETS).await }));
        for end in ends.collect::<Vec<_>>() {
            let _cut = end.await;
        }
    }
}

/// Takes the first file that is offered.
fn take_one(hydra: &Hydra, taker: Taker) -> JoinHandle<()> {
    let node = hydra.presence().node().clone();
    let output = Output::silent();
    let offers = Offers::new(output, Arc::new(taker), Accept::All, Asks::Prompt);
    tokio::spawn(async move {
        while let Some(stream) = node.accept().await {
            if let Some(Request::Offer { from, file }) = node::request(&stream) {
                return offers.consider(stream, None, true, (from, file)).await;
            }
        }
    })
}

/// True if it comes true in time.
async fn until(mut is_true: impl FnMut() -> bool) -> bool {
    let end = Instant::now() + WITHIN;
    while Instant::now() < end {
        if is_true() {
            return true;
        }
        sleep(LOOK_AGAIN).await;
    }
    is_true()
}
