//! Why there is no plan of addresses.

use netloom_model::fabric::Name;

/// Why there is no plan.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unplannable {
    /// Nothing to plan.
    #[error("there is no {0}: name at least one")]
    Nothing(&'static str),
    /// A name that is there twice.
    #[error("`{0}` is named twice: each subnet needs a name of its own")]
    Twice(Name),
    /// A name that cannot be one.
    #[error("`{0}` cannot be a part of a name: use a-z, 0-9 and -")]
    BadName(Name),
    /// More hosts than any subnet holds.
    #[error("{hosts} workloads for `{tier}`: a subnet holds at most 16777211 (a /8)")]
    TooManyHosts {
        /// The tier.
        tier: Name,
        /// How many.
        hosts: u64,
    },
    /// What the check of a file refuses.
    #[error("{message}: {cause}; {solution}")]
    Refused {
        /// What is wrong.
        message: String,
        /// Why.
        cause: String,
        /// What to do.
        solution: String,
    },
    /// Too little is free.
    #[error(
        "{count} subnet{} of /{length} for `{tier}` {} not fit: {free} addresses are free beside the larger tiers, the largest \
         part is {largest}; ask for fewer hosts, zones or tiers, or add a prefix to the network",
        if *.count == 1 { "" } else { "s" },
        if *.count == 1 { "does" } else { "do" },
    )]
    Full {
        /// The tier for which there is no room.
        tier: Name,
        /// How many subnets it needs.
        count: usize,
        /// Their length.
        length: u8,
        /// How many addresses are free where it was looked.
        free: u128,
        /// The largest free part, or `none`.
        largest: String,
    },
}
