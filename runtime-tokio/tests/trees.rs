//! Two endpoints on loopback that are a tree.

mod pair;

use hydroid_tokio::{
    Endpoint,
    switch::{Broadcasted, Part},
};

use pair::{Member, bounded};

/// Waits until its tree has two members.
async fn two(member: &Member) {
    let members = |endpoint: &Endpoint| {
        let tree = endpoint.with_tree(member.hashname, |tree| tree.standing().members);
        tree.expect("it joined")
    };
    while members(&member.endpoint) < 2 {
        member
            .endpoint
            .tree_event()
            .await
            .expect("it has not ended");
    }
}

#[tokio::test]
async fn tree_line_stays_when_its_last_handle_is_dropped() {
    bounded(async {
        let (a, b) = (
            Member::new(Default::default()),
            Member::new(Default::default()),
        );
        for member in [&a, &b] {
            let secret = &member.secret;
            let joined = member
                .endpoint
                .join(member.hashname, secret, Part::default());
            joined.expect("it is installed");
        }
        a.endpoint
            .meet(a.hashname, &b.ticket)
            .expect("it has an address");
        two(&a).await;
        two(&b).await;
        let line = a
            .endpoint
            .connect(a.hashname, &b.ticket)
            .await
            .expect("it is up");
        let id = line.id();
        drop(line);
        a.endpoint
            .broadcast(a.hashname, b"still here")
            .expect("there is room");
        let mut buf = [0; 32];
        let told = loop {
            match b.endpoint.read_broadcast(b.hashname, &mut buf) {
                Ok(told) => break told,
                Err(_none) => drop(b.endpoint.tree_event().await),
            }
        };
        assert!(
            matches!(told, Broadcasted::Message { len: 10, .. }),
            "{told:?}"
        );
        assert!(
            a.endpoint.line(id).is_some(),
            "the line that the tree stands on"
        );
        assert_eq!(a.endpoint.status().lines, 1);
    })
    .await;
}
