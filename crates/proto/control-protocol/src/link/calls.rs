//! Requests either way: which are open, until when, and what became of them.

use super::{Link, SendError};
use crate::limits::{EVENTS_MAX, REQUEST_BYTES_MAX, REQUESTS_MAX};
use crate::message::{Exchange, Message};
use netloom_base::Time;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// What became of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Call {
    /// The other end asks: answer with the same number.
    Asked {
        /// The number.
        id: u32,
        /// What it asks.
        body: Vec<u8>,
    },
    /// The other end has answered a request.
    Answered {
        /// The number of the request.
        id: u32,
        /// The answer.
        body: Vec<u8>,
    },
    /// The other end has not answered in time.
    Unanswered {
        /// The number of the request.
        id: u32,
    },
}

#[derive(Debug, Default)]
pub(super) struct Calls {
    last_id: u32,
    /// Requests that the other end has not answered, with their deadlines. One that is given up
    /// stays without a deadline, since the other end counts it until it has answered.
    asked: BTreeMap<u32, Option<Time>>,
    /// Requests of the other end that are not answered.
    to_answer: BTreeSet<u32>,
    events: VecDeque<Call>,
}

impl Link {
    pub(crate) fn request(&mut self, body: Vec<u8>) -> Result<u32, SendError> {
        self.check_open()?;
        let exchange = self.calls.ask(body, self.now + self.timing.request_lifetime)?;
        let id = exchange.id;
        self.send(&Message::Request(exchange));
        Ok(id)
    }

    pub(crate) fn respond(&mut self, id: u32, body: Vec<u8>) -> Result<(), SendError> {
        self.check_open()?;
        let exchange = self.calls.answer(id, body)?;
        self.send(&Message::Response(exchange));
        Ok(())
    }

    pub(crate) fn poll_call(&mut self) -> Option<Call> {
        self.calls.poll()
    }
}

impl Calls {
    /// A new request.
    pub(super) fn ask(&mut self, body: Vec<u8>, deadline: Time) -> Result<Exchange, SendError> {
        check_length(&body)?;
        if self.asked.len() >= REQUESTS_MAX {
            return Err(SendError::TooMany);
        }
        loop {
            self.last_id = self.last_id.wrapping_add(1);
            if !self.asked.contains_key(&self.last_id) {
                break;
            }
        }
        self.asked.insert(self.last_id, Some(deadline));
        Ok(Exchange { id: self.last_id, body: body.into() })
    }

    /// The answer to a request of the other end.
    pub(super) fn answer(&mut self, id: u32, body: Vec<u8>) -> Result<Exchange, SendError> {
        check_length(&body)?;
        if !self.to_answer.remove(&id) {
            return Err(SendError::NotWaitedFor);
        }
        Ok(Exchange { id, body: body.into() })
    }

    /// The other end asks.
    pub(super) fn asked(&mut self, id: u32, body: Vec<u8>) -> Result<(), String> {
        if self.to_answer.len() >= REQUESTS_MAX || self.events.len() >= EVENTS_MAX {
            return Err(format!("more than {REQUESTS_MAX} requests at once"));
        }
        if !self.to_answer.insert(id) {
            return Err(format!("request {id} was sent again before it was answered"));
        }
        self.events.push_back(Call::Asked { id, body });
        Ok(())
    }

    /// The other end has answered; whether that was waited for.
    pub(super) fn answered(&mut self, id: u32, body: Vec<u8>) -> bool {
        let is_waited_for = matches!(self.asked.remove(&id), Some(Some(_)));
        if is_waited_for {
            self.events.push_back(Call::Answered { id, body });
        }
        is_waited_for
    }

    /// Gives up what has waited too long.
    pub(super) fn expire(&mut self, now: Time) {
        for (id, deadline) in &mut self.asked {
            if deadline.take_if(|deadline| *deadline <= now).is_some() {
                self.events.push_back(Call::Unanswered { id: *id });
            }
        }
    }

    pub(super) fn next_deadline(&self) -> Option<Time> {
        self.asked.values().flatten().min().copied()
    }

    pub(super) fn poll(&mut self) -> Option<Call> {
        self.events.pop_front()
    }
}

fn check_length(body: &[u8]) -> Result<(), SendError> {
    if body.len() > REQUEST_BYTES_MAX {
        return Err(SendError::TooLong { bytes: body.len(), max: REQUEST_BYTES_MAX });
    }
    Ok(())
}
