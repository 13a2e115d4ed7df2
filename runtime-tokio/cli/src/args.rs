//! The command line.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use clap::{ArgAction, Args, Parser, Subcommand};
use hydroid_core::identity::Roles;

use crate::{exit::Failure, figures, offers::Accept, spaces};

const EXAMPLES: &str = "\
Examples:
  hydroid demo                            what this does, shown on this machine alone
  hydroid send big.bin                    prints a ticket, waits for whoever shows it
  hydroid send photos/                    a whole folder is as good
  hydroid recv TICKET                     fetches it into this folder; again, if it was stopped
  hydroid recv TICKET -o - | sha256sum    or prints it, each part checked before it is printed
  hydroid chat                            talks with everybody on the local network who does the same
  hydroid peers                           who is there; `hydroid tree` draws how they hang together
  hydroid send big.bin --to anna          offers a file to whoever is called anna there
  hydroid up --into ~/inbox               stays, answers pings, takes files
  hydroid send big.bin --to TICKET        gives a file to an `up`
  tar c . | hydroid pipe                  prints a ticket on stderr, waits for the other end
  hydroid pipe TICKET < /dev/null | tar x is the other end
  hydroid space new club                  a closed space: only members get in
  hydroid space invite club --for 30d     prints a ticket that lets one bearer in
  hydroid space join TICKET               is that bearer
  hydroid ping TICKET -c 5                asks whether it is there, and how far away
  hydroid up --record up.tape             the same, and writes down all that its switch does
  hydroid replay up.tape                  does it all again, and sees whether it comes to the same

Exit codes: 0 done, 1 failed, 2 usage, 3 not found, 4 unreachable or timed out, 5 refused,
6 verification failed, 7 incomplete but resumable, 130 interrupted. Of replay: 0 identical, also
where the tape ends early, 1 it differs, 2 what cannot be replayed.

A tape holds secrets: who reads it can be whom it recorded, and reads what was sent.

A space that is not configured is open: whoever knows its name can be there, and `local` is the one
where none is named. A name is nobody's alone there: it is shown with the first digits of its
bearer's key, as in anna~3fa2, and with a ? behind it while this home has not met the key before.

HYDROID_INTERFACES names the network interfaces on which others are looked for, with commas between
them; otherwise all. HYDROID_HOME is where the identity is kept; HYDROID_LOG is error, warn, info or debug.";

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
    /// Be in the space of this name: a closed one, as the home's identity, if the home is a member
    /// of one, otherwise the open one that anybody may come to. An `up` is in all closed ones, and
    /// prints the ticket of this one only
    #[arg(long, global = true, value_name = "NAME")]
    pub(crate) space: Option<String>,
    /// Write all that the switch is told and answers into FILE, secrets too, for `replay`
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) record: Option<PathBuf>,
    /// Replace the file of --record if it is there already
    #[arg(long, global = true)]
    pub(crate) record_over: bool,
    #[command(subcommand)]
    pub(crate) command: Command,
}

impl Arguments {
    /// What the parser cannot see by itself.
    ///
    /// # Errors
    /// [`Failure`] of usage.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        if self.record.is_some() && !self.command.has_one_switch() {
            return Err(Failure::usage(
                "a tape holds what one switch does: --record is for up, chat, peers, tree, ping, send, \
                 recv and pipe",
            ));
        }
        // The parser's own `requires` does not see one of them before the command and one behind it.
        if self.record_over && self.record.is_none() {
            return Err(Failure::usage(
                "--record-over replaces the file of --record, and there is none: add --record FILE",
            ));
        }
        Ok(())
    }
}

/// What to do.
#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    /// Show the home's identity, made at first use
    Id,
    /// Be there: print a ticket, answer pings, take files from whoever shows the ticket
    Up(Up),
    /// Talk with everybody in a space: what you type reaches all of them, once
    #[command(after_help = CHAT)]
    Chat(Chat),
    /// Show who is in a space
    Peers(Look),
    /// Draw the tree of a space
    Tree(Look),
    /// Ask whether a peer is there, and how far away
    Ping(Ping),
    /// Give a file or a folder to whoever shows the ticket that is printed, or to an `up`
    Send(Send),
    /// Fetch the file or folder that a ticket of `send` stands for
    Recv(Recv),
    /// Connect stdin and stdout with those of a peer
    Pipe(Pipe),
    /// Closed spaces: found one, let others in, join, put somebody out
    #[command(subcommand)]
    Space(Space),
    /// Switches on this machine: a handshake, a file, and eight that find each other, grow a tree,
    /// talk and heal; everything checked
    Demo(Demo),
    /// Do again what a switch did that was recorded, and see whether it comes to the same
    Replay(Replay),
}

