//! Swarms: switches in a small world whose links, faults and applications are all drawn from one
//! number. First anything may fail; then it heals and everything is demanded. A run is a value, so
//! that operations can be dropped from it; the checks that judge it stand in `checks`.

mod app;
mod cast;
mod cuts;
mod draw;
mod heal;
mod members;
mod operate;
mod plan;
mod report;
mod run;
mod shrink;
mod spread;
mod trouble;

pub use self::{
    draw::draw,
    plan::{Act, Moving, Operation, Plan, Profile},
    report::{Report, places, report},
    run::{Extras, Failure, Tally, Weigh, run, run_with},
    shrink::shrink,
    spread::{Found, Seeds, say, spread},
};
