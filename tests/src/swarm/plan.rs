//! A run as a value: who takes part, how the links are, and what is done when. It can be written
//! down as text and read again, and operations can be dropped from it.

use hydroid_core::switch::Config;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::world::Link;

/// Which kind of swarm it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Profile {
    /// Twenty switches whose links have every fault that there is; their applications do what
    /// events call for. The provider is the stub.
    Large,
    /// Two to four switches with tight limits; their applications do only what operations say, at
    /// any moment, and everything is taken up when the world heals. Real cryptography.
    Fine,
    /// A few members of one tree, who come and go. The provider is the stub.
    Tree,
    /// Two or three machines that keep lines to each other and start again, sleep, fall silent and
    /// move: nothing of that may end a line but what cuts it. Real cryptography.
    Kept,
}

/// A whole run.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Plan {
    /// The number that it was drawn from; the world's own chance comes from it, too.
    pub seed: u64,
    /// Which kind it is.
    pub profile: Profile,
    /// How many switches.
    pub nodes: u8,
    /// True if they are in a closed space that node 0 founded.
    pub closed: bool,
    /// What a shell's buffer holds.
    pub buffer_bytes: usize,
    /// How every link is.
    pub link: Link,
    /// How long anything may fail, in milliseconds.
    pub safety_ms: u64,
    /// How long the world has to heal, in milliseconds: first to find each other, then to finish.
    pub healing_ms: [u64; 2],
    /// How often each kind of operation was drawn, in parts of their sum.
    pub rates: Vec<u64>,
    /// Who keeps a line to whom from the first.
    pub kept: Vec<(u8, u8)>,
    /// The config of each switch; if there are fewer, they go round.
    #[serde(with = "sparse")]
    pub configs: Vec<Config>,
    /// What is done, in order of time.
    pub operations: Vec<Operation>,
}

/// Something that is done.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Operation {
    /// When.
    pub at_us: u64,
    /// By whom, or to whom.
    pub node: u8,
    /// What.
    pub act: Act,
}

/// What is done. A line or a stream is chosen among those that there are at that time, by a number
/// that goes round.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[allow(missing_docs, reason = "units stand in the names of the fields")]
pub enum Act {
    /// The application asks for a line.
    Connect { to: u8 },
    /// It closes one.
    Close { line: u32, code: u64 },
    /// It keeps no line to there any more, until the world heals.
    Forget { to: u8 },
    /// It opens streams.
    Open { line: u32, count: u8 },
    /// It wants bytes written in a stream, and the end behind them.
    Write {
        stream: u32,
        bytes: u64,
        finish: bool,
    },
    /// The same in every stream.
    WriteAll { bytes: u64, finish: bool },
    /// It reads.
    Read { stream: u32, bytes: u64 },
    /// It does all that events call for.
    Pump,
    /// It gives up writing.
    Reset { stream: u32, code: u64 },
    /// It gives up reading.
    Stop { stream: u32, code: u64 },
    /// It answers a stream with a head.
    Answer { stream: u32 },
    /// It sends an unreliable packet.
    Send { line: u32 },
    /// It takes one.
    Receive { line: u32 },
    /// It takes part in the tree, and asks another for a place.
    Join { to: u8 },
    /// It asks one more, if it takes part.
    Meet { to: u8 },
    /// It leaves the tree politely.
    Leave,
    /// It says this many bytes to all.
    Broadcast { bytes: u32 },
    /// The founder puts it out of the closed space.
    Kick,
    /// It starts again, at once.
    Restart { kept: bool },
    /// It is gone, and starts again after a while.
    Crash { ms: u64, kept: bool },
    /// Its machine sleeps; `counted` if its clock goes on.
    Sleep { ms: u64, counted: bool },
    /// Nothing comes to it and nothing leaves it.
    Silence { ms: u64 },
    /// Its machine is somewhere else from now on.
    Move { host: u8, how: Moving },
    /// Its wall clock is off.
    Clock { ms: u64, off_ms: i64 },
    /// Nothing goes from it to another, or the other way, or both.
    Cut { to: u8, ways: [bool; 2], ms: u64 },
    /// Nothing goes from those whose bit is set to the others, or the other way, or both.
    Part {
        group: u32,
        ways: [bool; 2],
        ms: u64,
    },
    /// Every link is like this for a while.
    Weather { link: Link, ms: u64 },
    /// The link from it to another is like this for a while.
    Bad { to: u8, link: Link, ms: u64 },
    /// Its machine has another address, too.
    Give { host: u8 },
    /// It loses the first of its addresses, if it has another, and nobody notices.
    Lose,
    /// From the first address of it to that of another, or back, nothing goes.
    OneWay { to: u8, back: bool, ms: u64 },
    /// Between it and another nothing longer goes for a while; no line may die of it.
    Shrink { to: u8, bytes: u64, ms: u64 },
}

