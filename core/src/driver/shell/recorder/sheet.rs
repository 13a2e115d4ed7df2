//! The file of a tape: appended to, and where it takes nothing more, cut back to a whole record and
//! ended by one that says so.

use alloc::{collections::VecDeque, vec, vec::Vec};
use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom, Write},
};

use crate::tape::{self, End};

/// Room for the record that ends a tape early. It is made by giving up records that were written:
/// what they lie on is ours even where a disk is full.
const LAST_BYTES: u64 = 512;

/// What a tape is written on.
pub(super) trait Paper: Read + Write + Seek + Send + 'static {
    /// Cuts it to this length.
    fn cut(&mut self, len: u64) -> io::Result<()>;
}

impl Paper for File {
    fn cut(&mut self, len: u64) -> io::Result<()> {
        self.set_len(len)
    }
}

/// A tape on its paper.
pub(super) struct Sheet<P> {
    paper: P,
    /// How many bytes it took.
    len: u64,
    /// How many it was to take.
    wanted: u64,
    /// Where its last records begin and end, so far back that [`LAST_BYTES`] lie behind the second.
    marks: VecDeque<u64>,
}

impl<P: Paper> Sheet<P> {
    pub(super) fn new(paper: P) -> Self {
        Self {
            paper,
            len: 0,
            wanted: 0,
            marks: VecDeque::from([0]),
        }
    }

    /// Appends whole records.
    ///
    /// # Errors
    /// Those of the paper; some of the bytes may be on it then.
    pub(super) fn write(&mut self, records: &[u8]) -> io::Result<()> {
        self.mark(records);
        let mut rest = records;
        while !rest.is_empty() {
            match self.paper.write(rest) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => {
                    self.len += count as u64;
                    rest = &rest[count..];
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Notes where the records end, and forgets what is too far back to be needed.
    fn mark(&mut self, records: &[u8]) {
        let (begun, mut rest) = (self.wanted, records);
        while let Some((len, after)) = rest.split_first_chunk() {
            let len = u32::from_be_bytes(*len) as usize;
            let Some(after) = after.get(len..) else {
                break;
            };
            rest = after;
            self.wanted = begun + (records.len() - rest.len()) as u64;
            self.marks.push_back(self.wanted);
        }
        // What is on paper already stays there.
        while self
            .marks
            .get(2)
            .is_some_and(|&mark| mark + LAST_BYTES <= self.len)
        {
            self.marks.pop_front();
        }
    }

    /// Ends the tape by a record that says why, in the place of the last ones, as far as that can
    /// be done on this paper.
    pub(super) fn end_early(&mut self) {
        let most = self.len.saturating_sub(LAST_BYTES);
        while self.marks.len() > 1 && self.marks.back().is_some_and(|&mark| mark > most) {
            self.marks.pop_back();
        }
        let end = self.marks.pop_back().unwrap_or_default();
        let begin = self.marks.pop_back().unwrap_or_default();
        let len = self.write_last(begin, end).map_or(end, |len| end + len);
        // Paper that cannot be cut is no file: nobody will read it again.
        let _uncut = self.paper.cut(len);
    }

    /// Writes the record that follows the one from `begin` to `end`; gives its length.
    fn write_last(&mut self, begin: u64, end: u64) -> io::Result<u64> {
        self.paper.seek(SeekFrom::Start(begin))?;
        let mut before = vec![0; usize::try_from(end - begin).map_err(io::Error::other)?];
        self.paper.read_exact(&mut before)?;
        let mut last = Vec::new();
        tape::follow(&before, End::Full, &mut last).ok_or(io::ErrorKind::InvalidData)?;
        self.paper.seek(SeekFrom::Start(end))?;
        self.paper.write_all(&last)?;
        Ok(last.len() as u64)
    }
}
