//! One end under async-std, with as many threads as it takes by itself.

use std::{io, time::Instant};

use async_std::{
    io::{ReadExt as _, WriteExt as _, copy},
    task,
};
use hydroid_async_std::{Endpoint, Stream};
use hydroid_core::identity::Ticket;

use super::{ECHO, Outcome, PIECE, SMALL, Work, config, somebody, told};

pub(super) fn take() -> Outcome<()> {
    task::block_on(async {
        let endpoint = Endpoint::bind(config()?)?;
        let (secret, space) = somebody()?;
        endpoint.install(&secret, &space)?;
        let addresses = endpoint.local_addresses();
        println!("{}", Ticket::new(secret.public(), space, &addresses, None));
        while let Some(stream) = endpoint.accept().await {
            task::spawn(serve(stream));
        }
        Ok(())
    })
}

async fn serve(mut stream: Stream) -> io::Result<()> {
    if stream.head().as_deref() == Some(ECHO) {
        let (mut reader, mut writer) = stream.split();
        copy(&mut reader, &mut writer).await?;
        return writer.finish();
    }
    let mut buf = vec![0; 1 << 18];
    while stream.read(&mut buf).await? > 0 {}
    stream.write_all(b"!").await?;
    stream.finish()
}

pub(super) fn give(ticket: &Ticket, work: &Work) -> Outcome<()> {
    task::block_on(async {
        let endpoint = Endpoint::bind(config()?)?;
        let (secret, space) = somebody()?;
        let begun = Instant::now();
        let me = endpoint.install(&secret, &space)?;
        let line = endpoint.connect(me, ticket).await?;
        told(begun)?;
        let begun = Instant::now();
        let mut stream = line.open_stream("{}").await?;
        for _piece in 0..work.pieces() {
            stream.write_all(&PIECE).await?;
        }
        stream.finish()?;
        stream.read_exact(&mut [0]).await?;
        told(begun)?;
        let mut stream = line.open_stream(ECHO).await?;
        let mut buf = [0; SMALL];
        let begun = Instant::now();
        for _trip in 0..work.trips {
            stream.write_all(&PIECE[..SMALL]).await?;
            stream.read_exact(&mut buf).await?;
        }
        told(begun)?;
        Ok(())
    })
}
