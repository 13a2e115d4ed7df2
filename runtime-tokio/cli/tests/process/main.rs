//! The program as processes on loopback, each with a home and folders of its own. Nothing here
//! waits by the clock: a process is ready when it has printed its ticket and over when its outputs
//! end; only what would hang for ever is cut off.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "what fails here fails its test")]

mod chat;
mod chat_through;
mod ends;
mod folders;
mod homes;
mod hostile;
mod lan;
mod members;
mod mistakes;
mod offers;
mod pipe;
mod replay;
mod resume;
mod roaming;
mod running;
mod spaces;
mod state;
mod talkers;
mod through;
mod transfers;
