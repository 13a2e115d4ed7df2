use super::*;
use crate::{
    base::Wall,
    identity::{PublicKey, SecretKey, Space},
};

fn secret(n: u8) -> SecretKey {
    SecretKey::from_bytes(&[n; 32])
}

fn founded() -> Admission {
    Admission::found(&secret(1), "club", Gate::new([9; 32])).unwrap()
}

fn key(n: u8) -> PublicKey {
    secret(n).public()
}

#[test]
fn space_closed_id_depends_on_its_roots_and_not_on_their_order() {
    let one = Space::closed("club", &[key(1)]).unwrap();
    let two = Space::closed("club", &[key(1), key(2)]).unwrap();
    assert_ne!(one.id(), Space::open("club").unwrap().id());
    assert_ne!(one.id(), two.id());
    assert_eq!(two, Space::closed("club", &[key(2), key(1)]).unwrap());
    assert!(Space::closed("club", &[]).is_err());
    assert!(Space::closed("club", &[key(1), key(1)]).is_err());
}

#[test]
fn space_admission_survives_its_bytes_and_no_change_of_them() {
    let admission = founded()
        .admit(&secret(1), &key(2), Roles::SPACER, 77)
        .unwrap();
    let bytes = admission.to_bytes();
    assert_eq!(Admission::from_bytes(&bytes), Ok(admission));
    for at in 0..bytes.len() {
        let mut changed = bytes.to_vec();
        changed[at] ^= 1;
        let read = Admission::from_bytes(&changed);
        // An epoch beside a gate is a label that nothing is decided on.
        assert!(
            read.is_err() || changed[at].is_ascii_digit(),
            "byte {at} changed unnoticed"
        );
    }
}

#[test]
fn space_membership_counts_only_for_its_key_space_signer_and_time() {
    let club = founded();
    let member = club.admit(&secret(1), &key(2), Roles::NONE, 100).unwrap();
    let shown = member.membership();
    let at = |s: u64| Some(Wall::from_ms(s * 1000));
    assert_eq!(club.check(shown, &key(2), at(99), 0), Ok(Roles::NONE));
    assert_eq!(club.check(shown, &key(2), None, 0), Ok(Roles::NONE));
    assert_eq!(
        club.check(shown, &key(2), at(101), 0),
        Err(Refusal::Expired)
    );
    assert_eq!(club.check(shown, &key(2), at(101), 2000), Ok(Roles::NONE));
    assert_eq!(
        club.check(shown, &key(3), at(99), 0),
        Err(Refusal::NoMember)
    );
    let other = Admission::found(&secret(1), "pub", Gate::new([8; 32])).unwrap();
    assert_eq!(
        other.check(shown, &key(2), at(99), 0),
        Err(Refusal::NoMember)
    );
    let id = club.space().id();
    let forged = Membership::sign(&secret(5), &id, &key(2), Roles::NONE, 0);
    assert_eq!(
        club.check(&forged, &key(2), at(99), 0),
        Err(Refusal::Signer)
    );
}

#[test]
fn space_document_old_one_changes_nothing() {
    let first = founded();
    let second = first
        .revoke(&secret(1), &[key(2)], Gate::new([7; 32]))
        .unwrap();
    let mut held = second.clone();
    assert!(!held.renew(first.document().clone(), Some(Gate::new([9; 32]))));
    assert_eq!(held, second);
    let mut behind = first;
    assert!(
        !behind.renew(second.document().clone(), None),
        "its gate is missing"
    );
    assert!(!behind.renew(second.document().clone(), Some(Gate::new([6; 32]))));
    assert!(behind.renew(second.document().clone(), Some(Gate::new([7; 32]))));
    assert_eq!(behind.gates().len(), 2);
}

#[test]
fn space_revoked_are_out_and_so_are_those_whom_a_revoked_operator_signs() {
    let club = founded().appoint(&secret(1), &[key(4)]).unwrap();
    let by_operator = club.admit(&secret(4), &key(2), Roles::NONE, 0).unwrap();
    assert!(
        club.check(by_operator.membership(), &key(2), None, 0)
            .is_ok()
    );
    assert_eq!(
        club.admit(&secret(5), &key(2), Roles::NONE, 0),
        Err(AdmissionError::NoOperator)
    );
    let out = club
        .revoke(&secret(1), &[key(4)], Gate::new([7; 32]))
        .unwrap();
    let shown = by_operator.membership();
    assert_eq!(out.check(shown, &key(2), None, 0), Err(Refusal::Signer));
    let kicked = club
        .revoke(&secret(1), &[key(2)], Gate::new([7; 32]))
        .unwrap();
    assert_eq!(kicked.check(shown, &key(2), None, 0), Err(Refusal::Revoked));
    assert_eq!(
        club.revoke(&secret(1), &[key(1)], Gate::new([7; 32])),
        Err(AdmissionError::Root)
    );
    assert_eq!(
        club.revoke(&secret(4), &[key(2)], Gate::new([7; 32])),
        Err(AdmissionError::Document(DocumentError::Signer))
    );
}

#[test]
fn space_document_of_no_root_or_another_space_is_refused() {
    let club = founded();
    let bytes = club.document().as_bytes();
    let other = Space::closed("club", &[key(2)]).unwrap();
    assert_eq!(Document::parse(bytes, &other), Err(DocumentError::Signer));
    let namesake = Space::closed("pub", &[key(1)]).unwrap();
    assert_eq!(
        Document::parse(bytes, &namesake),
        Err(DocumentError::Signature)
    );
    assert_eq!(
        Document::parse(b"", club.space()),
        Err(DocumentError::Malformed)
    );
}
