//! One question under way: who waits for it, who has been asked, and who is asked next.

use super::{ClientId, upstream_header};
use crate::client;
use crate::limits::{QUERY_LIFETIME, UDP_BYTES_MAX, UPSTREAM_TIMEOUT};
use crate::message::{Edns, Question};
use crate::query::{Query, Transport};
use netloom_base::Time;
use std::collections::VecDeque;
use std::net::SocketAddr;

/// What makes two queries the same to an upstream.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    /// Question.
    pub(super) question: Question,
    dnssec_ok: bool,
    checking_disabled: bool,
}

impl Key {
    pub(super) fn of(query: &Query) -> Self {
        Self {
            question: query.question.clone(),
            dnssec_ok: query.dnssec_ok(),
            checking_disabled: query.header.checking_disabled,
        }
    }
}

/// A query sent to an upstream.
#[derive(Clone, Copy, Debug)]
pub(super) struct Attempt {
    pub(super) upstream: SocketAddr,
    pub(super) transport: Transport,
    /// The message's.
    pub(super) id: u16,
}

/// A question under way.
#[derive(Debug)]
pub(super) struct Exchange {
    pub(super) key: Key,
    pub(super) waiters: Vec<(ClientId, Query)>,
    pub(super) started: Time,
    /// When the latest attempt is given up. Its answer, if late, is still good.
    pub(super) deadline: Time,
    pub(super) untried: VecDeque<(SocketAddr, Transport)>,
    pub(super) attempts: Vec<Attempt>,
    /// Whether the upstreams are spoken to with EDNS.
    pub(super) edns: bool,
}

impl Exchange {
    pub(super) fn new(
        key: Key,
        waiter: (ClientId, Query),
        order: Vec<SocketAddr>,
        now: Time,
    ) -> Self {
        Self {
            key,
            waiters: vec![waiter],
            started: now,
            deadline: now,
            untried: order.into_iter().map(|upstream| (upstream, Transport::Udp)).collect(),
            attempts: Vec::new(),
            edns: true,
        }
    }

    /// Notes an attempt and gives the message to be sent.
    pub(super) fn begin(&mut self, now: Time, attempt: Attempt) -> Vec<u8> {
        self.attempts.push(attempt);
        self.deadline = (now + UPSTREAM_TIMEOUT).min(self.started + QUERY_LIFETIME);
        let edns =
            Edns { udp_bytes: UDP_BYTES_MAX as u16, version: 0, dnssec_ok: self.key.dnssec_ok };
        let header = upstream_header(attempt.id, self.key.checking_disabled);
        client::build(header, &self.key.question, self.edns.then_some(edns))
    }

    pub(super) fn latest(&self) -> Option<&Attempt> {
        self.attempts.last()
    }

    /// Whether the latest attempt was this one.
    pub(super) fn is_latest(&self, upstream: SocketAddr, transport: Transport) -> bool {
        let latest = self.latest();
        latest.is_some_and(|last| last.upstream == upstream && last.transport == transport)
    }
}
