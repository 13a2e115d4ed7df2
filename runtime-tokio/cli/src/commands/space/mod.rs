//! `hydroid space`: founds closed spaces, lets others in, joins, shows, puts out. It works on the
//! home, and through the `up` that holds it where one runs; it never keeps what an `up` keeps.

mod invite;
mod members;

use hydroid_core::identity::{Admission, Gate, Ticket};
use serde_json::{Value, json};

use crate::{
    args::Space,
    context::{Context, Keeps, check_other},
    control::{self, Ask},
    exit::Failure,
    home, node,
    node::Listen,
    spaces::{self, in_home},
};

/// Does what is asked of closed spaces.
///
/// # Errors
/// Those of the command.
pub(crate) async fn run(context: &Context, args: Space) -> Result<(), Failure> {
    match args {
        Space::New { name } => new(context, name).await,
        Space::Invite(args) => invite::run(context, args).await,
        Space::Join { ticket } => join(context, &ticket).await,
        Space::Members { name } => members::run(context, name).await,
        Space::Kick { name, member } => kick(context, name, member).await,
        Space::Leave { name } => leave(context, name).await,
    }
}

/// Asks the `up` that holds the home; `None` if none runs.
async fn ask_up(context: &Context, ask: &Ask) -> Result<Option<Value>, Failure> {
    let socket = context.with_home(|home| Ok(home.control()))?;
    control::ask(&socket, ask).await
}

fn fresh_gate() -> Result<Gate, Failure> {
    Ok(Gate::new(home::random()?))
}

async fn new(context: &Context, name: String) -> Result<(), Failure> {
    let gate = fresh_gate()?;
    let founded = in_home(context.output, move |home| {
        let secret = home.identity()?;
        let founded = Admission::found(&secret, &name, gate);
        let founded = founded.map_err(|_illegal| {
            Failure::usage(hydroid_core::identity::SpaceError::Name.to_string())
        })?;
        let changing = home.change()?;
        if home.admission(&founded.space().id())?.is_some() {
            return Err(Failure::refused(format!(
                "this home has founded {name} already"
            )));
        }
        home.keep_space(&changing, &founded)
    })
    .await?;
    ask_up(context, &Ask::Reload {}).await?;
    let (id, name) = (founded.space().id(), founded.space().name());
    let mut object = spaces::facts(&founded);
    object["event"] = "founded".into();
    context.output.data(&format!("{id}  {name}"), &object).await
}

async fn join(context: &Context, text: &str) -> Result<(), Failure> {
    let ticket = node::parse_ticket(text)?;
    if node::closed_space(&ticket).is_some() || ticket.token.is_none() {
        return Err(Failure::usage(
            "the ticket is no invitation; `hydroid space invite` prints one",
        ));
    }
    context.with_home(|home| check_other(home, &ticket))?;
    let asked = Ask::Join {
        ticket: ticket.to_string(),
    };
    let mut facts = match ask_up(context, &asked).await? {
        Some(facts) => facts,
        None => spaces::facts(&join_alone(context, &ticket).await?),
    };
    let text = |key: &str| facts[key].as_str().unwrap_or_default().to_owned();
    let plain = format!("{}  {}", text("id"), text("space"));
    facts["event"] = "joined".into();
    context.output.data(&plain, &facts).await
}

/// Joins where no `up` runs, and leaves the next one what it would know if it had joined itself.
async fn join_alone(context: &Context, ticket: &Ticket) -> Result<Admission, Failure> {
    let secret = context.hold(Some(ticket))?;
    let node = context.start_as(&Listen::default(), &secret, None)?;
    context.restore(&node)?;
    context.keep(&node, Keeps::Everything);
    let admission = spaces::join(context.output, &node, ticket).await?;
    // It is a member already; what hinders it now hinders the next command, which says so.
    if node.install(&secret, &admission).is_ok() {
        spaces::keep_inviter(context.output, &node, ticket, &admission);
    }
    Ok(admission)
}

async fn kick(context: &Context, name: String, member: String) -> Result<(), Failure> {
    let gate = fresh_gate()?;
    let (admission, key) = in_home(context.output, move |home| {
        let changing = home.change()?;
        let admission = home.space(&name)?;
        let secret = home.identity()?;
        if !admission.space().roots().contains(&secret.public()) {
            return Err(Failure::refused(format!(
                "this home is no root operator of {name}, and only those put members out"
            )));
        }
        let key = home.member(&admission, &member)?;
        if admission.document().is_revoked(&key) {
            return Ok((admission, key));
        }
        let renewed = admission.revoke(&secret, &[key], gate);
        let renewed = renewed.map_err(|error| Failure::refused(error.to_string()))?;
        Ok((home.keep_space(&changing, &renewed)?, key))
    })
    .await?;
    let told = ask_up(context, &Ask::Reload {}).await?.is_some();
    let plain = format!(
        "{key} is out of {}{}",
        admission.space().name(),
        if told {
            ""
        } else {
            "; the others hear of it when `up` runs"
        }
    );
    let object = json!({
        "event": "kicked", "key": key.to_string(), "space": admission.space().name(),
        "version": admission.document().version(), "epoch": admission.document().epoch(),
        "told": told,
    });
    context.output.data(&plain, &object).await
}

async fn leave(context: &Context, name: String) -> Result<(), Failure> {
    let space = in_home(context.output, move |home| {
        let changing = home.change()?;
        let admission = home.space(&name)?;
        if admission.space().roots() == [home.identity()?.public()] {
            return Err(Failure::refused(format!(
                "this home is the root operator of {name}: without it nobody could let anybody in \
                 or put anybody out"
            )));
        }
        home.forget_space(&changing, &admission.space().id())?;
        Ok(admission.space().clone())
    })
    .await?;
    ask_up(context, &Ask::Reload {}).await?;
    let object = json!({ "event": "left", "space": space.name(), "id": space.id().to_string() });
    context
        .output
        .data(&format!("left {}", space.name()), &object)
        .await
}
