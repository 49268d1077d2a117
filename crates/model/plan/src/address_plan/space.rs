//! Free addresses as aligned blocks, each of a power of two.

use ipnet::IpNet;
use std::collections::BTreeSet;
use std::net::IpAddr;

/// What is free of a family.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Space {
    ipv6: bool,
    /// Bits of the host's part, and first address: the smallest ones first.
    blocks: BTreeSet<(u8, u128)>,
}

impl Space {
    /// The free parts of `prefixes`, which are of one family, in blocks of at least `smallest` bits.
    pub(super) fn of(prefixes: &[IpNet], taken: &[IpNet], smallest: u8) -> Self {
        let ipv6 = prefixes.first().is_some_and(|prefix| prefix.addr().is_ipv6());
        let mut space = Self { ipv6, blocks: BTreeSet::new() };
        for prefix in prefixes {
            let relevant = taken.iter().filter(|taken| {
                taken.addr().is_ipv6() == ipv6
                    && (prefix.contains(*taken) || taken.contains(prefix))
            });
            let relevant: Vec<(u8, u128)> = relevant.map(|taken| block(*taken)).collect();
            space.add_free(block(*prefix), &relevant, smallest);
        }
        space
    }

    /// Adds what is free of a block: itself, or what is free of its halves.
    fn add_free(&mut self, (bits, first): (u8, u128), taken: &[(u8, u128)], smallest: u8) {
        if bits < smallest {
            return;
        }
        let here: Vec<(u8, u128)> =
            taken.iter().copied().filter(|other| overlap((bits, first), *other)).collect();
        if here.is_empty() {
            self.blocks.insert((bits, first));
            return;
        }
        if here.iter().any(|(other, _)| *other >= bits) || bits == 0 {
            return;
        }
        self.add_free((bits - 1, first), &here, smallest);
        self.add_free((bits - 1, first + (1 << (bits - 1))), &here, smallest);
    }

    /// Takes a block: out of the smallest one that holds it, so that large ones stay whole.
    pub(super) fn take(&mut self, bits: u8) -> Option<IpNet> {
        let (mut own, first) = *self.blocks.range((bits, 0)..).next()?;
        self.blocks.remove(&(own, first));
        while own > bits {
            own -= 1;
            self.blocks.insert((own, first + (1 << own)));
        }
        self.prefix((bits, first))
    }

    /// Adds what is free of another space, which has nothing in common with this one.
    pub(super) fn give_back(&mut self, other: &Self) {
        self.blocks.extend(&other.blocks);
    }

    /// How many addresses are free; of IPv6 the most that can be told.
    pub(super) fn size(&self) -> u128 {
        self.blocks.iter().fold(0, |all, (bits, _)| {
            all.saturating_add(1u128.checked_shl(u32::from(*bits)).unwrap_or(u128::MAX))
        })
    }

    pub(super) fn largest(&self) -> Option<IpNet> {
        self.prefix(*self.blocks.last()?)
    }

    /// The free blocks as prefixes, in the order of their addresses.
    pub(super) fn prefixes(&self) -> Vec<IpNet> {
        let mut all: Vec<IpNet> =
            self.blocks.iter().filter_map(|block| self.prefix(*block)).collect();
        all.sort_by_key(|prefix| prefix.addr());
        all
    }

    pub(super) fn address_bits(&self) -> u8 {
        if self.ipv6 { 128 } else { 32 }
    }

    fn prefix(&self, (bits, first): (u8, u128)) -> Option<IpNet> {
        let address = if self.ipv6 {
            IpAddr::from(first.to_be_bytes())
        } else {
            IpAddr::from(u32::try_from(first).ok()?.to_be_bytes())
        };
        IpNet::new(address, self.address_bits().checked_sub(bits)?).ok()
    }
}

fn block(prefix: IpNet) -> (u8, u128) {
    let first = match prefix.network() {
        IpAddr::V4(v4) => u128::from(u32::from(v4)),
        IpAddr::V6(v6) => u128::from(v6),
    };
    (prefix.max_prefix_len() - prefix.prefix_len(), first)
}

fn overlap((one_bits, one): (u8, u128), (other_bits, other): (u8, u128)) -> bool {
    let bits = u32::from(one_bits.max(other_bits));
    one.checked_shr(bits).unwrap_or(0) == other.checked_shr(bits).unwrap_or(0)
}
