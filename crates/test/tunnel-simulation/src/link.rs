//! What a link does to the datagrams on it.

/// What links do to datagrams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    /// The least that a datagram takes.
    pub delay_ms: u64,
    /// Up to this much more, which reorders.
    pub jitter_ms: u64,
    /// Lost.
    pub loss_per_mille: u32,
    /// Delivered twice.
    pub repeat_per_mille: u32,
    /// Altered by a bit, or cut short.
    pub harm_per_mille: u32,
}

impl Link {
    /// One that delivers everything, after ten milliseconds.
    pub const GOOD: Self = Self {
        delay_ms: 10,
        jitter_ms: 0,
        loss_per_mille: 0,
        repeat_per_mille: 0,
        harm_per_mille: 0,
    };
}
