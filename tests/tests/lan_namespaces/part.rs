//! What a host does: it takes part in its space, is announced there once it is told so, and says
//! whom it finds, who is gone, and how many members the tree has.

use std::{collections::BTreeMap, io, process, thread, time::Duration};

use hydroid_core::{
    identity::{Hashname, Space},
    switch::{Neighbour, Part},
};
use hydroid_tokio::{Config, Endpoint, LanStatus, fresh_secret};
use tokio::{
    runtime::Builder,
    sync::mpsc::{UnboundedReceiver, unbounded_channel},
    time::interval,
};

use crate::host::{ANNOUNCE, LEAVE, say};

/// How long an orderly end may take.
const END: Duration = Duration::from_secs(2);

/// How often it is looked which networks are in use.
const LOOK: Duration = Duration::from_millis(100);

/// Plays the part until it is told to leave, or whoever started it is gone.
pub(crate) fn play(space: &str) -> ! {
    let mut builder = Builder::new_current_thread();
    let runtime = builder.enable_all().build().expect("there is a runtime");
    let (tell, told) = unbounded_channel();
    thread::spawn(move || {
        for line in io::stdin().lines().map_while(Result::ok) {
            let _over = tell.send(line);
        }
        process::exit(0)
    });
    runtime.block_on(live(space, told));
    process::exit(0)
}

async fn live(space: &str, mut told: UnboundedReceiver<String>) {
    let endpoint = Endpoint::bind(Config::default()).expect("there are ports");
    let space = Space::open(space).expect("the name is legal");
    let secret = fresh_secret().expect("there is randomness");
    let local = endpoint.install(&secret, &space);
    let local = local.expect("it is the only one");
    let part = Part::default();
    endpoint.join(local, &secret, part).expect("it is a member");
    say("ready", &local.to_string());
    let (mut known, mut size, mut lan) = (BTreeMap::new(), 0, LanStatus::default());
    let mut look = interval(LOOK);
    loop {
        tokio::select! {
            _now = look.tick() => {
                let status = endpoint.lan_status();
                if status != lan {
                    let now = status.networks.iter().map(|it| it.address.to_string());
                    say("networks", &now.collect::<Vec<_>>().join(" "));
                    say("errors", &status.errors.join("; "));
                    lan = status;
                }
            }
            word = told.recv() => match word.as_deref() {
                Some(ANNOUNCE) => {
                    endpoint.announce(local, &secret).expect("it is installed");
                    say("up", "");
                }
                Some(LEAVE) => {
                    say("leaves", "");
                    endpoint.shutdown(END).await;
                    return;
                }
                Some(_) | None => return,
            },
            event = endpoint.lan_event() => {
                if event.is_none() {
                    return;
                }
                tell_neighbours(&mut known, endpoint.neighbours(local));
            }
            event = endpoint.tree_event() => {
                if event.is_none() {
                    return;
                }
                let now = endpoint.with_tree(local, |tree| tree.image().len());
                let now = now.unwrap_or(0);
                if now != size {
                    size = now;
                    say("tree", &size.to_string());
                }
            }
        }
    }
}

/// Says who came and who went.
fn tell_neighbours(known: &mut BTreeMap<Hashname, Neighbour>, now: Vec<Neighbour>) {
    let now: BTreeMap<_, _> = now.into_iter().map(|it| (it.peer.hashname, it)).collect();
    for (hashname, neighbour) in &now {
        if !known.contains_key(hashname) {
            let addresses = neighbour.addresses.iter().map(ToString::to_string);
            let addresses: Vec<_> = addresses.collect();
            say("found", &format!("{hashname} {}", addresses.join(" ")));
        }
    }
    for hashname in known.keys().filter(|hashname| !now.contains_key(hashname)) {
        say("gone", &hashname.to_string());
    }
    *known = now;
}
