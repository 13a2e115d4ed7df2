//! quinn under tokio.

use std::{net::SocketAddr, sync::Arc};

use quinn::{
    Connection, Endpoint, EndpointConfig, Incoming, MtuDiscoveryConfig, RecvStream, SendStream,
    ServerConfig, TokioRuntime, TransportConfig,
};
use tokio::sync::{
    Mutex,
    mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
};

use super::{Outcome, ends, net::Net, under};

/// The longest datagram of IPv4.
const PAYLOAD_MAX: u16 = 65_507;

type Stream = (Connection, SendStream, RecvStream);

pub(super) struct Quinn {
    dialling: Endpoint,
    address: SocketAddr,
    streams: Mutex<UnboundedReceiver<Stream>>,
}

/// Packets as large as the interface carries.
fn free_transport() -> Arc<TransportConfig> {
    let mut discovery = MtuDiscoveryConfig::default();
    discovery.upper_bound(PAYLOAD_MAX);
    let mut transport = TransportConfig::default();
    transport.mtu_discovery_config(Some(discovery));
    Arc::new(transport)
}

fn endpoint(server: Option<ServerConfig>, free: bool) -> Outcome<Endpoint> {
    let mut config = EndpointConfig::default();
    if free {
        config.max_udp_payload_size(PAYLOAD_MAX)?;
    }
    let socket = std::net::UdpSocket::bind("127.0.0.1:0")?;
    let runtime = Arc::new(TokioRuntime);
    Ok(Endpoint::new(config, server, socket, runtime)?)
}

async fn serve(incoming: Incoming, streams: UnboundedSender<Stream>) -> Outcome<()> {
    let connection = incoming.await?;
    while let Ok((write, read)) = connection.accept_bi().await {
        streams.send((connection.clone(), write, read))?;
    }
    Ok(())
}

impl Net for Quinn {
    type Line = Connection;
    type Write = SendStream;
    type Read = RecvStream;
    type Under = under::Tokio;

    fn new(_at_once: usize, free: bool) -> Outcome<Self> {
        let (mut server, mut client) = (ends::server()?, ends::client()?);
        if free {
            server.transport_config(free_transport());
            client.transport_config(free_transport());
        }
        let dialled = endpoint(Some(server), free)?;
        let mut dialling = endpoint(None, free)?;
        dialling.set_default_client_config(client);
        let (into, streams) = unbounded_channel();
        let address = dialled.local_addr()?;
        tokio::spawn(async move {
            while let Some(incoming) = dialled.accept().await {
                let into = into.clone();
                tokio::spawn(serve(incoming, into));
            }
        });
        Ok(Self {
            dialling,
            address,
            streams: Mutex::new(streams),
        })
    }

    async fn dial(&self, _place: usize) -> Outcome<Connection> {
        Ok(self.dialling.connect(self.address, "localhost")?.await?)
    }

    async fn close(line: &Connection) {
        line.close(0_u32.into(), b"");
        line.closed().await;
    }

    async fn open(&self, line: &Connection) -> Outcome<(SendStream, RecvStream)> {
        Ok(line.open_bi().await?)
    }

    async fn take(&self) -> Outcome<Stream> {
        Ok(self.streams.lock().await.recv().await.ok_or("a stream")?)
    }

    async fn say(line: &Connection, message: &[u8]) -> Outcome<()> {
        Ok(line.send_datagram_wait(message.to_vec().into()).await?)
    }

    async fn hear(line: &Connection) -> Outcome<()> {
        line.read_datagram().await?;
        Ok(())
    }
}
