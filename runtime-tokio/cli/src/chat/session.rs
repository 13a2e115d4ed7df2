//! A chat that goes through a running `up`: it is told what is said there and who is there, and says
//! what it is given.

use std::{io, sync::Arc};

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
    room::{Room, Said},
};
use crate::exit::Failure;

/// News that wait for a chat that does not fetch them.
const WAITING: usize = 1024;

/// By whom news were made, if by a chat, and what they are.
type Post = (u64, News);

/// What chats that go through us are told, in one space.
#[derive(Debug)]
pub(crate) struct Desk {
    posts: broadcast::Sender<Post>,
    moved: watch::Sender<()>,
    chats: u64,
}

/// One of these chats.
#[derive(Debug)]
pub(crate) struct Session {
    room: Arc<Room>,
    number: u64,
    first: Vec<News>,
    posts: broadcast::Receiver<Post>,
    others: broadcast::WeakSender<Post>,
    moved: watch::Receiver<()>,
}

impl Desk {
    pub(crate) fn new() -> Self {
        Self {
            posts: broadcast::Sender::new(WAITING),
            moved: watch::Sender::new(()),
            chats: 0,
        }
    }

    /// Tells every chat.
    pub(crate) fn tell(&self, news: News) {
        let _nobody = self.posts.send((0, news));
    }

    /// Something happened in the tree: what found no room before may find some.
    pub(crate) fn moved(&self) {
        self.moved.send_replace(());
    }

    /// What tells every chat later what somebody told us.
    pub(crate) fn later(&self) -> impl Fn(News) + Send + 'static {
        let posts = self.posts.downgrade();
        move |news| {
            let _nobody = posts.upgrade().map(|posts| posts.send((0, news)));
        }
    }

    /// One more chat, which begins with those who are there and with what was said.
    pub(crate) fn sit(&mut self, room: &Arc<Room>, there: Vec<News>) -> Session {
        self.chats += 1;
        let past = News::of_past(&room.last(), &room.presence().node().key());
        Session {
            room: Arc::clone(room),
            number: self.chats,
            first: there.into_iter().chain(past).collect(),
            posts: self.posts.subscribe(),
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
                    if read? == 0 || asked.last() != Some(&b'\n') {
                        return Ok(());
                    }
                    reader.set_limit(NEWS_MAX);
                    match self.compose(&std::mem::take(&mut asked)) {
                        Ok(line) => unsaid = Some(line),
                        Err(failure) => return end(&mut writer, failure).await,
                    }
                    None
                }
                post = self.posts.recv() => match post {
                    Ok((by, news)) => Some(news).filter(|_| by != self.number),
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
            }
            let Some(line) = &unsaid else {
                continue;
            };
            match self.say(line) {
                Ok(Said::Blocked) => {}
                Ok(Said::Sent) => {
                    unsaid = None;
                    let met = !self.room.presence().links().is_empty();
                    write(&mut writer, &News::Said { met }).await?;
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

    /// Says a line to all who are there, and to the other chats that go through us.
    fn say(&mut self, line: &Line) -> Result<Said, Failure> {
        self.moved.mark_unchanged();
        let said = self.room.say(line)?;
        if let (Said::Sent, Some(others)) = (said, self.others.upgrade()) {
            let _nobody = others.send((self.number, News::of_line(line, false)));
        }
        Ok(said)
    }
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
