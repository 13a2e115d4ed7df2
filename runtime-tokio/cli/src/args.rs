//! The command line.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use clap::{ArgAction, Args, Parser, Subcommand};

use crate::figures;

const EXAMPLES: &str = "\
Examples:
  hydroid demo                            two switches on this machine, and a file between them
  hydroid send big.bin                    prints a ticket, waits for whoever shows it
  hydroid send photos/                    a whole folder is as good
  hydroid recv TICKET                     fetches it into this folder; again, if it was stopped
  hydroid recv TICKET -o - | sha256sum    or prints it, each part checked before it is printed
  hydroid up --into ~/inbox               stays, answers pings, takes files
  hydroid send big.bin --to TICKET        gives a file to an `up`
  hydroid ping TICKET -c 5                asks whether it is there, and how far away

Exit codes: 0 done, 1 failed, 2 usage, 3 not found, 4 unreachable or timed out, 5 refused,
6 verification failed, 7 incomplete but resumable, 130 interrupted.

HYDROID_HOME is where the identity is kept; HYDROID_LOG is error, warn, info or debug.";

/// Reach any peer by its key: no server, no company, no account in between.
#[derive(Parser, Debug)]
#[command(name = "hydroid", version, after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Print one JSON object a line on stdout, for everything
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// No prose and no progress on stderr
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub(crate) quiet: bool,
    /// Tell more on stderr; twice tells everything
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub(crate) verbose: u8,
    /// Be the home's identity instead of one that is thrown away afterwards
    #[arg(long, global = true)]
    pub(crate) identity: bool,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to do.
#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    /// Show the home's identity, made at first use
    Id,
    /// Be there: print a ticket, answer pings, take files from whoever shows the ticket
    Up(Up),
    /// Ask whether a peer is there, and how far away
    Ping(Ping),
    /// Give a file or a folder to whoever shows the ticket that is printed, or to an `up`
    Send(Send),
    /// Fetch the file or folder that a ticket of `send` stands for
    Recv(Recv),
    /// Two switches on this machine: a handshake, a file, and everything checked
    Demo,
}

/// `hydroid up`.
#[derive(Args, Debug)]
pub(crate) struct Up {
    /// The address to listen on, which the ticket then names; otherwise every interface
    #[arg(long, value_name = "ADDR")]
    pub(crate) listen: Option<SocketAddr>,
    /// The folder for received files [default: `hydroid` in your downloads]
    #[arg(long, value_name = "DIR")]
    pub(crate) into: Option<PathBuf>,
    /// The largest file to take: a number, or one with K, M, G or T
    #[arg(long, value_name = "N", default_value = "16G", value_parser = figures::parse_bytes)]
    pub(crate) max_bytes: u64,
}

/// `hydroid ping`.
#[derive(Args, Debug)]
pub(crate) struct Ping {
    /// Whom to ask
    pub(crate) ticket: String,
    /// How often
    #[arg(short = 'c', long, value_name = "N", default_value_t = 4,
          value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) count: u32,
    /// How long to wait for the line, and for each answer
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = figures::parse_time)]
    pub(crate) timeout: Duration,
}

/// `hydroid send`.
#[derive(Args, Debug)]
pub(crate) struct Send {
    /// The file or folder
    pub(crate) file: PathBuf,
    /// The ticket of an `up` that is to take it
    #[arg(long, value_name = "TICKET")]
    pub(crate) to: Option<String>,
    /// The address to listen on, which the ticket then names; otherwise every interface
    #[arg(long, value_name = "ADDR")]
    pub(crate) listen: Option<SocketAddr>,
}

/// `hydroid recv`.
#[derive(Args, Debug)]
pub(crate) struct Recv {
    /// What to fetch
    pub(crate) ticket: String,
    /// The new name, the folder to put it into if that exists, or - for stdout
    #[arg(short, long, value_name = "PATH|-")]
    pub(crate) output: Option<PathBuf>,
    /// Replace the file if it is there already
    #[arg(long)]
    pub(crate) overwrite: bool,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn args_are_sound_and_have_examples() {
        Arguments::command().debug_assert();
        let help = Arguments::command().render_help().to_string();
        assert!(help.contains("hydroid recv TICKET"), "{help}");
    }

    #[test]
    fn args_bounds_are_kept() {
        let parse = |line: &str| Arguments::try_parse_from(line.split(' '));
        assert!(parse("hydroid ping x -c 0").is_err());
        assert!(parse("hydroid ping x --timeout 0s").is_err());
        assert!(parse("hydroid up --listen nowhere").is_err());
        assert!(parse("hydroid up -q -v").is_err());
        assert!(parse("hydroid recv x -o - --json").is_ok());
    }
}
