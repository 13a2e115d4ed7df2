//! `hydroid peers`: who is in a space.

use serde_json::json;

use crate::{
    args::{Being, Look},
    context::Context,
    control::{self, Ask},
    exit::Failure,
    home::Home,
    presence::seen::Seen,
};

/// Prints everybody else who is there.
///
/// # Errors
/// [`Failure`] if nobody can be looked for, or stdout takes nothing.
pub(crate) async fn run(context: &Context, args: Look) -> Result<(), Failure> {
    let (space, seen) = look(context, &args.being).await?;
    let others: Vec<_> = seen.iter().filter(|seen| !seen.own).collect();
    for member in &others {
        context
            .output
            .data(&member.plain(), &member.object())
            .await?;
    }
    if others.is_empty() {
        let plain = format!("nobody else is in the space {space}");
        context
            .output
            .note(&plain, &json!({ "event": "nobody", "space": space }));
    }
    Ok(())
}

/// Who is in the space, oneself too: as the `up` of this home sees it, where it is there, otherwise
/// after a look of our own. Also the name of the space.
///
/// # Errors
/// As [`run`].
pub(super) async fn look(context: &Context, being: &Being) -> Result<(String, Vec<Seen>), Failure> {
    let place = context.place()?;
    let space = place.name().to_owned();
    if let Some(home) = Home::open_if_there()? {
        let ask = Ask::Members {
            space: place.id().to_string(),
        };
        let told = control::ask(&home.control(), &ask).await?;
        if let Some(told) = told.filter(|told| !told.is_null()) {
            let seen = serde_json::from_value(told);
            return Ok((
                space,
                seen.map_err(|error| Failure::failed(error.to_string()))?,
            ));
        }
    }
    let (presence, _secret) = context.come(place, being, (None, false))?;
    presence.look(|| !presence.members().is_empty()).await;
    Ok((space, presence.seen()))
}