impl Command {
    /// Whether it starts a switch, and just one: what a tape can hold.
    const fn has_one_switch(&self) -> bool {
        match self {
            Self::Up(_)
            | Self::Chat(_)
            | Self::Peers(_)
            | Self::Tree(_)
            | Self::Ping(_)
            | Self::Send(_)
            | Self::Recv(_)
            | Self::Pipe(_) => true,
            Self::Space(_) | Self::Id | Self::Demo(_) | Self::Replay(_) => false,
        }
    }
}

/// How a command is in a space.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct Being {
    /// The address to listen on, which a ticket then names; otherwise every interface. On a
    /// loopback address others are found on this machine alone
    #[arg(long, value_name = "ADDR")]
    pub(crate) listen: Option<SocketAddr>,
    /// Find nobody on the local network, and be found by nobody there
    #[arg(long)]
    pub(crate) no_lan: bool,
    /// Look for others on this network interface; may be given several times [default: all]
    #[arg(long, value_name = "NAME", conflicts_with = "no_lan")]
    pub(crate) interface: Vec<String>,
    /// Begin with the `up` or `chat` of this ticket, wherever it is; may be given several times
    #[arg(long, value_name = "TICKET")]
    pub(crate) peer: Vec<String>,
}

/// What is taken of what others bring.
#[derive(Args, Clone, Debug)]
pub(crate) struct Taking {
    /// The folder for received files [default: `hydroid` in your downloads]
    #[arg(long, value_name = "DIR")]
    pub(crate) into: Option<PathBuf>,
    /// The largest file to take: a number, or one with K, M, G or T
    #[arg(long, value_name = "N", default_value = "16G", value_parser = figures::parse_bytes)]
    pub(crate) max_bytes: u64,
    /// What becomes of a file that is offered without a ticket
    #[arg(long, value_name = "WHICH", default_value = "ask")]
    pub(crate) accept: Accept,
}

/// `hydroid up`.
#[derive(Args, Debug)]
pub(crate) struct Up {
    /// The name that others are shown [default: your user name]
    #[arg(long, value_name = "NICK")]
    pub(crate) name: Option<String>,
    #[command(flatten)]
    pub(crate) being: Being,
    #[command(flatten)]
    pub(crate) taking: Taking,
}

const CHAT: &str = "\
What others say is printed on stdout as `name: text`, at once; who comes and goes on stderr. In an
open space the name stands with the first digits of the key, as in anna~3fa2: a name is nobody's
alone, the key is. A ? behind it says that this home has not met the key before.

Where stdin is a terminal, /who, /accept, /refuse, /help and /quit are commands, and // begins a line
with one /. Where it is not, every line is said as it is, and at its end the chat is left once all is
delivered, with exit code 3 if nobody was there to hear it.

Where an `up` of this home runs and is in the space, the chat goes through it, as this home's identity,
and as often as it is started. That one tells what was said to whoever comes later, so that nobody's
being there is no failure then, and asks what becomes of files.";

/// The largest file that is taken unless another size is asked for.
pub(crate) const MAX_BYTES: u64 = 16 << 30;

/// `hydroid chat`.
#[derive(Args, Debug)]
pub(crate) struct Chat {
    /// The name that others are shown [default: your user name]
    #[arg(long, value_name = "NICK")]
    pub(crate) name: Option<String>,
    /// Go on listening when stdin has ended
    #[arg(long)]
    pub(crate) stay: bool,
    #[command(flatten)]
    pub(crate) being: Being,
    #[command(flatten)]
    pub(crate) taking: Taking,
}

/// `hydroid peers` and `hydroid tree`.
#[derive(Args, Debug)]
pub(crate) struct Look {
    #[command(flatten)]
    pub(crate) being: Being,
}

/// `hydroid ping`.
#[derive(Args, Debug)]
pub(crate) struct Ping {
    /// Whom to ask: a ticket, or the name of a member of the space, or the first digits of its key
    #[arg(value_name = "TICKET|NAME")]
    pub(crate) whom: String,
    /// How often
    #[arg(short = 'c', long, value_name = "N", default_value_t = 4,
          value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) count: u32,
    /// How long to wait for the line, and for each answer
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = figures::parse_time)]
    pub(crate) timeout: Duration,
    #[command(flatten)]
    pub(crate) being: Being,
}

