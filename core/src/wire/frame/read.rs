//! Frames out of a plain text.

use core::str;

use super::{
    CHALLENGE, CLOSE, Frame, FrameError, LINE_CREDIT, PACKET, PADDING, PING, RANGES, REASON_MAX,
    REKEY, REKEYED, RESET, RESPONSE, RangesFrame, SKIPPABLE, STOP, STREAM, STREAM_CREDIT,
    STREAM_END, STREAMS_CREDIT, varint,
};

/// The frames of a plain text, one after the other.
#[derive(Clone, Debug)]
pub struct Frames<'a> {
    rest: &'a [u8],
}

impl<'a> Frames<'a> {
    /// The frames in `plain`.
    pub const fn new(plain: &'a [u8]) -> Self {
        Self { rest: plain }
    }

    fn number(&mut self) -> Result<u64, FrameError> {
        varint::read(&mut self.rest).ok_or(FrameError::Truncated)
    }

    fn take(&mut self, len: u64) -> Result<&'a [u8], FrameError> {
        let len = usize::try_from(len).ok().ok_or(FrameError::Truncated)?;
        let (bytes, rest) = self
            .rest
            .split_at_checked(len)
            .ok_or(FrameError::Truncated)?;
        self.rest = rest;
        Ok(bytes)
    }

    fn counted(&mut self) -> Result<&'a [u8], FrameError> {
        let len = self.number()?;
        self.take(len)
    }

    fn eight(&mut self) -> Result<[u8; 8], FrameError> {
        let bytes = self.take(8)?;
        bytes.try_into().ok().ok_or(FrameError::Truncated)
    }

    fn four(&mut self) -> Result<u32, FrameError> {
        let bytes = self.take(4)?;
        let bytes = bytes.try_into().ok().ok_or(FrameError::Truncated)?;
        Ok(u32::from_be_bytes(bytes))
    }

    fn stream(&mut self, end: bool) -> Result<Frame<'a>, FrameError> {
        let (id, offset) = (self.number()?, self.number()?);
        let data = self.counted()?;
        if offset + data.len() as u64 > varint::VARINT_MAX {
            return Err(FrameError::Illegal);
        }
        Ok(Frame::Stream {
            id,
            offset,
            data,
            end,
        })
    }

    fn close(&mut self) -> Result<Frame<'a>, FrameError> {
        let code = self.number()?;
        let reason = self.counted()?;
        match str::from_utf8(reason) {
            Ok(reason) if reason.len() <= REASON_MAX => Ok(Frame::Close { code, reason }),
            _ => Err(FrameError::Illegal),
        }
    }

    fn frame(&mut self) -> Result<Frame<'a>, FrameError> {
        Ok(match self.number()? {
            PADDING => {
                let fill = self
                    .rest
                    .iter()
                    .position(|b| *b != 0)
                    .unwrap_or(self.rest.len());
                self.rest = &self.rest[fill..];
                Frame::Padding
            }
            PING => Frame::Ping,
            RANGES => Frame::Ranges(RangesFrame::read(&mut self.rest)?),
            STREAM => self.stream(false)?,
            STREAM_END => self.stream(true)?,
            LINE_CREDIT => Frame::LineCredit {
                bytes: self.number()?,
            },
            STREAM_CREDIT => Frame::StreamCredit {
                id: self.number()?,
                bytes: self.number()?,
            },
            STREAMS_CREDIT => Frame::StreamsCredit {
                count: self.number()?,
            },
            RESET => Frame::Reset {
                id: self.number()?,
                code: self.number()?,
                size: self.number()?,
            },
            STOP => Frame::Stop {
                id: self.number()?,
                code: self.number()?,
            },
            CHALLENGE => Frame::Challenge(self.eight()?),
            RESPONSE => Frame::Response(self.eight()?),
            CLOSE => self.close()?,
            PACKET => Frame::Packet(self.counted()?),
            REKEY => Frame::Rekey {
                line: self.four()?,
                message: self.counted()?,
            },
            REKEYED => Frame::Rekeyed {
                line: self.four()?,
                message: self.counted()?,
            },
            kind if kind < SKIPPABLE => return Err(FrameError::UnknownCritical(kind)),
            kind => {
                self.counted()?;
                Frame::Skipped { kind }
            }
        })
    }
}

impl<'a> Iterator for Frames<'a> {
    type Item = Result<Frame<'a>, FrameError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let frame = self.frame();
        if frame.is_err() {
            self.rest = &[];
        }
        Some(frame)
    }
}
