//! Names of links and hardware addresses: stable, readable where they fit, at most 15 characters.

use netloom_base::hash::fnv1a;

/// Longest name of a link (`IFNAMSIZ` less the final zero).
const LINK_NAME_MAX: usize = 15;

/// The device whose other end is the engine, in a network's namespace.
pub const TUNNEL: &str = "mesh0";
/// A network's link to the node's own stack, in the network's namespace.
pub const HOST_LINK: &str = "host0";
/// A workload's link, in its own namespace.
pub const WORKLOAD_LINK: &str = "eth0";

/// A network's link to the node's own stack by which packets leave the fabric, in the network's namespace.
pub const UPLINK: &str = "uplink0";

/// The link to a peered network, in a network's namespace.
pub fn peering_link(other: &str) -> String {
    link_name("p-", other)
}

/// `prefix` and `name` as a link's name; a name too long ends in a hash of the whole.
pub fn link_name(prefix: &str, name: &str) -> String {
    let whole = format!("{prefix}{name}");
    if whole.len() <= LINK_NAME_MAX {
        return whole;
    }
    let hash = format!("{:08x}", fnv1a(whole.as_bytes()) & 0xffff_ffff);
    format!("{}{hash}", &whole[..LINK_NAME_MAX - hash.len()])
}

/// A locally administered unicast hardware address for `what`, the same each time.
pub fn mac(what: &str) -> [u8; 6] {
    let [_, _, a, b, c, d, e, f] = fnv1a(what.as_bytes()).to_be_bytes();
    let _ = f;
    [0x02, a, b, c, d, e]
}

/// A stable, non-zero number for a set of names, unique only as far as 32 bits go.
pub fn identity_hint<'a>(names: impl Iterator<Item = &'a str>) -> u32 {
    let joined = names.collect::<Vec<_>>().join("\0");
    let [a, b, c, d, ..] = fnv1a(joined.as_bytes()).to_be_bytes();
    u32::from_be_bytes([a, b, c, d]).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_names_stay_distinct_and_short_enough() {
        assert_eq!(link_name("w-", "web-1"), "w-web-1");
        let (a, b) = ("a-rather-long-name-1", "a-rather-long-name-2");
        assert_ne!(link_name("w-", a), link_name("w-", b));
        assert_eq!(link_name("w-", a).len(), LINK_NAME_MAX);
    }

    #[test]
    fn hardware_addresses_are_local_and_unicast() {
        assert_eq!(mac("web-1")[0] & 0b11, 0b10);
        assert_ne!(mac("web-1"), mac("web-2"));
    }
}
