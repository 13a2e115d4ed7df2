//! One file a command. A command returns when it is done, or with a [`Failure`] that says why not;
//! it may be dropped at any point, and leaves nothing half-done then.

mod demo;
mod id;
mod ping;
mod pipe;
mod recv;
mod replay;
mod send;
mod space;
mod up;

use crate::{args::Command, context::Context, exit::Failure};

/// Does what the command line asks.
///
/// # Errors
/// Those of the command.
pub(crate) async fn run(context: &Context, command: Command) -> Result<(), Failure> {
    match command {
        Command::Id => id::run(context).await,
        Command::Up(args) => up::run(context, args).await,
        Command::Ping(args) => ping::run(context, args).await,
        Command::Send(args) => send::run(context, args).await,
        Command::Recv(args) => recv::run(context, args).await,
        Command::Pipe(args) => pipe::run(context, args).await,
        Command::Space(args) => space::run(context, args).await,
        Command::Demo => demo::run(context).await,
        Command::Replay(args) => replay::run(context, args).await,
    }
}
