//! The switch as a member of closed spaces.

use std::io;

use hydroid_core::{
    identity::{Admission, Hashname, PublicKey, Refusal, SecretKey, SpaceId, Ticket},
    switch::{InstallError, SpaceEvent},
};
use tokio::{io::AsyncReadExt as _, time::timeout};

use super::{ANSWER_WITHIN, Line, Node, Stream, ask, last_bytes, token_text};
use crate::{
    exit::Failure,
    transfer::heads::{Answer, Request},
};

/// Bytes of the longest admission, with room for what later versions add.
const ADMISSION_MAX: u64 = 128 << 10;

impl Node {
    /// Our hashname in a space.
    pub(crate) fn local(&self, space: &SpaceId) -> Hashname {
        Hashname::of(&self.key, space)
    }

    /// Is a member of one more closed space, or takes what is newer in this admission.
    ///
    /// # Errors
    /// [`Failure`] if there are too many.
    pub(crate) fn install(&self, secret: &SecretKey, admission: &Admission) -> Result<(), Failure> {
        match self.endpoint.install_member(secret, admission) {
            Err(InstallError::Twice) => self.renew(admission),
            Err(InstallError::Refused(refusal)) => Err(kept_out(admission.space().name(), refusal)),
            Ok(_hashname) => Ok(()),
            Err(error) => Err(Failure::failed(format!(
                "the space {} cannot be taken part in: {error}",
                admission.space().name()
            ))),
        }
    }

    /// Takes what is newer in this admission; those whom it puts out lose their lines.
    ///
    /// # Errors
    /// [`Failure`] if we are no member of its space.
    pub(crate) fn renew(&self, admission: &Admission) -> Result<(), Failure> {
        let local = self.local(&admission.space().id());
        let renewed = self.endpoint.renew(local, admission);
        renewed.map_err(|error| Failure::failed(error.to_string()))
    }

    /// Is no member of a space any more.
    pub(crate) fn leave(&self, space: &SpaceId) {
        let _was_none = self.endpoint.uninstall(self.local(space));
    }

    /// The admission to a space, as it stands now.
    pub(crate) fn admission(&self, local: Hashname) -> Option<Admission> {
        self.endpoint.admission(local)
    }

    /// The next thing that happens to a space of ours; `None` when the switch has ended.
    pub(crate) async fn space_event(&self) -> Option<SpaceEvent> {
        self.endpoint.space_event().await
    }

    /// Why nobody in a space has a line for us.
    pub(super) fn kept_out(&self, id: &SpaceId, refusal: Refusal) -> Failure {
        let admission = self.admission(self.local(id));
        let name = admission.map_or_else(|| id.to_string(), |one| one.space().name().into());
        kept_out(&name, refusal)
    }
}

fn kept_out(space: &str, refusal: Refusal) -> Failure {
    let remedy = match refusal {
        Refusal::Revoked => "who was put out stays out",
        Refusal::Expired | Refusal::Signer | Refusal::NoMember => {
            "an operator of it can let it in again by `hydroid space invite`"
        }
    };
    Failure::refused(format!(
        "this identity is not let into the space {space}: {refusal}; {remedy}"
    ))
}

/// Fetches an admission from who invited `key`.
///
/// # Errors
/// [`Failure`] if we are refused, or what comes is none for us.
pub(crate) async fn fetch_admission(
    line: &Line,
    ticket: &Ticket,
    key: &PublicKey,
) -> Result<Admission, Failure> {
    let token = token_text(ticket);
    let (mut stream, answer) = ask(line, &Request::Join { token }).await?;
    if !matches!(answer, Answer::Go { .. }) {
        return Err(Failure::failed("the peer lets nobody into a space"));
    }
    let read = async {
        let mut bytes = zeroize::Zeroizing::new(Vec::new());
        (&mut stream)
            .take(ADMISSION_MAX)
            .read_to_end(&mut bytes)
            .await?;
        io::Result::Ok(bytes)
    };
    let read = timeout(ANSWER_WITHIN, read).await;
    let bytes = read
        .map_err(|_elapsed| Failure::unreachable("the peer does not hand over the admission"))?
        .map_err(|error| Failure::unreachable(format!("the peer is gone: {error}")))?;
    let admission = Admission::from_bytes(&bytes)
        .map_err(|error| Failure::failed(format!("the peer hands over no admission: {error}")))?;
    if admission.membership().key() != key {
        return Err(Failure::failed(
            "the peer hands over an admission for somebody else",
        ));
    }
    last_bytes(stream).await;
    Ok(admission)
}

/// Hands an admission over to whoever it is for.
///
/// # Errors
/// [`Failure`] if the peer is gone before it has it.
pub(crate) async fn hand_over(mut stream: Stream, admission: &Admission) -> Result<(), Failure> {
    use tokio::io::AsyncWriteExt as _;
    super::answer(&mut stream, &Answer::Go { ok: true })?;
    let gone = |error: io::Error| Failure::unreachable(format!("the peer is gone: {error}"));
    let written = timeout(ANSWER_WITHIN, async {
        stream.write_all(&admission.to_bytes()).await?;
        stream.finished().await
    });
    let written = written.await;
    written
        .map_err(|_elapsed| Failure::unreachable("the peer does not fetch the admission"))?
        .map_err(gone)
}
