//! Frames in words and in bytes.

use data_encoding::HEXLOWER;
use hydroid_core::{
    base::Ranges,
    wire::frame::{Frame, Frames, Writer},
};

use super::vector::Vector;

/// Reads the frame of an example, compares all that it says, and writes it again.
pub(super) fn frame(vector: &mut Vector) -> Result<(), String> {
    let bytes = vector.bytes("bytes")?;
    let frames: Result<Vec<_>, _> = Frames::new(&bytes).collect();
    let frames = frames.map_err(|error| error.to_string())?;
    let [frame] = frames[..] else {
        return Err("it is not one frame".into());
    };
    for (key, said) in in_words(&frame, &bytes) {
        match said {
            Said::Text(text) => vector.same(key, &text)?,
            Said::Bytes(bytes) => vector.same_bytes(key, bytes)?,
        }
    }
    let mut buf = [0; 256];
    let mut writer = Writer::new(&mut buf);
    if !write(&frame, bytes.len(), &mut writer) {
        return Ok(());
    }
    let len = writer.len();
    (buf[..len] == bytes)
        .then_some(())
        .ok_or_else(|| format!("the code writes {}", HEXLOWER.encode(&buf[..len])))
}

enum Said<'a> {
    Text(String),
    Bytes(&'a [u8]),
}

/// What the document says of a frame.
fn in_words<'a>(frame: &'a Frame<'_>, bytes: &'a [u8]) -> Vec<(&'static str, Said<'a>)> {
    let said = |key, value: &dyn ToString| (key, Said::Text(value.to_string()));
    let name = |name: &str| said("frame", &name);
    match frame {
        Frame::Padding => vec![name("padding")],
        Frame::Ping => vec![name("ping")],
        Frame::Ranges(ranges) => {
            let runs = ranges.runs();
            let runs = runs.map(|run| format!("{}-{}", run.start, run.end - 1));
            vec![
                name("ranges"),
                said("highest", &ranges.highest),
                said("delay", &ranges.delay_us),
                said("runs", &runs.collect::<Vec<_>>().join(" ")),
            ]
        }
        Frame::Stream {
            id,
            offset,
            data,
            end,
        } => vec![
            name("stream"),
            said("id", id),
            said("offset", offset),
            ("data", Said::Bytes(data)),
            said("end", if *end { &"yes" } else { &"no" }),
        ],
        Frame::LineCredit { bytes } => vec![name("line credit"), said("credit", bytes)],
        Frame::StreamCredit { id, bytes } => {
            vec![name("stream credit"), said("id", id), said("credit", bytes)]
        }
        Frame::StreamsCredit { count } => vec![name("streams credit"), said("credit", count)],
        Frame::Reset { id, code, size } => vec![
            name("reset"),
            said("id", id),
            said("code", code),
            said("size", size),
        ],
        Frame::Stop { id, code } => vec![name("stop"), said("id", id), said("code", code)],
        Frame::Challenge(eight) => vec![name("challenge"), ("challenge", Said::Bytes(eight))],
        Frame::Response(eight) => vec![name("response"), ("challenge", Said::Bytes(eight))],
        Frame::Close { code, reason } => {
            vec![name("close"), said("code", code), said("reason", reason)]
        }
        Frame::Packet(packet) => vec![name("packet"), ("packet", Said::Bytes(packet))],
        Frame::Rekey { line, message } => vec![
            name("rekey"),
            said("line", &format!("{line:08x}")),
            ("message", Said::Bytes(message)),
        ],
        Frame::Rekeyed { line, message } => vec![
            name("rekeyed"),
            said("line", &format!("{line:08x}")),
            ("message", Said::Bytes(message)),
        ],
        // The type is in two bytes, the length in one.
        Frame::Skipped { kind } => vec![
            name("skipped"),
            said("type", kind),
            ("content", Said::Bytes(&bytes[3..])),
        ],
    }
}

/// Writes the frame again; false if this version has no writer for it.
fn write(frame: &Frame<'_>, len: usize, writer: &mut Writer<'_>) -> bool {
    match *frame {
        Frame::Padding => {
            writer.padding(len);
            true
        }
        Frame::Ping => writer.ping(),
        Frame::Ranges(frame) => {
            let mut ranges = Ranges::new();
            for run in frame.runs() {
                ranges.insert(run);
            }
            writer.ranges(&ranges, frame.delay_us, usize::MAX)
        }
        Frame::Stream {
            id,
            offset,
            data,
            end,
        } => writer.stream(id, offset, data.len(), end, |to| to.copy_from_slice(data)),
        Frame::LineCredit { bytes } => writer.line_credit(bytes),
        Frame::StreamCredit { id, bytes } => writer.stream_credit(id, bytes),
        Frame::StreamsCredit { count } => writer.streams_credit(count),
        Frame::Reset { id, code, size } => writer.reset(id, code, size),
        Frame::Stop { id, code } => writer.stop(id, code),
        Frame::Challenge(eight) => writer.challenge(&eight),
        Frame::Response(eight) => writer.response(&eight),
        Frame::Close { code, reason } => writer.close(code, reason),
        Frame::Packet(packet) => writer.packet(packet),
        Frame::Rekey { line, message } => writer.rekey(line, message),
        Frame::Rekeyed { line, message } => writer.rekeyed(line, message),
        Frame::Skipped { .. } => false,
    }
}
