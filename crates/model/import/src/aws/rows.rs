//! Protocol, ports and ICMP types as rules of AWS have them.

use super::Aws;
use crate::document::At;
use crate::draft::{IcmpType, Match, Protocol};
use crate::scalar::{self, PortsRead};

impl Aws<'_, '_> {
    /// A protocol by its name or number, or the rule is refused.
    pub(super) fn protocol(&mut self, rule: At<'_>, key: &str) -> Option<Protocol> {
        let text = rule.text_of(key).unwrap_or("-1");
        let Some(protocol) = scalar::protocol(text) else {
            let why =
                format!("rules tell apart TCP, UDP and ICMP; not protocol {}", scalar::short(text));
            self.desk.refuse_all(rule, why);
            return None;
        };
        if let Some(at) = rule.get(key) {
            self.desk.exact(at, "the rule's `protocol`");
        }
        Some(protocol)
    }

    /// Ports from and to, or a type and a code, or the rule is refused.
    pub(super) fn range(
        &mut self,
        rule: At<'_>,
        protocol: Protocol,
        (from, to): (Option<At<'_>>, Option<At<'_>>),
    ) -> Option<Match> {
        let mut matched = Match { protocol, ..Match::ALL };
        let number =
            |at: Option<At<'_>>| at.and_then(At::text).and_then(|text| text.parse::<i64>().ok());
        let (first, last) = (number(from), number(to));
        let both = [from, to].into_iter().flatten();
        match protocol {
            Protocol::All => {
                both.for_each(|at| self.desk.exact(at, "all ports, as the protocol says"))
            }
            Protocol::Icmp | Protocol::Icmpv6 => self.icmp((from, first), (to, last), &mut matched),
            Protocol::Tcp | Protocol::Udp => {
                let (first, last) = (first.unwrap_or(-1), last.unwrap_or(-1));
                let all = first == -1 && last == -1;
                let read = if all { Some(PortsRead::All) } else { scalar::port_range(first, last) };
                match read {
                    Some(PortsRead::All) => {
                        both.for_each(|at| self.desk.exact(at, "all ports: the rule names none"));
                    }
                    Some(PortsRead::Some(ports)) => {
                        matched.ports = Some(ports);
                        both.for_each(|at| self.desk.exact(at, "the rule's `ports`"));
                    }
                    Some(PortsRead::SomeWithoutZero(ports)) => {
                        matched.ports = Some(ports);
                        let how = "without port 0, which no packet has";
                        both.for_each(|at| self.desk.approximated(at, how));
                    }
                    None => {
                        self.desk.refuse_all(rule, "its ports are no range from 1 to 65535");
                        return None;
                    }
                }
            }
        }
        Some(matched)
    }

    fn icmp(
        &mut self,
        (kind, kind_number): (Option<At<'_>>, Option<i64>),
        (code, code_number): (Option<At<'_>>, Option<i64>),
        matched: &mut Match,
    ) {
        if let Some(at) = kind {
            match kind_number.map(u8::try_from) {
                Some(Ok(number)) => {
                    let code = code_number.and_then(|code| u8::try_from(code).ok());
                    matched.icmp_type = Some(IcmpType { number, code });
                    self.desk.exact(at, "the rule's `types`");
                }
                Some(Err(_)) | None => self.desk.exact(at, "all types: the rule names none"),
            }
        }
        if let Some(at) = code {
            match matched.icmp_type {
                Some(IcmpType { code: Some(_), .. }) => self.desk.exact(at, "the code of the type"),
                Some(_) | None => self.desk.exact(at, "all codes of the type"),
            }
        }
    }
}
