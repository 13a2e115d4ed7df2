//! How a command speaks to the `up` that holds the home: one JSON line there and one back, over a
//! socket in the home that nobody else may open.

use std::{path::Path, time::Duration};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::io::{AsyncBufRead, AsyncWrite};

use crate::{
    chat::session::Session,
    exit::{Exit, Failure},
    node::Stream,
    relay::Relayed,
    transfer::heads::Request,
};

/// What a command asks of the running `up`.
#[derive(Serialize, Deserialize, Clone, PartialEq, Eq, Debug)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Ask {
    /// Who and where are you?
    Status {},
    /// The spaces in the home have changed: read them again.
    Reload {},
    /// Go and fetch the admission that this ticket is for.
    Join {
        /// The ticket of an invitation.
        ticket: String,
    },
    /// Which members of a space do you have a line with?
    Online {
        /// The id of the space, in hex.
        space: String,
    },
    /// Who is in this space? Nothing is told of one that you are not in.
    Members {
        /// The id of the space, in hex.
        space: String,
    },
    /// Whom does this text mean in this space? Nothing is told of one that you are not in.
    Find {
        /// The id of the space, in hex.
        space: String,
        /// A name, or the first digits of a key or hashname.
        whom: String,
    },
    /// Be what a chat in this space goes through. Nothing is told of one that you are not in.
    Chat {
        /// The id of the space, in hex.
        space: String,
    },
    /// Have a line to whom this ticket names, for a moment at least.
    Connect {
        /// The ticket.
        ticket: String,
        /// How long it may take.
        within_ms: u64,
    },
    /// Open a stream to whom this ticket names, and be its carrier.
    Stream {
        /// The ticket.
        ticket: String,
        /// What to ask the peer.
        request: Request,
    },
}

impl Ask {
    /// How long `up` may take to answer.
    fn within(&self) -> Duration {
        match self {
            Self::Connect { within_ms, .. } => {
                TOLD_WITHIN.saturating_add(Duration::from_millis(*within_ms))
            }
            Self::Stream { request, .. } => TOLD_WITHIN.saturating_add(request.patience()),
            Self::Status {}
            | Self::Reload {}
            | Self::Join { .. }
            | Self::Members { .. }
            | Self::Find { .. }
            | Self::Online { .. } => TOLD_WITHIN,
            Self::Chat { .. } => BEGUN_WITHIN,
        }
    }
}

/// What `up` makes of a question.
#[derive(Debug)]
pub(crate) enum Reply {
    /// The answer.
    Value(Value),
    /// The answer, and a stream that the command has from now on.
    Stream(Value, Box<Stream>),
    /// The answer, and a chat that the command has from now on.
    Chat(Value, Box<Session>),
}

/// What it answers.
#[derive(Serialize, Deserialize, Clone, PartialEq, Eq, Debug)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Told {
    /// Done, or the answer.
    Ok(Value),
    /// Not done.
    Error {
        /// Why, for people.
        sentence: String,
        /// The exit code of the command.
        code: u8,
    },
}

impl Told {
    /// What is told of a result.
    pub(crate) fn of(result: Result<Value, Failure>) -> Self {
        match result {
            Ok(value) => Self::Ok(value),
            Err(failure) => Self::Error {
                sentence: failure.sentence,
                code: failure.exit.code(),
            },
        }
    }

    /// The line that says so.
    pub(crate) fn line(&self) -> String {
        let mut line = serde_json::to_string(self).expect("what is told is text and numbers");
        line.push('\n');
        line
    }

    /// The result that a line tells of.
    ///
    /// # Errors
    /// [`Failure`]: that one, or that the line means nothing.
    pub(crate) fn of_line(line: &[u8]) -> Result<Value, Failure> {
        match serde_json::from_slice(line) {
            Ok(Self::Ok(value)) => Ok(value),
            Ok(Self::Error { sentence, code }) => Err(Failure::new(Exit::of_code(code), sentence)),
            Err(error) => Err(silent(&error.to_string())),
        }
    }
}

fn silent(why: &str) -> Failure {
    Failure::failed(format!("the `up` of this home does not answer: {why}"))
}

