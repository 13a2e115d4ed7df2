//! Does again what a record says was done.

use alloc::vec::Vec;
use core::net::{IpAddr, SocketAddr};

use super::{
    Recorded,
    reader::{Needed as _, Unread},
    record::{Fields, Record},
};
use crate::{
    base::{Time, Wall},
    identity::{Admission, Hashname, PublicKey, SecretKey, Space},
    switch::{
        Ecn, Interface, LineId, LocalNetwork, Meta, Part, Path, SentError, SocketId, StreamId,
        Transmit,
    },
};

/// Room that a call may have had; a reader refuses more.
const ROOM_MAX: u64 = 1 << 26;

/// Does what the record says. `scratch` is kept to be used again.
///
/// # Errors
/// [`Unread`] if that is no call of a switch.
pub(super) fn perform(
    switch: &mut Recorded,
    record: &Record<'_>,
    scratch: &mut Vec<u8>,
) -> Result<(), Unread> {
    let (it, now) = (&*record.fields, record.at());
    let call = match (&it.call, &it.out) {
        (Some(call), None) => call.as_str(),
        (None, Some(out)) => return output(switch, now, it, out, scratch),
        (Some(_), Some(_)) | (None, None) => return Err(Unread::Field("call")),
    };
    let body = record.body();
    // What they give is in the records that they leave.
    let done = network(switch, now, it, (call, body), scratch)?
        || identities(switch, now, it, call, body)?
        || lines(switch, now, it, (call, body), scratch)?
        || streams(switch, now, it, (call, body), scratch)?
        || services(switch, now, it, (call, body), scratch)?;
    if done {
        Ok(())
    } else {
        Err(Unread::Call(call.into()))
    }
}

fn output(
    switch: &mut Recorded,
    now: Time,
    it: &Fields,
    out: &str,
    scratch: &mut Vec<u8>,
) -> Result<(), Unread> {
    let _given = match out {
        "transmit" => switch.poll_transmit(now, it.room(scratch)?).is_some(),
        "event" => switch.poll_event().is_some(),
        "need" => switch.poll_need().is_some(),
        _ => return Err(Unread::Call(out.into())),
    };
    Ok(())
}

fn network(
    switch: &mut Recorded,
    now: Time,
    it: &Fields,
    (call, body): (&str, &[u8]),
    scratch: &mut Vec<u8>,
) -> Result<bool, Unread> {
    match call {
        "handle_datagram" => {
            scratch.clear();
            scratch.extend_from_slice(body);
            switch.handle_datagram(now, &it.meta()?, scratch);
        }
        "handle_timeout" => switch.handle_timeout(now),
        "handle_clock" => switch.handle_clock(now, Wall::from_ms(it.wall.needed("wall")?)),
        "handle_network_change" => switch.handle_network_change(now, &it.interfaces()?),
        "handle_local_networks" => switch.handle_local_networks(now, &it.networks()?),
        "handle_sent_error" => {
            let error = match it.error.as_deref() {
                Some("too_large") => SentError::TooLarge,
                Some("unreachable") => SentError::Unreachable,
                _ => return Err(Unread::Field("error")),
            };
            switch.handle_sent_error(now, &it.transmit()?, error);
        }
        _ => return Ok(false),
    }
    Ok(true)
}

fn identities(
    switch: &mut Recorded,
    now: Time,
    it: &Fields,
    call: &str,
    body: &[u8],
) -> Result<bool, Unread> {
    let secret = || {
        let (secret, rest) = body.split_first_chunk().needed("body")?;
        Ok::<_, Unread>((SecretKey::from_bytes(secret), rest))
    };
    let admission = |bytes| Admission::from_bytes(bytes).ok().needed("body");
    let _given = match call {
        "install" => switch
            .install(now, &secret()?.0, &it.named_space()?)
            .is_ok(),
        "install_member" => {
            let (secret, rest) = secret()?;
            switch
                .install_member(now, &secret, &admission(rest)?)
                .is_ok()
        }
        "uninstall" => switch.uninstall(now, it.local()?).is_ok(),
        "renew" => switch.renew(now, it.local()?, &admission(body)?).is_ok(),
        "restore" => {
            let key = it.name.as_deref().needed("name")?;
            switch.restore(now, key, body).is_ok()
        }
        "keep_now" => {
            switch.keep_now(now);
            true
        }
        _ => return Ok(false),
    };
    Ok(true)
}

