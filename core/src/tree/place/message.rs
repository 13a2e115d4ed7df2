//! What places say to each other, and what they ask of whoever carries it out.

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::{GO_MOST, OPEN_MOST, PATH_MOST};

/// The number of a root's rule. It is ordered by generation, then root, then sequence, and never
/// falls at any member.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Reign<I> {
    /// Rises with each founding: the new root's tree outranks the one that is lost.
    pub generation: u64,
    /// Who rules.
    pub root: Option<I>,
    /// Rises whenever the root renews its rule: depths may then be chosen anew.
    pub sequence: u32,
}

/// In what capacity somebody asks for a place.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Purpose {
    /// The root of a tree, be it of one member.
    Root,
    /// One that has lost its parent, and with it all below it.
    Orphan,
    /// One that has a parent and wants a place further up.
    Mover,
    /// The heir of a place, which asks for it.
    Heir,
}

/// Asks for a place.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Ask<I> {
    /// In what capacity.
    pub r#as: Purpose,
    /// The asker's reign.
    pub reign: Reign<I>,
    /// Its least depth at that reign.
    pub least: u16,
    /// Members that come with it.
    pub size: u32,
    /// Levels below it.
    pub height: u16,
    /// True if it takes no children.
    pub leaf: bool,
    /// The deepest parent that is of use to it.
    pub most: u16,
    /// Whose place is to be filled.
    #[serde(skip_serializing_if = "Option::is_none", default = "none")]
    pub hole: Option<I>,
}

/// Offers a place.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Take<I> {
    /// The offerer's reign.
    pub reign: Reign<I>,
    /// Its depth.
    pub depth: u16,
    /// Its ancestors, nearest first.
    pub path: Vec<I>,
    /// True if the topmost of them has lost its parent.
    pub adrift: bool,
    /// Members of its tree.
    pub size: u32,
    /// Whose place this is or was.
    #[serde(skip_serializing_if = "Option::is_none", default = "none")]
    pub hole: Option<I>,
}

/// What a parent tells a child.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct State<I> {
    /// The parent's reign.
    pub reign: Reign<I>,
    /// Its depth.
    pub depth: u16,
    /// Its ancestors, nearest first, where they changed.
    #[serde(skip_serializing_if = "Option::is_none", default = "none")]
    pub path: Option<Vec<I>>,
    /// True if it, or the topmost of them, has lost its parent.
    pub adrift: bool,
    /// True if it, or one of them, is about to move.
    pub moving: bool,
    /// Who takes the parent's place when it is gone.
    #[serde(skip_serializing_if = "Option::is_none", default = "none")]
    pub plug: Option<I>,
    /// Open slots outside of what is below the child, with the depths of their holders.
    pub rest: Vec<Open<I>>,
    /// Members of the tree.
    pub size: u32,
}

/// A member with an open slot.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Open<I> {
    /// The member.
    pub node: I,
    /// Its depth: in [`Below`] the levels from the teller, in [`State`] those from the root.
    pub depth: u16,
    /// True if a member sits in it that takes no children and gives way to one that does.
    pub held: bool,
}

/// A leaf that may take the place of who stands above it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Plug<I> {
    /// The leaf.
    pub node: I,
    /// Levels from the teller.
    pub depth: u16,
    /// The binary logarithm of how long it has been here: who stays moves up.
    pub stay: u8,
}

/// What a member tells its parent about itself and all below it.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Below<I> {
    /// Members, itself among them.
    pub size: u32,
    /// Levels below it.
    pub height: u16,
    /// True if it takes no children.
    pub leaf: bool,
    /// The deepest leaf that takes children.
    #[serde(skip_serializing_if = "Option::is_none", default = "none")]
    pub plug: Option<Plug<I>>,
    /// Holders of the shallowest open slots.
    pub open: Vec<Open<I>>,
}

fn none<T>() -> Option<T> {
    None
}

/// What places say to each other (PROTOCOL, section Places).
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(tag = "tree", rename_all = "lowercase")]
pub enum Message<I> {
    /// Asks for a place.
    Ask(Ask<I>),
    /// Offers one.
    Take(Take<I>),
    /// Not here: ask these. Empty where nobody is known, or none is needed.
    Go {
        /// Whom to ask, best first.
        to: Vec<I>,
    },
    /// Not yet: ask again soon.
    Later,
    /// The asker's answer to an offer: it now has the offerer as parent.
    Attach(Below<I>),
    /// Parent to child.
    State(State<I>),
    /// Child to parent.
    Up(Below<I>),
    /// The asker's other answer to an offer: it is not used.
    Decline,
    /// The teller is not, or is no longer, the other's parent or child.
    Part {
        /// Whom to ask instead.
        to: Vec<I>,
    },
    /// The teller goes for good.
    Leave,
    /// To the root: raise your reign above this one.
    Raise {
        /// The reign that is to be outranked.
        above: Reign<I>,
    },
    /// To the topmost: this one may be worth asking.
    Meet {
        /// Whom to ask.
        node: I,
    },
}

impl<I> Reign<I> {
    /// The same with other names for the members.
    pub fn map<J>(self, f: &mut impl FnMut(I) -> J) -> Reign<J> {
        Reign {
            generation: self.generation,
            root: self.root.map(f),
            sequence: self.sequence,
        }
    }
}

