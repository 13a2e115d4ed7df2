//! How a command speaks to the `up` that holds the home: one JSON line there and one back, over a
//! socket in the home that nobody else may open.

use std::{path::Path, time::Duration};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::exit::Failure;

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
}

/// What it answers.
#[derive(Serialize, Deserialize, Clone, PartialEq, Eq, Debug)]
#[serde(rename_all = "lowercase")]
enum Told {
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

/// Bytes of a line; a ticket has fewer than a thousand, and every member that is online 70.
const LINE_MAX: u64 = 1 << 20;

/// How long the other side may take to ask once it is there.
const ASKED_WITHIN: Duration = Duration::from_secs(5);

/// How long `up` may take to answer: joining is the longest, and bounded by itself.
const TOLD_WITHIN: Duration = Duration::from_secs(60);

/// Commands that are answered at once.
const ANSWERED_MAX: usize = 16;

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
        sync::Semaphore,
        time::{sleep, timeout},
    };

    use super::{ANSWERED_MAX, ASKED_WITHIN, Ask, LINE_MAX, TOLD_WITHIN, Told};
    use crate::{exit::Exit, exit::Failure, files};

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
            let listener = UnixListener::bind(path)?;
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
            A: Future<Output = Result<Value, Failure>> + Send + 'static,
        {
            let answer = Arc::new(answer);
            let places = Arc::new(Semaphore::new(ANSWERED_MAX));
            loop {
                let place = Arc::clone(&places).acquire_owned().await;
                let place = place.expect("nobody closes the semaphore");
                let Ok((stream, _unnamed)) = self.listener.accept().await else {
                    // Out of descriptors, say: that may pass.
                    sleep(ASKED_WITHIN).await;
                    continue;
                };
                let answer = Arc::clone(&answer);
                tokio::spawn(async move {
                    let answered = answer_one(stream, |ask| answer(ask));
                    let _late = timeout(TOLD_WITHIN, answered).await;
                    drop(place);
                });
            }
        }
    }

    impl Drop for Control {
        fn drop(&mut self) {
            let _absent = fs::remove_file(&self.path);
        }
    }

    async fn answer_one<A>(stream: UnixStream, answer: impl FnOnce(Ask) -> A) -> io::Result<()>
    where
        A: Future<Output = Result<Value, Failure>>,
    {
        let mut stream = BufReader::new(stream);
        let line = timeout(ASKED_WITHIN, read_line(&mut stream)).await??;
        let told = match serde_json::from_str(&line) {
            Ok(ask) => answer(ask).await,
            Err(_unknown) => Err(Failure::usage("that means nothing to this version of up")),
        };
        let told = match told {
            Ok(value) => Told::Ok(value),
            Err(failure) => Told::Error {
                sentence: failure.sentence,
                code: failure.exit.code(),
            },
        };
        let mut line = serde_json::to_string(&told).map_err(io::Error::other)?;
        line.push('\n');
        stream.get_mut().write_all(line.as_bytes()).await
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
        let Ok(mut stream) = UnixStream::connect(socket).await else {
            return Ok(None);
        };
        let silent =
            |why: &str| Failure::failed(format!("the `up` of this home does not answer: {why}"));
        let mut line = serde_json::to_string(ask).map_err(|error| silent(&error.to_string()))?;
        line.push('\n');
        let talk = async {
            stream.write_all(line.as_bytes()).await?;
            read_line(&mut BufReader::new(stream)).await
        };
        let line = timeout(TOLD_WITHIN, talk)
            .await
            .map_err(|_elapsed| silent("it takes too long"))?
            .map_err(|error| silent(&error.to_string()))?;
        match serde_json::from_str(&line) {
            Ok(Told::Ok(value)) => Ok(Some(value)),
            Ok(Told::Error { sentence, code }) => Err(Failure::new(Exit::of_code(code), sentence)),
            Err(error) => Err(silent(&error.to_string())),
        }
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
                        Ask::Status {} => Ok(Value::from(7)),
                        Ask::Reload {} | Ask::Join { .. } | Ask::Online { .. } => {
                            Err(Failure::refused("not here"))
                        }
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
