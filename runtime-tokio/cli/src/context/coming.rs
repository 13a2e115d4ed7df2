//! How a command comes into a space.

use std::{env, path::PathBuf, sync::PoisonError};

use hydroid_core::identity::{SecretKey, Ticket};
use serde_json::Value;

use super::{Context, Keeps};
use crate::{
    args::Being,
    control::{self, Ask},
    dial::Dialer,
    exit::{Exit, Failure},
    hindrance,
    home::{self, Home},
    node::{self, Listen},
    presence::{self, Manner, Place, Presence},
};

/// Bytes of a user's name that is shown without being asked for.
const NICK_MAX: usize = 32;

/// What tickets begin with.
const TICKET: &str = "hyd1";

/// A peer that is meant, and what reaches it.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) dialer: Dialer,
    pub(crate) ticket: Ticket,
    /// The member as it is shown; none for whoever was named by a ticket.
    pub(crate) shown: Option<String>,
}

impl Target {
    fn of_up(socket: PathBuf, found: &Value) -> Result<Self, Failure> {
        let text = |name: &str| found[name].as_str().unwrap_or_default().to_owned();
        let ticket = text("ticket").parse();
        let ticket = ticket.map_err(|_other| {
            Failure::failed("the `up` of this home tells something that means nothing here")
        })?;
        Ok(Self {
            dialer: Dialer::Up(socket),
            ticket,
            shown: Some(text("shown")),
        })
    }
}

impl Context {
    /// The space that the command line names: a closed one of the home's, or an open one.
    ///
    /// # Errors
    /// [`Failure`] if there can be none of this name, or the home has several.
    pub(crate) fn place(&self) -> Result<Place, Failure> {
        let name = self.space.as_deref().unwrap_or(presence::SPACE);
        // Whoever has no home is a member of nothing, and needs none to look.
        let closed = match Home::open_if_there()? {
            None => None,
            Some(_home) => match self.with_home(|home| home.space(name)) {
                Ok(admission) => Some(admission),
                Err(failure) if failure.exit == Exit::NotFound => None,
                Err(failure) => return Err(failure),
            },
        };
        match closed {
            Some(admission) => Ok(Place::Closed(Box::new(admission))),
            None => Place::open(name),
        }
    }

    /// Starts a switch that comes into a space: as the home's identity if `as_home` or in a closed
    /// space, where it can be that; otherwise as nobody in particular.
    ///
    /// # Errors
    /// [`Failure`] if it cannot, also if the space is closed and the identity held by another
    /// process.
    pub(crate) fn come(
        &self,
        place: Place,
        being: &Being,
        (nick, as_home): (Option<String>, bool),
    ) -> Result<(Presence, SecretKey), Failure> {
        let secret = if as_home || self.wants_identity || place.admission().is_some() {
            match self.hold(None) {
                Err(failure) if failure.exit == Exit::Refused && place.admission().is_none() => {
                    self.output.aside(
                        "another process of this home is its identity; here you are somebody else, \
                         for this time",
                    );
                    None
                }
                held => Some(held?),
            }
        } else {
            None
        };
        let secret = match secret {
            Some(secret) => secret,
            None => SecretKey::from_bytes(&home::random()?),
        };
        let manner = Manner {
            // An offer may wait for long, and others need a place meanwhile.
            passing: nick.is_none() && !as_home,
            ..manner(being, nick)?
        };
        let node = self.start_as(&listen(being, None), &secret, place.admission())?;
        if place.admission().is_some() {
            self.keep(&node, Keeps::Spaces);
        }
        let presence = Presence::enter(&node, &secret, place, &manner)?;
        if manner.announced {
            hindrance::tell(self.output, &node);
        }
        let mut presences = self
            .presences
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        presences.push(presence.clone());
        drop(presences);
        Ok((presence, secret))
    }

    /// Whom a text means that is a ticket or a member of the space, and what reaches it: the `up` of
    /// this home, where it is in the space; otherwise a switch of our own that comes into it and looks.
    ///
    /// # Errors
    /// [`Failure`] if the text means nobody, or nothing reaches them.
    pub(crate) async fn target(
        &self,
        text: &str,
        being: &Being,
        as_home: bool,
    ) -> Result<Target, Failure> {
        if text.trim().starts_with(TICKET) {
            let ticket = node::parse_ticket(text)?;
            let dialer = self.dialer(&ticket).await?;
            let shown = None;
            return Ok(Target {
                dialer,
                ticket,
                shown,
            });
        }
        if text.trim().is_empty() {
            return Err(Failure::usage(
                "nobody is named: give a ticket, a name, or the first digits of a key",
            ));
        }
        let place = self.place()?;
        if let Some(home) = Home::open_if_there()? {
            let ask = Ask::Find {
                space: place.id().to_string(),
                whom: text.into(),
            };
            let told = control::ask(&home.control(), &ask).await?;
            if let Some(found) = told.filter(|told| !told.is_null()) {
                return Target::of_up(home.control(), &found);
            }
        }
        let (presence, _secret) = self.come(place, being, (None, as_home))?;
        let member = presence.find(text).await?;
        Ok(Target {
            dialer: Dialer::Own(presence.node().clone()),
            ticket: presence.ticket(member.key, &member.addresses),
            shown: Some(member.shown()),
        })
    }
}

/// Where a switch listens that is in a space in this way.
pub(crate) fn listen(being: &Being, port: Option<u16>) -> Listen {
    let mut interfaces = being.interface.clone();
    if interfaces.is_empty() {
        let named = env::var("HYDROID_INTERFACES").unwrap_or_default();
        let named = named.split(',').map(str::trim);
        let named = named.filter(|name| !name.is_empty());
        interfaces = named.map(ToOwned::to_owned).collect();
    }
    Listen {
        address: being.listen,
        port,
        interfaces,
    }
}

/// How somebody is in a space who is so by the command line.
///
/// # Errors
/// [`Failure`] of usage if a ticket is none.
pub(crate) fn manner(being: &Being, nick: Option<String>) -> Result<Manner, Failure> {
    let peers = being.peer.iter().map(|text| {
        let ticket = text.trim().parse::<Ticket>();
        ticket
            .map_err(|error| Failure::usage(format!("the ticket of --peer is malformed: {error}")))
    });
    Ok(Manner {
        nick,
        passing: false,
        announced: !being.no_lan,
        peers: peers.collect::<Result<_, _>>()?,
    })
}

/// The name to be shown: the one that was asked for, or the user's.
///
/// # Errors
/// [`Failure`] of usage if it is empty.
pub(crate) fn nick(asked: Option<&str>) -> Result<String, Failure> {
    if let Some(name) = asked {
        if name.is_empty() {
            return Err(Failure::usage("a name has at least one character"));
        }
        return Ok(name.into());
    }
    let plain = |name: &String| {
        let is_plain = |char: char| char.is_alphanumeric() || "-_.".contains(char);
        (1..=NICK_MAX).contains(&name.len()) && name.chars().all(is_plain)
    };
    let users = ["USER", "LOGNAME", "USERNAME"].map(|name| env::var(name).ok());
    let user = users.into_iter().flatten().find(plain);
    Ok(user.unwrap_or_else(|| "somebody".into()))
}
