//! The one thread of a resolver: waits for sockets, drives the machines, sends what they say.

mod clients;
mod wait;

use crate::connection::{Connection, is_passing};
use crate::counters::{Dropped, ResolverCounters};
use crate::sockets::Sockets;
use crate::upstream::{TcpOutcome, Upstreams};
use crate::{Shared, lock};
use netloom_base::{Seed, Time};
use netloom_dns::forwarder::{ClientId, Event, ExchangeId, Input, Transmit};
use netloom_dns::limits::MESSAGE_BYTES_MAX;
use netloom_dns::{
    DropReason, Forwarder, ForwarderConfig, Handling, Reply, Transport, Zone, handle,
};
use netloom_sys::clock;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use wait::Ready;

/// Datagrams taken from one socket before the others have their turn.
const DATAGRAMS_PER_TURN: usize = 64;
/// Pause after an error that would otherwise repeat at once, such as no descriptors left.
const ERROR_PAUSE: Duration = Duration::from_millis(20);

/// The state of the thread.
#[derive(Debug)]
pub(crate) struct Worker {
    shared: Arc<Shared>,
    sockets: Vec<Sockets>,
    connections: BTreeMap<u64, Connection>,
    upstreams: Upstreams,
    forwarder: Forwarder,
    /// Who waits for the forwarder.
    clients: BTreeMap<ClientId, Client>,
    next: u64,
    counters: ResolverCounters,
    /// What is answered at each address.
    zones: Arc<[Arc<Zone>]>,
    buffer: Vec<u8>,
}

/// Where an answer goes.
#[derive(Clone, Copy, Debug)]
enum Client {
    Udp { sockets: usize, source: SocketAddr },
    Tcp { connection: u64 },
}

impl Worker {
    pub(crate) fn new(shared: Arc<Shared>, sockets: Vec<Sockets>, seed: Seed) -> Self {
        let now = clock::monotonic_now();
        let zones = Arc::clone(&lock(&shared.zones));
        Self {
            shared,
            sockets,
            connections: BTreeMap::new(),
            upstreams: Upstreams::new(),
            forwarder: Forwarder::new(ForwarderConfig::default(), seed, now),
            clients: BTreeMap::new(),
            next: 0,
            counters: ResolverCounters::default(),
            zones,
            buffer: vec![0; MESSAGE_BYTES_MAX],
        }
    }

    /// Serves until the resolver is stopped.
    pub(crate) fn run(mut self) {
        while !self.shared.stopped.load(Ordering::Acquire) {
            let all_ready = self.wait();
            // After the wait, so that what was set before a query came is what answers it.
            self.zones = Arc::clone(&lock(&self.shared.zones));
            let upstreams = lock(&self.shared.upstreams).clone();
            self.forwarder.set_config(ForwarderConfig { upstreams });
            for ready in all_ready {
                self.handle_ready(ready);
            }
            while let Some(outcome) = self.upstreams.next_outcome() {
                self.handle_outcome(outcome);
            }
            let now = clock::monotonic_now();
            self.forwarder.handle_timeout(now);
            self.drain();
            self.close_idle(now);
            self.publish();
        }
    }

    fn handle_ready(&mut self, ready: Ready) {
        let now = clock::monotonic_now();
        match ready {
            Ready::Waker => {
                let _ = self.shared.waker.clear();
            }
            Ready::Udp(sockets) => self.receive(now, sockets),
            Ready::Listener(sockets) => self.accept(now, sockets),
            Ready::Read(number) => self.read(now, number),
            Ready::Write(number) => self.write(now, number),
            Ready::Upstream(exchange, place) => self.receive_answer(now, exchange, place),
        }
        self.drain();
    }

    fn receive(&mut self, now: Time, sockets: usize) {
        for _ in 0..DATAGRAMS_PER_TURN {
            let received = self.sockets[sockets].udp.recv_from(&mut self.buffer);
            let (length, source) = match received {
                Ok(received) => received,
                Err(error) if is_passing(&error) => return,
                // An ICMP error about an earlier answer; the next datagram may be behind it.
                Err(_) => continue,
            };
            self.counters.queries_udp += 1;
            let client = Client::Udp { sockets, source };
            let handling = handle(&self.zones[sockets], &self.buffer[..length], Transport::Udp);
            self.handle_query(now, client, handling);
        }
    }

