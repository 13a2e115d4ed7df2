//! Bytes to legal values and back: packets, heads, addresses, frames. It owns what a byte means
//! and what is refused, and it never keeps a state, knows a peer or touches a key.

mod address;
pub mod frame;
pub mod json;
mod packet;
#[cfg(test)]
pub(crate) mod property;
mod sealed;
pub(crate) mod varint;
#[cfg(test)]
pub(crate) mod vector;

pub use address::{Address, AddressError, Path, Route, SocketId, fold};
pub use packet::{Head, Packet, PacketError};
pub use sealed::{SEALED_LEAST, SEALED_OVERHEAD, SEALED_PREFIX, Sealed, TAG_LEN};
pub use varint::{VARINT_MAX, varint_len};
