//! One space in whose tree an `up` stands, and the chats that go through it.

use std::sync::Arc;

use tokio::time::Instant;

use crate::{
    chat::{
        news::News,
        room::Room,
        session::{Desk, Session},
    },
    company::{Change, Company},
    gathering::{Gathering, Stand},
};

/// A space that is followed for others.
#[derive(Debug)]
pub(super) struct Seat {
    gathering: Gathering,
    desk: Desk,
}

impl Seat {
    pub(super) fn new(room: Arc<Room>) -> Self {
        Self {
            gathering: Gathering::new(room, Company::default()),
            desk: Desk::new(),
        }
    }

    /// What is said there.
    pub(super) const fn room(&self) -> &Arc<Room> {
        self.gathering.room()
    }

    /// Hears what was said, for those who come later and for the chats.
    pub(super) fn hear(&self) {
        while let Some(heard) = self.room().hear() {
            self.desk.heard(&heard);
        }
        self.desk.moved();
    }

    /// Who came and who went since it was asked last.
    pub(super) fn changes(&mut self) -> Vec<Change> {
        let changes = self.gathering.changes();
        for change in &changes {
            self.desk.change(change);
        }
        changes
    }

    /// Where we stand, if that is somewhere else than it was last.
    pub(super) fn moved(&mut self) -> Option<Stand> {
        self.gathering.moved()
    }

    /// Asks new neighbours what was said before.
    pub(super) fn ask_past(&mut self) {
        while let Some(member) = self.gathering.next_asked() {
            let (room, tell) = (Arc::clone(self.room()), self.desk.later());
            tokio::spawn(async move {
                let lines = room.take_past(&member).await.unwrap_or_default();
                for news in News::of_past(&lines, &member.key) {
                    tell(news);
                }
            });
        }
    }

    /// One more chat.
    pub(super) fn sit(&self) -> Session {
        self.desk.sit(self.gathering.room())
    }

    /// Somebody says that we are out of the space, in this sentence, or lets us in.
    pub(super) fn is_out(&mut self, text: Option<String>) {
        match text {
            Some(text) => self.desk.is_out(text),
            None => self.desk.is_in(),
        }
    }

    /// When there will be something to tell, if nothing happens before.
    pub(super) fn due(&self) -> Option<Instant> {
        self.gathering.due()
    }
}
