//! What came of echo requests, for people and for programs.

use crate::connect::milliseconds;
use crate::refusal::Refusal;
use serde_json::{Value, json};
use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

/// What came of one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Echo {
    /// Its number, from 1.
    pub sequence: u16,
    /// What came of it.
    pub outcome: EchoOutcome,
}

/// What came of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EchoOutcome {
    /// A reply.
    Replied {
        /// Who replied.
        source: IpAddr,
        /// There and back.
        elapsed: Duration,
    },
    /// None.
    Failed(Refusal),
}

/// What came of all requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PingReport {
    /// As asked.
    pub host: String,
    /// The address that was pinged.
    pub address: IpAddr,
    /// One for each request, by number.
    pub echoes: Vec<Echo>,
    /// Addresses that were tried before it, and why each was left for the next.
    pub unanswered: Vec<(IpAddr, Refusal)>,
}

/// Times there and back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RoundTrip {
    /// The least.
    pub min: Duration,
    /// The mean.
    pub average: Duration,
    /// The greatest.
    pub max: Duration,
}

impl PingReport {
    /// Requests that were answered.
    pub fn received(&self) -> usize {
        self.times().count()
    }

    /// Share of requests that were not, from 0 to 1.
    pub fn loss(&self) -> f64 {
        let lost = self.echoes.len() - self.received();
        lost as f64 / self.echoes.len().max(1) as f64
    }

    /// Whether any was answered.
    pub fn is_reached(&self) -> bool {
        self.received() > 0
    }

    /// Times there and back; `None` without a reply.
    pub fn round_trip(&self) -> Option<RoundTrip> {
        let count = u32::try_from(self.received()).ok()?;
        Some(RoundTrip {
            min: self.times().min()?,
            average: self.times().sum::<Duration>().checked_div(count)?,
            max: self.times().max()?,
        })
    }

    /// For programs.
    pub fn to_json(&self) -> Value {
        let round_trip = self.round_trip().map(|times| {
            json!({
                "min": milliseconds(times.min),
                "average": milliseconds(times.average),
                "max": milliseconds(times.max),
            })
        });
        json!({
            "host": self.host,
            "address": self.address.to_string(),
            "reached": self.is_reached(),
            "sent": self.echoes.len(),
            "received": self.received(),
            "loss": self.loss(),
            "round_trip_ms": round_trip,
            "unanswered": self.unanswered.iter().map(unanswered).collect::<Vec<_>>(),
            "echoes": self.echoes.iter().map(Echo::to_json).collect::<Vec<_>>(),
        })
    }

    fn times(&self) -> impl Iterator<Item = Duration> {
        self.echoes.iter().filter_map(|echo| match echo.outcome {
            EchoOutcome::Replied { elapsed, .. } => Some(elapsed),
            EchoOutcome::Failed(_) => None,
        })
    }

    fn first_refusal(&self) -> Option<&Refusal> {
        self.echoes.iter().find_map(|echo| match &echo.outcome {
            EchoOutcome::Failed(refusal) => Some(refusal),
            EchoOutcome::Replied { .. } => None,
        })
    }
}

impl fmt::Display for PingReport {
    /// The summary; the single requests are shown as they come, by [`Echo`].
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (sent, received) = (self.echoes.len(), self.received());
        let loss = self.loss() * 100.0;
        write!(f, "{} ({}): {sent} sent, {received} received", self.host, self.address)?;
        write!(f, ", {loss:.0} % lost")?;
        if let Some(times) = self.round_trip() {
            let [min, average, max] = [times.min, times.average, times.max].map(milliseconds);
            write!(f, ", {min:.2}/{average:.2}/{max:.2} ms (min/average/max)")?;
        }
        for (address, refusal) in &self.unanswered {
            write!(f, "\n  {address} did not answer: {}", meaning(refusal))?;
        }
        match self.first_refusal() {
            Some(
                Refusal::Timeout | Refusal::Unreachable | Refusal::Prohibited | Refusal::Refused,
            ) if received == 0 => {
                let host = match self.host.parse::<Ipv6Addr>() {
                    Ok(address) => format!("[{address}]"),
                    Err(_) => self.host.clone(),
                };
                write!(f, "\n  which step says no: `netloom explain FROM {host}:icmp`")
            }
            _ => Ok(()),
        }
    }
}

