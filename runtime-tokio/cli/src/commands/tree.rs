//! `hydroid tree`: how the members of a space hang together.

use std::collections::{BTreeMap, BTreeSet};

use crate::{args::Look, context::Context, exit::Failure, presence::seen::Seen};

/// Draws the tree.
///
/// # Errors
/// As [`super::peers::run`].
pub(crate) async fn run(context: &Context, args: Look) -> Result<(), Failure> {
    let (_space, seen) = super::peers::look(context, &args.being).await?;
    if context.output.json {
        for member in &seen {
            context.output.data("", &member.object()).await?;
        }
        return Ok(());
    }
    let placed: Vec<_> = seen.into_iter().filter(|seen| seen.placed).collect();
    context.output.block(draw(&placed)).await
}

/// A line for each member, below that of its parent. Whose parent is not known stands alone.
fn draw(members: &[Seen]) -> String {
    let keys: BTreeSet<_> = members.iter().map(|member| &*member.key).collect();
    let mut below: BTreeMap<Option<&str>, Vec<usize>> = BTreeMap::new();
    for (at, member) in members.iter().enumerate() {
        let parent = member.parent.as_deref();
        let parent = parent.filter(|parent| keys.contains(parent) && *parent != member.key);
        below.entry(parent).or_default().push(at);
    }
    let mut lines = Vec::new();
    let mut drawn = BTreeSet::new();
    let roots = below.get(&None).cloned().unwrap_or_default();
    // What goes round in a circle, as pictures may for a moment, hangs on no root.
    for root in roots.into_iter().chain(0..members.len()) {
        let mut open = vec![(root, String::new(), String::new())];
        while let Some((at, head, rest)) = open.pop() {
            if !drawn.insert(at) {
                continue;
            }
            let own = if members[at].own { "  (you)" } else { "" };
            lines.push(format!("{head}{}{own}", members[at].shown()));
            let children = below.get(&Some(&members[at].key)).cloned();
            let children = children.unwrap_or_default();
            for (nth, child) in children.iter().enumerate().rev() {
                let (branch, space) = if nth + 1 == children.len() {
                    ("└─ ", "   ")
                } else {
                    ("├─ ", "│  ")
                };
                open.push((*child, format!("{rest}{branch}"), format!("{rest}{space}")));
            }
        }
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use hydroid_core::identity::SecretKey;

    use super::*;

    fn key(seed: u8) -> String {
        SecretKey::from_bytes(&[seed; 32]).public().to_string()
    }

    fn seen(seed: u8, parent: Option<u8>) -> Seen {
        Seen {
            key: key(seed),
            name: format!("n{seed}"),
            addresses: Vec::new(),
            parent: parent.map(key),
            depth: None,
            near: false,
            placed: true,
            rtt_us: None,
            own: seed == 3,
        }
    }

    fn shape(members: &[Seen]) -> String {
        let drawn = draw(members);
        let lines = drawn.lines().map(|line| {
            let (before, behind) = line.split_once('~').unwrap();
            format!("{before}{}", &behind[4..])
        });
        lines.collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn tree_is_drawn_below_its_root() {
        let members = [
            seen(1, None),
            seen(2, Some(1)),
            seen(3, Some(2)),
            seen(4, Some(1)),
            seen(5, Some(2)),
        ];
        let drawn = "n1\n├─ n2\n│  ├─ n3  (you)\n│  └─ n5\n└─ n4";
        assert_eq!(shape(&members), drawn);
        assert_eq!(shape(&[]), "");
    }

    #[test]
    fn tree_that_is_no_tree_is_drawn_with_everybody_once() {
        let members = [
            seen(1, Some(2)),
            seen(2, Some(1)),
            seen(3, Some(9)),
            seen(4, Some(4)),
        ];
        let drawn = shape(&members);
        assert_eq!(drawn.lines().count(), 4, "{drawn}");
        assert!(drawn.contains("n1\n└─ n2"), "{drawn}");
    }
}
