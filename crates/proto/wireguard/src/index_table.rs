//! Receiver indexes: random, unique in the machine, and naming the tunnel that they belong to.

use crate::rng::ErasingRng;
use netloom_base::Seed;
use std::collections::BTreeMap;
use std::fmt;

/// The indexes in use on one port, each with the number that the owner of a tunnel gave to it.
pub struct IndexTable {
    owners: BTreeMap<u32, u32>,
    rng: ErasingRng,
}

impl IndexTable {
    /// An empty table whose indexes follow from `seed`.
    pub fn new(seed: Seed) -> Self {
        Self { owners: BTreeMap::new(), rng: ErasingRng::new(seed) }
    }

    /// Who has an index.
    pub fn owner(&self, index: u32) -> Option<u32> {
        self.owners.get(&index).copied()
    }

    /// How many indexes are in use: at most six for each tunnel.
    pub fn len(&self) -> usize {
        self.owners.len()
    }

    /// Whether no index is in use.
    pub fn is_empty(&self) -> bool {
        self.owners.is_empty()
    }

    /// A fresh index. Random, so that nobody off the path can guess a live one.
    pub(crate) fn allocate(&mut self, owner: u32) -> u32 {
        loop {
            let index = self.rng.number();
            if let std::collections::btree_map::Entry::Vacant(vacant) = self.owners.entry(index) {
                vacant.insert(owner);
                return index;
            }
        }
    }

    pub(crate) fn release(&mut self, index: u32) {
        self.owners.remove(&index);
    }
}

impl fmt::Debug for IndexTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IndexTable").field("len", &self.len()).finish_non_exhaustive()
    }
}
