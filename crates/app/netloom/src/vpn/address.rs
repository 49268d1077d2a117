//! Networks around addresses.

use super::WireGuardPeer;
use std::net::IpAddr;

/// The network around an address.
pub(super) fn prefix(address: IpAddr, length: &str) -> Option<String> {
    let length: u32 = length.parse().ok()?;
    match address {
        IpAddr::V4(v4) => {
            let kept = 32_u32.checked_sub(length)?;
            let mask = u32::MAX.checked_shl(kept).unwrap_or(0);
            Some(format!("{}/{length}", std::net::Ipv4Addr::from(u32::from(v4) & mask)))
        }
        IpAddr::V6(v6) => {
            let kept = 128_u32.checked_sub(length)?;
            let mask = u128::MAX.checked_shl(kept).unwrap_or(0);
            Some(format!("{}/{length}", std::net::Ipv6Addr::from(u128::from(v6) & mask)))
        }
    }
}

/// The address before that of the first peer, as wg-quick files have it by custom: 10.0.0.1 for 10.0.0.2.
pub(super) fn first_address(peers: &[WireGuardPeer]) -> Option<String> {
    let address = peers
        .iter()
        .flat_map(|peer| &peer.allowed_ips)
        .find_map(|prefix| prefix.split('/').next()?.parse::<std::net::Ipv4Addr>().ok())?;
    let [a, b, c, _] = address.octets();
    Some(format!("{a}.{b}.{c}.1/24"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_are_found_around_addresses() {
        assert_eq!(prefix("10.0.0.1".parse().unwrap(), "24").as_deref(), Some("10.0.0.0/24"));
        assert_eq!(
            prefix("fd00::1:0:0:0:1".parse().unwrap(), "64").as_deref(),
            Some("fd00:0:0:1::/64")
        );
        assert_eq!(prefix("10.0.0.1".parse().unwrap(), "33"), None);
        let peers = [WireGuardPeer::new("a", "k").with_allowed_ip("10.0.0.2/32")];
        assert_eq!(first_address(&peers).as_deref(), Some("10.0.0.1/24"));
    }
}