impl Echo {
    fn to_json(&self) -> Value {
        match &self.outcome {
            EchoOutcome::Replied { source, elapsed } => json!({
                "sequence": self.sequence,
                "outcome": "replied",
                "source": source.to_string(),
                "elapsed_ms": milliseconds(*elapsed),
            }),
            EchoOutcome::Failed(refusal) => json!({
                "sequence": self.sequence,
                "outcome": refusal.word(),
                "why": meaning(refusal),
            }),
        }
    }
}

impl fmt::Display for Echo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.sequence)?;
        match &self.outcome {
            EchoOutcome::Replied { source, elapsed } => {
                write!(f, "{source} replied after {:.2} ms", milliseconds(*elapsed))
            }
            EchoOutcome::Failed(refusal) => f.write_str(&meaning(refusal)),
        }
    }
}

fn unanswered((address, refusal): &(IpAddr, Refusal)) -> Value {
    json!({
        "address": address.to_string(),
        "outcome": refusal.word(),
        "why": meaning(refusal),
    })
}

/// What a refusal means for an echo, which has no port.
fn meaning(refusal: &Refusal) -> String {
    match refusal {
        Refusal::Refused => {
            "refused: a host on the way rejects it, probably by a policy".to_owned()
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(outcomes: Vec<EchoOutcome>) -> PingReport {
        let echoes = (1..).zip(outcomes).map(|(sequence, outcome)| Echo { sequence, outcome });
        PingReport {
            host: "web-1".into(),
            address: [10, 0, 1, 10].into(),
            echoes: echoes.collect(),
            unanswered: Vec::new(),
        }
    }

    #[test]
    fn losses_and_times_are_summed_up() {
        let replied = |ms| EchoOutcome::Replied {
            source: [10, 0, 1, 10].into(),
            elapsed: Duration::from_millis(ms),
        };
        let lost = EchoOutcome::Failed(Refusal::Timeout);
        let some = report(vec![replied(10), lost.clone(), replied(20), lost.clone()]);
        assert_eq!(
            some.to_string(),
            "web-1 (10.0.1.10): 4 sent, 2 received, 50 % lost, 10.00/15.00/20.00 ms (min/average/max)"
        );
        assert_eq!(some.to_json()["round_trip_ms"]["average"], 15.0);
        let none = report(vec![lost]);
        assert!(none.to_string().ends_with("`netloom explain FROM web-1:icmp`"), "{none}");
        assert_eq!(none.to_json()["round_trip_ms"], Value::Null);
        let six = PingReport { host: "fd00::1".to_owned(), ..none };
        assert!(six.to_string().ends_with("`netloom explain FROM [fd00::1]:icmp`"), "{six}");
    }

    #[test]
    fn addresses_that_did_not_answer_are_told() {
        let six: IpAddr = "fd00::1".parse().unwrap();
        let elapsed = Duration::from_millis(1);
        let replied = EchoOutcome::Replied { source: [10, 0, 1, 10].into(), elapsed };
        let report =
            PingReport { unanswered: vec![(six, Refusal::Unreachable)], ..report(vec![replied]) };
        let text = report.to_string();
        assert!(text.starts_with("web-1 (10.0.1.10): 1 sent, 1 received"), "{text}");
        assert!(text.contains("\n  fd00::1 did not answer: "), "{text}");
        assert_eq!(report.to_json()["unanswered"][0]["address"], "fd00::1");
        assert_eq!(report.to_json()["unanswered"][0]["outcome"], "unreachable");
    }

    #[test]
    fn refusals_are_told_in_words() {
        let echo = Echo { sequence: 1, outcome: EchoOutcome::Failed(Refusal::Refused) };
        assert_eq!(
            echo.to_string(),
            "1: refused: a host on the way rejects it, probably by a policy"
        );
    }
}
