//! Lines over a link that loses, in virtual time: how soon a transfer is fast, how soon a message
//! is there that was lost, and how many packets that takes.

use hydroid_tests::{
    lossy::{Ours, ROUND_US, messages, start},
    world::StubProvider,
};

fn ours() -> Ours {
    Ours::new(&StubProvider).expect("two ends")
}

#[test]
fn lossy_transfer_is_fast_from_the_start() {
    for (lost_percent, least) in [(0, 9.3), (1, 9.0), (5, 8.5)] {
        let run = |seed| start(&mut ours(), lost_percent, seed).expect("it ends");
        let mut rates: Vec<_> = (0..5).map(run).collect();
        rates.sort_by(|one, other| one.0.total_cmp(&other.0));
        println!("{lost_percent} %: {rates:.2?} MiB/s and datagrams");
        // Each of them: nobody is so unlucky as to stand still.
        assert!(rates[0].0 >= least, "{lost_percent} %: {:.2}", rates[0].0);
        // Ranges are as rare as the rate allows.
        let rare = |(_, [sent, back]): &(f64, [u64; 2])| back * 7 <= *sent;
        assert!(rates.iter().all(rare), "{lost_percent} %");
    }
}

#[test]
fn lossy_message_is_there_within_two_round_trips_and_a_bit() {
    let (took, sent) = messages(&mut ours(), 5, 1, 4000).expect("it ends");
    let at = |permille: usize| took[took.len() * permille / 1000] as f64 / ROUND_US as f64;
    println!(
        "50 %: {:.2}, 95 %: {:.2}, 99 %: {:.2}, 99.9 %: {:.2} round trips; datagrams {sent:?}",
        at(500),
        at(950),
        at(990),
        at(999)
    );
    assert!(at(990) <= 2.2, "{:.2} round trips", at(990));
}
