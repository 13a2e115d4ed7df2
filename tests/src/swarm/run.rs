//! A plan is carried out.

use std::{
    fmt,
    ops::AddAssign,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
};

use hydroid_core::{
    base::{Rng, Seed, Time},
    identity::{Admission, Gate, Roles, SecretKey},
    line::{Provider, PureRust},
    tape,
};

use super::{
    cast::Cast,
    plan::{Plan, Profile},
    trouble::Trouble,
};
use crate::{
    checks::{Broken, Verdict},
    world::{Faults, StubProvider, World},
};

/// What a run came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Tally {
    /// Operations of the plan.
    pub operations: u64,
    /// Streams that were opened.
    pub streams: u64,
    /// Ends of streams that were read to the very end.
    pub whole: u64,
    /// Ends of streams that were read and did not come to that.
    pub cut: u64,
    /// Lines that came up, counted at each end.
    pub lines: u64,
    /// Times that a line took another way.
    pub moved: u64,
    /// Sleeps that the switches noticed.
    pub sleeps: u64,
    /// Broadcasts that members read.
    pub told: u64,
    /// Datagrams that arrived, and deadlines that were handled.
    pub happened: u64,
    /// What went wrong with hosts and links.
    pub faults: Faults,
    /// Stands for every datagram that was sent.
    pub digest: u64,
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.operations += other.operations;
        self.streams += other.streams;
        self.whole += other.whole;
        self.cut += other.cut;
        self.lines += other.lines;
        self.moved += other.moved;
        self.sleeps += other.sleeps;
        self.told += other.told;
        self.happened += other.happened;
        self.faults += other.faults;
        self.digest = self.digest.wrapping_add(other.digest);
    }
}

/// A run in which something did not hold.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Failure {
    /// What.
    pub broken: Broken,
    /// When.
    pub at: Time,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at {:?}: {}", self.at, self.broken)
    }
}

/// Tells how many bytes are freed by what it is given.
pub type Weigh = fn(&mut dyn FnMut()) -> u64;

/// What may be done beside a run.
#[derive(Clone, Debug, Default)]
pub struct Extras {
    /// The memory of each switch is weighed at the end.
    pub weigh: Option<Weigh>,
    /// Each switch leaves a tape in this folder.
    pub tapes: Option<PathBuf>,
}

/// Carries out a plan and demands everything of it.
///
/// # Errors
/// The first check that does not hold; a panic is one, too.
pub fn run(plan: &Plan) -> Result<Tally, Failure> {
    run_with(plan, &Extras::default())
}

/// The same, with what may be done beside.
///
/// # Errors
/// As [`run`].
pub fn run_with(plan: &Plan, extras: &Extras) -> Result<Tally, Failure> {
    let mut run = Run::new(plan, extras.tapes.is_some());
    let verdict = catch_unwind(AssertUnwindSafe(|| run.perform(extras)));
    let verdict = verdict.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string));
        Err(Broken {
            check: "panic",
            what: text.unwrap_or_default(),
        })
    });
    let at = run.world.now;
    if let Some(folder) = &extras.tapes {
        run.leave_tapes(folder);
    }
    verdict.map_err(|broken| Failure { broken, at })
}

/// A plan that is being carried out.
#[derive(Debug)]
pub(super) struct Run<'a> {
    pub(super) plan: &'a Plan,
    pub(super) world: World,
    pub(super) cast: Cast,
    pub(super) secrets: Vec<SecretKey>,
    /// What lets each node into the closed space at first, and what the founder has given out last.
    pub(super) admissions: Vec<Admission>,
    pub(super) club: Option<Admission>,
    pub(super) trouble: Trouble,
}

