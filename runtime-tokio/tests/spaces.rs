//! A closed space of three endpoints on loopback.

mod pair;

use std::net::SocketAddr;

use hydroid_tokio::{
    Config, ConnectError, Endpoint, fresh_secret,
    identity::{Admission, Gate, Hashname, PublicKey, Refusal, Roles, SecretKey, SpaceRef, Ticket},
    switch::{self, DownReason, SpaceCommandError, SpaceEvent},
};

use pair::bounded;

/// An endpoint that a closed space lets in.
struct Member {
    endpoint: Endpoint,
    hashname: Hashname,
    ticket: Ticket,
}

impl Member {
    fn new(secret: &SecretKey, admission: &Admission) -> Self {
        let mut switch = switch::Config::default();
        switch.line.open_ms = 600;
        let config = Config {
            switch,
            listen: vec![SocketAddr::from(([127, 0, 0, 1], 0))],
            ..Config::default()
        };
        let endpoint = Endpoint::bind(config).expect("there are ports");
        let hashname = endpoint
            .install_member(secret, admission)
            .expect("it is admitted");
        let space = SpaceRef::Id(admission.space().id());
        let addresses = endpoint.local_addresses();
        let ticket = Ticket::new(secret.public(), space, &addresses, None);
        Self {
            endpoint,
            hashname,
            ticket,
        }
    }

    async fn dial(&self, to: &Self) -> Result<hydroid_tokio::Line, ConnectError> {
        self.endpoint.connect(self.hashname, &to.ticket).await
    }
}

fn key() -> (SecretKey, PublicKey) {
    let secret = fresh_secret().expect("the system has randomness");
    let public = secret.public();
    (secret, public)
}

#[tokio::test]
async fn space_member_gets_in_a_stranger_does_not_and_a_kicked_one_is_out() {
    bounded(async {
        let ((root, _), (one, one_key), (two, two_key)) = (key(), key(), key());
        let club = Admission::found(&root, "club", Gate::new([1; 32])).unwrap();
        let admit = |key: &PublicKey| club.admit(&root, key, Roles::NONE, 0).unwrap();
        let founder = Member::new(&root, &club);
        let member = Member::new(&one, &admit(&one_key));
        let line = member.dial(&founder).await.expect("a member gets in");

        let guessed = Admission::found(&root, "club", Gate::new([2; 32])).unwrap();
        let guessed = guessed.admit(&root, &two_key, Roles::NONE, 0).unwrap();
        let stranger = Member::new(&two, &guessed);
        let refused = stranger.dial(&founder).await;
        assert_eq!(refused.unwrap_err(), ConnectError::Unreachable);
        assert!(founder.endpoint.stats().dropped_in_all() > 0);

        let out = club.revoke(&root, &[one_key], Gate::new([3; 32])).unwrap();
        founder.endpoint.renew(founder.hashname, &out).unwrap();
        let why = DownReason::Refused(Refusal::Revoked);
        assert_eq!(line.closed().await, why);
        let again = member.dial(&founder).await;
        assert_eq!(again.unwrap_err(), ConnectError::Refused(Refusal::Revoked));
        let local = founder.hashname;
        let renewed = SpaceEvent::Renewed { local, version: 2 };
        assert_eq!(founder.endpoint.space_event().await, Some(renewed));
        let held = founder.endpoint.admission(local).unwrap();
        assert_eq!(held.document(), out.document());

        assert_eq!(founder.endpoint.uninstall(local), Ok(()));
        let gone = founder.endpoint.uninstall(local);
        assert_eq!(gone, Err(SpaceCommandError::NotInstalled));
        assert!(founder.endpoint.admission(local).is_none());
    })
    .await;
}
