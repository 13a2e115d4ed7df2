use std::{collections::BTreeSet, fmt::Write as _};

use hydroid_core::identity::{Admission, Hashname, PublicKey};
use serde_json::{Value, json};

use super::ask_up;
use crate::{
    context::Context,
    control::Ask,
    exit::Failure,
    home::{now_s, spaces::Member},
    spaces::{self, in_home, roles_text, until_text},
};

/// Shows the spaces of the home, or one of them.
///
/// # Errors
/// [`Failure`] if there is no such space, or the home cannot be read.
pub(super) async fn run(context: &Context, name: Option<String>) -> Result<(), Failure> {
    let shown = in_home(context.output, move |home| {
        let admissions = match name {
            Some(name) => vec![home.space(&name)?],
            None => home.spaces()?,
        };
        let with_members = |admission: Admission| {
            let members = home.members(&admission.space().id())?;
            Ok((admission, members))
        };
        admissions.into_iter().map(with_members).collect()
    });
    let shown: Vec<(Admission, Vec<Member>)> = shown.await?;
    if shown.is_empty() && !context.output.json {
        context
            .output
            .aside("this home is a member of no closed space");
    }
    for (admission, members) in shown {
        let space = admission.space().id().to_string();
        let online = ask_up(context, &Ask::Online { space }).await?;
        let online = online.map(|keys| read_keys(&keys));
        let plain = text(&admission, &members, online.as_ref());
        let object = object(&admission, &members, online.as_ref());
        context.output.data(&plain, &object).await?;
    }
    Ok(())
}

fn read_keys(keys: &Value) -> BTreeSet<PublicKey> {
    let keys = keys.as_array().into_iter().flatten();
    keys.filter_map(|key| key.as_str()?.parse().ok()).collect()
}

fn keys(keys: &[PublicKey]) -> Vec<String> {
    keys.iter().map(ToString::to_string).collect()
}

fn object(
    admission: &Admission,
    members: &[Member],
    online: Option<&BTreeSet<PublicKey>>,
) -> Value {
    let statement = admission.document().statement();
    let mut object = spaces::facts(admission);
    object["event"] = "space".into();
    object["roots"] = json!(keys(admission.space().roots()));
    object["operators"] = json!(keys(&statement.operators));
    object["revoked"] = json!(keys(&statement.revoked));
    let members = members.iter().map(|one| {
        let key = one.key.parse::<PublicKey>().ok();
        json!({
            "key": one.key, "roles": roles_text(one.roles()), "since_s": one.since_s,
            "until_s": one.until_s,
            "revoked": key.is_some_and(|key| admission.document().is_revoked(&key)),
        })
    });
    object["members"] = members.collect();
    object["online"] = match online {
        Some(online) => online.iter().map(ToString::to_string).collect(),
        None => Value::Null,
    };
    object
}

fn text(admission: &Admission, members: &[Member], online: Option<&BTreeSet<PublicKey>>) -> String {
    let (space, document) = (admission.space(), admission.document());
    let (id, now_s) = (space.id(), now_s());
    let own = admission.membership();
    let mut text = format!(
        "{}  {id}\n  version {}, epoch {}\n  this home: {} {}",
        space.name(),
        document.version(),
        document.epoch(),
        roles_text(own.roles()),
        until_text(own.until_s(), now_s),
    );
    let mut line = |key: &PublicKey, what: &str| {
        let there = if online.is_some_and(|online| online.contains(key)) {
            ", has a line"
        } else {
            ""
        };
        let hashname = Hashname::of(key, &id);
        let _endless = write!(text, "\n  {key}  {hashname}  {what}{there}");
    };
    for key in space.roots() {
        line(key, "root operator");
    }
    for key in &document.statement().operators {
        line(key, "operator");
    }
    for key in &document.statement().revoked {
        line(key, "put out");
    }
    let mut told: BTreeSet<PublicKey> = space.roots().iter().copied().collect();
    told.extend(&document.statement().operators);
    told.extend(&document.statement().revoked);
    for member in members {
        let Ok(key) = member.key.parse() else {
            continue;
        };
        if told.insert(key) {
            let until = until_text(member.until_s, now_s);
            line(&key, &format!("{} {until}", roles_text(member.roles())));
        }
    }
    for key in online.into_iter().flatten() {
        if told.insert(*key) {
            line(key, "signed in elsewhere");
        }
    }
    text
}
