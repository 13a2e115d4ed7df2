//! What commands and a running `up` do alike in closed spaces: let somebody in, and join.

use hydroid_core::identity::{Admission, Hashname, Roles, Ticket};
use serde_json::{Value, json};
use tokio::task::spawn_blocking;
use zeroize::Zeroizing;

use crate::{
    exit::Failure,
    home::{Home, now_s},
    node::{
        self, CONNECT_WITHIN, Node, Stream,
        member::{fetch_admission, hand_over},
    },
    output::{Level, Output, printable},
    transfer::heads::Why,
};

/// Works in the home where it may block, and tells what was mended in it.
///
/// # Errors
/// Those of [`Home::open`] and `work`.
pub(crate) async fn in_home<T: Send + 'static>(
    output: Output,
    work: impl FnOnce(&mut Home) -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    let work = move || {
        let mut home = Home::open()?;
        let done = work(&mut home);
        for sentence in &home.mended {
            output.aside(&format!("note: {sentence}"));
        }
        done
    };
    let done = spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(Failure::failed(error.to_string())))
}

/// Lets the bearer of a token in, or turns it down; true if it is a member now.
pub(crate) async fn let_in(output: Output, node: &Node, stream: Stream, token: String) -> bool {
    let key = stream.peer().key;
    let admitted = in_home(output, move |home| Ok(home.admit(&token, &key, now_s()))).await;
    let admitted = admitted.unwrap_or_else(|failure| Err((Why::Failed, failure.sentence)));
    let peer = stream.peer();
    let admitted = match admitted {
        Ok(admitted) => admitted,
        Err((why, sentence)) => {
            let plain = format!("{} was not let in: {sentence}", peer.key);
            let object = json!({
                "event": "turned-down", "key": peer.key.to_string(), "text": sentence,
            });
            output.note(&printable(&plain), &object);
            node::turn_down(stream, why, &sentence).await;
            return false;
        }
    };
    // It may have been made an operator, which the others are to hear. Where the switch is no
    // member itself, the home is what counts.
    let _only_in_the_home = node.renew(&admitted.own);
    let space = admitted.admission.space().clone();
    match hand_over(stream, &admitted.admission).await {
        Ok(()) => {
            let plain = format!("{} is a member of {} now", peer.key, space.name());
            let mut object = facts(&admitted.admission);
            object["event"] = "joined".into();
            output.note(&plain, &object);
            true
        }
        Err(failure) => {
            let plain = format!(
                "{} was let into {} and may not know it: {failure}; it can use its ticket again",
                peer.key,
                space.name()
            );
            let object = json!({ "event": "missed", "text": failure.sentence });
            output.note(&printable(&plain), &object);
            false
        }
    }
}

/// Fetches the admission that a ticket is for, and keeps it in the home.
///
/// # Errors
/// [`Failure`] if nobody is there, or we are refused.
pub(crate) async fn join(
    output: Output,
    node: &Node,
    ticket: &Ticket,
) -> Result<Admission, Failure> {
    let line = node.connect(ticket, CONNECT_WITHIN).await?;
    let fetched = fetch_admission(&line, ticket, &node.key()).await?;
    in_home(output, move |home| {
        let changing = home.change()?;
        home.keep_space(&changing, &fetched)
    })
    .await
}

/// Keeps a line to who let us in: a member too, who brings what is new in the space.
pub(crate) fn keep_inviter(output: Output, node: &Node, ticket: &Ticket, admission: &Admission) {
    let id = admission.space().id();
    let inviter = Ticket::new(ticket.key, id, &ticket.addresses, None);
    if let Err(failure) = node.keep_line(&inviter) {
        let text = format!("no line to who let us in: {failure}");
        output.log(Level::Warn, &text);
    }
}

/// Keeps an admission that peers have renewed. A space that was left meanwhile stays left.
///
/// # Errors
/// [`Failure`] if it is none, or cannot be written.
pub(crate) async fn keep(output: Output, bytes: Vec<u8>) -> Result<(), Failure> {
    let admission = Admission::from_bytes(&Zeroizing::new(bytes));
    let admission = admission.map_err(|error| Failure::failed(error.to_string()))?;
    let id = admission.space().id();
    in_home(output, move |home| {
        let changing = home.change()?;
        match home.admission(&id)? {
            Some(_) => home.keep_space(&changing, &admission).map(drop),
            None => Ok(()),
        }
    })
    .await
}

/// What is told of an admission: whose it is, and of the space.
pub(crate) fn facts(admission: &Admission) -> Value {
    let (space, membership) = (admission.space(), admission.membership());
    let id = space.id();
    json!({
        "space": space.name(), "id": id.to_string(), "key": membership.key().to_string(),
        "hashname": Hashname::of(membership.key(), &id).to_string(),
        "roles": roles_text(membership.roles()), "until_s": membership.until_s(),
        "version": admission.document().version(), "epoch": admission.document().epoch(),
    })
}

/// The names of roles.
pub(crate) fn roles_text(roles: Roles) -> String {
    let named = [
        (Roles::SPACER, "spacer"),
        (Roles::RELAY, "relay"),
        (Roles::OPERATOR, "operator"),
    ];
    let named = named.iter().filter(|(role, _)| roles.has(*role));
    let names: Vec<_> = named.map(|(_, name)| *name).collect();
    if names.is_empty() {
        "member".into()
    } else {
        names.join(",")
    }
}

/// Reads what [`roles_text`] writes.
///
/// # Errors
/// A sentence that says which roles there are.
pub(crate) fn parse_roles(text: &str) -> Result<Roles, String> {
    text.split(',')
        .try_fold(Roles::NONE, |roles, name| match name {
            "member" => Ok(roles),
            "spacer" => Ok(roles.with(Roles::SPACER)),
            "relay" => Ok(roles.with(Roles::RELAY)),
            "operator" => Ok(roles.with(Roles::OPERATOR)),
            _ => {
                Err("roles are member, spacer, relay and operator, with commas between them".into())
            }
        })
}

/// A time as people read it: how long it is from now.
pub(crate) fn until_text(until_s: u64, now_s: u64) -> String {
    let left = until_s.saturating_sub(now_s);
    match until_s {
        0 => "for ever".into(),
        _ if left == 0 => "expired".into(),
        _ if left < 3600 => format!("for {} min", left.div_ceil(60)),
        _ if left < 2 * 86_400 => format!("for {} h", left / 3600),
        _ => format!("for {} days", left / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spaces_roles_are_read_as_they_are_written() {
        for bits in 0..8 {
            let roles = Roles::from_bits(bits);
            assert_eq!(parse_roles(&roles_text(roles)), Ok(roles));
        }
        assert!(parse_roles("king").is_err() && parse_roles("").is_err());
    }

    #[test]
    fn spaces_times_are_short() {
        assert_eq!(until_text(0, 5), "for ever");
        assert_eq!(until_text(5, 5), "expired");
        assert_eq!(until_text(65, 5), "for 1 min");
        assert_eq!(until_text(90_005, 5), "for 25 h");
        assert_eq!(until_text(900_000, 0), "for 10 days");
    }
}
