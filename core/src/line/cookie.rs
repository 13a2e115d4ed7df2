//! Cookies (PROTOCOL, section Cookie): under load an open has to show that its sender hears what is
//! sent to its address. The responder keeps nothing for it but two secrets.

use alloc::{borrow::Cow, boxed::Box, format, string::String};
use core::net::{IpAddr, SocketAddr};

use data_encoding::HEXLOWER;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use super::{
    Dropped, Lines, Output, Place,
    head::{self, CLEAR},
    mac::{self, Digest, MAC_LEN},
    open::packet,
};
use crate::{
    base::{Rng, Time},
    identity::{PublicKey, SpaceId},
    wire::Packet,
};

/// What an open shows under load.
pub(super) type Cookie = [u8; 16];

/// The member of an open's head that shows a cookie.
pub(super) fn member(cookie: &Cookie) -> String {
    format!(r#","cookie":"{}""#, HEXLOWER.encode(cookie))
}

/// Reads a cookie out of a head.
pub(super) fn read(text: &str) -> Result<Cookie, Dropped> {
    let mut cookie = [0; 16];
    head::hex(text, &mut cookie)?;
    Ok(cookie)
}

/// What the replies to opens for one hashname are keyed with.
pub(super) struct CookieKey(Zeroizing<[u8; 32]>);

impl CookieKey {
    pub(super) fn new(gate: &[u8; 32], responder: &PublicKey, space: &SpaceId) -> Self {
        let mut hash = Sha256::new();
        hash.update(b"hydroid/1 cookie");
        hash.update(gate);
        hash.update(responder.as_bytes());
        hash.update(space.as_bytes());
        Self(Zeroizing::new(hash.finalize().into()))
    }

    /// The MAC of a reply to the open with this hash: who did not see the open cannot make it.
    fn mac(&self, reply: &Digest, open: &Digest) -> [u8; MAC_LEN] {
        let mut hash = Sha256::new();
        hash.update(self.0.as_slice());
        hash.update(reply);
        hash.update(open);
        first_half(hash)
    }

    /// The datagram that asks the sender of an open to come again with this cookie.
    pub(super) fn reply(&self, line: u32, cookie: &Cookie, open: &Digest) -> Box<[u8]> {
        let mut out = packet(format!(r#"{{"line":{line}{}}}"#, member(cookie)).as_bytes());
        let mac = self.mac(&mac::digest(&out), open);
        out.extend_from_slice(&mac);
        out.into()
    }
}

fn first_half(hash: Sha256) -> [u8; 16] {
    let whole: [u8; 32] = hash.finalize().into();
    *whole.first_chunk().expect("16 bytes are fewer than 32")
}

/// What anybody can read of a reply that came in.
pub(super) struct Clear<'a> {
    /// The id of the open that it is about.
    pub(super) line: u32,
    pub(super) cookie: Cookie,
    mac: &'a [u8; MAC_LEN],
    digest: Digest,
}

impl<'a> Clear<'a> {
    pub(super) fn parse(datagram: &'a [u8]) -> Result<Self, Dropped> {
        #[derive(Deserialize)]
        struct Head<'a> {
            line: u32,
            #[serde(borrow)]
            cookie: Cow<'a, str>,
        }
        let packet = Packet::decode(datagram).map_err(|_truncated| Dropped::Malformed)?;
        let Head { line, cookie } = head::parse(packet.head.bytes(), &CLEAR)?;
        let mac = packet.body.try_into().map_err(|_len| Dropped::Malformed)?;
        Ok(Self {
            line,
            cookie: read(&cookie)?,
            mac,
            digest: mac::digest(&datagram[..datagram.len() - MAC_LEN]),
        })
    }

    /// True if it answers the open with this hash.
    pub(super) fn fits(&self, key: &CookieKey, open: &Digest) -> bool {
        key.mac(&self.digest, open).ct_eq(self.mac).into()
    }
}

/// The secrets that cookies are made with, each for a while; the one before still counts.
#[derive(Debug)]
pub(super) struct Cookies {
    rng: Rng,
    secret: Secret,
    before: Option<Secret>,
    drawn: Time,
    period_ms: u64,
}

struct Secret {
    number: u64,
    bytes: Zeroizing<[u8; 32]>,
}

impl core::fmt::Debug for Secret {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Secret({})", self.number)
    }
}

