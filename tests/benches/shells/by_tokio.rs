//! One end under tokio, in one thread.

use std::{io, time::Instant};

use hydroid_core::identity::Ticket;
use hydroid_tokio::{Endpoint, Stream};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, copy},
    runtime::{Builder, Runtime},
};

use super::{ECHO, Outcome, PIECE, SMALL, Work, config, somebody, told};

fn runtime() -> io::Result<Runtime> {
    Builder::new_current_thread().enable_all().build()
}

pub(super) fn take() -> Outcome<()> {
    runtime()?.block_on(async {
        let endpoint = Endpoint::bind(config()?)?;
        let (secret, space) = somebody()?;
        endpoint.install(&secret, &space)?;
        let addresses = endpoint.local_addresses();
        println!("{}", Ticket::new(secret.public(), space, &addresses, None));
        while let Some(stream) = endpoint.accept().await {
            tokio::spawn(serve(stream));
        }
        Ok(())
    })
}

async fn serve(mut stream: Stream) -> io::Result<()> {
    if stream.head().as_deref() == Some(ECHO) {
        let (mut reader, mut writer) = stream.split();
        copy(&mut reader, &mut writer).await?;
        return writer.shutdown().await;
    }
    let mut buf = vec![0; 1 << 18];
    while stream.read(&mut buf).await? > 0 {}
    stream.write_all(b"!").await?;
    stream.shutdown().await
}

pub(super) fn give(ticket: &Ticket, work: &Work) -> Outcome<()> {
    runtime()?.block_on(async {
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
        stream.shutdown().await?;
        stream.read_u8().await?;
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