fn lines(
    switch: &mut Recorded,
    now: Time,
    it: &Fields,
    (call, body): (&str, &[u8]),
    scratch: &mut Vec<u8>,
) -> Result<bool, Unread> {
    let _given = match call {
        "connect" => switch
            .connect(now, it.local()?, &it.key()?, &it.to()?)
            .is_ok(),
        "keep_line" => switch
            .keep_line(now, it.local()?, &it.key()?, &it.to()?)
            .is_ok(),
        "forget_line" => {
            let peer = hashname(it.peer.as_deref()).needed("peer")?;
            switch.forget_line(now, it.local()?, peer);
            true
        }
        "release" => switch.release(now, it.line()?).is_ok(),
        "close" => {
            let code = it.code.needed("code")?;
            switch.close(now, it.line()?, code, text(body)?).is_ok()
        }
        "open_stream" => switch.open_stream(now, it.line()?, text(body)?).is_ok(),
        "send" => switch.send(now, it.line()?, body).is_ok(),
        "recv" => switch.recv(now, it.line()?, it.room(scratch)?).is_ok(),
        "send_anon" => {
            let to = it.remote.as_ref().and_then(|to| to.parse().ok());
            switch.send_anon(now, to.needed("remote")?, body).is_ok()
        }
        "recv_anon" => switch.recv_anon(now, it.room(scratch)?).is_ok(),
        _ => return Ok(false),
    };
    Ok(true)
}

fn streams(
    switch: &mut Recorded,
    now: Time,
    it: &Fields,
    (call, body): (&str, &[u8]),
    scratch: &mut Vec<u8>,
) -> Result<bool, Unread> {
    let code = || it.code.needed("code");
    let _given = match call {
        "answer" => switch.answer(now, it.stream()?, text(body)?).is_ok(),
        "write" => {
            // One byte stands for all that was offered and not taken.
            scratch.clear();
            scratch.extend_from_slice(body);
            scratch.extend(it.more.needed("more")?.then_some(0));
            switch.write(now, it.stream()?, scratch).is_ok()
        }
        "finish" => switch.finish(now, it.stream()?).is_ok(),
        "reset" => switch.reset(now, it.stream()?, code()?).is_ok(),
        "prioritize" => {
            let priority = it.priority.needed("priority")?;
            switch.prioritize(now, it.stream()?, priority).is_ok()
        }
        "read" => switch.read(now, it.stream()?, it.room(scratch)?).is_ok(),
        "stop" => switch.stop(now, it.stream()?, code()?).is_ok(),
        _ => return Ok(false),
    };
    Ok(true)
}

fn services(
    switch: &mut Recorded,
    now: Time,
    it: &Fields,
    (call, body): (&str, &[u8]),
    scratch: &mut Vec<u8>,
) -> Result<bool, Unread> {
    let _given = match call {
        "seek" => {
            let target = hashname(it.target.as_deref()).needed("target")?;
            switch.seek(now, it.local()?, target).is_ok()
        }
        "join" => {
            let secret = SecretKey::from_bytes(body.first_chunk().needed("body")?);
            let (arity, leaf) = (it.arity, it.leaf);
            switch
                .join(now, it.local()?, &secret, Part { arity, leaf })
                .is_ok()
        }
        "announce" => {
            let secret = SecretKey::from_bytes(body.first_chunk().needed("body")?);
            switch.announce(now, it.local()?, &secret).is_ok()
        }
        "hush" => switch.hush(now, it.local()?).is_ok(),
        "meet" => switch.meet(now, it.local()?, &it.key()?, &it.to()?).is_ok(),
        "set_name" => switch.set_name(now, it.local()?, text(body)?).is_ok(),
        "leave" => switch.leave(now, it.local()?).is_ok(),
        "broadcast" => switch.broadcast(now, it.local()?, body).is_ok(),
        "read_broadcast" => switch
            .read_broadcast(now, it.local()?, it.room(scratch)?)
            .is_ok(),
        _ => return Ok(false),
    };
    Ok(true)
}

fn hashname(text: Option<&str>) -> Option<Hashname> {
    text?.parse().ok()
}

