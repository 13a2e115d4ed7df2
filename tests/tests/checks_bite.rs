//! Every check of a swarm is fed a lie, one for each way in which it can be broken, and notices.

use hydroid_core::{
    base::{Deadline, Time, Why},
    switch::{DownReason, LineState, Status},
};
use hydroid_tests::checks::{
    self, Edge, End, Ending, Got, Left, Pair, Queues, Stream, Told, Verdict, Waiting, Weight,
};

/// The truth passes, and each lie is noticed by this check.
fn bites(check: &str, truths: &[Verdict], lies: &[Verdict]) {
    for (at, truth) in truths.iter().enumerate() {
        assert_eq!(*truth, Ok(()), "{check}: truth {at}");
    }
    for (at, lie) in lies.iter().enumerate() {
        let noticed = lie.as_ref().err().map(|broken| broken.check);
        assert_eq!(noticed, Some(check), "{check}: lie {at}");
    }
}

#[test]
fn checks_bite_bytes() {
    let sent: Vec<u8> = (0..100).map(|at| checks::byte(7, true, at)).collect();
    let got = |number, opener, at, bytes: &[u8], written| {
        checks::bytes(&Got {
            number,
            opener,
            at,
            bytes,
            written,
        })
    };
    let mut turned = sent.clone();
    turned[50] ^= 1;
    let dropped = [&sent[..50], &sent[51..]].concat();
    let twice = [&sent[..50], &sent[49..]].concat();
    bites(
        "bytes",
        &[
            got(7, true, 0, &sent, 100),
            got(7, true, 40, &sent[40..60], 100),
        ],
        &[
            got(7, true, 0, &turned, 100),
            got(7, true, 0, &dropped, 100),
            got(7, true, 0, &twice, 101),
            got(7, false, 0, &sent, 100),
            got(8, true, 0, &sent, 100),
            got(7, true, 1, &sent, 101),
            got(7, true, 0, &sent, 99),
        ],
    );
}

#[test]
fn checks_bite_ends() {
    let whole = |read, written, finished| {
        checks::end(
            1,
            &End::Whole {
                read,
                written,
                finished,
            },
        )
    };
    let reset = |code| {
        let given = [Some(4), None, Some(9)];
        checks::end(1, &End::Reset { code, given })
    };
    bites(
        "ends",
        &[whole(5, 5, true), whole(0, 0, true), reset(4), reset(9)],
        &[
            whole(5, 5, false),
            whole(4, 5, true),
            whole(6, 5, true),
            reset(5),
        ],
    );
}

#[test]
fn checks_bite_edges() {
    let (yes, no) = (true, false);
    let edge = |edge| checks::edge("it", edge);
    let up = |was_up, was_down| edge(Edge::Up { was_up, was_down });
    let down = |known, was_down, lives| {
        edge(Edge::Down {
            known,
            was_down,
            lives,
        })
    };
    let opened = |line_was_up, known| edge(Edge::Opened { line_was_up, known });
    let answered = |ours, before| edge(Edge::Answered { ours, before });
    bites(
        "edges",
        &[
            up(no, no),
            down(yes, no, no),
            opened(yes, no),
            answered(yes, no),
            edge(Edge::Moved { is_up: yes }),
            edge(Edge::Readable { known: yes }),
            edge(Edge::Writable { waited: yes }),
            edge(Edge::Finished { finished: yes }),
            edge(Edge::Stopped { known: yes }),
            edge(Edge::MayOpen { waited: yes }),
            edge(Edge::Other { caused: yes }),
        ],
        &[
            up(yes, no),
            up(no, yes),
            down(no, no, no),
            down(yes, yes, no),
            down(yes, no, yes),
            opened(no, no),
            opened(yes, yes),
            answered(no, no),
            answered(yes, yes),
            edge(Edge::Moved { is_up: no }),
            edge(Edge::Readable { known: no }),
            edge(Edge::Writable { waited: no }),
            edge(Edge::Finished { finished: no }),
            edge(Edge::Stopped { known: no }),
            edge(Edge::MayOpen { waited: no }),
            edge(Edge::Other { caused: no }),
        ],
    );
}

