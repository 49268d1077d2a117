//! An agent and control in memory on virtual time, with a stream that delays and cuts by seed.

use netloom_base::{Seed, Time};
use netloom_cbor::to_bytes;
use netloom_control_protocol::message::Message;
use netloom_control_protocol::{
    AgentConfig, AgentEvent, AgentSession, Call, Changes, ControlConfig, ControlEvent,
    ControlSession, End, Feed, Refusal, Resource, ResourceKey, ResourceSet, Timing, Versions,
    statement,
};
use rand_chacha::ChaCha20Rng;
use rand_core::RngCore as _;
use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

pub(crate) const FABRIC: [u8; 16] = [7; 16];
pub(crate) const NODE: &str = "a";

/// Bytes on their way, in order, with the time when they arrive.
type Pipe = VecDeque<(Time, Vec<u8>)>;
/// Changes a frame of control's on its way.
pub(crate) type Tamper = fn(&mut ChaCha20Rng, &mut Message);

pub(crate) struct World {
    pub(crate) now: Time,
    pub(crate) rng: ChaCha20Rng,
    pub(crate) feed: Feed,
    pub(crate) control: ControlSession,
    pub(crate) agent: AgentSession,
    /// How long the agent takes to apply a delta.
    pub(crate) work: Duration,
    /// What happens to how many of a thousand of control's frames.
    pub(crate) tamper: Option<(u32, Tamper)>,
    /// The agent refuses resources with such names.
    pub(crate) refused_names: &'static str,
    pub(crate) agent_events: Vec<AgentEvent>,
    pub(crate) control_events: Vec<ControlEvent>,
    /// Every frame that arrived, and where.
    pub(crate) trace: Vec<(Time, bool, Vec<u8>)>,
    to_agent: Pipe,
    to_control: Pipe,
    /// Deltas that the agent is at work on.
    working: VecDeque<(Time, (u64, Vec<Refusal>))>,
}

pub(crate) fn agent_config() -> AgentConfig {
    AgentConfig {
        fabric: FABRIC,
        node: NODE.into(),
        software: "netloom test".into(),
        features: BTreeSet::from(["both".into(), "agent".into()]),
        versions: Versions::OURS,
        timing: Timing::default(),
    }
}

pub(crate) fn control_config() -> ControlConfig {
    ControlConfig {
        fabric: FABRIC,
        node: NODE.into(),
        features: BTreeSet::from(["both".into(), "control".into()]),
        versions: Versions::OURS,
        timing: Timing::default(),
    }
}

/// Not a signature, but as good as one to see whether the right bytes are signed.
pub(crate) fn sign(statement: &[u8]) -> [u8; 64] {
    let hash = *blake3::hash(statement).as_bytes();
    [hash, hash].concat().try_into().unwrap()
}

pub(crate) fn resource(name: &str, payload: &[u8]) -> Arc<Resource> {
    Arc::new(Resource::new(1, name, payload).unwrap())
}

pub(crate) fn key(name: &str) -> ResourceKey {
    ResourceKey { kind: 1, name: name.into() }
}

pub(crate) fn upsert(name: &str, payload: &[u8]) -> Changes {
    Changes { upserts: vec![resource(name, payload)], removals: vec![] }
}

/// The frame with a message.
pub(crate) fn frame(message: &Message) -> Vec<u8> {
    framed(&to_bytes(message))
}

/// The frame with a body.
pub(crate) fn framed(body: &[u8]) -> Vec<u8> {
    [&u32::try_from(body.len()).unwrap().to_be_bytes(), body].concat()
}

/// The message in a frame of ours.
pub(crate) fn message(frame: &[u8]) -> Message {
    Message::read(&frame[4..]).unwrap()
}

/// The first entry, if its time has come.
fn due<T>(queue: &mut VecDeque<(Time, T)>, now: Time) -> Option<(Time, T)> {
    let is_due = queue.front().is_some_and(|(at, _)| *at <= now);
    if is_due { queue.pop_front() } else { None }
}

impl World {
    /// A fresh agent, and control with a feed that wants `set`.
    pub(crate) fn new(seed: u64, set: ResourceSet) -> Self {
        let feed = Feed::new(FABRIC, NODE, set, 1, 1, sign);
        let now = Time::from_millis(1_000);
        let seeds = [0, 1].map(|end| Seed::from_number(2 * seed + end));
        Self {
            now,
            rng: Seed::from_number(seed).rng(),
            feed,
            control: ControlSession::new(control_config(), seeds[0], now),
            agent: AgentSession::new(agent_config(), ResourceSet::new(), 0, seeds[1], now),
            work: Duration::ZERO,
            tamper: None,
            refused_names: "",
            agent_events: vec![],
            control_events: vec![],
            trace: vec![],
            to_agent: VecDeque::new(),
            to_control: VecDeque::new(),
            working: VecDeque::new(),
        }
    }

    /// The stream breaks: what is on it is lost, and both ends begin a new session.
    pub(crate) fn reconnect(&mut self) {
        let (held, revision) = (self.agent.held().clone(), self.agent.revision());
        let [one, two] = [self.rng.next_u64(), self.rng.next_u64()].map(Seed::from_number);
        self.agent = AgentSession::new(agent_config(), held, revision, one, self.now);
        self.control = ControlSession::new(control_config(), two, self.now);
        self.to_agent.clear();
        self.to_control.clear();
        self.working.clear();
    }

