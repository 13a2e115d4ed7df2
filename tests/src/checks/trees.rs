//! What must hold of a tree: nobody stands below itself, everybody is told each message once, in
//! its origin's order, and as it was said; and once nothing fails any more, there is one tree, of
//! which all think the same.

use super::{Verdict, demand};

/// A message that a member was told.
#[derive(Clone, Copy, Debug)]
pub struct Message {
    /// The life of its origin, and its number in it.
    pub is: (u64, u64),
    /// What the member was told before of the same origin, if anything.
    pub before: Option<(u64, u64)>,
    /// Somebody said it, with these bytes.
    pub is_true: bool,
}

/// One message, as it is told.
///
/// # Errors
/// If it is false, told twice, or out of order.
pub fn message(of: &str, told: &Message) -> Verdict {
    demand("trees", told.is_true, || {
        format!("{of} was told {:?}, which nobody said", told.is)
    })?;
    let follows = told.before.is_none_or(|before| before < told.is);
    demand("trees", follows, || {
        format!("{of} was told {:?} after {:?}", told.is, told.before)
    })
}

/// The parent of each member, at one time.
///
/// # Errors
/// If one is below itself.
pub fn loops(parents: &[Option<usize>]) -> Verdict {
    for at in 0..parents.len() {
        let above = std::iter::successors(Some(at), |at| parents[*at]);
        let steps = above.take(parents.len() + 1).count();
        demand("trees", steps <= parents.len(), || {
            format!("node {at} is below itself: {parents:?}")
        })?;
    }
    Ok(())
}

/// What a member of a tree has come to.
#[derive(Clone, Copy, Debug)]
pub struct Stands {
    /// Its parent.
    pub parent: Option<usize>,
    /// Members that its image shows, with the right life and parent.
    pub shown: usize,
    /// Messages that it was told of those that were sent when all were there.
    pub told: usize,
}

/// All members, once nothing fails any more: each said one thing.
///
/// # Errors
/// If they are several trees, or do not know or hear each other.
pub fn one(members: &[Stands]) -> Verdict {
    let roots = members.iter().filter(|it| it.parent.is_none()).count();
    demand("trees", roots == 1, || {
        format!("{roots} roots: {members:?}")
    })?;
    for (at, member) in members.iter().enumerate() {
        demand("trees", member.shown == members.len(), || {
            format!("node {at} sees {} of {}", member.shown, members.len())
        })?;
        demand("trees", member.told + 1 == members.len(), || {
            format!(
                "node {at} was told {} of {}",
                member.told,
                members.len() - 1
            )
        })?;
    }
    Ok(())
}
