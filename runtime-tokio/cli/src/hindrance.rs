//! What hinders us on the local networks, told once for as long as it lasts.

use std::{collections::BTreeSet, time::Duration};

use serde_json::json;
use tokio::time::sleep;

use crate::{
    node::Node,
    output::{Output, printable},
};

/// When it is looked first: the networks are not there at once.
const FIRST: Duration = Duration::from_millis(500);

/// How often it is looked then.
const AGAIN: Duration = Duration::from_secs(5);

/// Tells what does not work on the local networks, whenever that is something else than before.
pub(crate) fn tell(output: Output, node: &Node) {
    let node = node.clone();
    tokio::spawn(async move {
        sleep(FIRST).await;
        let mut told = BTreeSet::new();
        loop {
            let now: BTreeSet<String> = node.hindrances().into_iter().collect();
            for text in now.difference(&told) {
                let plain = format!("on the local network something does not work: {text}");
                let object = json!({ "event": "hindered", "text": text });
                output.note(&printable(&plain), &object);
            }
            told = now;
            sleep(AGAIN).await;
        }
    });
}
