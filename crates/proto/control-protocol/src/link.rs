//! What both ends of a session have in common: frames, liveness, requests, and the end.

mod calls;
mod signal;

pub use calls::Call;
pub use signal::{Counters, SendError, Timing};

use crate::failure::{End, Failure, FailureCode};
use crate::frame::{FrameReader, TooLong, frame};
use crate::limits::{FRAME_BYTES_MAX, OUTBOUND_BYTES_MAX};
use crate::message::{Message, Nonce, ReadError};
use calls::Calls;
use netloom_base::{Seed, Time};
use netloom_cbor::{DecodeError, Problem};
use rand_chacha::ChaCha20Rng;
use rand_core::RngCore as _;
use std::collections::VecDeque;
use std::time::Duration;

#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) counters: Counters,
    timing: Timing,
    rng: ChaCha20Rng,
    now: Time,
    /// Whether both ends have greeted each other.
    is_open: bool,
    started: Time,
    last_received: Time,
    last_sent: Time,
    reader: FrameReader,
    outbound: VecDeque<Vec<u8>>,
    outbound_bytes: usize,
    /// Only the newest of each is kept until it is sent: an older one would say nothing more.
    ping: Option<Nonce>,
    pong: Option<Nonce>,
    status: Option<Vec<u8>>,
    /// The ping whose pong is waited for, and when it was made.
    waiting: Option<(Nonce, Time)>,
    round_trip: Option<Duration>,
    calls: Calls,
    end: Option<End>,
    is_end_told: bool,
}

impl Link {
    pub(crate) fn new(timing: Timing, seed: Seed, now: Time) -> Self {
        Self {
            counters: Counters::default(),
            timing,
            rng: seed.rng(),
            now,
            is_open: false,
            started: now,
            last_received: now,
            last_sent: now,
            reader: FrameReader::default(),
            outbound: VecDeque::new(),
            outbound_bytes: 0,
            ping: None,
            pong: None,
            status: None,
            waiting: None,
            round_trip: None,
            calls: Calls::default(),
            end: None,
            is_end_told: false,
        }
    }

    /// Time passes; it never goes back.
    pub(crate) fn advance(&mut self, now: Time) {
        self.now = self.now.max(now);
    }

    pub(crate) fn open(&mut self) {
        self.is_open = true;
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.end.is_some()
    }

    pub(crate) fn round_trip(&self) -> Option<Duration> {
        self.round_trip
    }

    /// How the session ended, once.
    pub(crate) fn poll_end(&mut self) -> Option<End> {
        if self.is_end_told {
            return None;
        }
        let end = self.end.clone()?;
        self.is_end_told = true;
        Some(end)
    }

    /// That something other than a greeting can be sent now.
    pub(crate) fn check_open(&self) -> Result<(), SendError> {
        match (&self.end, self.is_open) {
            (Some(_), _) => Err(SendError::Ended),
            (None, false) => Err(SendError::NotOpen),
            (None, true) => Ok(()),
        }
    }

    // === input ===

    pub(crate) fn push(&mut self, bytes: &[u8]) {
        if self.end.is_none() && !bytes.is_empty() {
            self.reader.push(bytes);
            self.last_received = self.now;
        }
    }

    /// The next message that is not dealt with here.
    pub(crate) fn next_message(&mut self) -> Option<Message> {
        while self.end.is_none() {
            let reading = match self.reader.next() {
                Ok(None) => return None,
                Ok(Some(body)) => Message::read(body),
                Err(TooLong(bytes)) => {
                    let text =
                        format!("a frame of {bytes} bytes; at most {FRAME_BYTES_MAX} are allowed");
                    self.fail(FailureCode::LIMIT, text, "bring both ends to the same version");
                    return None;
                }
            };
            match reading {
                Ok(message) => {
                    if let Some(message) = self.receive(message) {
                        return Some(message);
                    }
                }
                Err(ReadError::Skippable(_)) => self.counters.skipped_messages += 1,
                Err(error) => self.unreadable(&error),
            }
        }
        None
    }

    fn unreadable(&mut self, error: &ReadError) {
        let (code, solution) = match error {
            ReadError::Malformed(DecodeError { problem, .. })
                if !matches!(problem, Problem::UnknownCritical { .. }) =>
            {
                (FailureCode::MALFORMED, "bring both ends to the same version")
            }
            _ => (FailureCode::UNKNOWN, "bring the end that says so to a newer version"),
        };
        self.fail(code, error.to_string(), solution);
    }

