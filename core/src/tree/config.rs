//! What of a tree is a choice.

use serde::{Deserialize, Serialize};

use super::{cast, image, place};

/// Every policy, limit and period of a member's part in a tree.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Config {
    /// A neighbour that was not heard for this long is asked for a sign of life, while there is
    /// traffic. Costs a packet each way and link in that time.
    pub beat_ms: u32,
    /// A neighbour that was not heard for this long is taken for dead, while there is traffic;
    /// about three beats.
    pub silent_ms: u32,
    /// The same as `beat_ms` while the tree rests.
    pub rest_beat_ms: u32,
    /// The same as `silent_ms` while the tree rests.
    pub rest_silent_ms: u32,
    /// A tree through which nothing was broadcast for this long rests.
    pub traffic_ms: u32,
    /// The root numbers its reign anew so often. Costs a packet a link.
    pub raise_ms: u32,
    /// A member that is asked and has not answered our `open` for this long is given up. It is
    /// longer than a round trip of any path that is to carry a tree.
    pub dial_ms: u32,
    /// A member that could not be reached is not asked of one's own accord for this long.
    pub missed_ms: u32,
    /// Somebody who was asked and became no neighbour is let go after this long without a word.
    pub linger_ms: u32,
    /// A member that proved false is not dealt with for this long.
    pub bar_ms: u32,
    /// The same of a parent that keeps something back, as others say, or told nothing new of the root
    /// for the first time: it may be one that is cut off itself, and is to be found again soon.
    pub doubt_ms: u32,
    /// Members that are dealt with at once, beside the neighbours. Beyond it those that were heard
    /// longest ago are let go. Each costs about 200 bytes.
    pub asked_max: u32,
    /// A member without a backup asks another one so often whether it will be its backup.
    pub pair_ms: u32,
    /// A member that stands alone asks those that its program named again after this long, and
    /// after twice as long each time, up to a minute.
    pub again_ms: u32,
    /// Bytes that wait for one neighbour about places; one that does not take them is given up.
    pub unsent_max_bytes: u32,
    /// Who stands where.
    pub place: place::Settings,
    /// Broadcasts.
    pub cast: cast::Config,
    /// The picture of the members.
    pub image: image::Config,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            beat_ms: 600,
            silent_ms: 1_900,
            rest_beat_ms: 10_000,
            rest_silent_ms: 19_500,
            traffic_ms: 60_000,
            raise_ms: 10_000,
            dial_ms: 500,
            missed_ms: 20_000,
            linger_ms: 1_000,
            bar_ms: 60_000,
            doubt_ms: 15_000,
            asked_max: 64,
            pair_ms: 2_000,
            again_ms: 2_000,
            unsent_max_bytes: 65_536,
            place: place::Settings::default(),
            cast: cast::Config::default(),
            image: image::Config::default(),
        }
    }
}

impl Config {
    /// The name of a field that is illegal, if one is.
    ///
    /// # Errors
    /// The field's name.
    pub fn check(&self) -> Result<(), &'static str> {
        if !(2..=8).contains(&self.place.arity) {
            return Err("tree.place.arity");
        }
        if self.beat_ms == 0 || self.beat_ms >= self.silent_ms {
            return Err("tree.beat_ms");
        }
        if self.rest_beat_ms < self.beat_ms || self.rest_beat_ms >= self.rest_silent_ms {
            return Err("tree.rest_beat_ms");
        }
        if self.raise_ms == 0 {
            return Err("tree.raise_ms");
        }
        if self.asked_max < 8 {
            return Err("tree.asked_max");
        }
        self.cast.check()?;
        self.image.check()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tree_settings_that_contradict_each_other_are_refused() {
        let config = Config::default();
        assert_eq!(config.check(), Ok(()));
        // Three signs may be missed, and a dead parent is noticed within two seconds of traffic, and
        // within twenty without.
        assert!(config.beat_ms * 3 <= config.silent_ms && config.silent_ms < 2_000);
        assert!(config.rest_beat_ms < config.rest_silent_ms && config.rest_silent_ms < 20_000);
        assert!(config.traffic_ms >= 60_000);
        for (bad, field) in [
            (
                Config {
                    beat_ms: 0,
                    ..config.clone()
                },
                "tree.beat_ms",
            ),
            (
                Config {
                    silent_ms: config.beat_ms,
                    ..config.clone()
                },
                "tree.beat_ms",
            ),
            (
                Config {
                    rest_silent_ms: config.rest_beat_ms,
                    ..config.clone()
                },
                "tree.rest_beat_ms",
            ),
            (
                Config {
                    raise_ms: 0,
                    ..config.clone()
                },
                "tree.raise_ms",
            ),
            (
                Config {
                    asked_max: 7,
                    ..config
                },
                "tree.asked_max",
            ),
        ] {
            assert_eq!(bad.check(), Err(field));
        }
    }

    #[test]
    fn tree_settings_of_broadcasts_and_images_that_cannot_be_are_refused() {
        type Change = fn(&mut Config);
        let changes: [(Change, &str); 15] = [
            (|it| it.cast.ring_bytes -= 4 << 20, "ring_bytes"),
            (|it| it.cast.ring_bytes = (1 << 20) - 1, "ring_bytes"),
            (|it| it.cast.ring_ms = 0, "ring_ms"),
            (|it| it.cast.message_bytes_max = 0, "message_bytes_max"),
            (|it| it.cast.message_bytes_max += 1, "message_bytes_max"),
            (|it| it.cast.origins_max = 0, "origins_max"),
            (|it| it.cast.origin_bytes_per_s = 0, "origin_bytes_per_s"),
            (
                |it| it.cast.origin_messages_per_s = 0,
                "origin_messages_per_s",
            ),
            (|it| it.cast.digest_ms = 0, "digest_ms"),
            (|it| it.image.members_max = 0, "members_max"),
            (|it| it.image.sample = 0, "sample"),
            (|it| it.image.repair_ms = 0, "repair_ms"),
            (|it| it.image.gossip_ms = 0, "gossip_ms"),
            (|it| it.image.records_per_s = 0, "records_per_s"),
            (|it| it.image.name_bytes_max = 65, "name_bytes_max"),
        ];
        for (change, field) in changes {
            let mut config = Config::default();
            change(&mut config);
            let error = config.check().expect_err(field);
            assert_eq!(error.rsplit('.').next(), Some(field));
        }
    }
}
