//! What control asks of a node: to send packets as one of its workloads, and to tell what became of them.

use std::net::IpAddr;

/// What a node that sends packets when control asks says in its greeting.
pub const FEATURE_TRIALS: &str = "trials";
/// Most flows that are tried at once.
pub const FLOWS_MAX: usize = 64;
/// Longest text.
const TEXT_BYTES_MAX: usize = 1024;
/// Longest name.
const NAME_BYTES_MAX: usize = 255;

netloom_cbor::choice! {
    /// A question of control to a node.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub enum Ask {
        /// Do these flows arrive?
        0 => Try {
            /// Who sends: a workload of the node, or the node itself.
            1 => from: String [max NAME_BYTES_MAX],
            /// What is sent, and where to.
            2 => flows: Vec<Trial> [max FLOWS_MAX],
        },
    }
}

netloom_cbor::choice! {
    /// One flow that is to be tried.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
    pub enum Trial {
        /// An echo request.
        0 => Echo {
            /// To this address.
            1 => address: IpAddr,
        },
        /// A connection.
        1 => Tcp {
            /// To this address.
            1 => address: IpAddr,
            /// To this port.
            2 => port: u16,
        },
        /// A datagram.
        2 => Udp {
            /// To this address.
            1 => address: IpAddr,
            /// To this port.
            2 => port: u16,
        },
    }
}

netloom_cbor::choice! {
    /// A node's answer.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub enum Told {
        /// What was seen of each flow, in the order in which they were asked about.
        0 => Tried {
            /// One for each.
            1 => seen: Vec<Seen> [max FLOWS_MAX],
        },
        /// Nothing was sent.
        1 => Refused {
            /// Why.
            1 => cause: String [max TEXT_BYTES_MAX],
            /// What to do.
            2 => solution: String [max TEXT_BYTES_MAX],
        },
    }
}

netloom_cbor::choice! {
    /// What became of a flow.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub enum Seen {
        /// It was answered.
        0 => Answered {
            /// What was seen, in words.
            1 => detail: String [max TEXT_BYTES_MAX],
        },
        /// Its host was reached and says that nothing is there.
        1 => Refused {
            /// What was seen, in words.
            1 => detail: String [max TEXT_BYTES_MAX],
        },
        /// Nothing came back.
        2 => Silent {
            /// What was seen, in words.
            1 => detail: String [max TEXT_BYTES_MAX],
        },
        /// Somebody on the way, or the kernel, says that it may not or cannot go there.
        3 => Stopped {
            /// What was seen, in words.
            1 => detail: String [max TEXT_BYTES_MAX],
        },
        /// It could not be sent at all.
        4 => Untried {
            /// Why.
            1 => detail: String [max TEXT_BYTES_MAX],
        },
    }
}

/// A text that fits; the rest is cut off.
pub fn cut(mut text: String) -> String {
    let mut end = text.len().min(TEXT_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.truncate(end);
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use netloom_cbor::{from_bytes, to_bytes};

    #[test]
    fn questions_and_answers_are_read_as_they_were_written_and_their_numbers_stay() {
        let address: IpAddr = "10.0.0.1".parse().unwrap();
        let flows = vec![Trial::Tcp { address, port: 80 }, Trial::Echo { address }];
        let ask = Ask::Try { from: "a".to_owned(), flows };
        let bytes = to_bytes(&ask);
        assert_eq!(from_bytes::<Ask>(&bytes), Ok(ask));
        // As other versions write it too.
        let written = "a300000161610282a3000101440a000001021850a2000001440a000001";
        assert_eq!(hex(&bytes), written);
        let detail = "after 1 ms".to_owned();
        for seen in [
            Seen::Answered { detail: detail.clone() },
            Seen::Refused { detail: detail.clone() },
            Seen::Silent { detail: detail.clone() },
            Seen::Stopped { detail: detail.clone() },
            Seen::Untried { detail },
        ] {
            let told = Told::Tried { seen: vec![seen] };
            assert_eq!(from_bytes::<Told>(&to_bytes(&told)), Ok(told));
        }
    }

    #[test]
    fn more_flows_than_the_limit_are_refused() {
        let address: IpAddr = "::1".parse().unwrap();
        let of = |count| {
            let flows = vec![Trial::Udp { address, port: 53 }; count];
            from_bytes::<Ask>(&to_bytes(&Ask::Try { from: "a".to_owned(), flows }))
        };
        assert!(of(FLOWS_MAX).is_ok());
        assert!(of(FLOWS_MAX + 1).is_err());
    }

    #[test]
    fn a_text_is_cut_between_its_letters() {
        assert_eq!(cut("ä".repeat(600)).len(), 1024);
        assert_eq!(cut(format!("x{}", "ä".repeat(600))).len(), 1023);
    }

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}