#[test]
fn checks_bite_causes() {
    let at = |ms| Time::ZERO.plus_ms(ms);
    let ended = |up: Option<u64>, reason: &DownReason, empty, cut: Option<u64>| {
        checks::cause(
            "a line",
            &Ending {
                up: up.map(at),
                reason: reason.clone(),
                empty,
                cut: cut.map(at),
                flight_ms: 100,
            },
        )
    };
    let closed = |code| DownReason::Closed {
        code,
        reason: String::new(),
    };
    let silent = DownReason::TimedOut;
    bites(
        "causes",
        &[
            ended(None, &DownReason::Unreachable, true, None),
            ended(Some(1_000), &closed(0), true, None),
            ended(Some(1_000), &DownReason::Local, true, None),
            ended(Some(1_000), &silent, true, Some(900)),
            ended(Some(1_000), &closed(5), false, Some(2_000)),
        ],
        &[
            ended(None, &silent, true, Some(900)),
            ended(Some(1_000), &silent, true, Some(899)),
            ended(Some(1_000), &silent, true, None),
            ended(Some(1_000), &closed(0), false, None),
            ended(Some(1_000), &closed(5), true, Some(1)),
            ended(Some(1_000), &DownReason::Restarted, true, Some(1)),
        ],
    );
}

#[test]
fn checks_bite_lines() {
    let pair = |ups, kept, may| {
        checks::lines(&Pair {
            nodes: [1, 2],
            ups,
            kept,
            may,
        })
    };
    bites(
        "lines",
        &[
            pair([1, 1], true, true),
            pair([1, 1], false, true),
            pair([0, 0], false, true),
            pair([0, 0], true, false),
        ],
        &[
            pair([0, 0], true, true),
            pair([1, 0], true, true),
            pair([0, 1], false, true),
            pair([2, 2], true, true),
            pair([1, 1], true, false),
        ],
    );
}

#[test]
fn checks_bite_told() {
    let told = |up, state| checks::told("a line", &Told { up, state });
    bites(
        "told",
        &[
            told(true, Some(LineState::Up)),
            told(false, Some(LineState::Down)),
            told(false, None),
        ],
        &[
            told(false, Some(LineState::Up)),
            told(true, Some(LineState::Down)),
            told(true, None),
            told(false, Some(LineState::Connecting)),
            told(false, Some(LineState::Closing)),
        ],
    );
}

#[test]
fn checks_bite_wakes() {
    let wakes = |waits, is_there| {
        let what = "something";
        checks::wakes(
            "a stream",
            &Waiting {
                what,
                waits,
                is_there,
            },
        )
    };
    bites(
        "wakes",
        &[wakes(true, false), wakes(false, true), wakes(false, false)],
        &[wakes(true, true)],
    );
}

#[test]
fn checks_bite_whole() {
    let truth = Stream {
        number: 1,
        lives: true,
        written: true,
        read: Some(true),
        given_up: false,
        twin: Some(Some(true)),
    };
    let given_up = Stream {
        read: Some(false),
        given_up: true,
        twin: None,
        ..truth
    };
    let with_its_line = Stream {
        lives: false,
        read: Some(false),
        twin: Some(Some(false)),
        ..truth
    };
    let lies = [
        Stream {
            read: None,
            ..truth
        },
        Stream {
            written: false,
            ..truth
        },
        Stream {
            read: Some(false),
            ..truth
        },
        Stream {
            twin: None,
            ..truth
        },
        Stream {
            twin: Some(None),
            ..truth
        },
        Stream {
            twin: Some(Some(false)),
            ..truth
        },
        Stream {
            read: None,
            ..given_up
        },
        Stream {
            read: None,
            ..with_its_line
        },
    ];
    bites(
        "whole",
        &[truth, given_up, with_its_line].map(|it| checks::whole(&it)),
        &lies.map(|it| checks::whole(&it)),
    );
}

