//! What a work asks of those who do it, and of the runtime that it is done under.

use std::time::Duration;

use super::Outcome;

/// Two endpoints on loopback, one that dials and one that is dialled.
pub(super) trait Net: Sized + Send + Sync + 'static {
    type Line: Clone + Send + Sync + 'static;
    type Write: Send + 'static;
    type Read: Send + 'static;
    type Under: Under<Self::Write, Self::Read>;

    /// Both, ready for so many lines at once. Packets grow to what quinn's grow to as it comes, 1,452
    /// bytes, or if they are `free` to what the interface carries.
    fn new(at_once: usize, free: bool) -> Outcome<Self>;

    /// A line, set up, in one of as many places as there are lines at once.
    fn dial(&self, place: usize) -> impl Future<Output = Outcome<Self::Line>> + Send;

    /// Ends a line; one that is dialled afterwards is another.
    fn close(line: &Self::Line) -> impl Future<Output = ()> + Send;

    /// A stream on a line; the other end learns of it with the first bytes.
    fn open(
        &self,
        line: &Self::Line,
    ) -> impl Future<Output = Outcome<(Self::Write, Self::Read)>> + Send;

    /// The next stream at the end that is dialled, and its line there.
    fn take(&self) -> impl Future<Output = Outcome<(Self::Line, Self::Write, Self::Read)>> + Send;

    /// Sends an unreliable message once there is room for it.
    fn say(line: &Self::Line, message: &[u8]) -> impl Future<Output = Outcome<()>> + Send;

    /// The next message that came.
    fn hear(line: &Self::Line) -> impl Future<Output = Outcome<()>> + Send;
}

/// A runtime, and how it writes and reads the two directions of a stream.
pub(super) trait Under<W, R> {
    /// Starts a task at once; what is given back waits for its end.
    fn spawn<T: Send + 'static>(
        task: impl Future<Output = Outcome<T>> + Send + 'static,
    ) -> impl Future<Output = Outcome<T>> + Send + 'static;

    fn sleep(time: Duration) -> impl Future<Output = ()> + Send;

    /// Writes all of it.
    fn write(write: &mut W, data: &[u8]) -> impl Future<Output = Outcome<()>> + Send;

    /// Ends a direction.
    fn finish(write: &mut W) -> impl Future<Output = Outcome<()>> + Send;

    /// Reads some of it; nothing at the end.
    fn read(read: &mut R, buf: &mut [u8]) -> impl Future<Output = Outcome<usize>> + Send;
}
