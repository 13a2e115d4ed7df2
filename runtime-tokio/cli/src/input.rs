//! Lines from stdin, read by a thread of its own, for reading blocks.

use std::{
    io::{self, BufRead as _, IsTerminal as _, Read as _},
    thread,
    time::Duration,
};

use tokio::sync::mpsc;

/// Lines that wait to be taken.
const WAITING: usize = 16;

/// A stdin that was made not to block is asked again after this long.
const AGAIN_AFTER: Duration = Duration::from_millis(20);

/// What came.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Input {
    /// A line, without its end.
    Line(String),
    /// A line that is none, and why.
    Bad(String),
    /// Stdin cannot be read any more.
    Broken(String),
}

/// True if somebody sits at stdin, and this process may read from there: one in the background of a
/// terminal would be stopped by the system.
pub(crate) fn is_attended() -> bool {
    io::stdin().is_terminal() && is_in_front()
}

/// True if a terminal at stdin would not stop us for reading from it.
#[cfg(unix)]
fn is_in_front() -> bool {
    let front = rustix::termios::tcgetpgrp(io::stdin());
    // A terminal that is not our session's stops nobody.
    front.map_or(true, |front| front == rustix::process::getpgrp())
}

#[cfg(not(unix))]
const fn is_in_front() -> bool {
    true
}

/// Reads lines of at most `most` bytes, until stdin ends.
pub(crate) fn lines(most: usize) -> mpsc::Receiver<Input> {
    let (lines, taken) = mpsc::channel(WAITING);
    // It may stay in a read for ever; the system takes it away with the program.
    thread::spawn(move || {
        read(&mut io::stdin().lock(), most, |line| {
            lines.blocking_send(line).is_ok()
        });
    });
    taken
}

fn read(from: &mut impl io::BufRead, most: usize, mut give: impl FnMut(Input) -> bool) {
    let mut line = Vec::new();
    loop {
        let room = (most + 2).saturating_sub(line.len()) as u64;
        match from.take(room).read_until(b'\n', &mut line) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                thread::sleep(AGAIN_AFTER);
                continue;
            }
            Err(error) => {
                let _nobody_listens = give(Input::Broken(error.to_string()));
                return;
            }
            Ok(0) if line.is_empty() => return,
            Ok(_read) => {}
        }
        let whole = line.ends_with(b"\n");
        let text = line.strip_suffix(b"\n").unwrap_or(&line);
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        let input = if text.len() > most {
            if !whole && skip_line(from).is_err() {
                return;
            }
            Input::Bad(format!(
                "a line has at most {most} bytes: this one was not said"
            ))
        } else {
            match str::from_utf8(text) {
                Ok(text) => Input::Line(text.into()),
                Err(_other) => Input::Bad("a line is UTF-8: this one was not said".into()),
            }
        };
        line.clear();
        if !give(input) {
            return;
        }
    }
}

/// Skips what is left of a line.
fn skip_line(from: &mut impl io::BufRead) -> io::Result<()> {
    loop {
        let (used, over) = match from.fill_buf() {
            Ok(bytes) => match bytes.iter().position(|byte| *byte == b'\n') {
                Some(at) => (at + 1, true),
                None => (bytes.len(), bytes.is_empty()),
            },
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                thread::sleep(AGAIN_AFTER);
                continue;
            }
            Err(error) => return Err(error),
        };
        from.consume(used);
        if over {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &[u8]) -> Vec<Input> {
        let mut lines = Vec::new();
        // Pieces of odd sizes, as a pipe has them.
        let mut from = io::BufReader::with_capacity(3, text);
        read(&mut from, 5, |line| {
            lines.push(line);
            true
        });
        lines
    }

    #[test]
    fn input_is_lines_within_the_limit() {
        let line = |text: &str| Input::Line(text.into());
        let cases: [(&[u8], Vec<Input>); 6] = [
            (b"", vec![]),
            (b"a\nb", vec![line("a"), line("b")]),
            (b"12345\n\n", vec![line("12345"), line("")]),
            (b"12345\r\nx", vec![line("12345"), line("x")]),
            (b"12345", vec![line("12345")]),
            (b"1234\r5\n", vec![Input::Bad(String::new()); 1]),
        ];
        for (text, lines) in cases {
            let read = all(text);
            assert_eq!(read.len(), lines.len(), "{read:?}");
            for (one, other) in read.iter().zip(&lines) {
                assert!(one == other || matches!((one, other), (Input::Bad(_), Input::Bad(_))));
            }
        }
    }

    #[test]
    fn input_goes_on_after_a_line_that_is_none() {
        for bad in [&b"123456\n"[..], b"12345678901234567890\n", b"a\xffb\n"] {
            let read = all(&[bad, b"ok\n"].concat());
            assert!(matches!(read[0], Input::Bad(_)), "{read:?}");
            assert_eq!(read[1..], [Input::Line("ok".into())]);
        }
        assert!(matches!(all(b"1234567")[..], [Input::Bad(_)]));
    }
}