/// Who notices that a machine has moved.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Moving {
    /// Its shell tells.
    Told,
    /// Nobody.
    Untold,
    /// It is where it was, and a router before it gave another port.
    Outside,
}

impl Plan {
    /// The same with only these of its operations, by their place.
    #[must_use]
    pub fn keeping(&self, places: &[usize]) -> Self {
        let operations = places.iter().filter_map(|at| self.operations.get(*at));
        Self {
            operations: operations.copied().collect(),
            ..self.clone()
        }
    }

    /// The plan as text, an operation a line.
    pub fn to_text(&self) -> String {
        let mut head = self.clone();
        head.operations.clear();
        let mut text = serde_json::to_string(&head).expect("a plan is made of plain values");
        for operation in &self.operations {
            text.push('\n');
            text += &serde_json::to_string(operation).expect("so is an operation");
        }
        text.push('\n');
        text
    }

    /// The plan that a text says.
    ///
    /// # Errors
    /// What is wrong with the text.
    pub fn from_text(text: &str) -> Result<Self, String> {
        let mut lines = text.lines().filter(|line| !line.trim().is_empty());
        let head = lines.next().ok_or("an empty text is no plan")?;
        let mut plan: Self = serde_json::from_str(head).map_err(|error| error.to_string())?;
        for line in lines {
            let operation = serde_json::from_str(line).map_err(|error| error.to_string())?;
            plan.operations.push(operation);
        }
        Ok(plan)
    }

    /// The config of a node.
    pub fn config(&self, node: usize) -> &Config {
        &self.configs[node % self.configs.len()]
    }
}

/// Of a config only what is not as by default is written: a plan that is kept is not wrong when
/// another field comes.
mod sparse {
    use serde::{Deserializer, Serializer, de::Error as _, ser::Error as _};

    use super::{Config, Deserialize as _, Serialize as _, Value};

    pub(super) fn serialize<S: Serializer>(configs: &[Config], to: S) -> Result<S::Ok, S::Error> {
        let plain = serde_json::to_value(Config::default()).map_err(S::Error::custom)?;
        let mut all = Vec::new();
        for config in configs {
            let value = serde_json::to_value(config).map_err(S::Error::custom)?;
            all.push(difference(&plain, &value));
        }
        all.serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Config>, D::Error> {
        let mut configs = Vec::new();
        for sparse in Vec::<Value>::deserialize(from)? {
            let mut value = serde_json::to_value(Config::default()).map_err(D::Error::custom)?;
            overlay(&mut value, sparse);
            configs.push(serde_json::from_value(value).map_err(D::Error::custom)?);
        }
        Ok(configs)
    }

    fn difference(plain: &Value, value: &Value) -> Value {
        let (Value::Object(plain), Value::Object(fields)) = (plain, value) else {
            return value.clone();
        };
        let differ = fields
            .iter()
            .filter(|(key, it)| plain.get(*key) != Some(it));
        let differ = differ.map(|(key, it)| {
            let plain = plain.get(key).unwrap_or(&Value::Null);
            (key.clone(), difference(plain, it))
        });
        Value::Object(differ.collect())
    }

    fn overlay(plain: &mut Value, value: Value) {
        match (plain, value) {
            (Value::Object(plain), Value::Object(fields)) => {
                for (key, value) in fields {
                    overlay(plain.entry(key).or_insert(Value::Null), value);
                }
            }
            (plain, value) => *plain = value,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::draw::draw, *};

    #[test]
    fn plan_is_the_same_after_it_was_written_down() {
        for profile in [Profile::Large, Profile::Fine, Profile::Tree, Profile::Kept] {
            for seed in 0..20 {
                let plan = draw(profile, seed);
                assert_eq!(Plan::from_text(&plan.to_text()).as_ref(), Ok(&plan));
            }
        }
    }

    #[test]
    fn plan_that_is_damaged_says_so_and_is_none() {
        let text = draw(Profile::Fine, 1).to_text();
        for len in 0..text.lines().next().map_or(0, str::len) {
            assert!(Plan::from_text(&text[..len]).is_err());
        }
    }
}
