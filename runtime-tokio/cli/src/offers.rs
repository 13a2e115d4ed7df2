//! Files that are offered without a token: told of, and taken only on a yes. A question waits for
//! its answer in the order that it came; the first is asked until it is answered, withdrawn or old.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use clap::ValueEnum;
use hydroid_core::identity::PublicKey;
use serde_json::json;
use tokio::{
    io::AsyncReadExt as _,
    sync::{Notify, oneshot},
    time::sleep,
};

use crate::{
    figures,
    node::{self, Stream},
    output::Output,
    taking::Taker,
    transfer::heads::{Announced, Offer, Why},
    who::{shown, visible},
};

/// Offers that wait for an answer at once.
const WAITING_MOST: usize = 16;

/// Offers of one member that wait at once.
const EACH_MOST: usize = 3;

/// How long an answer is waited for; the offerer waits a little longer.
const ASKED: Duration = Duration::from_secs(270);

/// Bytes of a name that are looked at.
const NAME_MAX: usize = 64;

/// What becomes of a file that is offered without a token.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum Accept {
    /// Somebody at the terminal is asked; where there is none, it is refused
    Ask,
    /// Every file is taken, within --max-bytes
    All,
    /// None is taken
    None,
}

impl Accept {
    /// The same where nobody can be asked.
    pub(crate) const fn unattended(self) -> Self {
        match self {
            Self::Ask | Self::None => Self::None,
            Self::All => Self::All,
        }
    }
}

/// How a question is put.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Asks {
    /// By y or n.
    Prompt,
    /// By commands.
    Commands,
}

/// Who takes what is offered, and who is asked first.
#[derive(Debug)]
pub(crate) struct Offers {
    output: Output,
    taker: Arc<Taker>,
    accept: Accept,
    asks: Asks,
    waiting: Mutex<Waiting>,
    asked: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    next: u64,
    questions: Vec<Question>,
    /// The question that is put.
    put: Option<u64>,
}

#[derive(Debug)]
struct Question {
    number: u64,
    key: PublicKey,
    text: String,
    answer: oneshot::Sender<bool>,
}

impl Offers {
    /// `accept` is what is to be done, where somebody can be asked.
    pub(crate) fn new(output: Output, taker: Arc<Taker>, accept: Accept, asks: Asks) -> Self {
        Self {
            output,
            taker,
            accept,
            asks,
            waiting: Mutex::default(),
            asked: Notify::new(),
        }
    }

    /// Who takes the files.
    pub(crate) fn taker(&self) -> &Arc<Taker> {
        &self.taker
    }

    /// Returns when there may be a question to be answered.
    pub(crate) async fn asked(&self) {
        self.asked.notified().await;
    }

    /// Answers the question that is put; false if there is none.
    pub(crate) fn answer(&self, yes: bool) -> bool {
        let mut waiting = self.waiting();
        let Some(number) = waiting.put.take() else {
            return false;
        };
        let at = waiting.questions.iter().position(|it| it.number == number);
        let question = at.map(|at| waiting.questions.remove(at));
        drop(waiting);
        // The next one is put once it was told what became of this one.
        question.is_some_and(|question| question.answer.send(yes).is_ok())
    }

    /// Deals with an offer: asks if that is how it is, and takes the file or refuses it. `name` is
    /// what the space calls the offerer, if it knows it.
    pub(crate) async fn consider(
        &self,
        mut stream: Stream,
        name: Option<String>,
        is_stranger: bool,
        (from, file): (String, Announced),
    ) {
        let key = stream.peer().key;
        let called: String = from.chars().take(NAME_MAX).collect();
        let name = name.unwrap_or(called);
        let mark = if is_stranger { "?" } else { "" };
        let who = format!("{}{mark}", shown(Some(&name), &key));
        let offer = match self.taker.check(file.clone()) {
            Ok(offer) => offer,
            Err((why, tell)) => {
                self.taker
                    .missed(&format!("{who} offers what is not taken: {tell}"));
                return node::turn_down(stream, why, &tell).await;
            }
        };
        let what = format!("{} ({})", visible(&offer.name), figures::bytes(offer.size));
        match self.accept {
            Accept::All => {}
            Accept::None => {
                self.refused(&who, &key, &offer, &what, "files are taken by ticket alone");
                let tell = "files are not taken here without a ticket";
                return node::turn_down(stream, Why::Refused, tell).await;
            }
            Accept::Ask => {
                let (number, answer) = self.ask(&mut stream, &who, &offer, &what).await;
                if let Err(no) = &answer {
                    self.refused(&who, &key, &offer, &what, no.here);
                }
                self.forget(number);
                if let Err(no) = answer {
                    return node::turn_down(stream, no.why, no.there).await;
                }
            }
        }
        self.taker.take(stream, file, Some(who)).await;
    }