/// Bytes of a line; a ticket has fewer than a thousand, and every member that is online 70.
const LINE_MAX: u64 = 1 << 20;

/// How long the other side may take to ask once it is there.
const ASKED_WITHIN: Duration = Duration::from_secs(5);

/// How long `up` may take to answer: joining is the longest, and bounded by itself.
const TOLD_WITHIN: Duration = Duration::from_secs(60);

/// Commands that are heard at once; one that says nothing costs a descriptor for a while.
const ANSWERED_MAX: usize = 128;

/// Bytes of a path that every system takes for a socket.
#[cfg(unix)]
const PATH_MAX: usize = 100;

/// Commands that have a peer called at once, or a stream of `up`.
const CALLED_MAX: usize = 64;

/// Chats that go through one `up`.
const CHATS_MAX: usize = 64;

/// How long `up` may take to begin a chat: it has nothing to wait for.
const BEGUN_WITHIN: Duration = Duration::from_secs(10);

/// Asks the `up` that holds the home; `None` if none runs.
///
/// # Errors
/// [`Failure`]: what `up` refuses, or that it does not answer.
pub(crate) async fn ask(socket: &Path, ask: &Ask) -> Result<Option<Value>, Failure> {
    #[cfg(unix)]
    {
        unix::ask(socket, ask).await
    }
    #[cfg(not(unix))]
    {
        let _nobody_listens = (socket, ask);
        Ok(None)
    }
}

/// What a chat through `up` is read from, and written to.
pub(crate) struct Wire {
    pub(crate) reader: Box<dyn AsyncBufRead + Unpin + Send>,
    pub(crate) writer: Box<dyn AsyncWrite + Unpin + Send>,
}

/// Asks the `up` that holds the home for a chat through it; `None` if none runs.
///
/// # Errors
/// As [`ask`].
pub(crate) async fn chat(socket: &Path, ask: &Ask) -> Result<Option<(Value, Wire)>, Failure> {
    #[cfg(unix)]
    {
        unix::chat(socket, ask).await
    }
    #[cfg(not(unix))]
    {
        let _nobody_listens = (socket, ask);
        Ok(None)
    }
}

/// Asks the `up` that holds the home for a stream; `None` if none runs.
///
/// # Errors
/// As [`ask`].
pub(crate) async fn stream(socket: &Path, ask: &Ask) -> Result<Option<(Value, Relayed)>, Failure> {
    #[cfg(unix)]
    {
        unix::stream(socket, ask).await
    }
    #[cfg(not(unix))]
    {
        let _nobody_listens = (socket, ask);
        Ok(None)
    }
}

#[cfg(unix)]
pub(crate) use unix::Control;

#[cfg(unix)]
mod unix {
    use std::{
        fs, io,
        path::{Path, PathBuf},
        sync::Arc,
    };

    use serde_json::Value;
    use tokio::{
        io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
        net::{UnixListener, UnixStream},
        sync::{OwnedSemaphorePermit, Semaphore},
        time::{sleep, timeout},
    };

    use super::{
        ANSWERED_MAX, ASKED_WITHIN, Ask, CALLED_MAX, CHATS_MAX, LINE_MAX, PATH_MAX, Reply, Told,
        Wire, silent,
    };
    use crate::{
        exit::Failure,
        files,
        relay::{self, Relayed},
    };

    /// The socket of a running `up`; removed when it is dropped.
    #[derive(Debug)]
    pub(crate) struct Control {
        listener: UnixListener,
        path: PathBuf,
    }

    impl Control {
        /// Listens, in place of what a process left that is no more: the caller holds the home.
        ///
        /// # Errors
        /// The system's, also if the path is too long for a socket.
        pub(crate) fn bind(path: &Path) -> io::Result<Self> {
            let _absent = fs::remove_file(path);
            let listener = short(path, |path| UnixListener::bind(path))?;
            let control = Self {
                listener,
                path: path.to_owned(),
            };
            files::make_private(path)?;
            Ok(control)
        }

