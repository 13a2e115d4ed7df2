//! One file a command. A command returns when it is done, or with a [`Failure`] that says why not;
//! it may be dropped at any point, and leaves nothing half-done then.

mod chat;
mod demo;
mod id;
mod peers;
mod ping;
mod pipe;
mod recv;
mod replay;
mod send;
mod space;
mod tree;
mod up;

pub(crate) use recv::note_restart;

use crate::{args::Command, context::Context, exit::Failure};

/// Does what the command line asks.
///
/// # Errors
/// Those of the command.
pub(crate) async fn run(context: &Context, command: Command) -> Result<(), Failure> {
    match command {
        Command::Id => id::run(context).await,
        Command::Up(args) => up::run(context, args).await,
        Command::Chat(args) => chat::run(context, args).await,
        Command::Peers(args) => peers::run(context, args).await,
        Command::Tree(args) => tree::run(context, args).await,
        Command::Ping(args) => ping::run(context, args).await,
        Command::Send(args) => send::run(context, args).await,
        Command::Recv(args) => recv::run(context, args).await,
        Command::Pipe(args) => pipe::run(context, args).await,
        Command::Space(args) => space::run(context, args).await,
        Command::Demo(args) => demo::run(context, &args).await,
        Command::Replay(args) => replay::run(context, args).await,
    }
}
