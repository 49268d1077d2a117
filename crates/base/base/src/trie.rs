//! Longest-prefix match over IPv4 and IPv6 prefixes in one path-compressed binary trie per family.

use ipnet::IpNet;
use std::net::IpAddr;

/// A map from prefixes to values that answers with the longest prefix holding an address.
///
/// A prefix costs at most two nodes; lookup visits only nodes that hold the address.
#[derive(Clone, Debug)]
pub struct PrefixTrie<T> {
    v4: Tree<T>,
    v6: Tree<T>,
    len: usize,
}

impl<T> Default for PrefixTrie<T> {
    fn default() -> Self {
        Self { v4: Tree::default(), v6: Tree::default(), len: 0 }
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
        let before = self.tree_mut(prefix.addr()).insert(Key::of(prefix), (prefix, value));
        self.len += usize::from(before.is_none());
        before.map(|(_, value)| value)
    }

    /// Forgets `prefix` (its host bits are ignored); gives what it was mapped to.
    pub fn remove(&mut self, prefix: IpNet) -> Option<T> {
        let removed = self.tree_mut(prefix.addr()).remove(Key::of(prefix.trunc()))?;
        self.len -= 1;
        Some(removed.1)
    }

    /// What exactly `prefix` (its host bits are ignored) is mapped to.
    pub fn get(&self, prefix: IpNet) -> Option<&T> {
        let key = Key::of(prefix.trunc());
        let (found, value) = self.tree(prefix.addr()).longest_match(key)?;
        (found.prefix_len() == key.len).then_some(value)
    }

    /// The longest prefix that holds `address`, with its value.
    pub fn longest_match(&self, address: IpAddr) -> Option<(IpNet, &T)> {
        let found = self.tree(address).longest_match(Key::of(IpNet::from(address)))?;
        Some((found.0, &found.1))
    }

    fn tree(&self, family: IpAddr) -> &Tree<T> {
        if family.is_ipv4() { &self.v4 } else { &self.v6 }
    }

    fn tree_mut(&mut self, family: IpAddr) -> &mut Tree<T> {
        if family.is_ipv4() { &mut self.v4 } else { &mut self.v6 }
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

// === Key ===

/// A prefix as bits from the left; the rest is zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Key {
    bits: u128,
    len: u8,
}

impl Key {
    fn of(prefix: IpNet) -> Self {
        let bits = match prefix.addr() {
            IpAddr::V4(v4) => u128::from(u32::from(v4)) << 96,
            IpAddr::V6(v6) => u128::from(v6),
        };
        Self { bits, len: prefix.prefix_len() }
    }

    /// How many leading bits both have.
    fn common(self, other: Self) -> u8 {
        // At most 128, which eight bits hold.
        let equal = (self.bits ^ other.bits).leading_zeros() as u8;
        equal.min(self.len).min(other.len)
    }

    /// Bit `depth` from the left.
    fn bit(self, depth: u8) -> usize {
        usize::from((self.bits >> (127 - depth)) & 1 == 1)
    }

    fn cut(self, len: u8) -> Self {
        let kept = u128::MAX.checked_shl(128 - u32::from(len)).unwrap_or(0);
        Self { bits: self.bits & kept, len }
    }
}

// === Tree ===

type Entry<T> = (IpNet, T);

#[derive(Clone, Debug)]
struct TrieNode<T> {
    key: Key,
    /// By the bit that follows the key.
    children: [Option<u32>; 2],
    /// None where two branches part and no prefix ends.
    entry: Option<Entry<T>>,
}

/// Where the number of a node is kept.
#[derive(Clone, Copy)]
enum Link {
    Root,
    Child { parent: u32, branch: usize },
}

#[derive(Clone, Debug)]
struct Tree<T> {
    nodes: Vec<TrieNode<T>>,
    root: Option<u32>,
    /// Nodes that are in no use, to be used again.
    free: Vec<u32>,
}

impl<T> Default for Tree<T> {
    fn default() -> Self {
        Self { nodes: Vec::new(), root: None, free: Vec::new() }
    }
}

impl<T> Tree<T> {
    fn insert(&mut self, key: Key, entry: Entry<T>) -> Option<Entry<T>> {
        let mut link = Link::Root;
        loop {
            let Some(at) = self.follow(link) else {
                let leaf = self.allocate(key, [None; 2], Some(entry));
                self.set(link, Some(leaf));
                return None;
            };
            let node = &mut self.nodes[at as usize];
            let common = key.common(node.key);
            if common < node.key.len {
                self.split(link, at, common, key, entry);
                return None;
            }
            if common == key.len {
                return node.entry.replace(entry);
            }
            link = Link::Child { parent: at, branch: key.bit(common) };
        }
    }

