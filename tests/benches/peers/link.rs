//! Rows of their own: 20 MiB over a link that loses, in virtual time, so that nothing here depends
//! on the machine. Each round is another seed of its dice, and all who race get the same.

mod quinns;

use hydroid_core::line::{PureRust, fast};
use hydroid_tests::lossy::{MIB, Ours, RATE, Took, once};
use quinn_proto::congestion::{BbrConfig, CubicConfig};

use self::quinns::Quinns;
use super::{Outcome, median};

/// The rows, and how many datagrams of a hundred are lost each way.
pub(super) const ROWS: [(&str, u64); 3] = [("lossy-0", 0), ("lossy-1", 1), ("lossy-5", 5)];

/// Prints a row.
pub(super) fn row((name, lost_percent): (&str, u64), rounds: usize, json: bool) -> Outcome<()> {
    let bbr = || Quinns::new(BbrConfig::default());
    let cubic = || Quinns::new(CubicConfig::default());
    let mut all: [Vec<Took>; 3] = Default::default();
    for seed in 0..rounds {
        all[0].push(once(
            &|| Ours::new(fast().unwrap_or(&PureRust)),
            lost_percent,
            seed,
        )?);
        all[1].push(once(&bbr, lost_percent, seed)?);
        all[2].push(once(&cubic, lost_percent, seed)?);
    }
    let of = |took: &[Took], of: fn(&Took) -> f64| median(took.iter().map(of)).unwrap_or(f64::NAN);
    let rates = all.each_ref().map(|took| of(took, |it| it.rate));
    let shares = all.each_ref().map(|took| of(took, |it| it.share));
    let better = if rates[1] >= rates[2] { 1 } else { 2 };
    let (peer, named) = (rates[better], ["", "bbr", "cubic"][better]);
    let paired = all[0].iter().zip(&all[better]);
    let ratio = median(paired.map(|(a, b)| a.rate / b.rate)).unwrap_or(f64::NAN);
    let limit = RATE as f64 / MIB;
    if json {
        let row = serde_json::json!({
            "work": name, "unit": "MiB", "ours": rates[0], "peer": peer, "limit": limit,
            "ratio": ratio, "peer_is": named, "bbr": rates[1], "cubic": rates[2],
            "share_ours": shares[0], "share_bbr": shares[1], "share_cubic": shares[2],
            "rounds": rounds,
        });
        println!("{row}");
    } else {
        println!(
            "| {name}, MiB/s; % of the link 10 s later | {:.2} | {peer:.2} ({named}) | {limit:.1} \
             | {ratio:.2} | {:.1} | {:.1} | cubic {:.2}, {:.1} |",
            rates[0],
            shares[0] * 100.0,
            shares[better] * 100.0,
            rates[2],
            shares[2] * 100.0,
        );
    }
    Ok(())
}
