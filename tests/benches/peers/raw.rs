//! What the system itself allows: a work done with nothing between.

use std::time::Instant;

use tokio::{net::UdpSocket, runtime::Runtime};

use super::{
    Outcome,
    work::{SMALL, Work},
};

const TRIPS: usize = 20_000;

/// Units a second, where there is something to compare with.
pub(super) fn limit(work: Work, runtime: &Runtime) -> Outcome<Option<f64>> {
    match work {
        Work::Trips | Work::TripsApart => runtime
            .block_on(async { tokio::spawn(trips()).await? })
            .map(Some),
        Work::Bulk
        | Work::BulkFree
        | Work::Streams
        | Work::Lines
        | Work::LinesAtOnce
        | Work::Messages => Ok(None),
    }
}

/// A UDP echo under the same runtime.
async fn trips() -> Outcome<f64> {
    let (one, other) = (
        UdpSocket::bind("127.0.0.1:0").await?,
        UdpSocket::bind("127.0.0.1:0").await?,
    );
    one.connect(other.local_addr()?).await?;
    other.connect(one.local_addr()?).await?;
    let echo = tokio::spawn(async move {
        let mut buf = [0; SMALL];
        loop {
            let len = other.recv(&mut buf).await?;
            other.send(&buf[..len]).await?;
            if buf[0] == 1 {
                return Ok::<_, std::io::Error>(());
            }
        }
    });
    let begun = Instant::now();
    let mut buf = [0; SMALL];
    for trip in 0..TRIPS {
        let last = trip + 1 == TRIPS;
        one.send(&[u8::from(last); SMALL]).await?;
        one.recv(&mut buf).await?;
    }
    let seconds = begun.elapsed().as_secs_f64();
    echo.await??;
    Ok(TRIPS as f64 / seconds)
}
