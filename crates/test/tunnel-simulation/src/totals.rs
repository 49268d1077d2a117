//! What has happened in a simulation, to be added up.

use std::collections::BTreeMap;

/// What has happened, to be added up.
#[derive(Clone, Debug, Default)]
pub struct Totals {
    /// Packets given to nodes, and those that came through.
    pub packets: u64,
    /// Those that came through.
    pub delivered: u64,
    /// Datagrams that left a node, and datagrams that reached one.
    pub datagrams: u64,
    /// Datagrams handed to a node, whoever sent them.
    pub arrivals: u64,
    /// Handshakes that completed.
    pub handshakes: u64,
    /// Disturbances.
    pub disturbances: u64,
    /// Drops by reason.
    pub drops: BTreeMap<String, u64>,
}
