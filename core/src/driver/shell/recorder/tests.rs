//! Recorders of switches that talk to nobody, onto paper of every kind.

use std::{
    io::{Read as _, Seek, SeekFrom, Write},
    net::UdpSocket,
    println,
    string::ToString as _,
    sync::mpsc::{Receiver, Sender, channel},
    task::Wake,
    time::Instant,
    vec,
};

use super::{
    super::{Attempt, Engine, LanConfig, Rest, Sockets, lan::Lan, shared::Shared},
    *,
};
use crate::{
    base::{Seed, Wall},
    driver::{self, Driver},
    switch::{self, PureRust},
};

fn recorded(buffer_bytes: u64) -> (Recorded, tape::Config) {
    let config = tape::Config {
        buffer_bytes,
        ..tape::Config::default()
    };
    let seed = Seed::new([7; 32]);
    let switch = switch::Config::default();
    let recorded = Recorded::new(switch, &seed, &PureRust, Some(config.clone())).unwrap();
    (recorded, config)
}

/// Something to record.
fn happen(recorded: &mut Recorded, times: u64) {
    for ms in 1..=times {
        recorded.handle_clock(Time::from_us(ms * 1000), Wall::from_ms(ms));
    }
}

/// Where each record begins, and where the last one ends; fails if there is more behind it.
fn records(bytes: &[u8]) -> Vec<usize> {
    let mut ends = vec![0];
    let mut at = 0;
    while at < bytes.len() {
        let length = bytes[at..at + 4].try_into().unwrap();
        at += 4 + u32::from_be_bytes(length) as usize;
        ends.push(at);
    }
    assert_eq!(at, bytes.len(), "a record is cut off");
    ends
}

/// True if the last record has this in its head.
fn ends_by(bytes: &[u8], end: &str) -> bool {
    let ends = records(bytes);
    let last = &bytes[ends[ends.len() - 2]..];
    let word = std::format!("\"end\":\"{end}\"");
    last.windows(word.len()).any(|part| part == word.as_bytes())
}

/// Waits for the thread.
fn end_of(recorder: &Recorder) -> RecordEnd {
    let waker = Arc::new(Awaited(thread::current())).into();
    loop {
        match recorder.poll_end(&waker) {
            Poll::Ready(end) => return end,
            Poll::Pending => thread::park(),
        }
    }
}

struct Awaited(thread::Thread);

impl Wake for Awaited {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// A disk with so much room.
struct Disk {
    bytes: Vec<u8>,
    at: usize,
    room: usize,
    gone: Sender<Vec<u8>>,
}

fn disk(room: usize) -> (Disk, Receiver<Vec<u8>>) {
    let (gone, left) = channel();
    let (bytes, at) = (Vec::new(), 0);
    let disk = Disk {
        bytes,
        at,
        room,
        gone,
    };
    (disk, left)
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _unseen = self.gone.send(mem::take(&mut self.bytes));
    }
}

impl Write for Disk {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = bytes.len().min(self.room - self.at).min(7000);
        if count == 0 {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let end = self.at + count;
        self.bytes.resize(self.bytes.len().max(end), 0);
        self.bytes[self.at..end].copy_from_slice(&bytes[..count]);
        self.at = end;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl io::Read for Disk {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = into.len().min(self.bytes.len() - self.at);
        into[..count].copy_from_slice(&self.bytes[self.at..self.at + count]);
        self.at += count;
        Ok(count)
    }
}

impl Seek for Disk {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let at = match to {
            SeekFrom::Start(at) => at,
            SeekFrom::Current(by) => (self.at as u64).strict_add_signed(by),
            SeekFrom::End(_) => return Err(io::ErrorKind::Unsupported.into()),
        };
        self.at = usize::try_from(at).unwrap();
        Ok(at)
    }
}

impl Paper for Disk {
    fn cut(&mut self, len: u64) -> io::Result<()> {
        self.bytes.truncate(usize::try_from(len).unwrap());
        Ok(())
    }
}

#[test]
fn recorder_makes_a_file_for_its_owner_alone_and_writes_every_record_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tape");
    let (mut switch, config) = recorded(1 << 20);
    let recorder = Recorder::create(&path, false, &config).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    for _turn in 0..200 {
        happen(&mut switch, 100);
        recorder.collect(Time::from_us(1), &mut switch);
    }
    recorder.close(Time::from_us(2), &mut switch);
    end_of(&recorder);
    assert!(matches!(end_of(&recorder), RecordEnd::Closed));
    assert!(!switch.is_recording());
    let bytes = fs::read(&path).unwrap();
    assert_eq!(records(&bytes).len() - 1, 1 + 200 * 100 + 1);
    assert!(ends_by(&bytes, "closed"));
    assert!(recorder.poll_end(Waker::noop()).is_ready());
}

