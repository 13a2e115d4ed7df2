//! `hydroid recv`: fetches the file or folder that a ticket stands for.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

use hydroid_core::identity::Ticket;
use serde_json::json;

use crate::{
    args,
    context::Context,
    dial::{Channel, Reached},
    exit::{Exit, Failure},
    figures, node,
    output::{Output, printable},
    progress::Progress,
    transfer::{
        TransferError,
        heads::{Answer, Offer, Request},
        landing::{Barred, Landing, check_target},
        recv::{Moved, Stdout, Target, decline, receive},
    },
};

/// Where the file is to go.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Place {
    Stdout,
    /// Under the name that the peer gives.
    Folder(PathBuf),
    /// Under this name.
    File(PathBuf, OsString),
}

/// How a fetch ends that did not fail for good.
enum Fetched {
    Done,
    /// What is kept can be gone on from, or is to be begun anew; this is why it ended.
    Again(Failure),
}

/// Fetches the file or folder. Where the line is lost, or what was kept turns out to be damaged, it
/// tries again for as long as every attempt gets further.
///
/// # Errors
/// [`Failure`]; nothing is left of the file then, unless it says so.
pub(crate) async fn run(context: &Context, args: args::Recv) -> Result<(), Failure> {
    let ticket = node::parse_ticket(&args.ticket)?;
    let place = place(args.output.as_deref())?;
    if place == Place::Stdout && context.output.json {
        return Err(Failure::usage(
            "stdout holds the file or the objects of --json, not both",
        ));
    }
    if let Place::File(folder, name) = &place {
        // What can be refused before anybody is troubled is refused at once.
        check_target(&folder.join(name), args.overwrite).map_err(with_hint)?;
    }
    let dialer = context.dialer(&ticket).await?;
    let mut lost: Option<Failure> = None;
    loop {
        let done = match dialer.connect(&ticket, node::CONNECT_WITHIN).await {
            Ok(reached) => attempt(context, &reached, &ticket, &place, args.overwrite).await,
            Err(failure) => Err(failure),
        };
        match done {
            Ok(Fetched::Done) => return Ok(()),
            // That something is kept is what counts.
            Err(failure) if failure.exit == Exit::Unreachable => {
                return Err(lost.unwrap_or(failure));
            }
            Err(failure) => return Err(failure),
            Ok(Fetched::Again(failure)) => {
                let object = json!({ "event": "again", "text": failure.sentence });
                let plain = format!("{failure}; trying again");
                context.output.note(&printable(&plain), &object);
                lost = Some(failure);
            }
        }
    }
}

async fn attempt(
    context: &Context,
    reached: &Reached,
    ticket: &Ticket,
    place: &Place,
    overwrite: bool,
) -> Result<Fetched, Failure> {
    let token = node::token_text(ticket);
    let (stream, answer) = reached.ask(&Request::Get { token }).await?;
    let Answer::File { file } = answer else {
        return Err(Failure::failed("the peer has no file to give"));
    };
    let offer = match Offer::try_from(file) {
        Ok(offer) => offer,
        Err(failure) => {
            let tell = "the receiver does not take that name";
            give_up(stream, failure.clone(), tell).await;
            return Err(failure);
        }
    };
    let (folder, name) = match place {
        Place::Stdout if offer.listing.is_some() => {
            let failure = Failure::usage("it is a folder, and stdout holds a file only");
            give_up(stream, failure.clone(), "the receiver takes no folder").await;
            return Err(failure);
        }
        Place::Stdout => return fetch(context, stream, &offer, Stdout).await,
        Place::Folder(folder) => (folder, offer.name.clone().into()),
        Place::File(folder, name) => (folder, name.clone()),
    };
    match Landing::begin(folder, &name, &offer, overwrite) {
        Ok(landing) => {
            context.receives(&offer.name, landing.kept());
            if let Some(why) = landing.useless() {
                note_restart(context.output, &offer.name, why);
            }
            fetch(context, stream, &offer, landing).await
        }
        Err(barred) => {
            let tell = barred.tell;
            let failure = with_hint(barred);
            give_up(stream, failure.clone(), tell).await;
            Err(failure)
        }
    }
}

