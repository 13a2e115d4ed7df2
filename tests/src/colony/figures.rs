//! What was measured, each figure beside its goal.

use std::fmt::Write as _;

use serde::Serialize;

use super::Colony;

/// A figure and its goal.
#[derive(Clone, Debug, Serialize)]
pub struct Figure {
    /// What it tells.
    pub name: String,
    /// What was seen.
    pub seen: f64,
    /// At most this much; `None` is a figure without a goal.
    pub goal: Option<f64>,
    /// The unit of both.
    pub unit: &'static str,
}

impl Figure {
    /// True if it is no more than its goal.
    pub fn is_met(&self) -> bool {
        self.goal.is_none_or(|goal| self.seen <= goal)
    }
}

/// All figures of a run.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Figures {
    /// In the order of the story.
    pub all: Vec<Figure>,
    /// What was wrong, in words; nothing should be.
    pub wrongs: Vec<String>,
}

impl Figures {
    pub(super) fn goal(
        &mut self,
        name: impl Into<String>,
        seen: f64,
        goal: f64,
        unit: &'static str,
    ) {
        self.all.push(Figure {
            name: name.into(),
            seen,
            goal: Some(goal),
            unit,
        });
    }

    pub(super) fn note(&mut self, name: impl Into<String>, seen: f64, unit: &'static str) {
        self.all.push(Figure {
            name: name.into(),
            seen,
            goal: None,
            unit,
        });
    }

    /// True if every goal was reached and nothing was wrong.
    pub fn are_met(&self) -> bool {
        self.wrongs.is_empty() && self.all.iter().all(Figure::is_met)
    }

    /// The table for people, from this figure on.
    pub fn table_from(&self, first: usize) -> String {
        let mut out = String::new();
        for figure in self.all.iter().skip(first) {
            let goal = match figure.goal {
                Some(goal) => format!("<= {}", short(goal)),
                None => String::new(),
            };
            let mark = if figure.is_met() { " " } else { "MISSED" };
            let _ = writeln!(
                out,
                "{:<52} {:>12} {:<10} {:>12} {mark}",
                figure.name,
                short(figure.seen),
                figure.unit,
                goal
            );
        }
        out
    }

    /// What was wrong, for people.
    pub fn wrongs(&self) -> String {
        let mut out = String::new();
        for wrong in self.wrongs.iter().take(10) {
            let _ = writeln!(out, "WRONG: {wrong}");
        }
        out
    }

    pub(super) fn take_wrongs(&mut self, colony: &mut Colony, when: &str) {
        let wrongs = std::mem::take(&mut colony.books.wrongs);
        self.wrongs
            .extend(wrongs.into_iter().map(|wrong| format!("{when}: {wrong}")));
    }
}

fn short(number: f64) -> String {
    if number.fract() == 0.0 {
        format!("{number}")
    } else {
        format!("{number:.2}")
    }
}

/// Chance that is the same for the same seed.
pub(super) struct Dice(pub(super) u64);

impl Dice {
    pub(super) fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % limit.max(1)
    }
}