#[test]
fn recorder_leaves_what_is_there_unless_it_is_asked_to_replace_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tape");
    let (_, config) = recorded(1 << 20);
    fs::write(&path, "old").unwrap();
    let refused = Recorder::create(&path, false, &config).unwrap_err();
    assert_eq!(refused.kind(), io::ErrorKind::AlreadyExists);
    assert!(
        Unrecorded::of(&refused)
            .unwrap()
            .to_string()
            .contains("already")
    );
    assert_eq!(fs::read(&path).unwrap(), b"old");
    drop(Recorder::create(&path, true, &config).unwrap());
    #[cfg(unix)]
    {
        use std::os::unix::fs::{PermissionsExt as _, symlink};
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "not that of the file before");
        let link = folder.path().join("link");
        symlink(folder.path().join("elsewhere"), &link).unwrap();
        assert!(Recorder::create(&link, true, &config).is_err());
        assert!(!folder.path().join("elsewhere").exists());
    }
    assert!(Recorder::create(folder.path(), true, &config).is_err());
}

#[test]
fn recorder_ends_the_tape_on_a_disk_of_any_size_by_a_whole_record() {
    let (mut switch, config) = recorded(1 << 20);
    happen(&mut switch, 30);
    let mut all = Vec::new();
    switch.take_tape(&mut all);
    let mut full = 0;
    for room in 0..all.len() {
        let (disk, left) = disk(room);
        let mut sheet = Sheet::new(disk);
        // In pieces of whole records, as turns are.
        let ends = records(&all);
        let turns = ends.windows(4).step_by(3);
        let written = turns
            .clone()
            .all(|ends| sheet.write(&all[ends[0]..ends[3]]).is_ok());
        assert!(!written || room >= ends[ends.len() - 4], "room for {room}");
        sheet.end_early();
        drop(sheet);
        let tape = left.recv().unwrap();
        assert!(tape.len() <= room);
        if !tape.is_empty() {
            assert!(ends_by(&tape, "full"), "room for {room}");
            let kept = *records(&tape).iter().rev().nth(1).unwrap();
            assert_eq!(tape[..kept], all[..kept]);
            assert!(
                kept + 1024 > room.min(all.len()),
                "{kept} of {room} are kept"
            );
            full += 1;
        }
    }
    println!("{full} of {} disks had room for a tape", all.len());
    assert!(full > 1000);
    assert_eq!(config.buffer_bytes, 1 << 20);
}

#[test]
fn recorder_of_a_full_disk_ends_the_tape_and_never_the_switch() {
    let (mut switch, config) = recorded(1 << 20);
    let (disk, left) = disk(100_000);
    let recorder = Recorder::onto(disk, &config).unwrap();
    assert!(recorder.poll_end(Waker::noop()).is_pending());
    happen(&mut switch, 2000);
    recorder.collect(Time::from_us(1), &mut switch);
    let RecordEnd::Refused(error) = end_of(&recorder) else {
        panic!("the disk was full");
    };
    assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    assert!(ends_by(&left.recv().unwrap(), "full"));
    happen(&mut switch, 10);
    recorder.collect(Time::from_us(2), &mut switch);
    assert!(!switch.is_recording());
    assert_eq!(switch.tape_bytes(), 0);
    recorder.close(Time::from_us(3), &mut switch);
    assert!(matches!(end_of(&recorder), RecordEnd::Refused(_)));
}

#[cfg(target_os = "linux")]
#[test]
fn recorder_onto_a_device_that_is_full_says_so() {
    let (mut switch, config) = recorded(1 << 20);
    let device = File::options().write(true).open("/dev/full").unwrap();
    let recorder = Recorder::onto(device, &config).unwrap();
    happen(&mut switch, 10);
    recorder.collect(Time::from_us(1), &mut switch);
    assert!(matches!(end_of(&recorder), RecordEnd::Refused(_)));
}

