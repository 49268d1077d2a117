//! Addresses that Linux never leads from one host to another: nobody can have them in a network, and no flow ends there.

use ipnet::IpNet;
use std::net::{IpAddr, Ipv4Addr};

/// What such an address is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Special {
    /// `0.0.0.0` or `::`: no address.
    Unspecified,
    /// 127.0.0.0/8 or `::1`: the host itself.
    Loopback,
    /// 224.0.0.0/4 or ff00::/8: whoever listens.
    Multicast,
    /// `255.255.255.255`: all on the link.
    Broadcast,
    /// fe80::/10: of one link, and the same on each.
    LinkLocal,
    /// ::ffff:0:0/96: an address of IPv4, written as one of IPv6.
    Mapped(Ipv4Addr),
}

impl Special {
    /// What an address is, if it is one of these.
    pub fn of(address: IpAddr) -> Option<Self> {
        if let IpAddr::V6(v6) = address
            && let Some(v4) = v6.to_ipv4_mapped()
        {
            return Some(Self::Mapped(v4));
        }
        match address {
            _ if address.is_unspecified() => Some(Self::Unspecified),
            _ if address.is_loopback() => Some(Self::Loopback),
            _ if address.is_multicast() => Some(Self::Multicast),
            IpAddr::V4(Ipv4Addr::BROADCAST) => Some(Self::Broadcast),
            IpAddr::V6(v6) if v6.is_unicast_link_local() => Some(Self::LinkLocal),
            IpAddr::V4(_) | IpAddr::V6(_) => None,
        }
    }

    /// What a text is, if it is such an address.
    pub fn named(text: &str) -> Option<Self> {
        text.parse().ok().and_then(Self::of)
    }

    /// What all of a prefix is, if nothing of it can be in a network.
    pub fn of_prefix(prefix: IpNet) -> Option<Self> {
        let (first, last) = (Self::of(prefix.addr())?, Self::of(prefix.broadcast())?);
        (std::mem::discriminant(&first) == std::mem::discriminant(&last)).then_some(first)
    }

    /// What it is, in words after "is".
    pub fn words(self) -> &'static str {
        match self {
            Self::Unspecified => "no address: it stands for all or none",
            Self::Loopback => "loopback: on every host it is the host itself",
            Self::Multicast => "multicast, which no network here carries",
            Self::Broadcast => "the broadcast address, which no packet leaves its link by",
            Self::LinkLocal => {
                "link-local: it means something on one link only, where no other network is"
            }
            Self::Mapped(_) => "IPv4 written as IPv6, which packets never carry",
        }
    }

    /// What to write instead.
    pub fn solution(self) -> String {
        match self {
            Self::Mapped(v4) => format!("write {v4}"),
            Self::Loopback | Self::Unspecified => {
                "name the workload or node that is meant".to_owned()
            }
            Self::Multicast | Self::Broadcast | Self::LinkLocal => {
                "name one workload, node or address that is to be reached".to_owned()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_linux_leads_nowhere_is_told_from_the_rest() {
        let v4 = Ipv4Addr::new(10, 0, 2, 4);
        for (text, what) in [
            ("0.0.0.0", Some(Special::Unspecified)),
            ("::", Some(Special::Unspecified)),
            ("127.9.0.1", Some(Special::Loopback)),
            ("::1", Some(Special::Loopback)),
            ("239.255.255.250", Some(Special::Multicast)),
            ("ff02::1", Some(Special::Multicast)),
            ("255.255.255.255", Some(Special::Broadcast)),
            ("febf::1", Some(Special::LinkLocal)),
            ("::ffff:10.0.2.4", Some(Special::Mapped(v4))),
            // Linux leads these from host to host, whatever they were meant for.
            ("0.1.0.4", None),
            ("240.0.0.4", None),
            ("169.254.7.7", None),
            ("fec0::1", None),
            ("fd00::1", None),
            ("web-1", None),
        ] {
            assert_eq!(Special::named(text), what, "{text}");
        }
    }

    #[test]
    fn a_prefix_is_special_as_a_whole_or_not() {
        for (text, what) in [
            ("127.0.0.0/8", Some(Special::Loopback)),
            ("224.0.1.0/24", Some(Special::Multicast)),
            ("ff05::/16", Some(Special::Multicast)),
            ("fe80::/64", Some(Special::LinkLocal)),
            ("::1/128", Some(Special::Loopback)),
            ("255.255.255.255/32", Some(Special::Broadcast)),
            ("0.0.0.0/0", None),
            ("::/0", None),
            ("224.0.0.0/3", None),
            ("10.0.0.0/8", None),
        ] {
            assert_eq!(Special::of_prefix(text.parse().expect("a prefix")), what, "{text}");
        }
    }
}
