//! What a behaviour says of one packet: who sends it to whom, and what becomes of it.

use crate::flow::FlowProtocol;
use netloom_plan::reach::StepKind;
use std::fmt;

/// What becomes of a packet and its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It arrives, and its answer comes back.
    Passes,
    /// It arrives, and its answer does not come back.
    Unanswered,
    /// It does not arrive.
    Stopped,
}

impl fmt::Display for Fate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Passes => "passes",
            Self::Unanswered => "unanswered",
            Self::Stopped => "stopped",
        })
    }
}

/// What is looked at beside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Beside {
    /// It arrives with another source address than the sender's.
    Translated,
    /// It arrives with the sender's own source address.
    AsItIs,
    /// Nobody else reaches the sender by the address and port that it arrived from.
    Strangers,
}

/// One packet of a case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt<'a> {
    /// Who sends: a workload, or `internet`.
    pub from: &'a str,
    /// Whose source address it has, if not the sender's.
    pub forged: Option<&'a str>,
    /// The node and port by which who is called is reached from outside.
    pub by: Option<(&'a str, u16)>,
    /// Who is called: a workload, `internet`, or an address.
    pub to: &'a str,
    /// Protocol.
    pub protocol: FlowProtocol,
    /// Destination port; 0 for ICMP.
    pub port: u16,
    /// Whether it is IPv6.
    pub ipv6: bool,
    /// What is documented.
    pub fate: Fate,
    /// The step at which it must end, where it is stopped.
    pub obstacle: Option<StepKind>,
    /// What else must hold.
    pub beside: Option<Beside>,
}

const STEPS: [(&str, StepKind); 7] = [
    ("source-check", StepKind::SourceCheck),
    ("egress", StepKind::Egress),
    ("acl-egress", StepKind::AclEgress),
    ("route", StepKind::Route),
    ("gateway", StepKind::Gateway),
    ("acl-ingress", StepKind::AclIngress),
    ("ingress", StepKind::Ingress),
];

impl<'a> Attempt<'a> {
    /// Reads `FROM [as OTHER | by NODE/PORT] > TO PROTOCOL[/PORT] [ipv6]: FATE`, the last one of `passes`,
    /// `passes translated`, `passes as it is`, `passes, strangers stopped`, `unanswered` and `stopped at STEP`.
    pub fn parse(text: &'a str) -> Option<Self> {
        let (flow, end) = text.split_once(": ")?;
        let (from, to) = flow.split_once(" > ")?;
        let (from, forged) = match from.split_once(" as ") {
            Some((from, forged)) => (from, Some(forged)),
            None => (from, None),
        };
        let (from, by) = match from.split_once(" by ") {
            Some((from, by)) => {
                let (node, port) = by.split_once('/')?;
                (from, Some((node, port.parse().ok()?)))
            }
            None => (from, None),
        };
        let mut words = to.split(' ');
        let (to, transport) = (words.next()?, words.next()?);
        let ipv6 = match words.next() {
            Some("ipv6") => true,
            None => false,
            Some(_) => return None,
        };
        let (protocol, port) = transport.split_once('/').unwrap_or((transport, "0"));
        let protocol = match protocol {
            "tcp" => FlowProtocol::Tcp,
            "udp" => FlowProtocol::Udp,
            "icmp" => FlowProtocol::Icmp,
            _ => return None,
        };
        let (fate, obstacle) = match end.split_once(" at ") {
            Some(("stopped", step)) => {
                let (_, kind) = STEPS.iter().find(|(name, _)| *name == step)?;
                (Fate::Stopped, Some(*kind))
            }
            None if end.starts_with("passes") => (Fate::Passes, None),
            None if end == "unanswered" => (Fate::Unanswered, Some(StepKind::Answer)),
            _ => return None,
        };
        let beside = match end.strip_prefix("passes") {
            Some(" translated") => Some(Beside::Translated),
            Some(" as it is") => Some(Beside::AsItIs),
            Some(", strangers stopped") => Some(Beside::Strangers),
            Some("") | None => None,
            Some(_) => return None,
        };
        let port = port.parse().ok()?;
        Some(Self { from, forged, by, to, protocol, port, ipv6, fate, obstacle, beside })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::{Proof, cases};

    #[test]
    fn every_attempt_of_the_table_can_be_read() {
        for case in cases::CHAPTERS.iter().flat_map(|chapter| chapter.cases) {
            if let Proof::Packets(attempts) = case.proof {
                assert!(!attempts.is_empty(), "{}", case.behaviour);
                for attempt in attempts {
                    assert!(Attempt::parse(attempt).is_some(), "{attempt}");
                }
            }
        }
    }

    #[test]
    fn what_means_nothing_is_not_read() {
        for text in ["a > b tcp/80", "a > b sctp: passes", "a > b tcp/80: stopped", "a b: passes"] {
            assert_eq!(Attempt::parse(text), None, "{text}");
        }
    }
}