        /// Answers whoever asks, a bounded number at once.
        pub(crate) async fn serve<F, A>(&self, answer: F)
        where
            F: Fn(Ask) -> A + Send + Sync + 'static,
            A: Future<Output = Result<Reply, Failure>> + Send + 'static,
        {
            let answer = Arc::new(answer);
            let places = Arc::new(Semaphore::new(ANSWERED_MAX));
            let calls = Arc::new(Semaphore::new(CALLED_MAX));
            let chats = Arc::new(Semaphore::new(CHATS_MAX));
            loop {
                let place = Arc::clone(&places).acquire_owned().await;
                let place = place.expect("nobody closes the semaphore");
                let Ok((stream, _unnamed)) = self.listener.accept().await else {
                    // Out of descriptors, say: that may pass.
                    sleep(ASKED_WITHIN).await;
                    continue;
                };
                let answer = Arc::clone(&answer);
                let calls = [Arc::clone(&calls), Arc::clone(&chats)];
                tokio::spawn(async move {
                    let _gone = answer_one(stream, place, calls, |ask| answer(ask)).await;
                });
            }
        }
    }

    impl Drop for Control {
        fn drop(&mut self) {
            let _absent = fs::remove_file(&self.path);
        }
    }

    /// Uses a path that a socket may have: the system takes about a hundred bytes, but Linux knows
    /// every folder that is open by a short name, too.
    fn short<T>(path: &Path, work: impl FnOnce(&Path) -> io::Result<T>) -> io::Result<T> {
        use std::os::{fd::AsRawFd as _, unix::ffi::OsStrExt as _};
        if path.as_os_str().as_bytes().len() <= PATH_MAX || !cfg!(target_os = "linux") {
            return work(path);
        }
        let folder = fs::File::open(path.parent().unwrap_or(path))?;
        let folder_name = format!("/proc/self/fd/{}", folder.as_raw_fd());
        work(&Path::new(&folder_name).join(path.file_name().unwrap_or_default()))
    }

    async fn answer_one<A>(
        stream: UnixStream,
        place: OwnedSemaphorePermit,
        [calls, chats]: [Arc<Semaphore>; 2],
        answer: impl FnOnce(Ask) -> A,
    ) -> io::Result<()>
    where
        A: Future<Output = Result<Reply, Failure>>,
    {
        let mut stream = BufReader::new(stream);
        let line = timeout(ASKED_WITHIN, read_line(&mut stream)).await??;
        let ask = serde_json::from_str::<Ask>(&line);
        // Whoever has a peer called may wait for long, and nobody else for him.
        let mut busy = "the `up` of this home calls too many peers at once".to_owned();
        let (place, call) = match &ask {
            Ok(Ask::Connect { .. } | Ask::Stream { .. } | Ask::Find { .. }) => {
                drop(place);
                (None, calls.try_acquire_owned().ok())
            }
            Ok(Ask::Chat { .. }) => {
                busy = format!("{CHATS_MAX} chats go through the `up` of this home already");
                drop(place);
                (None, chats.try_acquire_owned().ok())
            }
            Ok(
                Ask::Status {}
                | Ask::Reload {}
                | Ask::Join { .. }
                | Ask::Members { .. }
                | Ask::Online { .. },
            )
            | Err(_) => (Some(place), None),
        };
        let reply = match ask {
            Ok(_) if place.is_none() && call.is_none() => Err(Failure::failed(busy)),
            Ok(ask) => timeout(ask.within(), answer(ask))
                .await
                .unwrap_or_else(|_elapsed| Err(silent("it takes too long"))),
            Err(_unknown) => Err(Failure::usage("that means nothing to this version of up")),
        };
        let (value, carried, session) = match reply {
            Ok(Reply::Value(value)) => (Ok(value), None, None),
            Ok(Reply::Stream(value, carried)) => (Ok(value), Some(carried), None),
            Ok(Reply::Chat(value, session)) => (Ok(value), None, Some(session)),
            Err(failure) => (Err(failure), None, None),
        };
        let line = Told::of(value).line();
        timeout(ASKED_WITHIN, stream.write_all(line.as_bytes())).await??;
        drop(place);
        if let Some(carried) = carried {
            let (reader, writer) = tokio::io::split(stream);
            let _told = relay::serve(*carried, reader, writer).await;
        } else if let Some(session) = session {
            let (reader, writer) = tokio::io::split(stream);
            session.serve(BufReader::new(reader), writer).await?;
        }
        Ok(())
    }

