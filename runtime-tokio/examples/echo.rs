//! An echo. `echo listen [ADDRESS]` prints a ticket and sends back what comes; `echo TICKET TEXT`
//! sends a text there and prints what comes back.

use std::{env, error::Error, time::Duration};

use hydroid_tokio::{Config, Endpoint, fresh_secret, identity::Space, identity::Ticket};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy};

async fn listen(address: &str) -> Result<(), Box<dyn Error>> {
    let listen = vec![address.parse()?];
    let endpoint = Endpoint::bind(Config {
        listen,
        ..Config::default()
    })?;
    let (secret, space) = (fresh_secret()?, Space::open("echo")?);
    endpoint.install(&secret, &space)?;
    let ticket = Ticket::new(secret.public(), space, &endpoint.local_addresses(), None);
    println!("{ticket}");
    while let Some(stream) = endpoint.accept().await {
        tokio::spawn(async move {
            let (mut reader, mut writer) = stream.split();
            copy(&mut reader, &mut writer).await?;
            writer.shutdown().await
        });
    }
    Ok(())
}

async fn dial(ticket: &Ticket, text: &str) -> Result<(), Box<dyn Error>> {
    let endpoint = Endpoint::bind(Config::default())?;
    let me = endpoint.install(&fresh_secret()?, &Space::open("echo")?)?;
    let line = endpoint.connect(me, ticket).await?;
    let mut stream = line.open_stream("{}").await?;
    stream.write_all(text.as_bytes()).await?;
    stream.shutdown().await?;
    let mut echo = String::new();
    stream.read_to_string(&mut echo).await?;
    println!("{echo}");
    endpoint.shutdown(Duration::from_secs(1)).await;
    Ok(())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["listen"] => listen("127.0.0.1:0").await,
        ["listen", address] => listen(address).await,
        [ticket, text] => dial(&ticket.parse()?, text).await,
        _ => Err("usage: echo listen [ADDRESS] | echo TICKET TEXT".into()),
    }
}
