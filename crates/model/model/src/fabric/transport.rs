//! What of a flow is asked about: a protocol, and a port where it has any.

use super::{Fabric, Protocol};

/// A protocol, and its port unless it is ICMP.
pub type Transport = (Protocol, Option<u16>);

/// Why a text names no transport, and what to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoTransport {
    /// What is wrong with it.
    pub message: String,
    /// What to write instead.
    pub solution: String,
}

/// How many names of ports a solution lists.
const LISTED_MAX: usize = 5;

impl Fabric {
    /// The transport that a text names: `5432/tcp`, `53/udp`, `443` (over TCP), `icmp`, or a name of the
    /// service port table.
    ///
    /// # Errors
    /// It names none.
    pub fn transport(&self, text: &str) -> Result<Transport, NoTransport> {
        if let Some(port) = self.ports.get(text) {
            return Ok((port.protocol, Some(port.port)));
        }
        let (number, protocol) = match text.split_once('/') {
            Some((number, "udp")) => (number, Protocol::Udp),
            Some((number, "tcp")) => (number, Protocol::Tcp),
            Some((_, "icmp")) => {
                let (message, solution) = ("icmp has no ports", "write icmp alone");
                let (message, solution) = (message.to_owned(), solution.to_owned());
                return Err(NoTransport { message, solution });
            }
            Some((_, other)) => {
                let message = format!("`{other}` is not a protocol");
                return Err(NoTransport { message, solution: "use tcp, udp or icmp".to_owned() });
            }
            None if text == "icmp" => return Ok((Protocol::Icmp, None)),
            None => (text, Protocol::Tcp),
        };
        match number.parse() {
            Ok(port) if port != 0 => Ok((protocol, Some(port))),
            _ => Err(self.no_port(text)),
        }
    }

    fn no_port(&self, text: &str) -> NoTransport {
        let known: Vec<&str> = self.ports.keys().map(String::as_str).take(LISTED_MAX).collect();
        let known = match &known[..] {
            [] => "the file names none under `ports`".to_owned(),
            known => format!("or a name of the file's `ports`, such as {}", known.join(", ")),
        };
        NoTransport {
            message: format!("`{text}` is not a port"),
            solution: format!("write a number from 1 to 65535 as in 443/tcp, or icmp; {known}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fabric::ServicePort;
    use crate::span::Span;

    fn fabric() -> Fabric {
        let span = Span { file: "f".into(), line: 1, column: 1 };
        let https = ServicePort { span, port: 443, protocol: Protocol::Tcp, is_public: true };
        Fabric { ports: [("https".to_owned(), https)].into(), ..Fabric::default() }
    }

    #[test]
    fn a_transport_is_a_number_a_name_or_icmp() {
        for (text, transport) in [
            ("5432/tcp", (Protocol::Tcp, Some(5432))),
            ("53/udp", (Protocol::Udp, Some(53))),
            ("80", (Protocol::Tcp, Some(80))),
            ("icmp", (Protocol::Icmp, None)),
            ("https", (Protocol::Tcp, Some(443))),
        ] {
            assert_eq!(fabric().transport(text), Ok(transport), "{text}");
        }
    }

    #[test]
    fn what_is_none_is_refused_with_what_to_write() {
        for (text, message, solution) in [
            ("0", "`0` is not a port", "such as https"),
            ("65536/udp", "`65536/udp` is not a port", "1 to 65535"),
            ("http", "`http` is not a port", "443/tcp"),
            ("8/icmp", "icmp has no ports", "icmp alone"),
            ("80/sctp", "`sctp` is not a protocol", "tcp, udp or icmp"),
        ] {
            let refused = fabric().transport(text).unwrap_err();
            assert_eq!(refused.message, message);
            assert!(refused.solution.contains(solution), "{}", refused.solution);
        }
    }
}
