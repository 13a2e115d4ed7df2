//! What is said again of those who leave, to the letter: nobody asks for what was lost of it, and
//! whoever heard it drops it unread. It signs nothing.

use alloc::vec::Vec;

use super::PORTS;
use crate::{base::Time, identity::Hashname, wire::Route};

/// After so long it is said again, each time to another port.
const AGAIN_MS: [u64; 2] = [20, 60];

/// An announcement, and where it goes.
pub(super) type Sheet = (Route, Vec<u8>);

/// What was said last of one identity.
#[derive(Debug)]
struct GoodBye {
    local: Hashname,
    since: Time,
    /// How many times it was said again.
    said: usize,
    sheets: Vec<Sheet>,
}

/// All that are to be said again.
#[derive(Debug, Default)]
pub(super) struct GoodByes(Vec<GoodBye>);

impl GoodBye {
    fn next(&self) -> Time {
        let ms = AGAIN_MS.get(self.said);
        ms.map_or(Time::NEVER, |ms| self.since.plus_ms(*ms))
    }
}

impl GoodByes {
    /// True if nobody is leaving.
    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// This was said of somebody who leaves.
    pub(super) fn push(&mut self, since: Time, local: Hashname, sheets: Vec<Sheet>) {
        if !sheets.is_empty() {
            let said = 0;
            self.0.push(GoodBye {
                local,
                since,
                said,
                sheets,
            });
        }
    }

    /// Somebody is back.
    pub(super) fn forget(&mut self, local: Hashname) {
        self.0.retain(|it| it.local != local);
    }

    /// When the next one is due.
    pub(super) fn next(&self) -> Time {
        let next = self.0.iter().map(GoodBye::next).min();
        next.unwrap_or(Time::NEVER)
    }

    /// What is due by now goes to `out`.
    pub(super) fn say(&mut self, now: Time, out: &mut impl Extend<Sheet>) {
        for good_bye in &mut self.0 {
            while good_bye.next() <= now {
                good_bye.said += 1;
                for (route, _) in &mut good_bye.sheets {
                    let port = PORTS.iter().position(|it| *it == route.path.remote.port());
                    let next = port.map_or(0, |at| (at + 1) % PORTS.len());
                    route.path.remote.set_port(PORTS[next]);
                }
                out.extend(good_bye.sheets.iter().cloned());
            }
        }
        self.0.retain(|it| it.next() < Time::NEVER);
    }
}
