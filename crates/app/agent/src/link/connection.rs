//! Keeps a connection to one of control's members: tries each in turn, and waits longer each time.

use super::session::{self, Memory};
use super::tls::{self, Identity};
use super::{Command, Ends, Event, LinkState};
use netloom_control_protocol::ResourceSet;
use std::time::Duration;

/// Longest wait for a connection and its handshake.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Wait before the second attempt; doubled with each further one.
const RETRY_MIN: Duration = Duration::from_millis(100);
/// Longest wait between attempts.
const RETRY_MAX: Duration = Duration::from_secs(5);

/// Runs until the agent has gone away.
pub(super) async fn keep(mut ends: Ends, held: ResourceSet, revision: u64, clock_floor_ms: u64) {
    let mut memory = Memory {
        held,
        revision,
        keys: None,
        status: None,
        clock_floor_ms,
        has_spoken: false,
        knows_ciphers: false,
    };
    let mut delay = RETRY_MIN;
    loop {
        for member in in_turn(&ends.facts.control, &ends.facts.node) {
            memory.has_spoken = false;
            let why = match attempt(&mut ends, &mut memory, &member).await {
                Ok(()) => return,
                Err(why) => why,
            };
            if memory.has_spoken {
                delay = RETRY_MIN;
            }
            let text = format!("control at {member}: {why}");
            if !ends.tell(Event::State(LinkState::Away(text))) {
                return;
            }
        }
        if !pause(&mut ends, &mut memory, delay).await {
            return;
        }
        delay = (delay * 2).min(RETRY_MAX);
    }
}

/// The members of control in the order in which a node tries them: each node begins with another one,
/// so that they share the work.
fn in_turn(members: &[String], node: &str) -> Vec<String> {
    let sum = node.bytes().fold(0_usize, |sum, byte| sum.wrapping_mul(31) + usize::from(byte));
    let mut members = members.to_vec();
    if let Some(first) = sum.checked_rem(members.len()) {
        members.rotate_left(first);
    }
    members
}

/// One connection, from its beginning to its end. `Ok` if the agent has gone away.
async fn attempt(ends: &mut Ends, memory: &mut Memory, member: &str) -> Result<(), String> {
    // Read anew each time: a certificate may have been renewed.
    let identity = Identity::read(&ends.folder, &ends.facts)
        .map_err(|error| format!("{error:#}; join again"))?;
    let connecting = tls::connect(&identity, member, memory.clock_floor_ms, tls::ALPN);
    let (stream, local) = match tokio::time::timeout(CONNECT_TIMEOUT, connecting).await {
        Ok(connected) => connected?,
        Err(_) => return Err(format!("no answer in {} s", CONNECT_TIMEOUT.as_secs())),
    };
    if !ends.tell(Event::State(LinkState::Connected(member.to_owned()))) {
        return Ok(());
    }
    session::run(stream, local, ends, memory, identity).await
}

/// Waits, and remembers what the agent says meanwhile. `false` if it has gone away.
async fn pause(ends: &mut Ends, memory: &mut Memory, delay: Duration) -> bool {
    let until = tokio::time::Instant::now() + delay;
    loop {
        tokio::select! {
            command = ends.commands.recv() => match command {
                Some(Command::Members(members)) => ends.facts.control = members,
                Some(command) => memory.remember(command),
                None => return false,
            },
            () = tokio::time::sleep_until(until) => return true,
        }
    }
}

impl Memory {
    /// What is said while no session is open, and holds for the next one.
    pub(super) fn remember(&mut self, command: Command) {
        match command {
            Command::Keys(keys) => self.keys = Some(keys),
            Command::Status(status) => self.status = Some(status),
            // Of a session that has ended.
            Command::Acknowledge { .. } | Command::Distrust | Command::Members(_) => {}
        }
    }
}
