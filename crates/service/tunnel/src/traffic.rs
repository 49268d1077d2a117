//! What the driver has carried: how many packets at once, which is what offloads are for.

/// Most powers of two that are told apart: the last one counts all larger batches too.
pub const SIZES: usize = 12;

/// How large batches were: how many of 1, of 2 and 3, of 4 to 7 packets, and so on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BatchSizes {
    counts: [u64; SIZES],
    packets: u64,
}

/// Batches on each of the four ways.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Read from devices.
    pub from_devices: BatchSizes,
    /// Written to devices.
    pub to_devices: BatchSizes,
    /// Received at the port.
    pub from_port: BatchSizes,
    /// Sent from the port.
    pub to_port: BatchSizes,
}

impl BatchSizes {
    /// Counts a batch; an empty one is none.
    pub fn note(&mut self, packets: usize) {
        if let Some(power) = packets.checked_ilog2() {
            self.counts[(power as usize).min(SIZES - 1)] += 1;
            self.packets += packets as u64;
        }
    }

    /// How many batches were of each size, the smallest first.
    pub fn counts(&self) -> &[u64; SIZES] {
        &self.counts
    }

    /// How many packets all of them had.
    pub fn packets(&self) -> u64 {
        self.packets
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_are_counted_by_powers_of_two() {
        let mut sizes = BatchSizes::default();
        for packets in [0, 1, 2, 3, 4, 127, 1 << 20] {
            sizes.note(packets);
        }
        assert_eq!(sizes.counts()[..3], [1, 2, 1]);
        assert_eq!((sizes.counts()[6], sizes.counts()[SIZES - 1]), (1, 1));
        assert_eq!(sizes.packets(), 1 + 2 + 3 + 4 + 127 + (1 << 20));
    }
}
