//! The script: what any two ends must be able to do with each other, whatever drives them. It knows
//! no shell; what a step does is in `steps` and `lives`.

use std::thread;

use hydroid_core::{identity::Ticket, line::Suite};

use crate::{
    lives,
    node::{End, Shell, closed, dial, suite},
    steps, stranger,
    table::{self, Table},
};

const AES: Suite = Suite::Aes256Gcm;
const CHACHA: Suite = Suite::ChaCha20Poly1305;

/// What the ends prefer; who opens the line decides.
const SUITES: [[Suite; 2]; 4] = [[AES, AES], [CHACHA, CHACHA], [AES, CHACHA], [CHACHA, AES]];

/// Which pair is tried, and beside what.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Script {
    pub(crate) a: Shell,
    pub(crate) b: Shell,
    /// A stranger sends garbage to both ports meanwhile.
    pub(crate) stranger: bool,
}

impl Script {
    /// Runs all of it, in the test of that name.
    pub(crate) fn run(self, test: String) {
        table::run(&test.clone(), move |table| {
            for suites in SUITES {
                let [a, b] = suites.map(Suite::name);
                table.heading(&format!("{a} to {b}"));
                let a = End::bind(self.a, "a", suite(suites[0]));
                let b = End::bind(self.b, "b", suite(suites[1]));
                self.beside([&a.ticket, &b.ticket], || self.talk(table, &a, &b));
                if self.stranger {
                    stranger::was_heard(&a.node.stats());
                    stranger::was_heard(&b.node.stats());
                }
            }
            table.heading("ends that die");
            lives::vanish(self, table, &test);
            lives::restart(self, table, &test);
        });
    }

    /// Does `work`, beside a stranger if there is one.
    pub(crate) fn beside(self, ends: [&Ticket; 2], work: impl FnOnce()) {
        if self.stranger {
            stranger::beside(ends.map(|ticket| ticket.addresses[0]), work);
        } else {
            work();
        }
    }

    fn talk(self, table: &Table, a: &End, b: &End) {
        let [near, far] = table.step("a line by a ticket", || {
            let (line, downs) = dial(a, b);
            assert!(downs.is_empty(), "{downs:?}");
            let lines = [a, b].map(|end| end.node.status().lines);
            assert_eq!(lines, [1, 1], "one line, however asked for");
            line
        });
        table.step("3 streams of 10 MiB each way at once", || {
            thread::scope(|scope| {
                scope.spawn(|| steps::streams(&*near, b, "of a"));
                steps::streams(&*far, a, "of b");
            });
        });
        let least = if self.stranger {
            steps::PACKETS_BESIDE_A_STRANGER
        } else {
            steps::PACKETS
        };
        table.step("100 unreliable packets each way", || {
            steps::packets([&*near, &*far], least);
            steps::packets([&*far, &*near], least);
        });
        table.step("a reset and a stop, with their codes", || {
            steps::give_up(b.stream(&*near));
            steps::give_up(a.stream(&*far));
        });
        table.step("half a stream ended, the other half goes on", || {
            steps::half_close(b.stream(&*near));
            steps::half_close(a.stream(&*far));
        });
        table.step("a graceful close loses nothing", || {
            steps::close([&*near, &*far], b, (0, "done"));
        });
        drop((near, far));
        table.step("a new line, closed by the other end", || {
            let ([near, far], downs) = dial(a, b);
            assert_eq!(downs, [closed(0, "done")]);
            steps::close([&*far, &*near], a, (77, "enough"));
        });
        table.step("nothing is left", || {
            for end in [a, b] {
                steps::empty(end);
            }
        });
    }
}
