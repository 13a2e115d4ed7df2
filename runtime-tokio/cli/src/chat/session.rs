//! A chat that goes through a running `up`: it is told what is said there and who is there, and says
//! what it is given.

use std::{
    collections::BTreeMap,
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use hydroid_core::identity::PublicKey;

use tokio::{
    io::{AsyncBufRead, AsyncBufReadExt as _, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    sync::{
        broadcast::{self, error::RecvError},
        watch,
    },
};

use super::{
    TEXT_MAX,
    line::Line,
    news::{NEWS_MAX, News, Say},
    room::{Heard, Room, Said},
};
use crate::{company::Change, exit::Failure};

/// News that wait for a chat that does not fetch them.
const WAITING: usize = 1024;

/// Members that are told in one line, with the longest names that there are.
const PIECE: usize = 64;

/// Those who were told of as being there, and their names.
type There = Arc<Mutex<BTreeMap<PublicKey, String>>>;

/// What chats that go through us are told, in one space.
#[derive(Debug)]
pub(crate) struct Desk {
    posts: broadcast::Sender<News>,
    moved: watch::Sender<()>,
    there: There,
    /// Why we may be out of the space, and who says so.
    out: Option<String>,
}

/// One of these chats.
#[derive(Debug)]
pub(crate) struct Session {
    room: Arc<Room>,
    first: Vec<News>,
    there: There,
    posts: broadcast::Receiver<News>,
    others: broadcast::WeakSender<News>,
    moved: watch::Receiver<()>,
}

impl Desk {
    pub(crate) fn new() -> Self {
        Self {
            posts: broadcast::Sender::new(WAITING),
            moved: watch::Sender::new(()),
            there: There::default(),
            out: None,
        }
    }

    /// Tells every chat what was heard.
    pub(crate) fn heard(&self, heard: &Heard) {
        if self.posts.receiver_count() > 0 {
            let _nobody = self.posts.send(News::of_heard(heard));
        }
    }

    /// Tells every chat, now and later, who came and who went.
    pub(crate) fn change(&self, change: &Change) {
        let mut there = locked(&self.there);
        match change {
            Change::Came(member) | Change::Renamed(member, _) => {
                there.insert(member.key, member.name.clone().unwrap_or_default());
            }
            Change::Went(key, _) => _ = there.remove(key),
        }
        // Whoever looks who is there after it has missed this sees it.
        drop(there);
        let _nobody = self.posts.send(News::of_change(change));
    }

    /// Tells every chat, now and later, that we are out of the space, as somebody says.
    pub(crate) fn is_out(&mut self, text: String) {
        let _nobody = self.posts.send(News::Out { text: text.clone() });
        self.out = Some(text);
    }

    /// Somebody there has let us in.
    pub(crate) fn is_in(&mut self) {
        self.out = None;
    }

    /// Something happened in the tree: what found no room before may find some.
    pub(crate) fn moved(&self) {
        self.moved.send_replace(());
    }

    /// What tells every chat later what somebody told us.
    pub(crate) fn later(&self) -> impl Fn(News) + Send + 'static {
        let posts = self.posts.downgrade();
        move |news| {
            let _nobody = posts.upgrade().map(|posts| posts.send(news));
        }
    }

    /// One more chat, which begins with those who are there and with what was said.
    pub(crate) fn sit(&self, room: &Arc<Room>) -> Session {
        // Before it is looked what was said: what is said now is in both, and is told once for all
        // that; the other way round it could be in neither.
        let posts = self.posts.subscribe();
        // Where others are linked with us, whoever said so was wrong, or did not mean well.
        let is_alone = room.presence().links().is_empty();
        let out = self.out.clone().filter(|_| is_alone);
        let mut first = match out {
            Some(text) => vec![News::Out { text }],
            None => there(&self.there),
        };
        first.extend(News::of_past(&room.last(), &room.presence().node().key()));
        Session {
            room: Arc::clone(room),
            first,
            there: Arc::clone(&self.there),
            posts,
            others: self.posts.downgrade(),
            moved: self.moved.subscribe(),
        }
    }
}

impl Session {
    /// Serves the chat until it goes, or we are no more in the space.
    ///
    /// # Errors
    /// The socket's.
    pub(crate) async fn serve(
        mut self,
        reader: impl AsyncBufRead + Unpin,
        mut writer: impl AsyncWrite + Unpin,
    ) -> io::Result<()> {
        for news in std::mem::take(&mut self.first) {
            write(&mut writer, &news).await?;
        }
        let mut reader = reader.take(NEWS_MAX);
        let mut asked = Vec::new();
        let mut unsaid: Option<Line> = None;
        loop {
            let news = tokio::select! {
                // What was read of a line before something else happened stays in `asked`.
                read = reader.read_until(b'\n', &mut asked), if unsaid.is_none() => {
                    if read? == 0 {
                        return Ok(());
                    }
                    if asked.last() != Some(&b'\n') {
                        let failure = Failure::usage("the line has no end, or is too long");
                        return end(&mut writer, failure).await;
                    }
                    reader.set_limit(NEWS_MAX);
                    match self.compose(&std::mem::take(&mut asked)) {
                        Ok(line) => unsaid = Some(line),
                        Err(failure) => return end(&mut writer, failure).await,
                    }
                    None
                }
                post = self.posts.recv() => match post {
                    Ok(news) => Some(news),
                    Err(RecvError::Lagged(news)) => Some(News::Missed { news }),
                    Err(RecvError::Closed) => {
                        let space = self.room.presence().space();
                        let failure = format!("this identity is no more in the space {space}");
                        return end(&mut writer, Failure::refused(failure)).await;
                    }
                },
                Ok(()) = self.moved.changed(), if unsaid.is_some() => None,
            };
            if let Some(news) = news {
                write(&mut writer, &news).await?;
                if let News::Missed { .. } = news {
                    for news in there(&self.there) {
                        write(&mut writer, &news).await?;
                    }
                }
            }
            let Some(line) = &unsaid else {
                continue;
            };
            match self.say(line) {
                Ok(Said::Blocked) => {}
                Ok(Said::Sent) => {
                    let met = !self.room.presence().links().is_empty();
                    let record = line.record();
                    write(&mut writer, &News::Said { record, met }).await?;
                    unsaid = None;
                }
                Err(failure) => return end(&mut writer, failure).await,
            }
        }
    }

    fn compose(&self, asked: &[u8]) -> Result<Line, Failure> {
        let say: Say = serde_json::from_slice(asked)
            .map_err(|_other| Failure::usage("that means nothing to this version of up"))?;
        if !(1..=TEXT_MAX).contains(&say.text.len()) {
            return Err(Failure::usage("the line is empty or too long"));
        }
        self.room.compose(&say.text)
    }

    /// Says a line to all who are there, and to the chats that go through us. This one is told that the
    /// line is on its way before it hears of it, and knows it then.
    fn say(&mut self, line: &Line) -> Result<Said, Failure> {
        self.moved.mark_unchanged();
        let said = self.room.say(line)?;
        if let (Said::Sent, Some(others)) = (said, self.others.upgrade()) {
            let _nobody = others.send(News::of_line(line, false));
        }
        Ok(said)
    }
}

/// Those who are there, in as many pieces as it takes.
fn there(there: &There) -> Vec<News> {
    let members = locked(there);
    let members: Vec<_> = members
        .iter()
        .map(|(key, name)| (key.to_string(), name.clone()))
        .collect();
    let mut pieces: Vec<_> = members
        .chunks(PIECE)
        .map(|piece| News::There {
            members: piece.to_vec(),
            more: true,
        })
        .collect();
    pieces.push(News::There {
        members: Vec::new(),
        more: false,
    });
    pieces
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn end(writer: &mut (impl AsyncWrite + Unpin), failure: Failure) -> io::Result<()> {
    let ended = News::Ended {
        code: failure.exit.code(),
        sentence: failure.sentence,
    };
    write(writer, &ended).await
}

async fn write(writer: &mut (impl AsyncWrite + Unpin), news: &News) -> io::Result<()> {
    let mut line = serde_json::to_vec(news).expect("news are text and numbers");
    line.push(b'\n');
    writer.write_all(&line).await?;
    writer.flush().await
}

#[cfg(test)]
mod tests {
    use hydroid_core::identity::SecretKey;

    use super::*;

    #[test]
    fn chat_is_told_in_lines_that_it_takes_who_is_there() {
        // Each character takes two in the line.
        let name = "\"".repeat(64);
        let member = |n: u16| {
            let secret = [n.to_be_bytes(); 16].concat().try_into().unwrap();
            (SecretKey::from_bytes(&secret).public(), name.clone())
        };
        let all: BTreeMap<_, _> = (0..600).map(member).collect();
        let pieces = there(&There::new(Mutex::new(all.clone())));
        let mut told = BTreeMap::new();
        for (n, piece) in pieces.iter().enumerate() {
            let line = serde_json::to_vec(piece).unwrap();
            assert!((line.len() as u64) < NEWS_MAX, "{}", line.len());
            let News::There { members, more } = piece else {
                panic!("{piece:?}");
            };
            assert_eq!(*more, n + 1 < pieces.len());
            told.extend(
                members
                    .iter()
                    .map(|it| (it.0.parse().unwrap(), it.1.clone())),
            );
        }
        assert_eq!(told, all);
    }
}
