//! `hydroid chat`: what is typed reaches everybody in a space, and what they say is printed.

mod talk;
mod teller;
mod through;
mod voice;

use std::sync::Arc;

use crate::{
    args,
    chat::room::Room,
    context::{Context, coming::nick},
    exit::Failure,
    home::Home,
    input,
    offers::{Asks, Offers},
    output::Output,
    presence::Presence,
    spaces::in_home,
    taking::Taker,
};

use self::{
    talk::Talk,
    teller::Teller,
    through::Through,
    voice::{There, Voices},
};

/// Talks until stdin ends, or for as long as it is not ended: through the `up` of this home, where one
/// runs and is in the space.
///
/// # Errors
/// [`Failure`] if it cannot begin, stdout takes nothing more, or nobody heard what was said.
pub(crate) async fn run(context: &Context, args: args::Chat) -> Result<(), Failure> {
    let output = context.output;
    let place = context.place()?;
    let nick = nick(args.name.as_deref())?;
    if let Some(through) = Through::find(context, &place, &args).await? {
        return through.run(context, args.stay).await;
    }
    let (presence, secret) = context.come(place, &args.being, (Some(nick.clone()), true))?;
    let is_named = args.taking.into.is_some();
    let taker = Arc::new(Taker::new(output, args.taking.into, args.taking.max_bytes)?);
    context.with_home(|home| taker.check_home(home))?;
    if is_named {
        taker.check_folder()?;
    }
    let attended = input::is_attended();
    let accept = if attended {
        args.taking.accept
    } else {
        args.taking.accept.unattended()
    };
    let offers = Offers::new(output, taker, accept, Asks::Commands);
    let mut known = in_home(output, Home::known).await?;
    known.insert(presence.node().key());
    let voices = Voices::new(There::Own(presence.clone()), known);
    let teller = Teller::start(output, voices);
    tell_begin(output, &presence, &nick, attended);
    let room = Arc::new(Room::new(presence, secret, nick));
    Talk::new(output, room, Arc::new(offers), teller)
        .run(attended, args.stay)
        .await
}

fn tell_begin(output: Output, presence: &Presence, nick: &str, attended: bool) {
    let (key, space) = (presence.node().key(), presence.space());
    let me = crate::who::shown(Some(nick), &key);
    let (who_may, help) = (who_may(presence.is_closed()), help(attended));
    let plain = format!("you are {me} in the space {space}: {who_may}{help}");
    let addresses = presence.node().named_addresses();
    let ticket = presence.ticket(key, &addresses).to_string();
    let object = serde_json::json!({
        "event": "begin", "space": space, "closed": presence.is_closed(), "name": nick,
        "key": key.to_string(), "ticket": ticket,
    });
    output.note(&plain, &object);
    output.log(
        crate::output::Level::Info,
        &format!("your ticket here: {ticket}"),
    );
}

/// Who may be in a space that is closed, or is not.
const fn who_may(closed: bool) -> &'static str {
    if closed {
        "its members"
    } else {
        "anybody who knows its name can be here"
    }
}

const fn help(attended: bool) -> &'static str {
    if attended { "; /help tells more" } else { "" }
}