impl<'a> Run<'a> {
    fn new(plan: &'a Plan, is_recorded: bool) -> Self {
        let provider: &'static dyn Provider = match plan.profile {
            Profile::Large | Profile::Tree => &StubProvider,
            Profile::Fine | Profile::Kept => &PureRust,
        };
        let count = usize::from(plan.nodes);
        let providers = vec![provider; count];
        let world = World::with_providers(plan.seed, providers, plan.config(0), plan.link);
        let mut bytes = [4; 32];
        bytes[..8].copy_from_slice(&plan.seed.to_le_bytes());
        let mut rng = Rng::new(&Seed::new(bytes));
        let (attentive, flight_ms) = match plan.profile {
            Profile::Large => (true, Some(5_000)),
            Profile::Tree => (true, None),
            Profile::Fine => (false, None),
            Profile::Kept => (true, Some(2_000)),
        };
        let secrets: Vec<_> = (0..count)
            .map(|_| SecretKey::from_bytes(&rng.bytes()))
            .collect();
        let mut run = Self {
            plan,
            world,
            cast: Cast::new(count, attentive, flight_ms),
            secrets,
            admissions: Vec::new(),
            club: None,
            trouble: Trouble::default(),
        };
        run.world.buffer_bytes = plan.buffer_bytes;
        for node in (0..count).filter(|_| is_recorded) {
            let buffer_bytes = TAPE_BYTES;
            let tape = tape::Config {
                buffer_bytes,
                ..tape::Config::default()
            };
            run.world.record(node, tape);
        }
        if plan.closed {
            run.found();
        }
        for node in 0..count {
            // A tree keeps lines, too.
            let is_tree = plan.profile == Profile::Tree;
            run.cast.apps[node].keeps = is_tree || !plan.kept.is_empty();
            run.boot(node, false);
            let name = run.world.nodes[node].hashname;
            run.cast.names.insert(name, node);
        }
        run.world.faults = Faults::default();
        run
    }

    /// Node 0 founds a closed space and lets everybody in.
    fn found(&mut self) {
        let gate = Gate::new([1; 32]);
        let club = Admission::found(&self.secrets[0], "club", gate).expect("a legal name");
        let admit = |secret: &SecretKey| {
            let admitted = club.admit(&self.secrets[0], &secret.public(), Roles::SPACER, 0);
            admitted.expect("the founder lets others in")
        };
        self.admissions = self.secrets.iter().map(admit).collect();
        self.club = Some(club);
        for app in &mut self.cast.apps {
            app.in_closed = true;
        }
    }

    fn perform(&mut self, extras: &Extras) -> Result<Tally, Broken> {
        self.keep_all()?;
        for operation in &self.plan.operations {
            self.go_to(Time::from_us(operation.at_us))?;
            self.operate(operation)?;
            self.attend(0)?;
        }
        self.go_to(Time::ZERO.plus_ms(self.plan.safety_ms))?;
        self.heal()?;
        self.end()?;
        let tally = self.tally();
        if let Some(weigh) = extras.weigh.filter(|_| extras.tapes.is_none()) {
            self.weigh(weigh)?;
        }
        Ok(tally)
    }

    /// Time goes on until then, with whatever ends meanwhile.
    pub(super) fn go_to(&mut self, at: Time) -> Verdict {
        while let Some((when, ended)) = self.trouble.next(at) {
            self.attend(when.since_us(self.world.now))?;
            self.on_ended(ended)?;
        }
        self.attend(at.since_us(self.world.now))
    }

    /// Time goes on, and the applications hear what happens: at once if they are attentive.
    pub(super) fn attend(&mut self, us: u64) -> Verdict {
        let Self { world, cast, .. } = self;
        if !cast.attentive {
            world.until_us(us, |_| None::<()>);
            return cast.hear_all(world);
        }
        let broken = world.until_us(us, |world| cast.hear_all(world).err());
        broken.map_or(Ok(()), Err)?;
        // What they did at the end may tell them something at once.
        cast.hear_all(world)
    }

    fn tally(&self) -> Tally {
        let ends = || self.cast.apps.iter().flat_map(|app| app.streams.values());
        let stats = || self.world.nodes.iter().map(|node| node.switch.stats());
        Tally {
            operations: self.plan.operations.len() as u64,
            streams: self.cast.numbers,
            whole: ends().filter(|end| end.over == Some(true)).count() as u64,
            cut: ends().filter(|end| end.over == Some(false)).count() as u64,
            lines: stats().map(|stats| stats.lines_up).sum(),
            moved: self.cast.apps.iter().map(|app| app.moved).sum(),
            sleeps: stats().map(|stats| stats.sleeps).sum(),
            told: self.cast.members.told,
            happened: self.world.delivered + self.world.deadlines,
            faults: self.world.faults,
            digest: self.world.digest,
        }
    }

    /// Each switch leaves a tape, and each that was before it, by the number of its node.
    fn leave_tapes(&mut self, folder: &Path) {
        for (at, (node, tape)) in self.world.tapes().into_iter().enumerate() {
            let file = folder.join(format!("node-{node}-{at}.tape"));
            if let Err(error) = std::fs::write(&file, tape) {
                println!("no tape in {}: {error}", file.display());
            }
        }
    }
}

/// A tape that grows beyond this ends there.
const TAPE_BYTES: u64 = 64 << 20;
