//! An echo. `echo-async-std listen [ADDRESS]` prints a ticket and sends back what comes;
//! `echo-async-std TICKET TEXT` sends a text there and prints what comes back.

use std::{env, error::Error, time::Duration};

use async_std::io::{ReadExt as _, WriteExt as _, copy};
use async_std::task;
use hydroid_async_std::{Config, Endpoint, fresh_secret, identity::Space, identity::Ticket};

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
        task::spawn(async move {
            let (mut reader, mut writer) = stream.split();
            copy(&mut reader, &mut writer).await?;
            writer.finish()
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
    stream.finish()?;
    let mut echo = String::new();
    stream.read_to_string(&mut echo).await?;
    println!("{echo}");
    endpoint.shutdown(Duration::from_secs(1)).await;
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["listen"] => task::block_on(listen("127.0.0.1:0")),
        ["listen", address] => task::block_on(listen(address)),
        [ticket, text] => task::block_on(dial(&ticket.parse()?, text)),
        _ => Err("usage: echo-async-std listen [ADDRESS] | echo-async-std TICKET TEXT".into()),
    }
}
