//! Ordered rules and the allowances that they become decide alike.

use super::*;
use crate::packet_set::transport;
use netloom_model::fabric::{PortRange, Protocol};
use proptest::prelude::*;

fn span() -> Span {
    Span { file: "t.yaml".into(), line: 1, column: 1 }
}

fn rule() -> impl Strategy<Value = AclRule> {
    let protocol = prop_oneof![
        Just(Protocol::All),
        Just(Protocol::Tcp),
        Just(Protocol::Udp),
        Just(Protocol::Icmp)
    ];
    let prefixes = prop::collection::vec((0u32..8, 29u8..=32), 0..3);
    let ports = prop::collection::vec((0u16..6, 0u16..3), 0..3);
    (any::<bool>(), protocol, prefixes, ports).prop_map(|(allows, protocol, prefixes, ports)| {
        let has_ports = matches!(protocol, Protocol::Tcp | Protocol::Udp);
        let prefix = |(number, length): (u32, u8)| {
            let address = std::net::Ipv4Addr::from(0x0a00_0000 | number);
            IpNet::new_assert(address.into(), length).trunc()
        };
        let range = |(first, more): (u16, u16)| PortRange { first, last: first + more };
        AclRule {
            span: span(),
            number: 1,
            allows,
            protocol,
            ports: if has_ports { ports.into_iter().map(range).collect() } else { Vec::new() },
            icmp_types: Vec::new(),
            prefixes: prefixes.into_iter().map(prefix).collect(),
        }
    })
}

proptest! {
    #[test]
    fn the_first_rule_that_matches_decides(
        rules in prop::collection::vec(rule(), 0..8),
        address in 0u32..12,
        port in 0u16..10,
        protocol in prop_oneof![Just(1u8), Just(6), Just(17), Just(47)],
    ) {
        let own: IpNet = "10.0.0.8/31".parse().unwrap();
        let other = IpAddr::from(std::net::Ipv4Addr::from(0x0a00_0000 | address));
        let number = transport(protocol, port);
        let allowances = allowances(&"edge".to_owned(), &span(), &rules, &[own]);
        let none = Default::default();
        let passes = allowances.iter().any(|allowance| {
            allowance.selector.selects(other, &none) && allowance.transport.contains(number)
        });
        let expected = own.contains(&other)
            || deciding(&rules, other, number).is_some_and(|rule| rule.allows);
        prop_assert_eq!(passes, expected);
    }
}
