//! Asks other resolvers, one after the other, for what is not of the network.
//!
//! ```text
//! query ─► cache ─► exchange under way for the same question? wait with the others
//!                └► attempt at an upstream ─ timeout, failure, SERVFAIL, REFUSED ─► next attempt
//!                          │ TC ─► the same over TCP            │ none left ─► SERVFAIL
//!                          └ answer ─► cache, everyone who waits
//! ```
//! Answers match by exchange, source, transport, id and question. The driver sends every attempt
//! from a socket of its own, connected, on a port of the kernel's choice, and keeps the sockets of
//! an exchange until it is finished: ports are the greater part of what a forger must guess
//! (RFC 5452 §4.5).

mod cache;
mod exchange;
mod signal;

pub use signal::{
    ClientId, Event, ExchangeId, ForwarderConfig, ForwarderCounters, Input, Transmit,
};

use crate::client;
use crate::kind::Rcode;
use crate::limits::{EXCHANGES_MAX, QUERY_LIFETIME, ROUNDS_MAX, UPSTREAMS_MAX, WAITERS_MAX};
use crate::message::{Header, Message};
use crate::query::{Query, Transport};
use cache::Cache;
use exchange::{Attempt, Exchange, Key};
use netloom_base::{Seed, Time};
use rand_chacha::ChaCha20Rng;
use rand_core::RngCore as _;
use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;

/// The machine.
#[derive(Debug)]
pub struct Forwarder {
    upstreams: Vec<SocketAddr>,
    /// Where the next exchange begins: at the upstream that answered last.
    preferred: usize,
    rng: ChaCha20Rng,
    next: u64,
    exchanges: BTreeMap<ExchangeId, Exchange>,
    by_key: BTreeMap<Key, ExchangeId>,
    cache: Cache,
    transmits: VecDeque<Transmit>,
    events: VecDeque<Event>,
    counters: ForwarderCounters,
}

impl Forwarder {
    /// A forwarder with an empty cache.
    pub fn new(config: ForwarderConfig, seed: Seed, _now: Time) -> Self {
        let mut forwarder = Self {
            upstreams: Vec::new(),
            preferred: 0,
            rng: seed.rng(),
            next: 0,
            exchanges: BTreeMap::new(),
            by_key: BTreeMap::new(),
            cache: Cache::default(),
            transmits: VecDeque::new(),
            events: VecDeque::new(),
            counters: ForwarderCounters::default(),
        };
        forwarder.set_config(config);
        forwarder
    }

    /// Asks others from now on; what is under way goes on, and the cache begins anew.
    pub fn set_config(&mut self, config: ForwarderConfig) {
        let mut upstreams = config.upstreams;
        upstreams.truncate(UPSTREAMS_MAX);
        if upstreams != self.upstreams {
            (self.upstreams, self.preferred) = (upstreams, 0);
            self.cache = Cache::default();
        }
    }

    /// Takes in what has happened.
    pub fn handle_input(&mut self, now: Time, input: Input<'_>) {
        match input {
            Input::Query { client, query } => self.handle_query(now, client, query),
            Input::Answer { exchange, source, transport, bytes } => {
                self.handle_answer(now, exchange, (source, transport), bytes);
            }
            Input::Failed { exchange: id, upstream, transport } => {
                let Some(exchange) = self.exchanges.get(&id) else { return };
                if exchange.is_latest(upstream, transport) {
                    self.pass_over(upstream);
                    self.attempt(now, id);
                }
            }
        }
    }

    /// Gives up on attempts whose time is over.
    pub fn handle_timeout(&mut self, now: Time) {
        let due = self.exchanges.iter().filter(|(_, exchange)| exchange.deadline <= now);
        let due: Vec<ExchangeId> = due.map(|(id, _)| *id).collect();
        for id in due {
            self.counters.timeouts += 1;
            if let Some(latest) = self.exchanges.get(&id).and_then(Exchange::latest) {
                self.pass_over(latest.upstream);
            }
            self.attempt(now, id);
        }
    }