    fn handle_query(&mut self, now: Time, client: Client, handling: Handling) {
        match handling {
            Handling::Reply(reply) => self.reply(client, &reply),
            Handling::Forward(query) => {
                self.counters.forwarded += 1;
                let id = ClientId(self.number());
                self.clients.insert(id, client);
                if let Client::Tcp { connection } = client
                    && let Some(connection) = self.connections.get_mut(&connection)
                {
                    connection.pending += 1;
                }
                self.forwarder.handle_input(now, Input::Query { client: id, query });
            }
            Handling::Drop(DropReason::Short) => self.counters.drop_for(Dropped::Short),
            Handling::Drop(DropReason::Response) => self.counters.drop_for(Dropped::Response),
        }
    }

    fn reply(&mut self, client: Client, reply: &Reply) {
        self.counters.answered(reply.rcode);
        // Before it is sent, so that who has an answer finds it counted.
        self.publish();
        match client {
            Client::Udp { sockets, source } => {
                if self.sockets[sockets].udp.send_to(&reply.bytes, source).is_err() {
                    self.counters.drop_for(Dropped::Unsendable);
                }
            }
            Client::Tcp { connection: number } => {
                let Some(connection) = self.connections.get_mut(&number) else {
                    return self.counters.drop_for(Dropped::ClientGone);
                };
                connection.queue(&reply.bytes);
                self.write(clock::monotonic_now(), number);
            }
        }
    }

    fn publish(&mut self) {
        self.counters.forwarder = self.forwarder.counters();
        *lock(&self.shared.counters) = self.counters;
    }

    fn receive_answer(&mut self, now: Time, exchange: ExchangeId, place: usize) {
        let attempts = self.upstreams.attempts.get(&exchange);
        let Some(attempt) = attempts.and_then(|attempts| attempts.get(place)) else { return };
        let (source, transport) = (attempt.upstream, Transport::Udp);
        let input = match attempt.receive(&mut self.buffer) {
            Ok(None) => return,
            Ok(Some(length)) => {
                Input::Answer { exchange, source, transport, bytes: &self.buffer[..length] }
            }
            Err(_) => Input::Failed { exchange, upstream: source, transport },
        };
        self.forwarder.handle_input(now, input);
    }

    fn handle_outcome(&mut self, outcome: TcpOutcome) {
        let TcpOutcome { exchange, upstream, message } = outcome;
        let transport = Transport::Tcp;
        let input = match &message {
            Ok(bytes) => Input::Answer { exchange, source: upstream, transport, bytes },
            Err(_) => Input::Failed { exchange, upstream, transport },
        };
        self.forwarder.handle_input(clock::monotonic_now(), input);
    }

    /// Does what the forwarder says until it has nothing more to say.
    fn drain(&mut self) {
        loop {
            // All of them before the next event, which may close the sockets of their exchange.
            while let Some(transmit) = self.forwarder.poll_transmit() {
                self.transmit(transmit);
            }
            match self.forwarder.poll_event() {
                Some(Event::Reply { client, reply }) => self.answer_client(client, &reply),
                Some(Event::Finished(exchange)) => self.upstreams.finish(exchange),
                None => return,
            }
        }
    }

    fn transmit(&mut self, transmit: Transmit) {
        let Transmit { exchange, upstream, transport, .. } = transmit;
        let sent = match transport {
            Transport::Udp => self.upstreams.send_udp(&transmit),
            Transport::Tcp => {
                let shared = Arc::clone(&self.shared);
                self.upstreams.send_tcp(transmit, move || shared.waker.wake())
            }
        };
        if sent.is_err() {
            let failed = Input::Failed { exchange, upstream, transport };
            self.forwarder.handle_input(clock::monotonic_now(), failed);
        }
    }

    fn answer_client(&mut self, id: ClientId, reply: &Reply) {
        let Some(client) = self.clients.remove(&id) else { return };
        if let Client::Tcp { connection: number } = client {
            if let Some(connection) = self.connections.get_mut(&number) {
                connection.pending = connection.pending.saturating_sub(1);
            }
            self.reply(client, reply);
            // There is room again for queries that have been read already.
            return self.serve(clock::monotonic_now(), number);
        }
        self.reply(client, reply);
    }

    fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }
}