    async fn read_line(stream: &mut BufReader<UnixStream>) -> io::Result<String> {
        let mut line = String::new();
        stream.take(LINE_MAX).read_line(&mut line).await?;
        if line.ends_with('\n') {
            Ok(line)
        } else {
            Err(io::ErrorKind::UnexpectedEof.into())
        }
    }

    pub(super) async fn ask(socket: &Path, ask: &Ask) -> Result<Option<Value>, Failure> {
        Ok(talk(socket, ask).await?.map(|(value, _socket)| value))
    }

    pub(super) async fn stream(
        socket: &Path,
        ask: &Ask,
    ) -> Result<Option<(Value, Relayed)>, Failure> {
        let carried = talk(socket, ask).await?.map(|(value, socket)| {
            let (reader, writer) = tokio::io::split(socket);
            (value, Relayed::new(reader, writer))
        });
        Ok(carried)
    }

    pub(super) async fn chat(socket: &Path, ask: &Ask) -> Result<Option<(Value, Wire)>, Failure> {
        let begun = talk(socket, ask).await?.map(|(value, socket)| {
            let (reader, writer) = tokio::io::split(socket);
            let wire = Wire {
                reader: Box::new(BufReader::new(reader)),
                writer: Box::new(writer),
            };
            (value, wire)
        });
        Ok(begun)
    }

    async fn talk(
        socket: &Path,
        ask: &Ask,
    ) -> Result<Option<(Value, BufReader<UnixStream>)>, Failure> {
        let connected = short(socket, |path| std::os::unix::net::UnixStream::connect(path))
            .and_then(|stream| stream.set_nonblocking(true).map(|()| stream))
            .and_then(UnixStream::from_std);
        let Ok(stream) = connected else {
            return Ok(None);
        };
        let mut stream = BufReader::new(stream);
        let mut line = serde_json::to_string(ask).map_err(|error| silent(&error.to_string()))?;
        line.push('\n');
        let talk = async {
            stream.write_all(line.as_bytes()).await?;
            read_line(&mut stream).await
        };
        let line = timeout(ask.within(), talk)
            .await
            .map_err(|_elapsed| silent("it takes too long"))?
            .map_err(|error| silent(&error.to_string()))?;
        Ok(Some((Told::of_line(line.as_bytes())?, stream)))
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[tokio::test]
        async fn control_answers_and_refuses_and_leaves_nothing() {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("control");
            assert_eq!(ask(&path, &Ask::Status {}).await, Ok(None));
            fs::write(&path, "left by somebody").unwrap();
            let control = Control::bind(&path).unwrap();
            assert!(!files::is_loose(&path).unwrap());
            let serving = tokio::spawn(async move {
                let answer = |ask| async move {
                    match ask {
                        Ask::Status {} => Ok(Reply::Value(7.into())),
                        Ask::Reload {}
                        | Ask::Join { .. }
                        | Ask::Members { .. }
                        | Ask::Find { .. }
                        | Ask::Online { .. }
                        | Ask::Chat { .. }
                        | Ask::Connect { .. }
                        | Ask::Stream { .. } => Err(Failure::refused("not here")),
                    }
                };
                control.serve(answer).await;
            });
            assert_eq!(ask(&path, &Ask::Status {}).await, Ok(Some(7.into())));
            let refused = ask(&path, &Ask::Reload {}).await.unwrap_err();
            assert_eq!(refused, Failure::refused("not here"));
            for strange in ["fly\n", "{\"fly\":1}\n", "[]\n"] {
                let mut stream = UnixStream::connect(&path).await.unwrap();
                stream.write_all(strange.as_bytes()).await.unwrap();
                let line = read_line(&mut BufReader::new(stream)).await.unwrap();
                assert!(line.contains("means nothing"), "{line}");
            }
            // Silent ones hold nothing up.
            let _silent = UnixStream::connect(&path).await.unwrap();
            assert_eq!(ask(&path, &Ask::Status {}).await, Ok(Some(7.into())));
            serving.abort();
            assert!(serving.await.unwrap_err().is_cancelled());
            assert!(!path.exists());
        }
    }
}
