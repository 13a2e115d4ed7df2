//! Taking files that peers bring: within limits, into one folder.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use hydroid_core::identity::Hashname;
use serde_json::json;

use crate::{
    commands::note_restart,
    exit::Failure,
    figures, files, home,
    home::Home,
    node::{self, Stream},
    output::{Output, printable},
    progress::Progress,
    transfer::{
        heads::{Announced, Answer, Offer, Why},
        landing::Landing,
        recv::{Taken, confirm, land},
    },
};

/// Where files go, and which are taken.
#[derive(Debug)]
pub(crate) struct Taker {
    output: Output,
    into: PathBuf,
    max_bytes: u64,
}

impl Taker {
    /// Takes files into a folder, or into that in the user's downloads.
    ///
    /// # Errors
    /// [`Failure`] if there is no place for them.
    pub(crate) fn new(
        output: Output,
        into: Option<PathBuf>,
        max_bytes: u64,
    ) -> Result<Self, Failure> {
        let into = into.map_or_else(home::inbox, Ok)?;
        Ok(Self {
            output,
            into,
            max_bytes,
        })
    }

    /// The folder.
    pub(crate) fn folder(&self) -> &Path {
        &self.into
    }

    /// Sees that the folder is not in the home.
    ///
    /// # Errors
    /// [`Failure`] of usage if it is.
    pub(crate) fn check_home(&self, home: &Home) -> Result<(), Failure> {
        if home.contains(&self.into) {
            return Err(Failure::usage(
                "received files do not belong into the home; name another folder by --into",
            ));
        }
        Ok(())
    }

    /// Makes the folder if there is none, and sees that files can be made in it.
    ///
    /// # Errors
    /// [`Failure`] if they cannot.
    pub(crate) fn check_folder(&self) -> Result<(), Failure> {
        let shown = self.into.display();
        let failed = |error| Failure::failed(format!("cannot write in {shown}: {error}"));
        fs::create_dir_all(&self.into).map_err(failed)?;
        files::check_writable(&self.into).map_err(failed)
    }

    /// What is announced, if it may be taken; otherwise what to answer.
    ///
    /// # Errors
    /// The answer, and the sentence with it.
    pub(crate) fn check(&self, file: Announced) -> Result<Offer, (Why, String)> {
        let offer = Offer::try_from(file).map_err(|failure| (Why::Name, failure.to_string()))?;
        if offer.size > self.max_bytes {
            let most = figures::bytes(self.max_bytes);
            let tell = format!(
                "the file has {}, and at most {most} are taken",
                figures::bytes(offer.size)
            );
            return Err((Why::TooLarge, tell));
        }
        Ok(offer)
    }

    /// Takes a file, and tells how it went; `who` brings it, as far as that is known.
    pub(crate) async fn take(&self, mut stream: Stream, file: Announced, who: Option<String>) {
        let (offer, landing) = match self.prepare(file) {
            Ok(prepared) => prepared,
            Err((why, tell, sentence)) => {
                self.missed(&sentence);
                return node::turn_down(stream, why, &tell).await;
            }
        };
        if node::answer(&mut stream, &Answer::Go { ok: true }).is_err() {
            return self.missed("the peer is gone");
        }
        if let Some(why) = landing.useless() {
            note_restart(self.output, &offer.name, why);
        }
        let mut progress = Progress::begin(self.output, "receiving", &offer.name, offer.size);
        let moved = |moved| _ = progress.moved(moved);
        let taken = land(&mut stream, &offer, landing, moved).await;
        let time = progress.time();
        drop(progress);
        match taken {
            Ok(taken) => {
                // First this: whoever was told that its file is here may end us at once.
                let from = (stream.peer().hashname, who);
                self.took(&offer, taken, from, time);
                confirm(&mut stream).await;
            }
            Err(error) => self.missed(&Failure::from(error).sentence),
        }
        node::last_bytes(stream).await;
    }

    /// Tells that a file was taken.
    fn took(
        &self,
        offer: &Offer,
        taken: Taken,
        (peer, who): (Hashname, Option<String>),
        time: Duration,
    ) {
        let from = who.unwrap_or_else(|| peer.to_string());
        let path = taken.path.expect("a landing has a path");
        let plain = format!(
            "received {}{} from {from} in {}, {}, BLAKE3 {}",
            path.display(),
            figures::resumed(taken.resumed_from),
            figures::seconds(time),
            figures::rate(offer.size - taken.resumed_from, time),
            offer.root
        );
        let object = json!({
            "event": "received", "name": offer.name, "path": path.display().to_string(),
            "peer": peer.to_string(), "bytes": offer.size,
            "blake3": offer.root.to_hex().as_str(), "seconds": time.as_secs_f64(),
            "resumed_from": taken.resumed_from, "came": taken.came,
        });
        self.output.note(&printable(&plain), &object);
    }

    /// The offer and the place for it, or what to answer and what to tell here.
    fn prepare(&self, file: Announced) -> Result<(Offer, Landing), (Why, String, String)> {
        let offer = self
            .check(file)
            .map_err(|(why, tell)| (why, tell.clone(), tell))?;
        // Where it cannot be made, the landing says why.
        let _there = fs::create_dir_all(&self.into);
        let landing = Landing::begin(&self.into, &offer.name, &offer, false)
            .map_err(|barred| (barred.why, barred.tell.into(), barred.failure.sentence))?;
        Ok((offer, landing))
    }

    /// Tells that a file was not taken.
    pub(crate) fn missed(&self, sentence: &str) {
        let object = json!({ "event": "missed", "text": sentence });
        let plain = format!("a file was not received: {sentence}");
        self.output.note(&printable(&plain), &object);
    }
}
