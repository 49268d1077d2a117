//! What all tunnels of a node have carried, as the agent tells it.

use super::NodeTunnels;
use crate::protocol::{Batches, TunnelTotals};
use netloom_tunnel::TunnelStatus;
use netloom_tunnel::traffic::BatchSizes;
use std::collections::BTreeMap;

impl NodeTunnels {
    /// Packets, drops, batches and offloads of all networks.
    pub(crate) fn totals(&self, status: &TunnelStatus) -> TunnelTotals {
        let traffic = &status.traffic;
        let batches = [
            ("from_devices", &traffic.from_devices),
            ("to_devices", &traffic.to_devices),
            ("from_port", &traffic.from_port),
            ("to_port", &traffic.to_port),
        ];
        let sizes = |sizes: &BatchSizes| Batches {
            counts: sizes.counts().to_vec(),
            packets: sizes.packets(),
        };
        let mut offloads = BTreeMap::from([("send".to_owned(), status.has_send_offload)]);
        for (network, id) in &self.ids {
            if let Some(found) = status.offloads.get(id) {
                offloads.insert(format!("{network} tcp"), found.tcp);
                offloads.insert(format!("{network} udp"), found.udp);
            }
        }
        TunnelTotals {
            sealed_packets: status.packets.0,
            opened_packets: status.packets.1,
            drops: status.drops.clone(),
            batches: batches.map(|(way, found)| (way.to_owned(), sizes(found))).into(),
            offloads,
        }
    }
}