    /// Puts a new prefix above or beside node `at`, with which it shares `common` bits.
    fn split(&mut self, link: Link, at: u32, common: u8, key: Key, entry: Entry<T>) {
        let below = self.nodes[at as usize].key;
        let mut children = [None; 2];
        children[below.bit(common)] = Some(at);
        let above = if common == key.len {
            self.allocate(key, children, Some(entry))
        } else {
            children[key.bit(common)] = Some(self.allocate(key, [None; 2], Some(entry)));
            self.allocate(key.cut(common), children, None)
        };
        self.set(link, Some(above));
    }

    fn remove(&mut self, key: Key) -> Option<Entry<T>> {
        let (mut above, mut link) = (None, Link::Root);
        loop {
            let at = self.follow(link)?;
            let node = &mut self.nodes[at as usize];
            if key.common(node.key) < node.key.len {
                return None;
            }
            if node.key.len == key.len {
                let removed = node.entry.take()?;
                self.prune(link, at);
                // The parent may be left as a fork with one branch.
                if let (Some(above), Link::Child { parent, .. }) = (above, link) {
                    self.prune(above, parent);
                }
                return Some(removed);
            }
            above = Some(link);
            link = Link::Child { parent: at, branch: key.bit(node.key.len) };
        }
    }

    /// Takes node `at` out if it neither holds an entry nor parts two branches.
    fn prune(&mut self, link: Link, at: u32) {
        let node = &self.nodes[at as usize];
        if node.entry.is_some() {
            return;
        }
        let below = match node.children {
            [Some(_), Some(_)] => return,
            [only, None] | [None, only] => only,
        };
        self.set(link, below);
        self.free.push(at);
    }

    fn longest_match(&self, key: Key) -> Option<&Entry<T>> {
        let (mut next, mut found) = (self.root, None);
        while let Some(at) = next {
            let node = &self.nodes[at as usize];
            if key.common(node.key) < node.key.len {
                break;
            }
            found = node.entry.as_ref().or(found);
            if node.key.len == key.len {
                break;
            }
            next = node.children[key.bit(node.key.len)];
        }
        found
    }

    fn allocate(&mut self, key: Key, children: [Option<u32>; 2], entry: Option<Entry<T>>) -> u32 {
        let node = TrieNode { key, children, entry };
        if let Some(at) = self.free.pop() {
            self.nodes[at as usize] = node;
            return at;
        }
        self.nodes.push(node);
        u32::try_from(self.nodes.len() - 1).expect("2^32 nodes exceed memory first")
    }

    fn follow(&self, link: Link) -> Option<u32> {
        match link {
            Link::Root => self.root,
            Link::Child { parent, branch } => self.nodes[parent as usize].children[branch],
        }
    }

    fn set(&mut self, link: Link, to: Option<u32>) {
        match link {
            Link::Root => self.root = to,
            Link::Child { parent, branch } => self.nodes[parent as usize].children[branch] = to,
        }
    }
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

    proptest! {
        #[test]
        fn insertions_and_removals_agree_with_a_map(
            steps in proptest::collection::vec((any::<bool>(), 0u8..4, any::<u8>(), 0u8..=32), 0..120),
        ) {
            let mut trie = PrefixTrie::new();
            let mut map = std::collections::BTreeMap::new();
            for (step, (insert, high, low, len)) in steps.into_iter().enumerate() {
                let prefix = IpNet::new(IpAddr::from([high << 6, 0, 0, low]), len).unwrap().trunc();
                if insert {
                    prop_assert_eq!(trie.insert(prefix, step), map.insert(prefix, step));
                } else {
                    prop_assert_eq!(trie.remove(prefix), map.remove(&prefix));
                }
                prop_assert_eq!(trie.len(), map.len());
                prop_assert_eq!(trie.get(prefix), map.get(&prefix));
                let probe = IpAddr::from([high << 6, 0, 0, low]);
                let linear = map.iter().filter(|(p, _)| p.contains(&probe)).max_by_key(|(p, _)| p.prefix_len());
                prop_assert_eq!(trie.longest_match(probe), linear.map(|(p, v)| (*p, v)));
            }
            let in_use = trie.v4.nodes.len() - trie.v4.free.len();
            prop_assert!(in_use <= 2 * map.len(), "{} nodes for {} prefixes", in_use, map.len());
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
