//! Who somebody is: keys, spaces, hashnames, tickets. It owns every use of Ed25519 and SHA-1 and
//! it never sends, receives or remembers anything.

mod closed;
mod hashname;
mod keys;
mod space;
mod ticket;

pub use closed::{
    Admission, AdmissionError, Document, DocumentError, GATES_MOST, Gate, Membership, Refusal,
    Roles, Statement,
};
pub use hashname::{Hashname, HashnameError};
pub use keys::{KeyError, Keys, PublicKey, SecretKey, Signature};
pub use space::{Space, SpaceError, SpaceId};
pub use ticket::{SpaceRef, Ticket, TicketError, Token, TokenError};
