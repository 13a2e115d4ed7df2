use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use quinn_proto::{
    Connection, ConnectionHandle, DatagramEvent, Dir, Endpoint, EndpointConfig, StreamId,
    TransportConfig, congestion::ControllerFactory,
};

use hydroid_tests::lossy::Ends;

use super::Outcome;
use crate::ends;

/// Two ends of quinn without its sockets, as they come but for the congestion control.
pub(super) struct Quinns {
    begun: Instant,
    endpoints: [Endpoint; 2],
    connections: [Option<(ConnectionHandle, Connection)>; 2],
    streams: [Option<StreamId>; 2],
    /// What an endpoint answers by itself.
    answers: [Vec<Vec<u8>>; 2],
    server: Arc<quinn_proto::ServerConfig>,
}

fn address(end: usize) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, end as u8 + 1], 4000))
}

impl Quinns {
    pub(super) fn new(
        control: impl ControllerFactory + Clone + Send + Sync + 'static,
    ) -> Outcome<Self> {
        let begun = Instant::now();
        let mut transport = TransportConfig::default();
        transport.congestion_controller_factory(Arc::new(control));
        let transport = Arc::new(transport);
        let (mut server, mut client) = (ends::server()?, ends::client()?);
        server.transport_config(transport.clone());
        client.transport_config(transport);
        let server = Arc::new(server);
        let endpoint = |end: usize| {
            let mut config = EndpointConfig::default();
            config.rng_seed(Some([end as u8 + 3; 32]));
            let served = (end == 1).then(|| server.clone());
            Endpoint::new(Arc::new(config), served, true, None)
        };
        let mut endpoints = [0, 1].map(endpoint);
        let dialled = endpoints[0].connect(begun, client, address(1), "localhost")?;
        Ok(Self {
            begun,
            endpoints,
            connections: [Some(dialled), None],
            streams: [None; 2],
            answers: [Vec::new(), Vec::new()],
            server,
        })
    }

    fn at(&self, us: u64) -> Instant {
        self.begun + Duration::from_micros(us)
    }

    /// Carries what the connections and the endpoints have to tell each other.
    fn settle(&mut self, end: usize) {
        let Some((handle, connection)) = &mut self.connections[end] else {
            return;
        };
        while connection.poll().is_some() {}
        while let Some(event) = connection.poll_endpoint_events() {
            if let Some(event) = self.endpoints[end].handle_event(*handle, event) {
                connection.handle_event(event);
            }
        }
    }
}

impl Ends for Quinns {
    fn poll(&mut self, now_us: u64, end: usize) -> Option<Vec<u8>> {
        self.settle(end);
        if let Some(answer) = self.answers[end].pop() {
            return Some(answer);
        }
        let (now, mut buf) = (self.at(now_us), Vec::new());
        let (_, connection) = self.connections[end].as_mut()?;
        let transmit = connection.poll_transmit(now, 1, &mut buf)?;
        buf.truncate(transmit.size);
        Some(buf)
    }

    fn deliver(&mut self, now_us: u64, end: usize, datagram: Vec<u8>) {
        let (now, mut buf) = (self.at(now_us), Vec::new());
        let data = datagram.as_slice().into();
        let endpoint = &mut self.endpoints[end];
        match endpoint.handle(now, address(1 - end), None, None, data, &mut buf) {
            Some(DatagramEvent::ConnectionEvent(_, event)) => {
                if let Some((_, connection)) = &mut self.connections[end] {
                    connection.handle_event(event);
                }
            }
            Some(DatagramEvent::NewConnection(incoming)) => {
                let config = Some(self.server.clone());
                if let Ok(accepted) = endpoint.accept(incoming, now, &mut buf, config) {
                    self.connections[end] = Some(accepted);
                }
            }
            Some(DatagramEvent::Response(transmit)) => {
                self.answers[end].push(buf[..transmit.size].to_vec());
            }
            None => {}
        }
        self.settle(end);
    }

    fn deadline_us(&mut self, end: usize) -> Option<u64> {
        let (_, connection) = self.connections[end].as_mut()?;
        let at = connection.poll_timeout()?;
        // A timer does not fire early.
        let ns = at.saturating_duration_since(self.begun).as_nanos();
        u64::try_from(ns.div_ceil(1000)).ok()
    }

    fn on_deadline(&mut self, now_us: u64, end: usize) {
        let now = self.at(now_us);
        if let Some((_, connection)) = &mut self.connections[end] {
            connection.handle_timeout(now);
        }
        self.settle(end);
    }

    fn write(&mut self, _: u64, bytes: u64) -> Option<u64> {
        static PIECE: [u8; 1 << 16] = [9; 1 << 16];
        let (_, connection) = self.connections[0].as_mut()?;
        if connection.is_handshaking() {
            return None;
        }
        if self.streams[0].is_none() {
            self.streams[0] = connection.streams().open(Dir::Uni);
        }
        let stream = self.streams[0]?;
        let mut taken = 0;
        while taken < bytes {
            let piece = (bytes - taken).min(PIECE.len() as u64) as usize;
            match connection.send_stream(stream).write(&PIECE[..piece]) {
                Ok(more @ 1..) => taken += more as u64,
                Ok(0) | Err(_) => break,
            }
        }
        Some(taken)
    }

    fn read(&mut self, _: u64) -> u64 {
        let Some((_, connection)) = &mut self.connections[1] else {
            return 0;
        };
        if self.streams[1].is_none() {
            self.streams[1] = connection.streams().accept(Dir::Uni);
        }
        let Some(stream) = self.streams[1] else {
            return 0;
        };
        let mut got = 0;
        let mut stream = connection.recv_stream(stream);
        if let Ok(mut chunks) = stream.read(true) {
            while let Ok(Some(chunk)) = chunks.next(usize::MAX) {
                got += chunk.bytes.len() as u64;
            }
            let _transmit = chunks.finalize();
        }
        got
    }
}