    /// The next query to be sent.
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        self.transmits.pop_front()
    }

    /// The next thing to be done by the driver.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// When [`Self::handle_timeout`] is to be called.
    pub fn poll_timeout(&self) -> Option<(Time, &'static str)> {
        let earliest = self.exchanges.values().map(|exchange| exchange.deadline).min();
        earliest.map(|time| (time, "an upstream has not answered"))
    }

    /// What became of queries and answers so far.
    pub fn counters(&self) -> ForwarderCounters {
        self.counters
    }

    fn handle_query(&mut self, now: Time, client: ClientId, query: Query) {
        let key = Key::of(&query);
        if let Some((answer, age_seconds)) = self.cache.get(now, &key) {
            self.counters.cached += 1;
            let reply = query.relay(answer, age_seconds);
            return self.events.push_back(Event::Reply { client, reply });
        }
        let joined = self.by_key.get(&key).and_then(|id| self.exchanges.get_mut(id));
        if let Some(exchange) = joined {
            if exchange.waiters.len() < WAITERS_MAX {
                self.counters.joined += 1;
                return exchange.waiters.push((client, query));
            }
        } else if self.exchanges.len() < EXCHANGES_MAX && !self.upstreams.is_empty() {
            self.counters.exchanges += 1;
            let id = ExchangeId(self.next);
            self.next += 1;
            self.by_key.insert(key.clone(), id);
            let order = (0..self.upstreams.len() * ROUNDS_MAX)
                .map(|place| self.upstreams[(self.preferred + place) % self.upstreams.len()]);
            let exchange = Exchange::new(key, (client, query), order.collect(), now);
            self.exchanges.insert(id, exchange);
            return self.attempt(now, id);
        }
        self.counters.overloaded += 1;
        let reply = query.finish(&query.reply(Rcode::SERVFAIL));
        self.events.push_back(Event::Reply { client, reply });
    }

    fn handle_answer(
        &mut self,
        now: Time,
        id: ExchangeId,
        (source, transport): (SocketAddr, Transport),
        bytes: &[u8],
    ) {
        let matched = self.exchanges.get_mut(&id).and_then(|exchange| {
            let question = &exchange.key.question;
            let mut attempts = exchange
                .attempts
                .iter()
                .filter(|attempt| attempt.upstream == source && attempt.transport == transport);
            let answer =
                attempts.find_map(|attempt| client::answer(attempt.id, question, bytes).ok())?;
            Some((exchange, answer))
        });
        let Some((exchange, answer)) = matched else {
            self.counters.foreign += 1;
            return;
        };
        let latest = exchange.is_latest(source, transport);
        if matches!(answer.header.rcode, Rcode::NOERROR | Rcode::NXDOMAIN) {
            if answer.header.truncated && transport == Transport::Udp {
                exchange.untried.push_front((source, Transport::Tcp));
                return self.attempt(now, id);
            }
            self.prefer(source);
            return self.finish(now, id, Some(answer));
        }
        // An upstream from before EDNS (RFC 6891 §7).
        if answer.header.rcode == Rcode::FORMERR && exchange.edns {
            exchange.edns = false;
            exchange.untried.push_front((source, transport));
        }
        if latest {
            self.attempt(now, id);
        }
    }

    /// Asks the next upstream of an exchange, or ends it.
    fn attempt(&mut self, now: Time, id: ExchangeId) {
        let Some(exchange) = self.exchanges.get_mut(&id) else { return };
        let next = exchange.untried.pop_front();
        let Some((upstream, transport)) = next.filter(|_| now < exchange.started + QUERY_LIFETIME)
        else {
            self.counters.failed += 1;
            return self.finish(now, id, None);
        };
        self.counters.attempts += 1;
        let attempt = Attempt { upstream, transport, id: self.rng.next_u32() as u16 };
        let bytes = exchange.begin(now, attempt);
        self.transmits.push_back(Transmit { exchange: id, upstream, transport, bytes });
    }

    fn finish(&mut self, now: Time, id: ExchangeId, answer: Option<Message>) {
        let Some(exchange) = self.exchanges.remove(&id) else { return };
        self.by_key.remove(&exchange.key);
        self.events.push_back(Event::Finished(id));
        for (client, query) in exchange.waiters {
            let reply = match &answer {
                Some(answer) => query.relay(answer, 0),
                None => query.finish(&query.reply(Rcode::SERVFAIL)),
            };
            self.events.push_back(Event::Reply { client, reply });
        }
        if let Some(answer) = answer {
            self.cache.insert(now, exchange.key, answer);
        }
    }

    fn prefer(&mut self, upstream: SocketAddr) {
        let place = self.upstreams.iter().position(|known| *known == upstream);
        self.preferred = place.unwrap_or(self.preferred);
    }

    /// The upstream after one that did not answer is the better beginning.
    fn pass_over(&mut self, upstream: SocketAddr) {
        if self.upstreams.get(self.preferred) == Some(&upstream) {
            self.preferred = (self.preferred + 1) % self.upstreams.len();
        }
    }
}

/// The header of a query to an upstream.
fn upstream_header(id: u16, checking_disabled: bool) -> Header {
    Header { checking_disabled, ..Header::query(id) }
}

#[cfg(test)]
mod tests;
