//! How far a transfer is: a bar where stderr is a terminal, plain lines elsewhere, objects on
//! stdout with `--json`.

use std::{
    io::IsTerminal as _,
    time::{Duration, Instant},
};

use serde_json::json;

use crate::{
    figures,
    output::{Output, printable},
    printer::Bar,
    transfer::recv::Moved,
};

/// The time between two plain lines.
const LINE_EVERY: Duration = Duration::from_secs(1);

/// The progress of one transfer.
#[derive(Debug)]
pub(crate) struct Progress {
    shape: Shape,
    what: &'static str,
    name: String,
    size: u64,
    done: u64,
    began: Instant,
    next: Instant,
    output: Output,
}

#[derive(Debug)]
enum Shape {
    Bar(Bar),
    Lines,
    Nothing,
}

impl Progress {
    /// Begins to tell of `size` bytes of the file `name`; `what` is the doing, like `sending`.
    pub(crate) fn begin(output: Output, what: &'static str, name: &str, size: u64) -> Self {
        let name = printable(name);
        let shape = if output.json || (!output.quiet && !std::io::stderr().is_terminal()) {
            Shape::Lines
        } else if output.quiet {
            Shape::Nothing
        } else {
            Bar::begin(format!("{what} {name}"), size).map_or(Shape::Nothing, Shape::Bar)
        };
        let began = Instant::now();
        let mut progress = Self {
            shape,
            what,
            name,
            size,
            done: 0,
            began,
            next: began,
            output,
        };
        progress.tell();
        progress
    }

    /// Tells how far it is, and of what was had before once more as an object; gives its bytes.
    pub(crate) fn moved(&mut self, moved: Moved) -> u64 {
        match moved {
            Moved::Held(0) => 0,
            Moved::Held(bytes) => {
                self.done = bytes;
                let (name, size) = (&self.name, figures::bytes(self.size));
                let plain = format!("{name}: goes on from {} of {size}", figures::bytes(bytes));
                let object = json!({
                    "event": "resumed", "doing": self.what, "name": name,
                    "resumed_from": bytes, "size": self.size,
                });
                self.output.note(&plain, &object);
                bytes
            }
            Moved::More(bytes) => {
                self.advance(bytes);
                0
            }
        }
    }

    /// Tells that `count` more bytes are done.
    pub(crate) fn advance(&mut self, count: u64) {
        self.done += count;
        match &self.shape {
            Shape::Bar(bar) => bar.set(self.done),
            Shape::Lines if Instant::now() >= self.next => self.tell(),
            Shape::Lines | Shape::Nothing => {}
        }
    }

    /// The time since the beginning.
    pub(crate) fn time(&self) -> Duration {
        self.began.elapsed()
    }

    fn tell(&mut self) {
        self.next = Instant::now() + LINE_EVERY;
        if matches!(self.shape, Shape::Lines) {
            let Self { what, name, .. } = self;
            let (done, size) = (figures::bytes(self.done), figures::bytes(self.size));
            let object = json!({
                "event": "progress", "doing": what, "name": name,
                "bytes": self.done, "size": self.size,
            });
            self.output
                .note(&format!("{what} {name}: {done} of {size}"), &object);
        }
    }
}
