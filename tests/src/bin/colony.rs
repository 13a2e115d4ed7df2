//! Grows a tree of shipped switches in a world of virtual time, cuts it, and prints what it took:
//! `cargo run --release -p hydroid-tests --bin colony`.

use std::{fs, path::PathBuf, process::ExitCode, time::Instant};

use hydroid_tests::colony::{
    Colony, Settings, census::census, figures::Figures, shape, story, svg, text,
};

const USAGE: &str = "\
usage: colony [--members N] [--arity K] [--kill PERCENT] [--seed S] [--full] [--json] [--svg DIR]
  --members N     members of the space, 4 to 100000 (10000)
  --arity K       members below each, 2 to 8 (2)
  --kill PERCENT  how many die at once, 1 to 90 (10, then 30, 50 and 80 of who is left)
  --seed S        every choice of chance (1)
  --full          every member holds the whole image, whatever that takes
  --json          the figures as JSON
  --svg DIR       pictures of the tree before and after, into this folder
It ends with 1 if a figure is missed, and with 2 if an argument is none.";

struct Arguments {
    members: usize,
    arity: u8,
    kills: Vec<u64>,
    seed: u64,
    full: bool,
    json: bool,
    svg: Option<PathBuf>,
}

/// Members of which each is to hold the whole image unless it is asked for.
const FULL_MOST: usize = 2_000;
/// Beyond so many members each holds a sample, if there are too many for whole images.
const SAMPLED_FROM: u32 = 256;
/// Lines of the tree as text.
const LINES_MOST: usize = 40;

fn main() -> ExitCode {
    let arguments = match parse(std::env::args().skip(1)) {
        Ok(Some(arguments)) => arguments,
        Ok(None) => {
            println!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            eprintln!("{error}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match run(&arguments) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(2)
        }
    }
}

fn parse(mut words: impl Iterator<Item = String>) -> Result<Option<Arguments>, String> {
    let mut arguments = Arguments {
        members: 10_000,
        arity: 2,
        kills: vec![10, 30, 50, 80],
        seed: 1,
        full: false,
        json: false,
        svg: None,
    };
    while let Some(word) = words.next() {
        let mut number = |least: u64, most: u64| {
            let given = words.next().ok_or(format!("{word} takes a number"))?;
            let number = given.parse().ok();
            let number = number.filter(|number| (least..=most).contains(number));
            number.ok_or(format!(
                "{word}: {given} is no number from {least} to {most}"
            ))
        };
        match word.as_str() {
            "--members" => arguments.members = number(4, 100_000)? as usize,
            "--arity" => arguments.arity = number(2, 8)? as u8,
            "--kill" => arguments.kills = vec![number(1, 90)?],
            "--seed" => arguments.seed = number(0, u64::MAX)?,
            "--full" => arguments.full = true,
            "--json" => arguments.json = true,
            "--svg" => {
                let dir = words.next().ok_or("--svg takes a folder")?;
                arguments.svg = Some(dir.into());
            }
            "-h" | "--help" => return Ok(None),
            _ => return Err(format!("{word} is no argument")),
        }
    }
    Ok(Some(arguments))
}

/// Tells whether every figure was reached.
fn run(arguments: &Arguments) -> Result<bool, String> {
    let arity = arguments.arity;
    let mut settings = Settings::new(arguments.members, arity, arguments.seed);
    let whole = settings.clone();
    if !arguments.full && arguments.members > FULL_MOST {
        settings.config.tree.image.members_max = SAMPLED_FROM;
    }
    let mut figures = Figures::default();
    let mut log = Log::new(arguments.json);
    log.step("the members join", &figures);
    let mut colony = Colony::new(&settings);
    story::join(&mut colony, arguments.members, arity, &mut figures);
    log.step("they speak", &figures);
    let goals = goals(arity);
    story::speak(&mut colony, (arity, "steady"), 20, goals, &mut figures);
    story::memory(&colony, &mut figures);
    let mut shapes = vec![("before".to_string(), shape(&colony, arity))];
    for percent in &arguments.kills {
        log.step(&format!("{percent} % die"), &figures);
        story::cut(&mut colony, arity, *percent, &mut figures);
        shapes.push((format!("after-{percent}"), shape(&colony, arity)));
    }
    log.step("they speak", &figures);
    let later = (goals.0 + 2.0, goals.1 * (goals.0 + 2.0) / goals.0);
    story::speak(&mut colony, (arity, "healed"), 20, later, &mut figures);
    drop(colony);
    log.step("two trees become one", &figures);
    story::merge(&settings, &mut figures);
    log.step("members come, go and are counted", &figures);
    let members = arguments.members.min(FULL_MOST);
    census(&Settings { members, ..whole }, &mut figures);
    log.step("done", &figures);
    if let Some(dir) = &arguments.svg {
        fs::create_dir_all(dir).map_err(|error| format!("{}: {error}", dir.display()))?;
        for (name, shape) in &shapes {
            let path = dir.join(format!("{name}.svg"));
            let title = format!("{name}: {} members, depth {}", shape.members, shape.depth);
            let written = fs::write(&path, svg(shape, &title));
            written.map_err(|error| format!("{}: {error}", path.display()))?;
        }
    }
    if arguments.json {
        let json = serde_json::to_string_pretty(&figures);
        println!("{}", json.map_err(|error| error.to_string())?);
    } else {
        for (name, shape) in &shapes {
            println!("{name}\n{}", text(shape, LINES_MOST));
        }
        print!("{}", figures.table_from(0));
        print!("{}", figures.wrongs());
    }
    Ok(figures.are_met())
}

/// Tells people how far it is.
struct Log {
    begun: Instant,
    told: usize,
    is_silent: bool,
}

impl Log {
    fn new(is_silent: bool) -> Self {
        let log = Self {
            begun: Instant::now(),
            told: 0,
            is_silent,
        };
        if !is_silent {
            eprintln!("lines by a stub of cryptography, broadcasts by real signatures");
        }
        log
    }

    /// Prints what is new since the last step, and what comes next.
    fn step(&mut self, what: &str, figures: &Figures) {
        if !self.is_silent {
            eprint!("{}", figures.table_from(self.told));
            eprintln!("{:7.1} s  {what}", self.begun.elapsed().as_secs_f64());
        }
        self.told = figures.all.len();
    }
}

/// The most hops, and milliseconds until all have a message.
fn goals(arity: u8) -> (f64, f64) {
    match arity {
        2 => (26.0, 850.0),
        3 => (18.0, 600.0),
        _ => (14.0, 480.0),
    }
}
