//! One agent's session: its bytes through the machine, its events to the office.

mod shut_out;

use crate::observed::Observed;
use crate::office::{Office, now_ms};
use crate::questions::Question;
use netloom_base::{Seed, Time};
use netloom_cbor::{from_bytes, to_bytes};
use netloom_control_protocol::{
    Call, ControlConfig, ControlEvent, ControlSession, Digest, FailureCode, Feed, Timing, Versions,
};
use netloom_resource::call::{Answer, Call as NodeCall, FEATURE_CIPHERS};
use netloom_resource::trial::FEATURE_TRIALS;
use shut_out::shut_out_words;
pub(crate) use shut_out::turn_away;
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::sync::{oneshot, watch};

/// Bytes read at once.
const READ_BYTES: usize = 64 << 10;
/// Longest sleep where no timer is due.
const SLEEP_MAX: Duration = Duration::from_secs(60);

/// Answers what nodes ask.
pub trait NodeDesk: Send + Sync + 'static {
    /// Answers one call of `node`, which speaks from `from`. May block.
    fn answer(&self, node: &str, from: Option<SocketAddr>, call: NodeCall) -> Answer;
}

/// Who is at the other end.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The node that its certificate proves.
    pub node: String,
    /// Where it comes from.
    pub from: Option<SocketAddr>,
    /// Whether its certificate has expired: it gets a new one, and nothing else.
    pub is_expired: bool,
    /// Randomness for pings.
    pub seed: Seed,
}

/// Serves one agent until either end is done.
pub async fn serve<S>(
    stream: S,
    caller: Caller,
    office: Arc<Office>,
    desk: Arc<dyn NodeDesk>,
    mut published: watch::Receiver<u64>,
) where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let Caller { node, from, is_expired, seed } = caller;
    let started = Instant::now();
    let machine = machine(&office, &node, seed);
    let (mut reader, mut writer) = tokio::io::split(stream);
    let (questions, mut asked) = unbounded_channel();
    let open = BTreeMap::new();
    let mut session = Session {
        number: office.next_session(),
        machine,
        started,
        node,
        from,
        is_expired,
        held: None,
        office,
        desk,
        questions,
        open,
        ended: false,
    };
    let mut buffer = vec![0; READ_BYTES];
    loop {
        session.handle_events().await;
        while let Some(frame) = session.machine.poll_transmit() {
            if writer.write_all(&frame).await.is_err() {
                session.ended = true;
                break;
            }
        }
        if session.ended || writer.flush().await.is_err() {
            break;
        }
        tokio::select! {
            read = reader.read(&mut buffer) => match read {
                Ok(0) | Err(_) => break,
                Ok(count) => {
                    let now = session.now();
                    session.machine.handle_input(now, &buffer[..count]);
                }
            },
            changed = published.changed() => {
                if changed.is_err() {
                    break;
                }
                session.publish();
            }
            Some(question) = asked.recv() => session.ask(question),
            () = tokio::time::sleep(session.sleep()) => {
                let now = session.now();
                session.machine.handle_timeout(now);
            }
        }
    }
    if !session.is_expired {
        let number = session.number;
        // One that has called again meanwhile is there.
        let leave = |node: &mut Observed| node.connected &= node.session != number;
        session.office.observe(&session.node, leave);
    }
}

fn machine(office: &Office, node: &str, seed: Seed) -> ControlSession {
    let config = ControlConfig {
        fabric: office.world().identity.id,
        node: node.to_owned(),
        features: BTreeSet::from([FEATURE_CIPHERS, FEATURE_TRIALS].map(str::to_owned)),
        versions: Versions::OURS,
        timing: Timing::default(),
    };
    ControlSession::new(config, seed, Time::ZERO)
}

/// What a node shall hold.
#[derive(Clone, Copy)]
struct Wanted {
    digest: Digest,
    is_nothing: bool,
}

impl Wanted {
    fn of(feed: &Feed) -> Self {
        Self { digest: feed.digest(), is_nothing: feed.set().is_empty() }
    }
}

struct Session {
    number: u64,
    machine: ControlSession,
    started: Instant,
    node: String,
    from: Option<SocketAddr>,
    is_expired: bool,
    /// What it holds, as it has said.
    held: Option<Digest>,
    office: Arc<Office>,
    desk: Arc<dyn NodeDesk>,
    /// Where questions to the node come from.
    questions: UnboundedSender<Question>,
    /// Those that it has not answered, by their numbers.
    open: BTreeMap<u32, oneshot::Sender<Vec<u8>>>,
    ended: bool,
}

impl Session {
    fn now(&self) -> Time {
        Time::ZERO + self.started.elapsed()
    }

    fn sleep(&self) -> Duration {
        let due = self.machine.poll_timeout().map(|due| due - self.now());
        due.unwrap_or(SLEEP_MAX).min(SLEEP_MAX) + Duration::from_millis(1)
    }

