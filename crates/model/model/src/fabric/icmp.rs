//! Types of ICMP and ICMPv6, and what they are called.

use super::IcmpTypes;

/// A name, and what it stands for in ICMP and in ICMPv6; in one of them at least.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IcmpName {
    /// As `nft` has it.
    pub name: &'static str,
    /// Of ICMP.
    pub v4: Option<IcmpTypes>,
    /// Of ICMPv6.
    pub v6: Option<IcmpTypes>,
}

/// All names: whole types, and a code of one of them, after that type.
pub const ICMP_NAMES: [IcmpName; 10] = [
    kind("echo-request", Some(8), Some(128)),
    kind("echo-reply", Some(0), Some(129)),
    kind("destination-unreachable", Some(3), Some(1)),
    // RFC 1191: what tells IPv4 the MTU of the path, as packet-too-big tells IPv6.
    IcmpName {
        name: "fragmentation-needed",
        v4: Some(IcmpTypes { ipv6: false, first: 0x304, last: 0x304 }),
        v6: None,
    },
    kind("packet-too-big", None, Some(2)),
    kind("redirect", Some(5), Some(137)),
    kind("time-exceeded", Some(11), Some(3)),
    kind("parameter-problem", Some(12), Some(4)),
    kind("timestamp-request", Some(13), None),
    kind("timestamp-reply", Some(14), None),
];

const fn kind(name: &'static str, v4: Option<u8>, v6: Option<u8>) -> IcmpName {
    let (mut name, numbers) = (IcmpName { name, v4: None, v6: None }, (v4, v6));
    if let Some(number) = numbers.0 {
        name.v4 = Some(IcmpTypes::whole(false, number));
    }
    if let Some(number) = numbers.1 {
        name.v6 = Some(IcmpTypes::whole(true, number));
    }
    name
}

impl IcmpTypes {
    /// A type with all of its codes.
    pub const fn whole(ipv6: bool, number: u8) -> Self {
        let codes = u16::from_be_bytes([number, 0xff]);
        Self { ipv6, first: codes & 0xff00, last: codes }
    }

    /// As `8`, all codes of a type; as `3/4`, one of them; as `0-255`, several types.
    pub fn numbers(self) -> String {
        let [first, from] = self.first.to_be_bytes();
        let [last, to] = self.last.to_be_bytes();
        match (first == last, from, to) {
            (true, 0, 0xff) => first.to_string(),
            (true, from, to) if from == to => format!("{first}/{from}"),
            (false, 0, 0xff) => format!("{first}-{last}"),
            _ => format!("{first}/{from}-{last}/{to}"),
        }
    }
}
