//! Where the links of a listing lead. Each is followed as a system would follow it, through every
//! other link on its way; none may leave the folder, whatever is there or not.

use std::collections::BTreeMap;

use super::listing::{Entry, Item, Wrong};

/// Links on the way of a link; systems follow no more.
const CHAIN_MAX: u32 = 32;

/// A folder or a link of the listing.
#[derive(Clone, Copy)]
struct Node<'a> {
    parent: u32,
    /// Its path and what it leads to, if it is a link.
    link: Option<(&'a str, &'a str)>,
    resolved: Option<Place>,
}

/// A place inside: a folder, and how many names that are no folders deeper.
#[derive(Clone, Copy)]
struct Place {
    node: u32,
    deeper: u32,
}

#[derive(Default)]
struct Tree<'a> {
    nodes: Vec<Node<'a>>,
    children: BTreeMap<(u32, &'a str), u32>,
}

/// Refuses links that lead out of the folder. The entries are in their order.
///
/// # Errors
/// [`Wrong`] with the first such link.
pub(super) fn check<'a>(items: impl Iterator<Item = Item<'a>>) -> Result<(), Wrong> {
    let mut tree = Tree::of(items);
    for node in 0..tree.nodes.len() as u32 {
        if let Some((path, _target)) = tree.nodes[node as usize].link {
            tree.resolve(node, 0)
                .map_err(|what| Wrong::new(path, what))?;
        }
    }
    Ok(())
}

impl<'a> Tree<'a> {
    fn of(items: impl Iterator<Item = Item<'a>>) -> Self {
        let mut tree = Self::default();
        tree.nodes.push(Node {
            parent: 0,
            link: None,
            resolved: None,
        });
        // The folders around the entry; the root stays.
        let mut open = vec![("", 0)];
        for item in items {
            let (folder, name) = item.path.rsplit_once('/').unwrap_or(("", item.path));
            while open.len() > 1 && open.last().is_some_and(|(path, _)| *path != folder) {
                open.pop();
            }
            let parent = open.last().map_or(0, |(_, node)| *node);
            let link = match item.entry {
                Entry::File { .. } => continue,
                Entry::Folder => None,
                Entry::Link { target } => Some((item.path, target)),
            };
            let node = tree.nodes.len() as u32;
            if link.is_none() {
                open.push((item.path, node));
            }
            tree.children.insert((parent, name), node);
            tree.nodes.push(Node {
                parent,
                link,
                resolved: None,
            });
        }
        tree
    }

    /// Where a link leads. Each is followed once.
    fn resolve(&mut self, link: u32, chain: u32) -> Result<Place, &'static str> {
        let Node {
            parent,
            link: found,
            resolved,
        } = self.nodes[link as usize];
        if let Some(place) = resolved {
            return Ok(place);
        }
        if chain > CHAIN_MAX {
            return Err("the link leads through too many others, or round in a circle");
        }
        let (_path, target) = found.expect("only links are followed");
        let mut place = Place {
            node: parent,
            deeper: 0,
        };
        for name in target.split('/') {
            match name {
                "" | "." => {}
                ".." if place.deeper > 0 => place.deeper -= 1,
                ".." if place.node == 0 => return Err("the link leads out of the folder"),
                ".." => place.node = self.nodes[place.node as usize].parent,
                _ if place.deeper > 0 => place.deeper += 1,
                name => match self.children.get(&(place.node, name)) {
                    None => place.deeper = 1,
                    Some(node) if self.nodes[*node as usize].link.is_some() => {
                        place = self.resolve(*node, chain + 1)?;
                    }
                    Some(node) => place.node = *node,
                },
            }
        }
        self.nodes[link as usize].resolved = Some(place);
        Ok(place)
    }
}