impl Secret {
    fn cookie(&self, remote: SocketAddr) -> Cookie {
        let mut hash = Sha256::new();
        hash.update(self.bytes.as_slice());
        match remote.ip() {
            IpAddr::V4(ip) => hash.update(ip.octets()),
            IpAddr::V6(ip) => hash.update(ip.octets()),
        }
        hash.update(remote.port().to_be_bytes());
        hash.update(self.number.to_be_bytes());
        first_half(hash)
    }
}

impl Cookies {
    pub(super) fn new(period_ms: u64, mut rng: Rng) -> Self {
        let bytes = Zeroizing::new(rng.bytes());
        Self {
            rng,
            secret: Secret { number: 0, bytes },
            before: None,
            drawn: Time::ZERO,
            period_ms,
        }
    }

    /// The cookie for this address.
    pub(super) fn at(&mut self, now: Time, remote: SocketAddr) -> Cookie {
        self.draw(now);
        self.secret.cookie(remote)
    }

    /// True if we gave this cookie to this address, not too long ago.
    pub(super) fn fits(&mut self, now: Time, remote: SocketAddr, cookie: &Cookie) -> bool {
        self.draw(now);
        let mut secrets = [Some(&self.secret), self.before.as_ref()].into_iter();
        secrets.any(|it| it.is_some_and(|it| it.cookie(remote).ct_eq(cookie).into()))
    }

    /// Draws a secret if the one there is has served its time. It needs no timer: nobody asks
    /// without an open.
    fn draw(&mut self, now: Time) {
        if self.drawn.plus_ms(self.period_ms) > now {
            return;
        }
        let lately = self.drawn.plus_ms(self.period_ms.saturating_mul(2)) > now;
        let number = self.secret.number + 1;
        let bytes = Zeroizing::new(self.rng.bytes());
        let before = core::mem::replace(&mut self.secret, Secret { number, bytes });
        self.before = lately.then_some(before);
        self.drawn = now;
    }
}

impl Lines {
    /// Takes a demand for a cookie: an open of ours is written anew and shows it.
    ///
    /// # Errors
    /// [`Dropped`]: why it did nothing.
    pub fn on_cookie(&mut self, now: Time, datagram: &[u8]) -> Result<(), Dropped> {
        let clear = Clear::parse(datagram)?;
        let Some(&Place::Pending(slot)) = self.ids.get(&clear.line) else {
            return Err(Dropped::UnknownLine);
        };
        let line = self.slots.get(slot).expect("an id leads to its line");
        let pending = line.pending.as_ref().expect("an id leads to its open");
        let home = &self.homes[line.home];
        let open = mac::digest(&pending.datagram[..pending.datagram.len() - MAC_LEN]);
        // Whichever of its repetitions it replies to, each under a gate of its own: the peer knows
        // that one, and may not know a newer.
        let fits = home.doors.iter().position(|door| {
            let gate = door.gate.as_bytes();
            clear.fits(
                &CookieKey::new(gate, &line.info.who.peer, &home.space),
                &open,
            )
        });
        let gate = fits.ok_or(Dropped::NotInstalled)?;
        if pending.cookies >= self.config.cookies {
            return Err(Dropped::Repeated);
        }
        let end = pending.end;
        let (id, written) = self.write_open(now, slot, end, Some(&clear.cookie), gate);
        let pending = self.pending_mut(slot).expect("it was just there");
        let before = pending.take_up(now, id, written, gate);
        for route in &pending.routes.clone() {
            let _full = self.outputs.push((Output::Open(id), *route));
        }
        self.ids.remove(&before);
        Ok(())
    }
}
