//! One session with control: bytes through the machine, its events to the agent, commands back.

use super::tls::{self, Identity};
use super::{Asked, Command, Ends, Event, KeyFacts};
use netloom_base::{Seed, Time, WallTime};
use netloom_cbor::{from_bytes, to_bytes};
use netloom_control_protocol::{
    AgentConfig, AgentEvent, AgentSession, Call, End, FailureCode, ResourceSet, Timing, Versions,
};
use netloom_resource::call::{Answer, Call as NodeCall, FEATURE_CIPHERS, ciphers};
use netloom_resource::trial::FEATURE_TRIALS;
use netloom_sys::clock::wall_now;
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// Bytes read at once.
const READ_BYTES: usize = 64 << 10;
/// Longest sleep where no timer is due.
const SLEEP_MAX: Duration = Duration::from_secs(60);
/// How often it is asked whether the certificate is to be renewed.
const RENEWAL_LOOK: Duration = Duration::from_secs(60);

/// What outlives a session.
pub(super) struct Memory {
    pub(super) held: ResourceSet,
    pub(super) revision: u64,
    pub(super) keys: Option<KeyFacts>,
    pub(super) status: Option<Vec<u8>>,
    /// The latest time that control has signed.
    pub(super) clock_floor_ms: u64,
    /// Whether control has greeted in the last session.
    pub(super) has_spoken: bool,
    /// Whether it knows of ciphers.
    pub(super) knows_ciphers: bool,
}

/// Runs until the session ends, which gives the reason, or the agent has gone away.
pub(super) async fn run<S>(
    stream: S,
    local: IpAddr,
    ends: &mut Ends,
    memory: &mut Memory,
    identity: Identity,
) -> Result<(), String>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let started = Instant::now();
    let mut seed = [0; 32];
    netloom_sys::process::random(&mut seed).map_err(|error| error.to_string())?;
    let config = AgentConfig {
        fabric: u128::from_str_radix(&ends.facts.fabric_id, 16).unwrap_or_default().to_be_bytes(),
        node: ends.facts.node.clone(),
        software: concat!("netloom ", env!("CARGO_PKG_VERSION")).to_owned(),
        features: BTreeSet::from([FEATURE_CIPHERS, FEATURE_TRIALS].map(str::to_owned)),
        versions: Versions::OURS,
        timing: Timing::default(),
    };
    let held = std::mem::take(&mut memory.held);
    let machine = AgentSession::new(config, held, memory.revision, Seed(seed), Time::ZERO);
    let (answers, answered) = unbounded_channel();
    let mut session = Session {
        machine,
        started,
        local,
        identity,
        renewal: Renewal { asked: None, due: tokio::time::Instant::now() },
        keys_request: None,
        answers,
        ended: None,
    };
    let result = session.drive(stream, ends, memory, answered).await;
    memory.held = session.machine.held().clone();
    memory.revision = session.machine.revision();
    result
}

struct Session {
    machine: AgentSession,
    started: Instant,
    local: IpAddr,
    identity: Identity,
    renewal: Renewal,
    keys_request: Option<u32>,
    /// Where answers to what control asks come from.
    answers: UnboundedSender<(u32, Vec<u8>)>,
    ended: Option<String>,
}

/// A session outlives many certificates.
struct Renewal {
    /// The number of the request that waits for its answer.
    asked: Option<u32>,
    /// When it may be asked for at the earliest: a clock that is off must not have control sign without end.
    due: tokio::time::Instant,
}

impl Session {
    fn now(&self) -> Time {
        Time::ZERO + self.started.elapsed()
    }

