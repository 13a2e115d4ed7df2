//! What of the local network is a choice.

use serde::{Deserialize, Serialize};

use crate::base::all_hold;

/// The choices about announcements and what follows them.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Config {
    /// Others that are known at once, of all spaces together; each costs some 200 bytes.
    pub known_max: u32,
    /// Others that are known of one address at once, at most.
    pub known_per_address_max: u32,
    /// Signatures that are checked in a second, for long; each costs some 50 us. Announcements beyond
    /// that are dropped, and come again.
    pub checks_per_s: u32,
    /// So many are checked at once, if few were before. Of these, as of those in a second, half are
    /// for those who are not known yet.
    pub checks_at_once: u32,
    /// Announcements that one sender is heard with in a second, on average.
    pub heard_per_s: u32,
    /// An announcement may be so much older or newer than our clock shows. Of somebody whose clock
    /// is off by more, the second counts that keeps as far from it as the first.
    pub window_ms: u32,
    /// Whoever hears somebody new answers within so long, the later the more there are.
    pub answer_ms: u32,
    /// An answer is not given any more once so many others announced themselves.
    pub answers_enough: u32,
    /// An announcement goes to another port after so long.
    pub port_ms: u32,
    /// Lines that are kept to members on the local network, those of the tree counted: one, and one
    /// to fall back on. 0 keeps none.
    pub lines: u32,
    /// Where there are two lines more than that, one that was made for it is let go after so long.
    pub surplus_ms: u32,
    /// Whoever stands in a tree asks a member that is not in it into it after so long; in a tree of
    /// fewer than eight, after as much less.
    pub meet_ms: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            known_max: 1_024,
            known_per_address_max: 256,
            checks_per_s: 200,
            checks_at_once: 2_000,
            heard_per_s: 20,
            window_ms: 30_000,
            answer_ms: 100,
            answers_enough: 6,
            port_ms: 3_600_000,
            lines: 2,
            surplus_ms: 10_000,
            meet_ms: 2_000,
        }
    }
}

impl Config {
    /// Checks what the types cannot say.
    ///
    /// # Errors
    /// The name of the first field that is illegal.
    pub fn check(&self) -> Result<(), &'static str> {
        all_hold(&[
            ("lan.known_max", self.known_max > 0),
            ("lan.known_per_address_max", self.known_per_address_max > 0),
            ("lan.checks_per_s", self.checks_per_s > 0),
            ("lan.checks_at_once", self.checks_at_once > 0),
            ("lan.heard_per_s", self.heard_per_s > 0),
            ("lan.window_ms", self.window_ms > 0),
            ("lan.answer_ms", self.answer_ms <= 10_000),
            ("lan.answers_enough", self.answers_enough > 0),
            ("lan.port_ms", self.port_ms > 0),
            ("lan.meet_ms", self.meet_ms > 0),
        ])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lan_settings_that_cannot_be_are_refused() {
        type Change = fn(&mut Config);
        let changes: [(Change, &str); 10] = [
            (|it| it.answer_ms = 10_001, "answer_ms"),
            (|it| it.known_max = 0, "known_max"),
            (|it| it.known_per_address_max = 0, "known_per_address_max"),
            (|it| it.checks_per_s = 0, "checks_per_s"),
            (|it| it.checks_at_once = 0, "checks_at_once"),
            (|it| it.heard_per_s = 0, "heard_per_s"),
            (|it| it.window_ms = 0, "window_ms"),
            (|it| it.answers_enough = 0, "answers_enough"),
            (|it| it.port_ms = 0, "port_ms"),
            (|it| it.meet_ms = 0, "meet_ms"),
        ];
        assert_eq!(Config::default().check(), Ok(()));
        for (change, field) in changes {
            let mut config = Config::default();
            change(&mut config);
            let error = config.check().expect_err(field);
            assert_eq!(error, std::format!("lan.{field}"));
        }
    }
}