impl<I> Open<I> {
    fn map<J>(self, f: &mut impl FnMut(I) -> J) -> Open<J> {
        Open {
            node: f(self.node),
            depth: self.depth,
            held: self.held,
        }
    }
}

impl<I> Below<I> {
    fn map<J>(self, f: &mut impl FnMut(I) -> J) -> Below<J> {
        Below {
            size: self.size,
            height: self.height,
            leaf: self.leaf,
            plug: self.plug.map(|plug| Plug {
                node: f(plug.node),
                depth: plug.depth,
                stay: plug.stay,
            }),
            open: self.open.into_iter().map(|open| open.map(f)).collect(),
        }
    }
}

impl<I> Message<I> {
    /// Lists are no longer than they may be, before anything is done about those in them.
    pub fn cut(&mut self) {
        match self {
            Self::Take(take) => take.path.truncate(PATH_MOST),
            Self::Go { to } | Self::Part { to } => to.truncate(GO_MOST),
            Self::Attach(below) | Self::Up(below) => below.open.truncate(OPEN_MOST),
            Self::State(state) => {
                state.rest.truncate(OPEN_MOST);
                if let Some(path) = &mut state.path {
                    path.truncate(PATH_MOST);
                }
            }
            Self::Ask(_)
            | Self::Later
            | Self::Decline
            | Self::Leave
            | Self::Raise { .. }
            | Self::Meet { .. } => {}
        }
    }

    /// The same with other names for the members.
    pub fn map<J>(self, f: &mut impl FnMut(I) -> J) -> Message<J> {
        match self {
            Self::Ask(ask) => Message::Ask(Ask {
                r#as: ask.r#as,
                reign: ask.reign.map(f),
                least: ask.least,
                size: ask.size,
                height: ask.height,
                leaf: ask.leaf,
                most: ask.most,
                hole: ask.hole.map(f),
            }),
            Self::Take(take) => Message::Take(Take {
                reign: take.reign.map(f),
                depth: take.depth,
                path: take.path.into_iter().map(&mut *f).collect(),
                adrift: take.adrift,
                size: take.size,
                hole: take.hole.map(f),
            }),
            Self::State(state) => Message::State(State {
                reign: state.reign.map(f),
                depth: state.depth,
                path: state
                    .path
                    .map(|path| path.into_iter().map(&mut *f).collect()),
                adrift: state.adrift,
                moving: state.moving,
                plug: state.plug.map(&mut *f),
                rest: state.rest.into_iter().map(|open| open.map(f)).collect(),
                size: state.size,
            }),
            Self::Go { to } => Message::Go {
                to: to.into_iter().map(f).collect(),
            },
            Self::Part { to } => Message::Part {
                to: to.into_iter().map(f).collect(),
            },
            Self::Later => Message::Later,
            Self::Decline => Message::Decline,
            Self::Leave => Message::Leave,
            Self::Attach(below) => Message::Attach(below.map(f)),
            Self::Up(below) => Message::Up(below.map(f)),
            Self::Raise { above } => Message::Raise {
                above: above.map(f),
            },
            Self::Meet { node } => Message::Meet { node: f(node) },
        }
    }
}

/// The timers of a place. Arming one that is armed puts it off; none of them repeats.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Timer {
    /// Whom to ask next.
    Ask,
    /// The heir takes too long.
    Plug,
    /// As an heir: whoever has to give the place takes too long.
    Duty,
    /// Nobody was found: time to found a tree.
    Found,
    /// As a root: time to look for other trees.
    Probe,
    /// What was kept for somebody ages.
    Age,
    /// Time to tell the parent what changed below.
    Tell,
    /// As a root: the next raise is allowed.
    Raise,
}

/// What a place wants done, in order.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Effect<I> {
    /// Send this; if it cannot arrive, `on_lost` is to be called.
    Send {
        /// The receiver.
        to: I,
        /// What it is told.
        message: Message<I>,
    },
    /// Call `on_timer` after so long, and no more at the time that was set before.
    Arm {
        /// Which.
        timer: Timer,
        /// After how long.
        ms: u32,
    },
    /// Do not call `on_timer`.
    Disarm {
        /// Which.
        timer: Timer,
    },
    /// This life is over, since no reign of others can be had in it: a new place is to be made, of a
    /// later life, and to ask this member.
    NewLife {
        /// Whom to ask.
        toward: I,
    },
    /// This member became a neighbour, as parent or child.
    Linked {
        /// Who.
        node: I,
    },
    /// It is one no longer.
    Unlinked {
        /// Who.
        node: I,
    },
    /// The parent, the reign, the depth or the size of the tree changed.
    Placed,
    /// Somebody said what cannot be.
    Counted(Fault),
    /// Do not deal with this member for a while.
    Bar {
        /// Who.
        node: I,
    },
}

/// What somebody said that cannot be.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Fault {
    /// An offer that was not asked for, or that the rule forbids.
    Offer,
    /// A place was to be filled whose holder is alive.
    Hole,
    /// A reign, depth or size beyond all bounds.
    Bounds,
    /// A parent whose depth rose within one reign.
    Risen,
    /// A child that is the parent or one of the ancestors.
    Ancestor,
    /// A parent that tells nothing of the root any more.
    Stale,
}