    /// Asks, and waits for the answer; with the number of the question, if it was one.
    async fn ask(
        &self,
        stream: &mut Stream,
        who: &str,
        offer: &Offer,
        what: &str,
    ) -> (Option<u64>, Result<(), No>) {
        let key = stream.peer().key;
        let (answer, answered) = oneshot::channel();
        let number = {
            let mut waiting = self.waiting();
            let theirs = waiting.questions.iter().filter(|it| it.key == key).count();
            if waiting.questions.len() >= WAITING_MOST || theirs >= EACH_MOST {
                let no = No {
                    why: Why::Busy,
                    here: "too many offers wait already",
                    there: "too many offers wait there already; try again later",
                };
                return (None, Err(no));
            }
            let number = waiting.next;
            waiting.next += 1;
            let text = format!("{who} offers {what}");
            waiting.questions.push(Question {
                number,
                key,
                text,
                answer,
            });
            number
        };
        let object = json!({
            "event": "offer", "from": who, "key": key.to_string(), "name": offer.name,
            "bytes": offer.size, "blake3": offer.root.to_hex().as_str(),
        });
        if self.output.json {
            self.output.note("", &object);
        }
        self.put_next();
        let mut byte = [0];
        let answer = tokio::select! {
            answer = answered => Ok(answer.unwrap_or(false)),
            // Nothing comes before the answer: the offerer has gone.
            _gone = stream.read(&mut byte) => Err("the offer was withdrawn"),
            () = sleep(ASKED) => Err("nobody answered"),
        };
        let answer = match answer {
            Ok(true) => Ok(()),
            Ok(false) => Err(No {
                why: Why::Refused,
                here: "you said no",
                there: "they do not take it",
            }),
            Err(here) => Err(No {
                why: Why::Refused,
                here,
                there: "nobody there has answered",
            }),
        };
        (Some(number), answer)
    }

    /// Puts the first question, if none is put.
    fn put_next(&self) {
        let mut waiting = self.waiting();
        if waiting.put.is_some() {
            return;
        }
        let Some(first) = waiting.questions.first() else {
            return;
        };
        let (number, text) = (first.number, first.text.clone());
        waiting.put = Some(number);
        drop(waiting);
        let ask = match self.asks {
            Asks::Prompt => "Take it? [y/N]",
            Asks::Commands => "/accept or /refuse it",
        };
        if !self.output.json {
            self.output.ask(&format!("{text}. {ask}"));
        }
        self.asked.notify_one();
    }

    /// A question is over: the next one is put.
    fn forget(&self, number: Option<u64>) {
        let mut waiting = self.waiting();
        waiting.questions.retain(|it| Some(it.number) != number);
        if waiting.put == number {
            waiting.put = None;
        }
        drop(waiting);
        self.put_next();
    }

    fn refused(&self, who: &str, key: &PublicKey, offer: &Offer, what: &str, why: &str) {
        let plain = format!("{who} offered {what}: refused, {why}");
        let object = json!({
            "event": "refused", "from": who, "key": key.to_string(), "name": offer.name,
            "bytes": offer.size, "text": why,
        });
        self.output.note(&plain, &object);
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why an offer is refused: for programs, for us, for the offerer.
struct No {
    why: Why,
    here: &'static str,
    there: &'static str,
}