    /// Sends what the node lacks; who is shut out is told so.
    fn publish(&mut self) {
        if self.is_expired {
            return;
        }
        let (now, node) = (self.now(), self.node.clone());
        let office = Arc::clone(&self.office);
        let publish = |feed: &Feed| {
            self.machine.publish(now, feed);
            Wanted::of(feed)
        };
        let wanted = office.with_feed(&node, publish);
        // What it has not answered yet may be what it is to give up.
        let is_known = wanted.is_none() || !self.machine.is_under_way();
        if is_known && self.is_out(wanted) {
            self.shut_out(now);
        }
    }

    /// Whether the node has nothing more to hear than that it takes no part: it has given up what it held.
    /// This is asked of every session whenever anything is published, so the office is not asked of those
    /// that have something to hold.
    fn is_out(&self, wanted: Option<Wanted>) -> bool {
        wanted.is_none_or(|wanted| {
            wanted.is_nothing
                && self.held == Some(wanted.digest)
                && !self.office.world().is_member(&self.node)
        })
    }

    fn shut_out(&mut self, now: Time) {
        let (node, world) = (&self.node, self.office.world());
        let (text, solution) = shut_out_words(node, world.nodes.get(node).map(|one| one.standing));
        self.machine.fail(now, FailureCode::UNDECLARED, text, &solution);
    }

    async fn handle_events(&mut self) {
        while let Some(event) = self.machine.poll_event() {
            let now = self.now();
            match event {
                ControlEvent::Hello(_) if self.is_expired => {
                    // One that has ended meanwhile says so by its last event.
                    let _ = self.machine.greet(now, now_ms());
                }
                ControlEvent::Call(Call::Asked { id, body }) => self.answer(id, body).await,
                ControlEvent::Ended(_) => self.ended = true,
                // What it holds and how it is counts only once it has shown a valid certificate.
                _ if self.is_expired => {}
                ControlEvent::Hello(hello) => {
                    let from = self.from.map(|from| from.to_string());
                    self.office.observe(&self.node, |node| {
                        node.connected = true;
                        node.session = self.number;
                        node.last_seen_ms = now_ms();
                        node.software = hello.software.clone();
                        node.address = from;
                        node.held = Some(hello.digest);
                        node.applied = hello.revision;
                    });
                    let (office, node) = (Arc::clone(&self.office), self.node.clone());
                    let accept = |feed: &Feed| {
                        let accepted = self.machine.accept(now, now_ms(), feed);
                        accepted.is_ok().then(|| Wanted::of(feed))
                    };
                    let wanted = office.with_feed(&node, accept).flatten();
                    self.held = Some(hello.digest);
                    if self.is_out(wanted) {
                        self.shut_out(now);
                    } else if hello.features.contains(FEATURE_TRIALS) {
                        self.office.questions().open(&self.node, self.questions.clone());
                    }
                }
                ControlEvent::Applied { revision, digest, refused, .. } => {
                    self.held = Some(digest);
                    self.office.observe(&self.node, |node| {
                        node.held = Some(digest);
                        node.applied = revision;
                        node.refuse(revision, refused);
                        node.last_seen_ms = now_ms();
                    });
                    self.publish();
                }
                ControlEvent::ResyncAsked { .. } => self.publish(),
                ControlEvent::Status(body) => self.office.observe(&self.node, |node| {
                    node.tell(serde_json::from_slice(&body).ok());
                    node.last_seen_ms = now_ms();
                }),
                ControlEvent::Call(Call::Answered { id, body }) => {
                    if let Some(answer) = self.open.remove(&id) {
                        // Who has asked may have gone away.
                        let _ = answer.send(body);
                    }
                }
                ControlEvent::Call(Call::Unanswered { id }) => drop(self.open.remove(&id)),
            }
        }
    }

    /// Asks the node. A question that cannot be sent is dropped, which tells who waits for the answer.
    fn ask(&mut self, question: Question) {
        if let Ok(id) = self.machine.request(self.now(), question.body) {
            self.open.insert(id, question.answer);
        }
    }

    async fn answer(&mut self, id: u32, body: Vec<u8>) {
        let answer = match from_bytes::<NodeCall>(&body) {
            // It says that again in the session that it opens with a new certificate.
            Ok(call) if self.is_expired && call != (NodeCall::Renew {}) => return,
            Ok(call) => {
                let (desk, node, from) = (Arc::clone(&self.desk), self.node.clone(), self.from);
                let answered =
                    tokio::task::spawn_blocking(move || desk.answer(&node, from, call)).await;
                answered.unwrap_or_else(|_| refused("control failed", "see control's log"))
            }
            Err(error) => refused(&error.to_string(), "update control first, then the nodes"),
        };
        let now = self.now();
        // A session that has ended needs no answer.
        let _ = self.machine.respond(now, id, to_bytes(&answer));
        // It comes back with what it has got. The answer is still sent.
        self.ended |= self.is_expired && matches!(answer, Answer::Certificate { .. });
    }
}

fn refused(cause: &str, solution: &str) -> Answer {
    Answer::Refused { cause: cause.to_owned(), solution: solution.to_owned() }
}

#[cfg(test)]
mod expired_tests;
#[cfg(test)]
mod question_tests;
#[cfg(test)]
mod undeclared_tests;
