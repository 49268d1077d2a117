//! Longest-prefix match over IPv4 and IPv6 prefixes in one binary trie per family.

use ipnet::IpNet;
use std::net::IpAddr;

/// A map from prefixes to values that answers with the longest prefix holding an address.
///
/// Lookup walks at most as many nodes as the address has bits; insertion likewise.
#[derive(Clone, Debug)]
pub struct PrefixTrie<T> {
    v4: Vec<TrieNode<T>>,
    v6: Vec<TrieNode<T>>,
    len: usize,
}

#[derive(Clone, Debug)]
struct TrieNode<T> {
    children: [Option<u32>; 2],
    entry: Option<(IpNet, T)>,
}

impl<T> TrieNode<T> {
    const EMPTY: Self = Self { children: [None; 2], entry: None };
}

impl<T> Default for PrefixTrie<T> {
    fn default() -> Self {
        Self { v4: vec![TrieNode::EMPTY], v6: vec![TrieNode::EMPTY], len: 0 }
    }
}

impl<T> PrefixTrie<T> {
    /// An empty trie.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many prefixes it holds.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether it holds no prefix.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Maps `prefix` (its host bits are ignored) to `value`; gives what it was mapped to before.
    pub fn insert(&mut self, prefix: IpNet, value: T) -> Option<T> {
        let prefix = prefix.trunc();
        let bits = left_aligned(prefix.addr());
        let nodes = if prefix.addr().is_ipv4() { &mut self.v4 } else { &mut self.v6 };
        let mut at = 0;
        for depth in 0..prefix.prefix_len() {
            let branch = bit(bits, depth);
            at = match nodes[at].children[branch] {
                Some(child) => child as usize,
                None => {
                    let child = nodes.len();
                    nodes.push(TrieNode::EMPTY);
                    // A trie of 2^32 nodes exceeds memory long before the index overflows.
                    nodes[at].children[branch] = u32::try_from(child).ok();
                    child
                }
            };
        }
        let before = nodes[at].entry.replace((prefix, value)).map(|(_, value)| value);
        self.len += usize::from(before.is_none());
        before
    }

    /// The longest prefix that holds `address`, with its value.
    pub fn longest_match(&self, address: IpAddr) -> Option<(IpNet, &T)> {
        let nodes = if address.is_ipv4() { &self.v4 } else { &self.v6 };
        let bits = left_aligned(address);
        let width = if address.is_ipv4() { 32 } else { 128 };
        let (mut at, mut found) = (0, None);
        for depth in 0..=width {
            let node: &TrieNode<T> = &nodes[at];
            found = node.entry.as_ref().or(found);
            if depth == width {
                break;
            }
            match node.children[bit(bits, depth)] {
                Some(child) => at = child as usize,
                None => break,
            }
        }
        found.map(|(prefix, value)| (*prefix, value))
    }
}

impl<T> FromIterator<(IpNet, T)> for PrefixTrie<T> {
    fn from_iter<I: IntoIterator<Item = (IpNet, T)>>(entries: I) -> Self {
        let mut trie = Self::new();
        for (prefix, value) in entries {
            trie.insert(prefix, value);
        }
        trie
    }
}

fn left_aligned(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => u128::from(u32::from(v4)) << 96,
        IpAddr::V6(v6) => u128::from(v6),
    }
}

fn bit(bits: u128, depth: u8) -> usize {
    usize::from((bits >> (127 - depth)) & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn longest_match_agrees_with_a_linear_scan(
            prefixes in proptest::collection::vec((any::<[u8; 4]>(), 0u8..=32), 0..40),
            probes in proptest::collection::vec(any::<[u8; 4]>(), 1..20),
        ) {
            let prefixes: Vec<IpNet> = prefixes
                .iter()
                .map(|(octets, len)| IpNet::new(IpAddr::from(*octets), *len).unwrap().trunc())
                .collect();
            let trie: PrefixTrie<()> = prefixes.iter().map(|p| (*p, ())).collect();
            let near = prefixes.iter().map(|p| p.addr());
            for probe in probes.iter().map(|p| IpAddr::from(*p)).chain(near) {
                let linear = prefixes
                    .iter()
                    .filter(|p| p.contains(&probe))
                    .max_by_key(|p| p.prefix_len())
                    .copied();
                prop_assert_eq!(trie.longest_match(probe).map(|(p, ())| p), linear);
            }
        }
    }

    #[test]
    fn families_do_not_mix() {
        let trie: PrefixTrie<u8> =
            [("0.0.0.0/0".parse().unwrap(), 4), ("::/0".parse().unwrap(), 6)].into_iter().collect();
        assert_eq!(trie.longest_match("1.2.3.4".parse().unwrap()).map(|m| *m.1), Some(4));
        assert_eq!(trie.longest_match("fd00::1".parse().unwrap()).map(|m| *m.1), Some(6));
    }
}
