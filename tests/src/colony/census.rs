//! How well members know each other: what their pictures of the tree cost, and how soon they agree
//! with the truth while others come and go.

use super::{
    Colony, Settings,
    figures::{Dice, Figures},
    look::optimum,
    story::{self, DETECTION_MS},
};

/// Members that come later, one by one.
const LATER: usize = 10;
/// How long members come and go.
const CHURN_MS: u64 = 30_000;
/// How long a member stays, in a tree of so many.
const SESSION_MS: u64 = 3_600_000;
const SESSION_OF: u64 = 10_000;
/// How long a link takes in the middle.
const DELAY_MS: u64 = 30;

/// Members with whole pictures come, go and are counted.
pub fn census(settings: &Settings, figures: &mut Figures) {
    let arity = settings.arity;
    let mut colony = Colony::new(&Settings {
        members: settings.members + LATER,
        ..settings.clone()
    });
    story::grow(&mut colony, 0..settings.members, 9_000);
    story::low(&mut colony, (arity, "image"), figures);
    later(&mut colony, settings.members, figures);
    memory(&colony, figures);
    let mut dice = Dice(11);
    churn(&mut colony, &mut dice, figures);
    let goal = agreement_ms(colony.there().len(), arity);
    let took = until_agreed(&mut colony, 20_000);
    let took = took.map_or(f64::INFINITY, |ms| ms as f64);
    let name = "image: all agree after half a minute of churn";
    figures.goal(name, took, (goal + DETECTION_MS) as f64, "ms");
    let leaver = pick(&colony, &mut dice);
    colony.leave(leaver);
    let took = until_agreed(&mut colony, 20_000);
    let took = took.map_or(f64::INFINITY, |ms| ms as f64);
    figures.goal("image: all agree after one left", took, goal as f64, "ms");
    figures.take_wrongs(&mut colony, "image");
}

/// Twice across the tree, and a second.
fn agreement_ms(members: usize, arity: u8) -> u64 {
    2 * optimum(members, arity) as u64 * DELAY_MS + 1_000
}

/// A few come one after the other, and ask any member that has a picture of all.
fn later(colony: &mut Colony, first: usize, figures: &mut Figures) {
    let mut dice = Dice(3);
    let mut trips = 0;
    for n in first..first + LATER {
        let contact = pick(colony, &mut dice);
        colony.join(n, Some(contact));
        colony.run(600);
        let entry = colony.books.entry(n);
        let asked = entry.map_or(f64::INFINITY, |entry| entry.redirects as f64 + 1.0);
        trips = trips.max(asked as u64);
    }
    let name = "join: round trips where the contact has an image, at most";
    figures.goal(name, trips as f64, 2.0, "trips");
}

fn memory(colony: &Colony, figures: &mut Figures) {
    let there = colony.there();
    let trees = || there.iter().map(|n| colony.tree(*n));
    let held: u64 = trees().map(|tree| tree.held_bytes().2).sum();
    let known: u64 = trees().map(|tree| tree.image().len() as u64).sum();
    let each = held as f64 / known.max(1) as f64;
    figures.goal("image: memory for each member in it", each, 80.0, "bytes");
}

/// Members go, half of them without a word, and as many come, as often as in a tree of ten thousand
/// who stay for an hour.
fn churn(colony: &mut Colony, dice: &mut Dice, figures: &mut Figures) {
    let every_ms = SESSION_MS / SESSION_OF;
    let before = bytes(colony);
    let begun = colony.world.now;
    let mut gone = Vec::new();
    for n in 0..CHURN_MS / every_ms {
        let member = pick(colony, dice);
        if n % 2 == 0 {
            colony.leave(member);
        } else {
            colony.kill(member);
        }
        gone.push(member);
        colony.run(every_ms);
        if gone.len() > 5 {
            let (back, contact) = (gone.remove(0), pick(colony, dice));
            colony.revive(back, contact);
        }
    }
    let seconds = colony.world.now.since_us(begun) as f64 / 1e6;
    // Who started again counts from then on.
    let now = bytes(colony);
    let more = |(before, now): (&u64, &u64)| now.checked_sub(*before).unwrap_or(*now);
    let taken: u64 = before.iter().zip(&now).map(more).sum();
    let each = taken as f64 / seconds / colony.there().len() as f64;
    let name = "image: traffic for each member, at the churn of 10,000";
    figures.goal(name, each, 300.0, "bytes/s");
}

/// Bytes about the picture that came to each member so far.
fn bytes(colony: &Colony) -> Vec<u64> {
    let all = 0..colony.world.nodes.len();
    let taken = |n| colony.tree(n).image_stats().bytes;
    all.map(|n| if colony.is_there(n) { taken(n) } else { 0 })
        .collect()
}

fn pick(colony: &Colony, dice: &mut Dice) -> usize {
    let there = colony.there();
    there[dice.below(there.len() as u64) as usize]
}

/// Runs until everybody's picture is the truth, for at most `ms`; tells how long it took.
fn until_agreed(colony: &mut Colony, ms: u64) -> Option<u64> {
    let begun = colony.world.now;
    let mut first = 0;
    loop {
        let there = colony.there();
        // Whoever was wrong last is looked at first.
        let rest = (0..there.len()).map(|at| (first + at) % there.len());
        let wrong = rest
            .into_iter()
            .find(|at| !agrees(colony, there[*at], &there));
        let took = colony.world.now.since_us(begun) / 1000;
        match wrong {
            None => return Some(took),
            Some(_) if took >= ms => return None,
            Some(at) => first = at,
        }
        colony.run(50);
    }
}

/// Whether a member knows who is there, since when, where, and below whom.
fn agrees(colony: &Colony, n: usize, there: &[usize]) -> bool {
    let image = colony.tree(n).image();
    image.len() == there.len()
        && there.iter().all(|other| {
            let node = &colony.world.nodes[*other];
            let tree = colony.tree(*other);
            image.find(&node.key).is_some_and(|member| {
                let parent = tree.standing().parent.map(|parent| parent.key);
                member.node == tree.me()
                    && member.parent == parent
                    && member.addresses.contains(&node.seen())
            })
        })
}