#[test]
fn checks_bite_leaks() {
    let leaks = |left| checks::leaks(0, &left);
    let status = |status| {
        leaks(Left {
            status,
            ..Left::default()
        })
    };
    let none = Status::default();
    let installed = Status {
        installed: 1,
        ..none
    };
    bites(
        "leaks",
        &[leaks(Left::default()), status(installed)],
        &[
            status(Status { lines: 1, ..none }),
            status(Status { streams: 1, ..none }),
            status(Status {
                buffered_bytes: 1,
                ..none
            }),
            status(Status {
                ledger_bytes: 1,
                ..none
            }),
            status(Status {
                promised_bytes: 1,
                ..none
            }),
            leaks(Left {
                unheard: 1,
                ..Left::default()
            }),
            leaks(Left {
                known: 1,
                ..Left::default()
            }),
            leaks(Left {
                deadline: Some(Deadline::new(Time::ZERO, Why::Idle)),
                ..Left::default()
            }),
        ],
    );
}

#[test]
fn checks_bite_queues() {
    let none = Queues::default();
    let lies = [
        Queues { events: 1, ..none },
        Queues { untaken: 1, ..none },
        Queues { packets: 1, ..none },
        Queues {
            transmits: 1,
            ..none
        },
        Queues { needs: 1, ..none },
        Queues {
            in_flight: 1,
            ..none
        },
    ];
    bites(
        "queues",
        &[checks::queues(0, &none)],
        &lies.map(|it| checks::queues(0, &it)),
    );
}

#[test]
fn checks_bite_memory() {
    let memory = |bytes, peers| {
        checks::memory(
            0,
            &Weight {
                fresh_bytes: 10_000,
                bytes,
                peers,
                most_at_once: 0,
            },
        )
    };
    bites(
        "memory",
        &[memory(10_000, 0), memory(20_000, 10)],
        &[memory(1 << 20, 0), memory(1 << 20, 10)],
    );
}

#[test]
fn checks_bite_same_and_fired() {
    bites("same", &[checks::same(&1, &1)], &[checks::same(&1, &2)]);
    let fired = |counts: &[(&'static str, u64)]| checks::fired(counts.iter().copied(), 100);
    bites(
        "fired",
        &[fired(&[("loss", 100), ("cut", 1_000)])],
        &[fired(&[("loss", 100), ("cut", 99)]), fired(&[("loss", 0)])],
    );
}

#[test]
fn checks_bite_trees() {
    let told = |is, before, is_true| {
        let message = checks::trees::Message {
            is,
            before,
            is_true,
        };
        checks::trees::message("node 1", &message)
    };
    let stands = |parent, shown, told| checks::trees::Stands {
        parent,
        shown,
        told,
    };
    let root = stands(None, 2, 1);
    let child = stands(Some(0), 2, 1);
    bites(
        "trees",
        &[
            told((5, 1), None, true),
            told((5, 2), Some((5, 1)), true),
            told((6, 1), Some((5, 7)), true),
            checks::trees::loops(&[None, Some(0), Some(1), None]),
            checks::trees::one(&[root, child]),
        ],
        &[
            told((5, 1), None, false),
            told((5, 1), Some((5, 1)), true),
            told((5, 1), Some((5, 2)), true),
            told((4, 9), Some((5, 2)), true),
            checks::trees::loops(&[Some(0)]),
            checks::trees::loops(&[None, Some(2), Some(3), Some(1)]),
            checks::trees::one(&[root, root]),
            checks::trees::one(&[root, stands(Some(0), 1, 1)]),
            checks::trees::one(&[stands(None, 2, 0), child]),
        ],
    );
}

#[test]
fn checks_bite_once() {
    bites(
        "once",
        &[checks::once(1, 3, true), checks::once(3, 3, true)],
        &[
            checks::once(1, 3, false),
            checks::once(0, 3, true),
            checks::once(4, 3, true),
        ],
    );
}
