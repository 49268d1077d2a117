//! Translation of addresses, and matches on what has been or is to be translated.

use super::{KEY, Program, key};
use netloom_state::nft::{CompareOperator, ConntrackKey, Expression, Register, RejectKind, Rule};
use std::net::IpAddr;

/// `IPS_DST_NAT` (`linux/netfilter/nf_conntrack_common.h`).
const DESTINATION_NAT: u32 = 1 << 5;
/// `RTN_LOCAL` (`linux/rtnetlink.h`), as `fib` gives the type of an address.
const RTN_LOCAL: u32 = 2;

impl Program {
    pub(in crate::firewall) fn masquerade(self) -> Rule {
        Rule { expressions: self.with(Expression::Masquerade).expressions, name: None }
    }

    /// Sends to another address and port instead.
    pub(in crate::firewall) fn destination_nat(self, to: IpAddr, port: u16) -> Rule {
        let (address, place) = (KEY, Register(KEY.0 + 4));
        let translated = self
            .with(Expression::Load { register: address, data: key(to) })
            .with(Expression::Load { register: place, data: port.to_be_bytes().to_vec() })
            .with(Expression::DestinationNat {
                ipv6: to.is_ipv6(),
                address,
                last_address: None,
                port: Some(place),
            });
        Rule { expressions: translated.expressions, name: None }
    }

    /// Sends to the same place of another prefix instead (`NF_NAT_RANGE_NETMAP`).
    pub(in crate::firewall) fn map_prefix(self, to: ipnet::IpNet) -> Rule {
        let (first, last) = (KEY, Register(KEY.0 + 4));
        let translated = self
            .with(Expression::Load { register: first, data: key(to.network()) })
            .with(Expression::Load { register: last, data: key(to.broadcast()) })
            .with(Expression::DestinationNat {
                ipv6: to.addr().is_ipv6(),
                address: first,
                last_address: Some(last),
                port: None,
            });
        Rule { expressions: translated.expressions, name: None }
    }

    /// Ends the connection at once instead of letting its sender wait.
    pub(in crate::firewall) fn count_and_reset(self, reason: &str) -> Rule {
        let reset = self.with(Expression::Counter).with(Expression::Reject(RejectKind::TcpReset));
        Rule { expressions: reset.expressions, name: Some(reason.to_owned()) }
    }

    /// The connection's destination has been translated.
    pub(in crate::firewall) fn translated(self) -> Self {
        self.with(Expression::Conntrack { key: ConntrackKey::Status, register: KEY })
            .with(Expression::Bitwise {
                register: KEY,
                mask: DESTINATION_NAT.to_ne_bytes().to_vec(),
                xor: vec![0; 4],
            })
            .compare(vec![0; 4], CompareOperator::NotEqual)
    }

    /// The packet's destination is an address of this namespace.
    pub(in crate::firewall) fn for_own_stack(self) -> Self {
        self.with(Expression::DestinationType { register: KEY })
            .is(RTN_LOCAL.to_ne_bytes().to_vec())
    }

    /// The packet's destination (or source) is in a prefix.
    pub(in crate::firewall) fn in_prefix(self, source: bool, prefix: ipnet::IpNet) -> Self {
        let ipv6 = prefix.addr().is_ipv6();
        let mask = key(prefix.netmask());
        let xor = vec![0; mask.len()];
        self.family(ipv6)
            .address(source, ipv6, KEY)
            .with(Expression::Bitwise { register: KEY, mask, xor })
            .is(key(prefix.network()))
    }
}
