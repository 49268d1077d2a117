//! Typed single values: ports, durations, rates, shares.

use super::Decoder;
use crate::diagnostic::{Diagnostic, code};
use crate::fabric::{KEY_ROTATION_RANGE, NETWORK_MTU_RANGE, PortRange, Protocol};
use crate::tree::Tree;
use std::time::Duration;

impl Decoder {
    /// A value that `parse` understands; `form` says what it looks like.
    pub(super) fn parsed<T>(
        &mut self,
        tree: &Tree,
        form: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        let text = self.text(tree, &format!("{form} is needed"))?;
        let value = parse(text);
        if value.is_none() {
            self.error(
                code::BAD_VALUE,
                &tree.span,
                format!("`{text}` is not understood"),
                format!("{form} is needed"),
                "write it in that form",
            );
        }
        value
    }

    /// `true` or `false`.
    pub fn truth(&mut self, tree: &Tree) -> Option<bool> {
        self.parsed(tree, "`true` or `false`", |text| text.parse().ok())
    }

    /// A port from 1 to 65535.
    pub fn port(&mut self, tree: &Tree) -> Option<u16> {
        self.parsed(tree, "a port from 1 to 65535", port)
    }

    /// The MTU of a network.
    pub fn mtu(&mut self, tree: &Tree) -> Option<u32> {
        let form = "a number of bytes from 1280 to 9216";
        self.parsed(tree, form, |text| {
            text.parse().ok().filter(|mtu| NETWORK_MTU_RANGE.contains(mtu))
        })
    }

    /// How many there may be of something: at least one.
    pub fn count(&mut self, tree: &Tree) -> Option<usize> {
        self.parsed(tree, "a number from 1", |text| text.parse().ok().filter(|count| *count > 0))
    }

    /// A protocol's name.
    pub fn protocol(&mut self, tree: &Tree) -> Option<Protocol> {
        const NAMES: [(&str, Protocol); 4] = [
            ("tcp", Protocol::Tcp),
            ("udp", Protocol::Udp),
            ("icmp", Protocol::Icmp),
            ("all", Protocol::All),
        ];
        let text = self.text(tree, "a protocol is needed")?;
        let found = NAMES.iter().find(|(name, _)| *name == text.to_lowercase());
        if found.is_none() {
            let diagnostic = Diagnostic::error(
                code::BAD_VALUE,
                &tree.span,
                format!("`{text}` is not a protocol"),
                "rules tell apart TCP, UDP and ICMP (ICMPv6 on IPv6)",
                "use one of: tcp, udp, icmp, all",
            );
            let guess = self.guess(text, NAMES.iter().map(|(name, _)| *name));
            self.push(diagnostic.meaning(guess));
        }
        found.map(|(_, protocol)| *protocol)
    }

    /// A time span such as `250ms`, `10s`, `5m`, `24h`, `7d`.
    pub fn duration(&mut self, tree: &Tree) -> Option<Duration> {
        self.parsed(tree, "a time such as 250ms, 10s, 5m, 24h or 7d", duration)
    }

    /// How often keys are renewed.
    pub fn key_rotation(&mut self, tree: &Tree) -> Option<Duration> {
        self.parsed(tree, "a time from 10s to 30d", |text| {
            duration(text).filter(|interval| KEY_ROTATION_RANGE.contains(interval))
        })
    }

    /// A rate in bits per second, such as `512kbit`, `100Mbit`, `2.5Gbit`.
    pub fn rate(&mut self, tree: &Tree) -> Option<u64> {
        self.parsed(tree, "a rate such as 512kbit, 100Mbit or 2.5Gbit", rate)
    }

    /// A share such as `0.5%`, in millionths.
    pub fn share(&mut self, tree: &Tree) -> Option<u32> {
        self.parsed(tree, "a share such as 0.5% (0% to 100%)", share)
    }
}

fn port(text: &str) -> Option<u16> {
    text.parse().ok().filter(|port| *port != 0)
}

pub(super) fn port_range(text: &str) -> Option<PortRange> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let (first, last) = (port(first.trim())?, port(last.trim())?);
    (first <= last).then_some(PortRange { first, last })
}

/// A port with its protocol, `5432/tcp`, or a protocol without ports, `icmp`.
pub(super) fn port_and_protocol(text: &str) -> Option<(Option<u16>, Protocol)> {
    match text.split_once('/') {
        Some((number, "tcp")) => Some((Some(port(number)?), Protocol::Tcp)),
        Some((number, "udp")) => Some((Some(port(number)?), Protocol::Udp)),
        None if text == "icmp" => Some((None, Protocol::Icmp)),
        Some(_) | None => None,
    }
}

/// Splits a number from its unit.
fn number_and_unit(text: &str) -> Option<(f64, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.')?;
    let number: f64 = text[..end].parse().ok()?;
    number.is_finite().then(|| (number, text[end..].trim()))
}

fn duration(text: &str) -> Option<Duration> {
    let (number, unit) = number_and_unit(text)?;
    let seconds = match unit {
        "us" => 1e-6,
        "ms" => 1e-3,
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3_600.0,
        "d" => 86_400.0,
        _ => return None,
    };
    Duration::try_from_secs_f64(number * seconds).ok()
}

fn rate(text: &str) -> Option<u64> {
    let (number, unit) = number_and_unit(text)?;
    let bits = match unit {
        "bit" => 1.0,
        "kbit" => 1e3,
        "Mbit" => 1e6,
        "Gbit" => 1e9,
        _ => return None,
    };
    let rate = number * bits;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "bounded above")]
    (1.0..=1e15).contains(&rate).then_some(rate as u64)
}

fn share(text: &str) -> Option<u32> {
    let number: f64 = text.strip_suffix('%')?.trim().parse().ok()?;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at most 1e6")]
    (0.0..=100.0).contains(&number).then_some((number * 10_000.0).round() as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_read_and_nonsense_is_not() {
        assert_eq!(duration("250ms"), Some(Duration::from_millis(250)));
        assert_eq!(duration("1.5h"), Some(Duration::from_secs(5400)));
        for bad in ["10", "s", "-1s", "1e9s", "10 parsecs", "", "99999999999999999999999d"] {
            assert_eq!(duration(bad), None, "{bad}");
        }
        assert_eq!(rate("2.5Gbit"), Some(2_500_000_000));
        assert_eq!(rate("0Mbit"), None);
        assert_eq!(share("0.5%"), Some(5_000));
        assert_eq!(share("101%"), None);
        assert_eq!(port_range("8080-8090"), Some(PortRange { first: 8080, last: 8090 }));
        for bad in ["0", "90-80", "70000", "a-b", "-1"] {
            assert_eq!(port_range(bad), None, "{bad}");
        }
        assert_eq!(port_and_protocol("5432/tcp"), Some((Some(5432), Protocol::Tcp)));
        assert_eq!(port_and_protocol("icmp"), Some((None, Protocol::Icmp)));
        assert_eq!(port_and_protocol("5432"), None);
    }
}
