//! How a command ends: a code for scripts and one sentence for people.

use std::fmt;

/// The exit codes, as the help text lists them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Exit {
    Done = 0,
    Failed = 1,
    Usage = 2,
    NotFound = 3,
    Unreachable = 4,
    Refused = 5,
    Unverified = 6,
    /// Not done, but what has come is kept, and the same command goes on from there.
    Resumable = 7,
    Interrupted = 130,
}

impl Exit {
    pub(crate) const fn code(self) -> u8 {
        self as u8
    }

    /// The exit of this number, which a process of our own gave; any other is a failure.
    pub(crate) fn of_code(code: u8) -> Self {
        [
            Self::Usage,
            Self::NotFound,
            Self::Unreachable,
            Self::Refused,
            Self::Unverified,
        ]
        .into_iter()
        .find(|exit| exit.code() == code)
        .unwrap_or(Self::Failed)
    }

    /// The exit that a peer's number stands for; a number that means nothing here is a failure.
    pub(crate) const fn of_peer(code: u8) -> Self {
        match code {
            5 => Self::Refused,
            6 => Self::Unverified,
            _ => Self::Failed,
        }
    }
}

/// Why a command did not do what it was asked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Failure {
    pub(crate) exit: Exit,
    pub(crate) sentence: String,
}

impl Failure {
    pub(crate) fn new(exit: Exit, sentence: impl Into<String>) -> Self {
        Self {
            exit,
            sentence: sentence.into(),
        }
    }

    pub(crate) fn failed(sentence: impl Into<String>) -> Self {
        Self::new(Exit::Failed, sentence)
    }

    pub(crate) fn usage(sentence: impl Into<String>) -> Self {
        Self::new(Exit::Usage, sentence)
    }

    pub(crate) fn refused(sentence: impl Into<String>) -> Self {
        Self::new(Exit::Refused, sentence)
    }

    pub(crate) fn unreachable(sentence: impl Into<String>) -> Self {
        Self::new(Exit::Unreachable, sentence)
    }

    pub(crate) fn interrupted() -> Self {
        Self::new(Exit::Interrupted, "interrupted")
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sentence)
    }
}

impl From<std::io::Error> for Failure {
    /// The system refuses what the program cannot do without.
    fn from(error: std::io::Error) -> Self {
        Self::failed(format!("the system refuses: {error}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_of_a_peer_is_never_success_nor_ours_alone() {
        for code in 0..=255 {
            let exit = Exit::of_peer(code);
            assert!(matches!(
                exit,
                Exit::Failed | Exit::Refused | Exit::Unverified
            ));
        }
        assert_eq!(Exit::of_peer(6).code(), 6);
    }
}