/// `hydroid send`.
#[derive(Args, Debug)]
pub(crate) struct Send {
    /// The file or folder
    pub(crate) file: PathBuf,
    /// The ticket of an `up` that is to take it, or the name of a member of the space, or the first
    /// digits of its key, to whom it is offered
    #[arg(long, value_name = "TICKET|NAME")]
    pub(crate) to: Option<String>,
    /// The name under which it is offered [default: your user name]
    #[arg(long, value_name = "NICK")]
    pub(crate) name: Option<String>,
    #[command(flatten)]
    pub(crate) being: Being,
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

/// `hydroid pipe`.
#[derive(Args, Debug)]
pub(crate) struct Pipe {
    /// The ticket of the other end; without one, a ticket for it is printed on stderr
    pub(crate) ticket: Option<String>,
    /// The address to listen on, which the ticket then names; otherwise every interface
    #[arg(long, value_name = "ADDR")]
    pub(crate) listen: Option<SocketAddr>,
}

/// `hydroid demo`.
#[derive(Args, Debug)]
pub(crate) struct Demo {
    /// Announce all but this one of the eight: then the demonstration has to fail
    #[arg(long, hide = true, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=8))]
    pub(crate) cut: Option<u8>,
}

/// `hydroid replay`.
#[derive(Args, Debug)]
pub(crate) struct Replay {
    /// The tape, as --record made it
    pub(crate) file: PathBuf,
    /// Go no further than to this time of the switch: 12.5s, 12.5, 500ms, 2m
    #[arg(long, value_name = "TIME", value_parser = figures::parse_moment)]
    pub(crate) until: Option<u64>,
    /// Print every call and output in words
    #[arg(long)]
    pub(crate) explain: bool,
    /// Do the calls again and see that the switch keeps its contracts, whatever it answers
    #[arg(long)]
    pub(crate) loose: bool,
    /// Print every record as one JSON object a line, and do nothing again
    #[arg(long, conflicts_with_all = ["explain", "loose", "redact"])]
    pub(crate) text: bool,
    /// Write the tape without keys and without what was sent, for somebody else to look at it by
    /// --explain, once it has been done again
    #[arg(long, value_name = "OUT", conflicts_with_all = ["explain", "loose"])]
    pub(crate) redact: Option<PathBuf>,
}

/// `hydroid space`.
#[derive(Subcommand, Debug)]
pub(crate) enum Space {
    /// Found a closed space with the home's identity as its root operator
    New {
        /// Its name: 1 to 63 of the characters a-z, 0-9, '-' and '.'
        name: String,
    },
    /// Print a ticket that lets one bearer in
    Invite(Invite),
    /// Become a member by the ticket of an invitation
    Join {
        /// The ticket
        ticket: String,
    },
    /// Show the spaces that this home is a member of, and whom it signed in
    Members {
        /// The space; otherwise all
        name: Option<String>,
    },
    /// Put a member out, as the root operator: its lines end at once, and nobody lets it in again
    Kick {
        /// The space
        name: String,
        /// The member's key, or the first digits of its key or hashname
        member: String,
    },
    /// Forget a space of which this home is a member
    Leave {
        /// The space
        name: String,
    },
}

/// `hydroid space invite`.
#[derive(Args, Debug)]
pub(crate) struct Invite {
    /// The space
    pub(crate) name: String,
    /// What the bearer may do there: member, spacer, relay, operator, with commas between them
    #[arg(long, value_name = "ROLES", default_value = "spacer,relay",
          value_parser = spaces::parse_roles)]
    pub(crate) roles: Roles,
    /// How long the bearer will be a member, from joining on; otherwise for ever
    #[arg(long = "for", value_name = "TIME", value_parser = figures::parse_span)]
    pub(crate) member_s: Option<u64>,
    /// How long the invitation is good
    #[arg(long, value_name = "TIME", default_value = "1d", value_parser = figures::parse_span)]
    pub(crate) expires: u64,
    /// The address to listen on where no `up` runs, which the ticket then names
    #[arg(long, value_name = "ADDR")]
    pub(crate) listen: Option<SocketAddr>,
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
        assert!(parse("hydroid space invite x --for 0s").is_err());
        assert!(parse("hydroid space invite x --roles king").is_err());
        assert!(parse("hydroid space invite x --roles operator,relay --for 2d").is_ok());
        assert!(parse("hydroid pipe --space x").is_ok());
        let recorded = |line| parse(line).unwrap().check().is_ok();
        assert!(!recorded("hydroid up --record-over"));
        assert!(recorded("hydroid --record x up --record-over"));
        assert!(recorded("hydroid --record x pipe") && !recorded("hydroid --record x demo"));
        assert!(parse("hydroid replay x --until soon").is_err());
        assert!(parse("hydroid replay x --text --explain").is_err());
    }
}
