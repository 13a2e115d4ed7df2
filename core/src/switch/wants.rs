//! Which lines exist: a line lives while somebody wants it.

/// Who wants a line.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Wants {
    /// The application asked for it and has not closed it.
    pub(super) application: bool,
}

impl Wants {
    /// True if the line is held: by the application, or by a stream.
    pub(super) const fn held(self, streams: usize) -> bool {
        self.application || streams > 0
    }
}
