//! Who is there, as it is told to people: somebody who comes is told of once its name is known, and
//! somebody who goes once it has stayed away for a moment: a neighbour that lost the line to it takes
//! it for gone, and if it is not, it says so.

use std::{collections::BTreeMap, time::Duration};

use hydroid_core::identity::PublicKey;
use tokio::time::Instant;

use crate::presence::Member;

/// How long somebody may be out of sight before it has gone. With it a polite departure is told
/// within 100 ms on a local network, and a silent one within two seconds; somebody who only stood
/// still for a second and a half is said to have gone and to have come.
const AWAY: Duration = Duration::from_millis(80);

/// What there is to tell.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Change {
    /// Somebody is there.
    Came(Member),
    /// Somebody is there no more; it had this name.
    Went(PublicKey, String),
    /// Somebody bears another name than the one that it had.
    Renamed(Member, String),
}

/// Who is there. Those without a name only look, and are not told of.
#[derive(Debug, Default)]
pub(crate) struct Company {
    known: BTreeMap<PublicKey, Known>,
}

#[derive(Debug)]
struct Known {
    member: Member,
    /// The name by which it was told of.
    told: Option<String>,
    away: Option<Instant>,
}

impl Company {
    /// Takes in who is there now.
    pub(crate) fn see(&mut self, members: Vec<Member>, now: Instant) {
        let mut there = BTreeMap::new();
        for member in members.into_iter().filter(|member| member.placed) {
            there.insert(member.key, member);
        }
        for (key, known) in &mut self.known {
            match there.remove(key) {
                Some(member) => (known.member, known.away) = (member, None),
                None => _ = known.away.get_or_insert(now),
            }
        }
        for (key, member) in there {
            let (told, away) = (None, None);
            self.known.insert(key, Known { member, told, away });
        }
    }

    /// What there is to tell by now.
    pub(crate) fn changes(&mut self, now: Instant) -> Vec<Change> {
        let mut changes = Vec::new();
        self.known.retain(|key, known| {
            if known.away.is_some_and(|since| now >= since + AWAY) {
                changes.extend(known.told.take().map(|name| Change::Went(*key, name)));
                return false;
            }
            let Some(name) = known.member.name.clone().filter(|_| known.away.is_none()) else {
                return true;
            };
            match known.told.replace(name.clone()) {
                None => changes.push(Change::Came(known.member.clone())),
                Some(before) if before != name => {
                    changes.push(Change::Renamed(known.member.clone(), before));
                }
                Some(_same) => {}
            }
            true
        });
        changes
    }

    /// When there will be something to tell, if nobody comes before.
    pub(crate) fn due(&self) -> Option<Instant> {
        let away = self.known.values().filter_map(|known| known.away);
        away.min().map(|since| since + AWAY)
    }
}

#[cfg(test)]
mod tests {
    use hydroid_core::identity::SecretKey;

    use super::*;

    fn member(seed: u8, name: Option<&str>) -> Member {
        Member {
            key: SecretKey::from_bytes(&[seed; 32]).public(),
            name: name.map(Into::into),
            addresses: Vec::new(),
            parent: None,
            depth: None,
            near: false,
            placed: true,
        }
    }

    #[tokio::test]
    async fn company_tells_once_who_came_and_who_went() {
        let (mut company, now) = (Company::default(), Instant::now());
        let anna = member(1, Some("anna"));
        company.see(vec![member(1, None), member(2, None)], now);
        assert_eq!(company.changes(now), []);
        company.see(vec![anna.clone(), member(2, None)], now);
        assert_eq!(company.changes(now), [Change::Came(anna.clone())]);
        assert_eq!(company.changes(now), []);
        // Out of sight for a moment is not gone.
        company.see(vec![], now);
        assert_eq!(
            (company.changes(now), company.due()),
            (vec![], Some(now + AWAY))
        );
        company.see(vec![anna.clone()], now + AWAY / 2);
        assert_eq!((company.changes(now + AWAY), company.due()), (vec![], None));
        let called = member(1, Some("ann"));
        company.see(vec![called.clone()], now);
        assert_eq!(
            company.changes(now),
            [Change::Renamed(called, "anna".into())]
        );
        company.see(vec![], now);
        let went = Change::Went(anna.key, "ann".into());
        assert_eq!(company.changes(now + AWAY), [went]);
        // It may come again.
        company.see(vec![anna.clone()], now);
        assert_eq!(company.changes(now), [Change::Came(anna)]);
    }
}
