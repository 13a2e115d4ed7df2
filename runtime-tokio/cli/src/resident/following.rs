//! Following what goes on while an `up` runs, and telling of it.

use std::sync::Arc;

use hydroid_core::{
    identity::{Hashname, PublicKey, Refusal},
    switch::{DownReason, LineEvent, SpaceEvent},
};
use serde_json::json;
use tokio::time::{Instant, sleep_until};

use super::{Resident, locked, seat::Seat};
use crate::{chat::room::Room, company::Change, gathering::Stand, output::Level, who::shown};

impl Resident {
    /// Follows who is there and what peers bring, until the switch ends.
    pub(crate) async fn watch(&self) {
        loop {
            let due = self.follow();
            tokio::select! {
                event = self.node.line_event() => match event {
                    Some(event) => self.on_line(event),
                    None => return,
                },
                event = self.node.space_event() => match event {
                    Some(event) => self.on_space(&event),
                    None => return,
                },
                there = self.node.space_news() => if !there {
                    return;
                },
                () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {}
            }
        }
    }

    fn on_line(&self, event: LineEvent) {
        match event {
            LineEvent::Up {
                line, local, peer, ..
            } => {
                locked(&self.lines).insert(line, (local, peer.key));
                if let Some(seat) = locked(&self.seats).get_mut(&local) {
                    seat.is_out(None);
                }
                let text = format!("a line to {}", self.who(local, &peer.key));
                self.output.log(Level::Info, &text);
            }
            LineEvent::Down { line, reason } => {
                let Some((local, key)) = locked(&self.lines).remove(&line) else {
                    return;
                };
                let text = format!("the line to {}: {reason}", self.who(local, &key));
                self.output.log(Level::Info, &text);
                if let DownReason::Refused(why) = reason {
                    self.expelled(local, why, Some(key));
                }
            }
            LineEvent::Moved { .. } | _ => {}
        }
    }

    /// A member as it is shown.
    fn who(&self, local: Hashname, key: &PublicKey) -> String {
        let seats = locked(&self.seats);
        let presence = seats.get(&local).map(|it| it.room().presence().clone());
        drop(seats);
        let member = presence.and_then(|presence| presence.member(key));
        shown(member.and_then(|member| member.name).as_deref(), key)
    }

    /// Takes note of what goes on in the spaces; when there may be more, if nothing happens before.
    fn follow(&self) -> Option<Instant> {
        let mut seats = locked(&self.seats);
        for seat in seats.values_mut() {
            let room = Arc::clone(seat.room());
            for change in seat.changes() {
                self.on_change(room.presence().space(), &change);
            }
            // What is said goes on to those who come later.
            seat.hear();
            if let Some(stand) = seat.moved() {
                self.on_moved(&room, &stand);
            }
            seat.ask_past();
        }
        seats.values().filter_map(Seat::due).min()
    }

    fn on_change(&self, space: &str, change: &Change) {
        let (event, key, name, plain) = match change {
            Change::Came(member) => {
                let address = member.addresses.first();
                let address = address.map(|at| format!(" at {at}")).unwrap_or_default();
                let plain = format!("{} is in {space}{address}", member.shown());
                ("came", member.key, member.name.clone(), plain)
            }
            Change::Went(key, name) => {
                let plain = format!("{} went from {space}", shown(Some(name), key));
                ("went", *key, Some(name.clone()), plain)
            }
            Change::Renamed(member, before) => {
                let was = shown(Some(before), &member.key);
                let plain = format!("{was} is {} now in {space}", member.shown());
                ("renamed", member.key, member.name.clone(), plain)
            }
        };
        let object = json!({
            "event": event, "space": space, "key": key.to_string(), "name": name, "text": plain,
        });
        self.output.note(&plain, &object);
    }

    fn on_moved(&self, room: &Room, stand: &Stand) {
        let space = room.presence().space();
        let plain = match &stand.parent {
            Some(parent) => {
                let member = room.presence().member(parent);
                let name = member.and_then(|member| member.name);
                let above = shown(name.as_deref(), parent);
                format!(
                    "below {above} in the tree of {space}, depth {}",
                    stand.depth
                )
            }
            None if stand.company => format!("the root of the tree of {space}"),
            None => format!("alone in {space}"),
        };
        let object = json!({
            "event": "placed", "space": space, "depth": stand.depth, "text": plain,
            "parent": stand.parent.map(|parent| parent.to_string()),
        });
        self.output.note(&plain, &object);
    }

    fn on_space(&self, event: &SpaceEvent) {
        match event {
            SpaceEvent::Renewed { local, version } => {
                let name = self.name(*local);
                let text = format!("{name} has a space document of version {version} now");
                self.output.log(Level::Info, &text);
            }
            SpaceEvent::Expelled { local, why } => self.expelled(*local, *why, None),
            _ => {}
        }
    }

    /// Tells that we are out of a space: by its document, or by what a peer of ours there says,
    /// who would not give the new document to somebody who is out.
    fn expelled(&self, local: Hashname, why: Refusal, by: Option<PublicKey>) {
        let name = self.name(local);
        let says = by.map_or_else(String::new, |key| format!("{key} says: "));
        let plain = format!("this identity is out of the space {name}: {says}{why}");
        let object = json!({
            "event": "expelled", "space": name, "code": why.code(), "text": why.to_string(),
            "by": by.map(|key| key.to_string()),
        });
        self.output.note(&plain, &object);
        // In an open space there is nobody who could put us out, whatever a peer says.
        let mut seats = locked(&self.seats);
        let seat = seats.get_mut(&local);
        if let Some(seat) = seat.filter(|it| it.room().presence().is_closed()) {
            seat.is_out(Some(plain));
        }
    }

    /// The name of a space that we are in under this hashname.
    fn name(&self, local: Hashname) -> String {
        let admission = self.node.admission(local);
        admission.map_or_else(|| local.to_string(), |one| one.space().name().to_owned())
    }
}