    async fn drive<S>(
        &mut self,
        stream: S,
        ends: &mut Ends,
        memory: &mut Memory,
        mut answered: UnboundedReceiver<(u32, Vec<u8>)>,
    ) -> Result<(), String>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let (mut reader, mut writer) = tokio::io::split(stream);
        let mut buffer = vec![0; READ_BYTES];
        loop {
            while let Some(event) = self.machine.poll_event() {
                if !self.handle(event, ends, memory) {
                    return Ok(());
                }
            }
            while let Some(frame) = self.machine.poll_transmit() {
                writer.write_all(&frame).await.map_err(|error| tls::explained(&error))?;
            }
            writer.flush().await.map_err(|error| tls::explained(&error))?;
            if let Some(why) = self.ended.take() {
                return Err(why);
            }
            let due = self.machine.poll_timeout().map(|due| due - self.now());
            let sleep = due.unwrap_or(SLEEP_MAX).min(RENEWAL_LOOK) + Duration::from_millis(1);
            tokio::select! {
                read = reader.read(&mut buffer) => match read {
                    Ok(0) => return Err("control has closed the connection".to_owned()),
                    Ok(count) => {
                        let now = self.now();
                        self.machine.handle_input(now, &buffer[..count]);
                    }
                    Err(error) => return Err(tls::explained(&error)),
                },
                command = ends.commands.recv() => match command {
                    // The session goes on; the next one may be with another member.
                    Some(Command::Members(members)) => ends.facts.control = members,
                    Some(command) => self.obey(command, memory),
                    None => return Ok(()),
                },
                Some((id, body)) = answered.recv() => {
                    // One that comes too late is not waited for any more.
                    let _ = self.machine.respond(self.now(), id, body);
                }
                () = tokio::time::sleep(sleep) => {
                    let now = self.now();
                    self.machine.handle_timeout(now);
                    self.renew(memory);
                }
            }
        }
    }

    /// Passes an event on. `false` if the agent has gone away.
    fn handle(&mut self, event: AgentEvent, ends: &Ends, memory: &mut Memory) -> bool {
        match event {
            AgentEvent::Welcomed(welcome) => {
                memory.has_spoken = true;
                memory.knows_ciphers = welcome.features.contains(FEATURE_CIPHERS);
                memory.clock_floor_ms = memory.clock_floor_ms.max(welcome.time_ms);
                ends.tell(Event::ClockAhead(ahead_ms(wall_now(), welcome.time_ms)));
                self.report_keys(memory);
                if let Some(status) = memory.status.clone() {
                    let _ = self.machine.status(self.now(), status);
                }
                self.renew(memory);
                true
            }
            AgentEvent::Delta(delta) => {
                memory.clock_floor_ms = memory.clock_floor_ms.max(delta.seal.time_ms);
                ends.tell(Event::Delta(delta))
            }
            AgentEvent::Call(Call::Answered { id, body }) => {
                self.answered(id, &body, ends);
                true
            }
            AgentEvent::Call(Call::Asked { id, body }) => {
                ends.tell(Event::Asked(Asked { id, body, answers: self.answers.clone() }))
            }
            AgentEvent::Call(Call::Unanswered { id, .. }) => {
                self.renewal.asked.take_if(|asked| *asked == id);
                true
            }
            AgentEvent::Ended(end) => {
                self.ended = Some(match end {
                    End::Failed(failure) | End::Refused(failure) => {
                        format!("{}; {}", failure.text, failure.solution)
                    }
                    End::Silent => "it has gone silent".to_owned(),
                });
                true
            }
        }
    }

    fn obey(&mut self, command: Command, memory: &mut Memory) {
        let now = self.now();
        // Each may come too late for the session; the next one begins with what is so then.
        match command {
            Command::Acknowledge { sequence, refused } => {
                let _ = self.machine.acknowledge(now, sequence, refused);
            }
            Command::Distrust => {
                let text = "a change is not signed by the fabric's control";
                let solution = "join the node again, with a token of this control";
                self.machine.fail(now, FailureCode::UNTRUSTED, text, solution);
            }
            Command::Status(status) => {
                let _ = self.machine.status(now, status.clone());
                memory.status = Some(status);
            }
            Command::Keys(keys) => {
                memory.keys = Some(keys);
                self.report_keys(memory);
            }
            // Taken before.
            Command::Members(_) => {}
        }
    }

    /// Tells control how others call this node.
    fn report_keys(&mut self, memory: &Memory) {
        let Some(keys) = &memory.keys else { return };
        if !memory.has_spoken {
            return;
        }
        let generation = tls::generation();
        let ciphers = memory.knows_ciphers.then(|| ciphers(keys.has_aes_gcm));
        let call = NodeCall::Keys {
            public_keys: keys.public_keys.clone(),
            listen_port: keys.listen_port,
            addresses: vec![self.local],
            generation,
            signature: self.identity.sign_keys(generation, &keys.public_keys, ciphers.clone()),
            ciphers,
        };
        self.keys_request = self.machine.request(self.now(), to_bytes(&call)).ok();
    }

    /// Asks for a new certificate, if it is time.
    fn renew(&mut self, memory: &Memory) {
        let now = tokio::time::Instant::now();
        if self.renewal.asked.is_some()
            || now < self.renewal.due
            || !self.identity.is_to_be_renewed(memory.clock_floor_ms)
        {
            return;
        }
        self.renewal.due = now + RENEWAL_LOOK;
        self.renewal.asked = self.machine.request(self.now(), to_bytes(&NodeCall::Renew {})).ok();
    }

    fn answered(&mut self, id: u32, body: &[u8], ends: &Ends) {
        let is_certificate = self.renewal.asked.take_if(|asked| *asked == id).is_some();
        let what = if is_certificate { "certificate" } else { "keys" };
        let answer = from_bytes::<Answer>(body);
        match answer {
            // The session goes on; the next one begins with it.
            Ok(Answer::Certificate { certificate }) if is_certificate => {
                if let Err(error) = self.identity.renew(&ends.folder, certificate.0) {
                    self.ended = Some(format!("{error:#}"));
                }
            }
            Ok(Answer::Refused { cause, solution }) => {
                self.ended = Some(format!("it refuses the node's {what}: {cause}; {solution}"));
            }
            Ok(_) => {}
            Err(error) => self.ended = Some(format!("its answer makes no sense: {error}")),
        }
    }
}

/// How far a clock is ahead of one that shows `theirs_ms`.
fn ahead_ms(own: WallTime, theirs_ms: u64) -> i64 {
    let own_ms = i64::try_from(own.0 / 1_000_000).unwrap_or(i64::MAX);
    own_ms.saturating_sub_unsigned(theirs_ms)
}

#[cfg(test)]
mod tests;