#[cfg(unix)]
#[test]
fn recorder_that_nobody_reads_is_behind_and_never_keeps_the_switch_waiting() {
    let (mut reader, writer) = io::pipe().unwrap();
    let (mut switch, config) = recorded(200_000);
    let pipe = File::from(std::os::fd::OwnedFd::from(writer));
    let recorder = Recorder::onto(pipe, &config).unwrap();
    let mut turns = 0;
    while switch.is_recording() {
        happen(&mut switch, 100);
        recorder.collect(Time::from_us(turns), &mut switch);
        turns += 1;
        let waits = recorder.desk.tray().bytes.len() + switch.tape_bytes();
        assert!(waits < 600_000, "{waits} bytes wait");
        assert!(turns < 10_000);
    }
    // The switch goes on, and whoever reads at last reads whole records and why it ended.
    happen(&mut switch, 100);
    let read = thread::spawn(move || {
        let mut all = Vec::new();
        reader.read_to_end(&mut all).map(|_| all)
    });
    while recorder.poll_end(Waker::noop()).is_pending() {
        recorder.collect(Time::from_us(turns), &mut switch);
        thread::yield_now();
    }
    assert!(matches!(end_of(&recorder), RecordEnd::Behind));
    assert!(ends_by(&read.join().unwrap().unwrap(), "behind"));
}

#[test]
fn recorder_that_is_dropped_leaves_whole_records() {
    let (mut switch, config) = recorded(1 << 20);
    let (disk, left) = disk(1 << 20);
    let recorder = Recorder::onto(disk, &config).unwrap();
    happen(&mut switch, 50);
    recorder.collect(Time::from_us(1), &mut switch);
    drop(recorder);
    let tape = left.recv().unwrap();
    assert_eq!(records(&tape).len() - 1, 51);
    assert!(!ends_by(&tape, "closed"));
}

/// A disk that takes nothing until it may.
struct Stuck(Receiver<()>);

impl Write for Stuck {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let _free = self.0.recv();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl io::Read for Stuck {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Ok(0)
    }
}

impl Seek for Stuck {
    fn seek(&mut self, _: SeekFrom) -> io::Result<u64> {
        Ok(0)
    }
}

impl Paper for Stuck {
    fn cut(&mut self, _: u64) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn recorder_with_a_stuck_disk_holds_up_the_end_and_no_turn() {
    let (switch, config) = recorded(1 << 20);
    let (free, stuck) = channel();
    let recorder = Recorder::onto(Stuck(stuck), &config).unwrap();
    let driver = Driver::new(switch, driver::Config::default());
    let shared = Arc::new(Shared::new(driver, Some(recorder), Instant::now()));
    let sockets = Sockets::bind(&[], 0).unwrap();
    let lan = Lan::new(LanConfig::default(), Vec::new(), 0, Ok);
    let mut engine = Engine::new(Arc::clone(&shared), sockets, lan, Duration::ZERO);
    let none = |_: &UdpSocket, _, _: &mut Attempt<'_>| Poll::Pending;
    shared.lock().driver.shut_down(Time::ZERO, 0);
    // There is no end without a look at what came.
    assert_eq!(engine.turn(Waker::noop(), none), Rest::Again);
    // Neither the call nor the task waits for the disk, and it is no busy loop.
    for _turn in 0..3 {
        assert!(matches!(engine.turn(Waker::noop(), none), Rest::Until(_)));
        assert!(!engine.wait().is_zero());
    }
    drop(free);
    let recorder = shared.lock().recorder.clone().unwrap();
    assert!(matches!(end_of(&recorder), RecordEnd::Closed));
    assert_eq!(engine.turn(Waker::noop(), none), Rest::Over);
}

/// However the records were handed over, what a full disk has ends with a whole one that says so.
#[test]
fn recorder_sheet_of_many_turns_is_cut_back_to_a_whole_record() {
    let (mut recorded, config) = recorded(1 << 20);
    let mut turns = Vec::new();
    for turn in 0..40 {
        happen(&mut recorded, 1 + turn % 5);
        let mut bytes = Vec::new();
        recorded.take_tape(&mut bytes);
        turns.push(bytes);
    }
    let all: usize = turns.iter().map(Vec::len).sum();
    assert!(all as u64 <= config.buffer_bytes);
    let first = records(&turns[0])[1];
    for room in (first + 512..all).step_by(97) {
        let (disk, left) = disk(room);
        let mut sheet = Sheet::new(disk);
        let refused = turns.iter().find_map(|turn| sheet.write(turn).err());
        assert!(refused.is_some(), "{room}");
        sheet.end_early();
        drop(sheet);
        let kept = left.recv().unwrap();
        assert!(kept.len() <= room && ends_by(&kept, "full"), "{room}");
        let ends = records(&kept);
        let whole = ends[ends.len() - 2];
        assert_eq!(kept[..whole], turns.concat()[..whole], "{room}");
        assert!(whole + 512 + 200 > room, "{room}: {whole}");
    }
}