/// Tells that what an earlier run left is of no use.
pub(crate) fn note_restart(output: Output, name: &str, why: &str) {
    let name = printable(name);
    let object = json!({ "event": "restarted", "name": name, "text": why });
    output.note(&format!("{name}: {why}, so it starts over"), &object);
}

async fn give_up(mut stream: Channel, failure: Failure, tell: &'static str) {
    decline(&mut stream, failure, tell).await;
    stream.last_bytes().await;
}

async fn fetch(
    context: &Context,
    mut stream: Channel,
    offer: &Offer,
    target: impl Target,
) -> Result<Fetched, Failure> {
    let output = context.output;
    let mut progress = Progress::begin(output, "receiving", &offer.name, offer.size);
    let mut more = false;
    let moved = |moved| {
        more |= matches!(moved, Moved::More(1..));
        progress.moved(moved);
    };
    let taken = receive(&mut stream, offer, target, moved).await;
    let time = progress.time();
    drop(progress);
    stream.last_bytes().await;
    let taken = match taken {
        Ok(taken) => taken,
        Err(error) => {
            let again = matches!(error, TransferError::Stale)
                || (more && matches!(error, TransferError::Kept { .. }));
            let failure = Failure::from(error);
            return if again {
                Ok(Fetched::Again(failure))
            } else {
                Err(failure)
            };
        }
    };
    let shown = taken.path.as_deref().map(|path| path.display().to_string());
    let plain = format!(
        "received {}{} in {}, {}, BLAKE3 {}",
        shown
            .as_deref()
            .map_or_else(|| printable(&offer.name), printable),
        figures::resumed(taken.resumed_from),
        figures::seconds(time),
        figures::rate(offer.size - taken.resumed_from, time),
        offer.root
    );
    let object = json!({
        "event": "received", "name": offer.name, "path": shown, "bytes": offer.size,
        "blake3": offer.root.to_hex().as_str(), "seconds": time.as_secs_f64(),
        "resumed_from": taken.resumed_from, "came": taken.came,
    });
    output.note(&plain, &object);
    Ok(Fetched::Done)
}

fn with_hint(barred: Barred) -> Failure {
    let mut failure = barred.failure;
    if failure.sentence.ends_with("exists already") {
        failure.sentence += "; --overwrite replaces it";
    }
    failure
}

/// What `-o` means: nothing is this folder, `-` is stdout, a folder that exists is that folder, and
/// anything else a name.
fn place(output: Option<&Path>) -> Result<Place, Failure> {
    let Some(output) = output else {
        return Ok(Place::Folder(".".into()));
    };
    if output.as_os_str() == "-" {
        return Ok(Place::Stdout);
    }
    if output.is_dir() {
        return Ok(Place::Folder(output.into()));
    }
    let ends_as_folder = output.as_os_str().to_string_lossy().ends_with(['/', '\\']);
    match output.file_name().filter(|_name| !ends_as_folder) {
        Some(name) => {
            let folder = output.parent().filter(|folder| *folder != Path::new(""));
            let folder = folder.unwrap_or(Path::new("."));
            if !folder.is_dir() {
                return Err(Failure::new(
                    Exit::NotFound,
                    format!("there is no folder {}", folder.display()),
                ));
            }
            Ok(Place::File(folder.into(), name.into()))
        }
        None => Err(Failure::new(
            Exit::NotFound,
            format!("there is no folder {}", output.display()),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recv_output_is_a_name_or_a_folder_that_exists() {
        let folder = tempfile::tempdir().unwrap();
        let here = folder.path().to_owned();
        let named = |path: &Path| place(Some(path));
        assert_eq!(place(None), Ok(Place::Folder(".".into())));
        assert_eq!(named(Path::new("-")), Ok(Place::Stdout));
        assert_eq!(named(&here), Ok(Place::Folder(here.clone())));
        let new = Place::File(here.clone(), "new".into());
        assert_eq!(named(&here.join("new")), Ok(new));
        let bare = Place::File(".".into(), "surely-not-there".into());
        assert_eq!(named(Path::new("surely-not-there")), Ok(bare));
        for missing in ["no/new", "new/"] {
            let failure = named(&here.join(missing)).unwrap_err();
            assert_eq!(failure.exit, Exit::NotFound, "{missing}");
        }
    }
}
