//! `netloom connect`: can a port be reached, over which address, how fast, and if not, why not.

mod tcp;
mod udp;

use crate::refusal::Refusal;
use crate::resolve::{ResolveError, resolve};
use serde_json::{Value, json};
use std::fmt;
use std::net::{Ipv6Addr, SocketAddr};
use std::time::Duration;

/// The transport that is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Transport {
    /// A connection is made, and what the server says first is shown.
    Tcp,
    /// A datagram is sent, and any answer counts.
    Udp,
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        })
    }
}

/// How the try of one address ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It answered.
    Reached {
        /// Until the connection stood (TCP), or until the answer came (UDP).
        elapsed: Duration,
        /// What the server sent first without being asked (TCP), or the answer (UDP).
        first_bytes: Vec<u8>,
        /// UDP: the answer is what had been sent.
        echoed: bool,
    },
    /// It did not.
    Failed {
        /// Why.
        refusal: Refusal,
        /// Until that was known.
        elapsed: Duration,
    },
}

/// The try of one address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// The address.
    pub address: SocketAddr,
    /// How it ended.
    pub outcome: Outcome,
}

/// What a try of a host and port gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectReport {
    /// As asked.
    pub host: String,
    /// As asked.
    pub port: u16,
    /// As asked.
    pub transport: Transport,
    /// Tries in the order in which they ended; one that was overtaken by a success is left out.
    pub attempts: Vec<Attempt>,
}

/// Tries to reach a port of a host: each of its addresses, families taking turns, the next one
/// when one fails or is slow (RFC 8305 §5), until one answers or `timeout` has passed.
pub fn connect(
    host: &str,
    port: u16,
    transport: Transport,
    timeout: Duration,
) -> Result<ConnectReport, ResolveError> {
    let addresses = resolve(host, port, None)?;
    let attempts = match transport {
        Transport::Tcp => tcp::race(&addresses, timeout),
        Transport::Udp => udp::try_each(&addresses, timeout),
    };
    Ok(ConnectReport { host: host.to_owned(), port, transport, attempts })
}

// === impl ConnectReport ===

impl ConnectReport {
    /// The try that succeeded.
    pub fn reached(&self) -> Option<&Attempt> {
        self.attempts.iter().find(|attempt| matches!(attempt.outcome, Outcome::Reached { .. }))
    }

    /// Whether one succeeded.
    pub fn is_reached(&self) -> bool {
        self.reached().is_some()
    }

    /// For programs.
    pub fn to_json(&self) -> Value {
        json!({
            "host": self.host,
            "port": self.port,
            "transport": self.transport.to_string(),
            "reached": self.is_reached(),
            "attempts": self.attempts.iter().map(Attempt::to_json).collect::<Vec<_>>(),
        })
    }

    fn target(&self) -> String {
        let Self { host, port, transport, .. } = self;
        match host.parse::<Ipv6Addr>() {
            Ok(address) => format!("[{address}]:{port}/{transport}"),
            Err(_) => format!("{host}:{port}/{transport}"),
        }
    }

    /// What to do next, where nothing was reached.
    fn advice(&self) -> Option<String> {
        let Outcome::Failed { refusal, .. } = &self.attempts.first()?.outcome else { return None };
        match refusal {
            Refusal::Timeout | Refusal::Unreachable | Refusal::Prohibited => {
                Some(format!("which step says no: `netloom explain FROM {}`", self.target()))
            }
            Refusal::Refused
            | Refusal::Blackhole
            | Refusal::NoAddress
            | Refusal::Reset
            | Refusal::Other(_) => None,
        }
    }
}

impl fmt::Display for ConnectReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = if self.is_reached() { "reached" } else { "not reached" };
        write!(f, "{} {verdict}", self.target())?;
        for attempt in &self.attempts {
            write!(f, "\n  {attempt}")?;
        }
        if !self.is_reached()
            && let Some(advice) = self.advice()
        {
            write!(f, "\n  {advice}")?;
        }
        Ok(())
    }
}

// === impl Attempt ===

impl Attempt {
    fn to_json(&self) -> Value {
        let address = self.address.to_string();
        match &self.outcome {
            Outcome::Reached { elapsed, first_bytes, echoed } => json!({
                "address": address,
                "outcome": "reached",
                "elapsed_ms": milliseconds(*elapsed),
                "first_bytes": String::from_utf8_lossy(first_bytes),
                "echoed": echoed,
            }),
            Outcome::Failed { refusal, elapsed } => json!({
                "address": address,
                "outcome": refusal.word(),
                "elapsed_ms": milliseconds(*elapsed),
                "why": refusal.to_string(),
            }),
        }
    }
}

impl fmt::Display for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.address)?;
        match &self.outcome {
            Outcome::Reached { elapsed, first_bytes, echoed } => {
                write!(f, "answered after {:.2} ms", milliseconds(*elapsed))?;
                if *echoed {
                    write!(f, ", and sent back what it was sent")?;
                } else if !first_bytes.is_empty() {
                    write!(f, ", and said \"{}\"", first_bytes.escape_ascii())?;
                }
                Ok(())
            }
            Outcome::Failed { refusal, elapsed } => {
                write!(f, "{refusal} (after {:.2} ms)", milliseconds(*elapsed))
            }
        }
    }
}

/// Milliseconds with their fraction.
pub(crate) fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1_000.0
}
