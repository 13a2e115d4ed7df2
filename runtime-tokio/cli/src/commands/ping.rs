//! `hydroid ping`: whether a peer is there, and how far away.

use std::time::{Duration, Instant};

use serde_json::json;
use tokio::{
    io::AsyncWriteExt as _,
    time::{sleep, timeout},
};

use crate::{
    args,
    context::Context,
    dial::Reached,
    exit::Failure,
    figures,
    transfer::heads::{Answer, Request},
};

/// The time from an answer to the next ping.
const PAUSE: Duration = Duration::from_millis(200);

/// Opens a line and asks `count` times.
///
/// # Errors
/// [`Failure`] if the peer does not answer in time.
pub(crate) async fn run(context: &Context, args: args::Ping) -> Result<(), Failure> {
    let found = context.target(&args.whom, &args.being, false).await?;
    let reached = found.dialer.connect(&found.ticket, args.timeout).await?;
    let peer = match found.shown {
        Some(shown) => shown,
        None => reached.peer().to_string(),
    };
    let mut times = Vec::new();
    for n in 1..=args.count {
        if n > 1 {
            sleep(PAUSE).await;
        }
        let time = once(&reached, n.into(), args.timeout).await?;
        times.push(time);
        let plain = format!("pong {n} from {peer}: {}", figures::ms(time));
        let object = json!({
            "event": "pong", "n": n, "peer": reached.peer().to_string(), "rtt_us": micros(time),
        });
        context.output.data(&plain, &object).await?;
    }
    let (min, max) = (times.iter().min(), times.iter().max());
    let (min, max) = (min.expect("one at least"), max.expect("one at least"));
    let avg = times.iter().sum::<Duration>() / args.count;
    let plain = format!(
        "{} of {} answered, min/avg/max {} / {} / {}",
        times.len(),
        args.count,
        figures::ms(*min),
        figures::ms(avg),
        figures::ms(*max)
    );
    let object = json!({
        "event": "pings", "sent": args.count, "answered": times.len(),
        "min_us": micros(*min), "avg_us": micros(avg), "max_us": micros(*max),
    });
    context.output.data(&plain, &object).await
}

/// The time from asking to the answer.
///
/// # Errors
/// [`Failure`] if it does not come, or is another.
pub(crate) async fn once(reached: &Reached, n: u64, time: Duration) -> Result<Duration, Failure> {
    let asked = Instant::now();
    let answered = timeout(time, reached.ask(&Request::Ping(n))).await;
    let (mut stream, answer) = answered.map_err(|_elapsed| {
        Failure::unreachable(format!(
            "ping {n} had no answer in {} s",
            time.as_secs_f64()
        ))
    })??;
    let time = asked.elapsed();
    if answer != (Answer::Pong { pong: n }) {
        return Err(Failure::failed(format!("ping {n} had another's answer")));
    }
    // Nobody waits for the end of this stream, and it was all that was left to say.
    let _gone = stream.shutdown().await;
    Ok(time)
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
