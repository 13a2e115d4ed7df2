//! The caller's errors, one small enum a command. A stranger's errors are counted in `Stats`; an
//! authenticated peer's end the line with a `Misbehaviour`; our own are assertions.

use core::fmt;

use super::DownReason;
use crate::identity::Refusal;

macro_rules! errors {
    ($($(#[$about:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident $(($field:ty))? $([$shown:ty])? => $text:literal,)+ })+) => {$(
        $(#[$about])*
        #[derive(Clone, PartialEq, Eq, Debug)]
        #[non_exhaustive]
        pub enum $name { $($(#[$doc])* $variant $(($field))? $(($shown))?,)+ }

        impl $name {
            /// The name of the variant, for tapes and logs.
            pub const fn word(&self) -> &'static str {
                match self { $(errors!(@pattern $variant $(($field))? $(($shown))?) => stringify!($variant),)+ }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self { $(errors!(@shown it $variant $(($field))? $([$shown])?) => errors!(@show f it $text $([$shown])?),)+ }
            }
        }

        impl core::error::Error for $name {}
    )+};
    (@pattern $variant:ident) => { Self::$variant };
    (@pattern $variant:ident ($field:ty)) => { Self::$variant(_) };
    (@shown $it:ident $variant:ident [$field:ty]) => { Self::$variant($it) };
    (@shown $it:ident $($pattern:tt)+) => { errors!(@pattern $($pattern)+) };
    (@show $f:ident $it:ident $text:literal) => { $f.write_str($text) };
    // A text with a place for the value.
    (@show $f:ident $it:ident $text:literal [$field:ty]) => { write!($f, $text, $it) };
}

errors! {
    /// Why a switch cannot be made.
    ConfigError {
        /// A limit is zero, or a limit contradicts another.
        Illegal(&'static str) => "a field of the config has an illegal value",
    }
    /// Why an identity cannot be installed.
    InstallError {
        /// It is installed already.
        Twice => "this key is installed in this space already",
        /// A switch hosts a limited number of hashnames.
        Full => "the switch hosts as many hashnames as its config allows",
        /// The space is closed: only an admission lets somebody in.
        NoAdmission => "the space is closed and takes an admission",
        /// The admission is for another key.
        OtherKey => "the admission is for another key",
        /// The membership does not count.
        Refused(Refusal) => "the membership does not count",
    }
    /// Why kept state cannot be restored.
    RestoreError {
        /// No room knows this key.
        UnknownKey => "no kept state has this key",
        /// The bytes are damaged or from a later version.
        Malformed => "the kept state is damaged or from a later version",
    }
    /// Why no line can be opened.
    ConnectError {
        /// The hashname to open from is not installed.
        NotInstalled => "the hashname to open the line from is not installed",
        /// That is the key of the local end itself.
        Oneself => "a hashname opens no line to itself",
        /// No address is known, or none that a socket of ours can reach.
        NoAddress => "no address is known that a socket of ours can reach",
        /// The switch holds as many lines as its config allows.
        Full => "the switch holds as many lines as its config allows",
        /// The local end is no member of its closed space any more.
        Refused(Refusal) => "this end is no member of the closed space any more",
    }
    /// Why a command about a line did nothing.
    LineError {
        /// There is no such line.
        UnknownLine => "there is no such line",
        /// The queue is full, or empty; nothing was taken.
        Blocked => "nothing can be taken for now",
        /// The code is one of those that the protocol keeps for itself.
        ReservedCode => "the codes from 0x100 to 0x1ff are the protocol's own",
        /// What was given is no packet.
        NoPacket => "what was given is no packet",
        /// Its head is one that the protocol keeps for itself, or none that may go without a line.
        Reserved => "the head is one that may not be sent without a line",
        /// No socket of ours can reach the address.
        NoSocket => "no socket of ours can reach the address",
        /// It does not fit: into one datagram, or into the buffer given.
        TooLarge => "it does not fit into one datagram, or into the buffer given",
    }
    /// Why no stream was opened.
    OpenError {
        /// There is no such line.
        UnknownLine => "there is no such line",
        /// The peer allows no further stream for now; try again after an event about the line.
        Blocked => "the peer allows no further stream for now",
        /// The head is no JSON object, or longer than the config allows.
        IllegalHead => "the head is no JSON object within the limit",
    }
    /// Why nothing was written.
    WriteError {
        /// There is no such stream.
        UnknownStream => "there is no such stream",
        /// No room for now; `Writable` will tell.
        Blocked => "there is no room to write for now",
        /// The direction was finished or reset by us.
        Finished => "our direction of the stream has ended",
        /// The peer reads no more; its code.
        Stopped(u64) => "the peer reads no more of the stream",
        /// The line is no more.
        LineDown(DownReason) => "the line of the stream is no more",
        /// The head was sent already, or is no JSON object within the limit.
        IllegalHead => "the head was sent already or is no JSON object within the limit",
    }
    /// Why nothing was read.
    ReadError {
        /// There is no such stream.
        UnknownStream => "there is no such stream",
        /// Nothing for now; `Readable` will tell.
        Blocked => "there is nothing to read for now",
        /// The peer gave up its direction; its code.
        Reset(u64) => "the peer gave up its direction of the stream",
        /// The line ended before the stream did.
        LineDown(DownReason) => "the line ended before the stream did",
    }
    /// Why a command to a space did nothing.
    SpaceCommandError {
        /// The hashname is not installed.
        NotInstalled => "the hashname is not installed",
        /// The hashname takes no part in this service of its space.
        NotTaking => "the hashname takes no part in this service of its space",
        /// The hashname is in an open space, or the admission is for another key or space.
        OtherAdmission => "the admission is for another key or space",
        /// The secret is not that of the hashname.
        OtherKey => "the secret key is that of another hashname",
        /// The hashname takes part already.
        Twice => "the hashname takes part already",
        /// A tree has 2 to 8 members below each.
        Arity => "the arity of a tree is 2 to 8",
        /// The name is too long, has characters that show nothing or turn text round, or begins or
        /// ends with white space.
        Name => "the name is too long, has characters that do not show, or begins or ends with white space",
        /// The time was never told, and no life of the hashname before is known.
        NoTime => "a life in a tree begins at a time that no earlier one had: call handle_clock first",
        /// Nobody is told by this: the peer is the hashname itself.
        Oneself => "the peer is the hashname itself",
        /// There is neither a line to the peer nor a usable address of it.
        NoAddress => "there is neither a line to the peer nor an address of it that a socket of the switch can send to",
    }
    /// Why nothing was broadcast.
    BroadcastError {
        /// The hashname takes no part in the tree of its space.
        NotTaking => "the hashname takes no part in the tree of its space: call join first",
        /// The message has more bytes than these, `tree.cast.message_bytes_max`.
        TooLarge[u32] => "the message is longer than the {} bytes that the config allows",
        /// There is no room for now; `Writable` will tell.
        Blocked => "there is no room for a broadcast now",
        /// A later life of this hashname broadcasts, from another switch perhaps.
        Replaced => "a later life of this hashname broadcasts, from another switch perhaps: only one may run",
    }
    /// Why no broadcast was read.
    ReadBroadcastError {
        /// The hashname takes no part in the tree of its space.
        NotTaking => "the hashname takes no part in the tree of its space: call join first",
        /// There is none; `Readable` will tell.
        Blocked => "there is no broadcast to read yet",
        /// The buffer is shorter than the message, which has so many bytes.
        TooShort[usize] => "the buffer is shorter than the message, which has {} bytes",
    }
}