    /// Control wants something else from now on.
    pub(crate) fn apply(&mut self, changes: Changes) {
        let revision = self.feed.revision() + 1;
        self.feed.apply(revision, changes, revision, sign).unwrap();
        self.control.publish(self.now, &self.feed);
    }

    pub(crate) fn has_converged(&self) -> bool {
        self.agent.held() == self.feed.set() && self.agent.revision() == self.feed.revision()
    }

    pub(crate) fn run(&mut self, time: Duration) {
        let end = self.now + time;
        loop {
            self.settle();
            let arrivals = [self.to_agent.front(), self.to_control.front()];
            let arrivals = arrivals.into_iter().flatten().map(|(at, _)| *at);
            let work = self.working.front().map(|(at, ..)| *at);
            let timers = [self.agent.poll_timeout(), self.control.poll_timeout(), work];
            let next = arrivals.chain(timers.into_iter().flatten()).min();
            match next {
                Some(next) if next <= end => self.now = self.now.max(next),
                _ => break,
            }
            self.deliver();
            self.agent.handle_timeout(self.now);
            self.control.handle_timeout(self.now);
        }
        self.now = end;
    }

    fn deliver(&mut self) {
        while let Some((_, bytes)) = due(&mut self.to_agent, self.now) {
            self.trace.push((self.now, true, bytes.clone()));
            self.agent.handle_input(self.now, &bytes);
        }
        while let Some((_, bytes)) = due(&mut self.to_control, self.now) {
            self.trace.push((self.now, false, bytes.clone()));
            self.control.handle_input(self.now, &bytes);
        }
        while let Some((_, (sequence, refused))) = due(&mut self.working, self.now) {
            // It fails where everything was asked for meanwhile.
            let _ = self.agent.acknowledge(self.now, sequence, refused);
        }
    }

    /// Lets both ends say and do all that they have to, without time passing.
    fn settle(&mut self) {
        while let Some(event) = self.control.poll_event() {
            match &event {
                ControlEvent::Hello(_) => self.control.accept(self.now, 5, &self.feed).unwrap(),
                ControlEvent::Call(Call::Asked { id, body }) => {
                    let answer = body.iter().rev().copied().collect();
                    self.control.respond(self.now, *id, answer).unwrap();
                }
                _ => self.control.publish(self.now, &self.feed),
            }
            self.control_events.push(event);
        }
        while let Some(event) = self.agent.poll_event() {
            if let AgentEvent::Delta(delta) = &event {
                let seal = &delta.seal;
                let time = seal.time_ms;
                let said = statement(&FABRIC, NODE, delta.revision, &delta.target, time);
                if self.tamper.is_none() {
                    assert_eq!(seal.signature, sign(&said));
                }
                let upserts = delta.changes.upserts.iter();
                let is_refused = |one: &&Arc<Resource>| {
                    !self.refused_names.is_empty() && one.key().name.contains(self.refused_names)
                };
                let refused = upserts.filter(is_refused).map(|one| Refusal::new(one, "no"));
                let work = (delta.sequence, refused.collect());
                // What it was at work on before is not waited for any more.
                self.working.clear();
                self.working.push_back((self.now + self.work, work));
            }
            self.agent_events.push(event);
        }
        while let Some(frame) = self.agent.poll_transmit() {
            Self::cut(&mut self.rng, &mut self.to_control, self.now, &frame);
        }
        while let Some(mut frame) = self.control.poll_transmit() {
            if let Some((per_mille, tamper)) = self.tamper
                && self.rng.next_u32() % 1000 < per_mille
            {
                let mut said = message(&frame);
                tamper(&mut self.rng, &mut said);
                frame = self::frame(&said);
            }
            Self::cut(&mut self.rng, &mut self.to_agent, self.now, &frame);
        }
    }

    /// Puts a frame on the stream in pieces that arrive one after the other.
    fn cut(rng: &mut ChaCha20Rng, pipe: &mut Pipe, now: Time, frame: &[u8]) {
        let mut at = pipe.back().map_or(now, |(at, _)| *at).max(now);
        let mut rest = frame;
        while !rest.is_empty() {
            let most = if rng.next_u32().is_multiple_of(4) { 3 } else { 40_000 };
            let length = 1 + rng.next_u32() as usize % most.min(rest.len());
            let (piece, after) = rest.split_at(length);
            at = at + Duration::from_millis(u64::from(rng.next_u32() % 3));
            pipe.push_back((at, piece.to_vec()));
            rest = after;
        }
    }

    // === what has happened ===

    pub(crate) fn ends(&self) -> Vec<&End> {
        let agent = self.agent_events.iter().filter_map(|event| match event {
            AgentEvent::Ended(end) => Some(end),
            _ => None,
        });
        let control = self.control_events.iter().filter_map(|event| match event {
            ControlEvent::Ended(end) => Some(end),
            _ => None,
        });
        agent.chain(control).collect()
    }

    pub(crate) fn deltas(&self) -> Vec<&netloom_control_protocol::Delta> {
        let deltas = self.agent_events.iter().filter_map(|event| match event {
            AgentEvent::Delta(delta) => Some(delta),
            _ => None,
        });
        deltas.collect()
    }
}