    /// Deals with what concerns the link only, and gives everything else back.
    fn receive(&mut self, message: Message) -> Option<Message> {
        if let Message::Failure(failure) = message {
            self.drop_outbound();
            self.end = Some(End::Refused(failure));
            return None;
        }
        // Both ends begin with a greeting, and greet once.
        if matches!(message, Message::Hello(_) | Message::Welcome(_)) == self.is_open {
            self.unexpected(&message);
            return None;
        }
        match message {
            Message::Ping(nonce) => self.pong = Some(nonce),
            Message::Pong(nonce) => {
                if let Some((_, made)) = self.waiting.take_if(|(waiting, _)| *waiting == nonce) {
                    self.round_trip = Some(self.now.saturating_since(made));
                }
            }
            Message::Response(answer) => {
                let is_waited_for = self.calls.answered(answer.id, answer.body.0);
                self.counters.late_answers += u64::from(!is_waited_for);
            }
            Message::Request(request) => {
                if let Err(text) = self.calls.asked(request.id, request.body.0) {
                    let solution = "answer requests faster, or ask fewer at once";
                    self.fail(FailureCode::LIMIT, text, solution);
                }
            }
            message => return Some(message),
        }
        None
    }

    /// The session ends since a message came out of turn.
    pub(crate) fn unexpected(&mut self, message: &Message) {
        let text = format!("a {} out of turn", message.name());
        self.fail(FailureCode::UNEXPECTED, text, "bring both ends to the same version");
    }

    // === output ===

    /// Queues a message. An end that reads nothing is given up before it costs more memory.
    pub(crate) fn send(&mut self, message: &Message) {
        if self.end.is_some() {
            return;
        }
        let frame = frame(&netloom_cbor::to_bytes(message));
        self.outbound_bytes += frame.len();
        self.outbound.push_back(frame);
        self.last_sent = self.now;
        if self.outbound_bytes > OUTBOUND_BYTES_MAX {
            let text = "the other end does not read what is sent to it";
            self.fail(FailureCode::LIMIT, text, "see whether it hangs");
        }
    }

    /// Queues a status in place of one that is not yet sent.
    pub(crate) fn send_status(&mut self, message: &Message) {
        self.status = Some(frame(&netloom_cbor::to_bytes(message)));
        self.last_sent = self.now;
    }

    pub(crate) fn poll_transmit(&mut self) -> Option<Vec<u8>> {
        if let Some(bytes) = self.outbound.pop_front() {
            self.outbound_bytes -= bytes.len();
            return Some(bytes);
        }
        let ping = self.ping.take().map(Message::Ping);
        let pulse = ping.or_else(|| self.pong.take().map(Message::Pong));
        if let Some(message) = pulse {
            self.last_sent = self.now;
            return Some(frame(&netloom_cbor::to_bytes(&message)));
        }
        self.status.take()
    }

    /// That the session has sent something by itself.
    pub(crate) fn has_sent(&mut self) {
        self.last_sent = self.now;
    }

    /// Ends the session and tells the other end why.
    pub(crate) fn fail(
        &mut self,
        code: FailureCode,
        text: impl Into<String>,
        solution: impl Into<String>,
    ) {
        if self.end.is_some() {
            return;
        }
        let failure = Failure::new(code, text, solution);
        self.drop_outbound();
        self.send(&Message::Failure(failure.clone()));
        self.end = Some(End::Failed(failure));
    }

    fn drop_outbound(&mut self) {
        self.outbound.clear();
        self.outbound_bytes = 0;
        (self.ping, self.pong, self.status) = (None, None, None);
    }

    // === time ===

    pub(crate) fn handle_timeout(&mut self) {
        if self.end.is_some() {
            return;
        }
        if self.now >= self.dead_at() {
            self.drop_outbound();
            self.end = Some(End::Silent);
            return;
        }
        if self.is_open && self.now >= self.last_sent + self.timing.ping_after {
            let nonce = Nonce { nonce: self.rng.next_u64() };
            self.ping = Some(nonce);
            self.waiting = Some((nonce, self.now));
            self.last_sent = self.now;
        }
        self.calls.expire(self.now);
    }

    pub(crate) fn poll_timeout(&self) -> Option<Time> {
        if self.end.is_some() {
            return None;
        }
        let ping_at = self.is_open.then(|| self.last_sent + self.timing.ping_after);
        [Some(self.dead_at()), ping_at, self.calls.next_deadline()].into_iter().flatten().min()
    }

    fn dead_at(&self) -> Time {
        let since = if self.is_open { self.last_received } else { self.started };
        since + self.timing.dead_after
    }
}
