//! Ends that know no address of each other, on the loopback interface: announced in the same space
//! they find each other, have a line, and learn who leaves.

use std::process;

use hydroid_core::{
    identity::{Hashname, Space},
    line::Suite,
    switch::LineEvent,
};

use crate::{
    node::{End, Shell, secret, suite},
    table::{self, Table},
};

/// Runs every pair of shells, either of them first, and then all of them together.
pub(crate) fn run(title: &str, shells: [Shell; 3]) {
    table::run(title, move |table| {
        for a in shells {
            for b in shells {
                table.heading(&format!("{} and {}", a.name, b.name));
                let space = space(&format!("{}-{}", a.name, b.name));
                let ends = [("a", a), ("b", b)].map(|(who, shell)| announced(&space, shell, who));
                find(table, &ends);
            }
        }
        table.heading("all of them");
        let space = space("all");
        let ends: Vec<_> = ["a", "b", "c", "d", "e", "f"]
            .into_iter()
            .zip(shells.iter().cycle())
            .map(|(who, shell)| announced(&space, *shell, who))
            .collect();
        find(table, &ends);
    });
}

/// Others on this machine may run the same test.
fn space(what: &str) -> Space {
    let name = format!("found-{}-{what}", process::id()).replace('_', "-");
    Space::open(&name).expect("the name is legal")
}

fn announced(space: &Space, shell: Shell, who: &str) -> End {
    let end = End::bind_in(space, shell, who, suite(Suite::default()));
    end.node.announce(&secret(who)).expect("it is installed");
    end
}

fn find(table: &Table, ends: &[End]) {
    table.step("each finds every other, where it is", || {
        for end in ends {
            wait_for(end, ends);
        }
    });
    let [first, rest @ ..] = ends else {
        panic!("there are some");
    };
    table.step("a line comes up by itself", || {
        let up = loop {
            if let LineEvent::Up { peer, .. } = first.node.line_event().expect("the node works") {
                break peer.hashname;
            }
        };
        assert!(rest.iter().any(|end| end.ticket.hashname() == up));
    });
    table.step("one leaves, and the others know", || {
        first.node.hush().expect("it was announced");
        assert!(first.node.neighbours().is_empty());
        for end in rest {
            wait_for(end, rest);
        }
    });
    table.step("it comes back", || {
        let who = secret("a");
        first.node.announce(&who).expect("it is announced no more");
        for end in ends {
            wait_for(end, ends);
        }
    });
}

/// Waits until an end knows all of these others, and nobody else.
fn wait_for(end: &End, ends: &[End]) {
    let name = |end: &End| end.ticket.hashname();
    let mut expected: Vec<Hashname> = ends.iter().map(name).collect();
    expected.retain(|it| *it != name(end));
    expected.sort_unstable();
    loop {
        let neighbours = end.node.neighbours();
        let known = neighbours.iter().map(|it| it.peer.hashname);
        let mut known: Vec<_> = known.collect();
        known.sort_unstable();
        if known == expected {
            for neighbour in neighbours {
                let mut others = ends.iter();
                let other = others.find(|it| name(it) == neighbour.peer.hashname);
                let addresses = &other.expect("it was expected").ticket.addresses;
                assert_eq!(&neighbour.addresses, addresses);
            }
            return;
        }
        end.node.lan_event().expect("the node works");
    }
}
