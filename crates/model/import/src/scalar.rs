//! Single values of sources: prefixes, ports, protocols, truth.

use crate::draft::{Ports, Protocol};
use ipnet::IpNet;
use std::net::IpAddr;

/// Characters of a source that are shown in words about it.
const SHOWN_CHARS_MAX: usize = 60;

/// A text no longer than fits into a line of the account.
pub(crate) fn short(text: &str) -> String {
    let mut shown: String =
        text.chars().take(SHOWN_CHARS_MAX).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text.chars().nth(SHOWN_CHARS_MAX).is_some() {
        shown.push('…');
    }
    shown
}

/// A prefix, or an address as a prefix of its own.
pub(crate) fn prefix(text: &str) -> Option<IpNet> {
    let text = text.trim();
    text.parse().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from))
}

/// A truth value as YAML, TOML, JSON and Python write it.
pub(crate) fn truth(text: &str) -> Option<bool> {
    match text {
        "true" | "True" | "yes" | "on" => Some(true),
        "false" | "False" | "no" | "off" => Some(false),
        _ => None,
    }
}

/// What `ports:` of a source says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PortsRead {
    /// All ports.
    All,
    /// Some of them.
    Some(Ports),
    /// As above, and port 0, which no packet has.
    SomeWithoutZero(Ports),
}

/// A port, a range, or `all`.
pub(crate) fn ports(text: &str) -> Option<PortsRead> {
    let text = text.trim();
    if matches!(text, "all" | "any" | "*" | "-1") {
        return Some(PortsRead::All);
    }
    let (first, last) = text.split_once(['-', ':']).unwrap_or((text, text));
    port_range(first.trim().parse().ok()?, last.trim().parse().ok()?)
}

/// Ports from one to another.
pub(crate) fn port_range(first: i64, last: i64) -> Option<PortsRead> {
    let (from, to) = (u16::try_from(first).ok()?, u16::try_from(last).ok()?);
    match (from, to) {
        (0 | 1, u16::MAX) => Some(PortsRead::All),
        (0, 0) => None,
        (0, last) => Some(PortsRead::SomeWithoutZero(Ports { first: 1, last })),
        (first, last) if first <= last => Some(PortsRead::Some(Ports { first, last })),
        _ => None,
    }
}

/// A protocol by name or number.
pub(crate) fn protocol(text: &str) -> Option<Protocol> {
    match text.trim().to_ascii_lowercase().as_str() {
        "tcp" | "6" => Some(Protocol::Tcp),
        "udp" | "17" => Some(Protocol::Udp),
        "icmp" | "1" => Some(Protocol::Icmp),
        "icmpv6" | "58" => Some(Protocol::Icmpv6),
        "all" | "any" | "-1" => Some(Protocol::All),
        _ => None,
    }
}