fn text(body: &[u8]) -> Result<&str, Unread> {
    core::str::from_utf8(body).ok().needed("body")
}

fn size(number: Option<u64>) -> Option<usize> {
    usize::try_from(number?).ok()
}

impl Fields {
    /// As much room as the call had.
    pub(super) fn room<'a>(&self, scratch: &'a mut Vec<u8>) -> Result<&'a mut [u8], Unread> {
        let room = self.room.filter(|room| *room <= ROOM_MAX);
        let room = size(room).needed("room")?;
        if scratch.len() < room {
            scratch.resize(room, 0);
        }
        Ok(&mut scratch[..room])
    }

    fn local(&self) -> Result<Hashname, Unread> {
        hashname(self.local.as_deref()).needed("local")
    }

    fn key(&self) -> Result<PublicKey, Unread> {
        let key = self.key.as_deref().and_then(|key| key.parse().ok());
        key.needed("key")
    }

    fn to(&self) -> Result<Vec<SocketAddr>, Unread> {
        addresses(self.to.as_ref(), "to")
    }

    fn line(&self) -> Result<LineId, Unread> {
        Ok(LineId::of_number(self.line.needed("line")?))
    }

    fn stream(&self) -> Result<StreamId, Unread> {
        let id = self.stream.needed("stream")?;
        Ok(StreamId::of_number(self.line()?, id))
    }

    fn named_space(&self) -> Result<Space, Unread> {
        let name = self.space.as_deref().needed("space")?;
        let space = match &self.roots {
            None => Space::open(name),
            Some(roots) => {
                let roots: Result<Vec<PublicKey>, _> =
                    roots.iter().map(|root| root.parse()).collect();
                Space::closed(name, &roots.ok().needed("roots")?)
            }
        };
        space.ok().needed("space")
    }

    fn path(&self) -> Result<Path, Unread> {
        let local = match &self.local {
            None => None,
            Some(local) => Some(local.parse::<IpAddr>().ok().needed("local")?),
        };
        let remote = self.remote.as_ref().and_then(|it| it.parse().ok());
        let remote = remote.needed("remote")?;
        Ok(Path { local, remote })
    }

    fn ecn(&self) -> Result<Ecn, Unread> {
        match self.ecn.as_deref() {
            None => Ok(Ecn::None),
            Some("ect0") => Ok(Ecn::Ect0),
            Some("ect1") => Ok(Ecn::Ect1),
            Some("congested") => Ok(Ecn::Congested),
            Some(_) => Err(Unread::Field("ecn")),
        }
    }

    fn meta(&self) -> Result<Meta, Unread> {
        Ok(Meta {
            socket: SocketId(self.socket.needed("socket")?),
            path: self.path()?,
            interface: self.interface.unwrap_or(0),
            ecn: self.ecn()?,
            stride: size(self.stride).needed("stride")?,
        })
    }

    fn transmit(&self) -> Result<Transmit, Unread> {
        Ok(Transmit {
            socket: SocketId(self.socket.needed("socket")?),
            path: self.path()?,
            ecn: self.ecn()?,
            ttl: self.ttl,
            len: size(self.len).needed("len")?,
            segment: size(self.segment).needed("segment")?,
        })
    }

    fn networks(&self) -> Result<Vec<LocalNetwork>, Unread> {
        let texts = self.networks.as_ref().needed("networks")?;
        let networks = texts.iter().map(|text| text.parse());
        networks.collect::<Result<_, _>>().ok().needed("networks")
    }

    fn interfaces(&self) -> Result<Vec<Interface>, Unread> {
        let sockets = self.sockets.as_ref().needed("sockets")?;
        let locals = addresses(self.locals.as_ref(), "locals")?;
        if sockets.len() != locals.len() {
            return Err(Unread::Field("locals"));
        }
        let both = sockets.iter().zip(locals);
        let all = both.map(|(socket, local)| Interface {
            socket: SocketId(*socket),
            local,
        });
        Ok(all.collect())
    }
}

fn addresses(
    texts: Option<&Vec<alloc::string::String>>,
    field: &'static str,
) -> Result<Vec<SocketAddr>, Unread> {
    let addresses = texts.needed(field)?.iter().map(|text| text.parse());
    addresses.collect::<Result<_, _>>().ok().needed(field)
}
