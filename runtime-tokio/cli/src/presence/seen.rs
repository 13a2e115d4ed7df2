//! Members as commands print them, whether they saw them themselves or an `up` did.

use std::{collections::BTreeMap, time::Duration};

use hydroid_core::identity::PublicKey;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Member, Presence};
use crate::{figures, who::shown};

/// A member of a space, or oneself.
#[derive(Serialize, Deserialize, Clone, PartialEq, Eq, Debug)]
pub(crate) struct Seen {
    /// The key, in hex.
    pub(crate) key: String,
    #[serde(default)]
    pub(crate) name: String,
    pub(crate) addresses: Vec<String>,
    /// The key of the member above, in hex.
    #[serde(default)]
    pub(crate) parent: Option<String>,
    /// Steps to the root.
    #[serde(default)]
    pub(crate) depth: Option<u16>,
    /// It is heard on a local network.
    pub(crate) near: bool,
    /// It is in the tree.
    pub(crate) placed: bool,
    /// There and back, where there is a line.
    #[serde(default)]
    pub(crate) rtt_us: Option<u64>,
    /// It is the one who looks.
    #[serde(default)]
    pub(crate) own: bool,
}

impl Seen {
    fn of(member: &Member, rtt: Option<&Duration>) -> Self {
        Self {
            key: member.key.to_string(),
            name: member.name.clone().unwrap_or_default(),
            addresses: member.addresses.iter().map(ToString::to_string).collect(),
            parent: member.parent.map(|parent| parent.to_string()),
            depth: member.depth,
            near: member.near,
            placed: member.placed,
            rtt_us: rtt.map(|rtt| u64::try_from(rtt.as_micros()).unwrap_or(u64::MAX)),
            own: false,
        }
    }

    /// The name with the first digits of the key.
    pub(crate) fn shown(&self) -> String {
        match self.key.parse::<PublicKey>() {
            Ok(key) => shown(Some(&self.name), &key),
            Err(_other) => "?".into(),
        }
    }

    /// One line of it.
    pub(crate) fn plain(&self) -> String {
        let address = self.addresses.first().map_or("no address", |first| first);
        let place = match (self.placed, self.depth) {
            (_, Some(depth)) => format!("depth {depth}"),
            (true, None) => "looks for its place".into(),
            (false, None) => "not in the tree yet".into(),
        };
        let rtt = self.rtt_us.map(|us| figures::ms(Duration::from_micros(us)));
        let near = self.near.then(|| "on this network".into());
        let parts = [
            Some(self.shown()),
            Some(address.into()),
            Some(place),
            rtt,
            near,
        ];
        parts.into_iter().flatten().collect::<Vec<_>>().join("  ")
    }

    /// The same as an object.
    pub(crate) fn object(&self) -> Value {
        let mut object = json!(self);
        object["event"] = "member".into();
        object["shown"] = self.shown().into();
        object
    }
}

impl Presence {
    /// Everybody who is there, oneself too, in the order of the keys.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        let rtts = self.node.rtts(self.local);
        let members = self.members();
        let mut seen: Vec<_> = members
            .iter()
            .map(|member| Seen::of(member, rtts.get(&member.key)))
            .collect();
        let own = self.node.with_tree(self.local, |tree| {
            tree.image().find(&self.node.key()).map(Member::from)
        });
        let own = own.flatten().map(|own| Seen {
            own: true,
            addresses: self
                .node
                .named_addresses()
                .iter()
                .map(ToString::to_string)
                .collect(),
            ..Seen::of(&own, None)
        });
        seen.extend(own);
        count_steps(&mut seen);
        seen.sort_by(|one, other| one.key.cmp(&other.key));
        seen
    }
}

/// Counts the steps to the root for those who stand in the tree: the picture does so only now and
/// then.
fn count_steps(seen: &mut [Seen]) {
    let parents: BTreeMap<String, Option<String>> = seen
        .iter()
        .map(|seen| (seen.key.clone(), seen.parent.clone()))
        .collect();
    for member in seen.iter_mut().filter(|member| member.placed) {
        let mut above = member.parent.as_ref();
        let mut steps = 0;
        // One that goes round in a circle hangs on no root.
        while let Some(key) = above.filter(|_| steps <= parents.len()) {
            let Some(next) = parents.get(key) else { break };
            (above, steps) = (next.as_ref(), steps + 1);
        }
        member.depth = above
            .is_none()
            .then(|| u16::try_from(steps).unwrap_or(u16::MAX));
    }
}
