//! The file of a tape: appended to, and where it takes nothing more, cut back to a whole record and
//! ended by one that says so.

use alloc::{collections::VecDeque, vec, vec::Vec};
use std::{
    fs::File,
    io::{self, BufReader, Read, Seek, SeekFrom, Write},
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
    /// Where records that were written at once ended last, so far back that [`LAST_BYTES`] lie
    /// behind the second of them.
    marks: VecDeque<u64>,
}

impl<P: Paper> Sheet<P> {
    pub(super) fn new(paper: P) -> Self {
        Self {
            paper,
            len: 0,
            marks: VecDeque::from([0]),
        }
    }

    /// Appends whole records.
    ///
    /// # Errors
    /// Those of the paper; some of the bytes may be on it then.
    pub(super) fn write(&mut self, records: &[u8]) -> io::Result<()> {
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
        if self.marks.back() != Some(&self.len) {
            self.marks.push_back(self.len);
        }
        let is_beyond = |&mark: &u64| mark + LAST_BYTES <= self.len;
        while self.marks.get(2).is_some_and(is_beyond) {
            self.marks.pop_front();
        }
        Ok(())
    }

    /// Ends the tape by a record that says why, in the place of the last ones, as far as that can
    /// be done on this paper.
    pub(super) fn end_early(&mut self) {
        let most = self.len.saturating_sub(LAST_BYTES);
        let written = self.last_before(most).map(|(begin, end)| {
            let len = self.write_last(begin, end);
            len.map_or(end, |len| end + len)
        });
        // Paper that cannot be read or cut is no file: nobody will read it again.
        let _uncut = written.and_then(|len| self.paper.cut(len));
    }

    /// Where the last record begins and ends that ends by `most`.
    fn last_before(&mut self, most: u64) -> io::Result<(u64, u64)> {
        let is_there = |mark: &&u64| **mark <= most;
        // One mark more than it takes, so that the record before the last mark is found as well.
        let known = self.marks.iter().filter(is_there).rev().nth(1);
        let mut end = known.copied().unwrap_or_default();
        let mut begin = end;
        self.paper.seek(SeekFrom::Start(end))?;
        let mut paper = BufReader::new(&mut self.paper);
        while end + 4 <= most {
            let mut len = [0; 4];
            paper.read_exact(&mut len)?;
            let len = u32::from_be_bytes(len);
            let next = end + 4 + u64::from(len);
            if next > most {
                break;
            }
            paper.seek_relative(i64::from(len))?;
            (begin, end) = (end, next);
        }
        Ok((begin, end))
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
