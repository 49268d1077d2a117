//! Stock peers: what the file says of them, as the engine takes it, and how they are doing.

use super::{NodeTunnels, seen};
use crate::endpoints::Endpoints;
use crate::key_files;
use crate::protocol::PeerStatus;
use anyhow::Context as _;
use netloom_node::{NetworkId, PeerConfig};
use netloom_plan::peers::StockPeerPlan;
use netloom_plan::{NetworkPlan, NodePlan};
use netloom_tunnel::TunnelStatus;
use netloom_wireguard::PublicKey;
use std::collections::BTreeMap;
use std::net::SocketAddr;

/// Whether the secrets of all stock peers of a plan can be had.
pub(super) fn check(plan: &NodePlan) -> anyhow::Result<()> {
    for network in plan.networks.values() {
        for (name, peer) in &network.stock_peers {
            if let Some(path) = &peer.preshared_key_file {
                key_files::preshared_key(path).with_context(|| format!("peer `{name}`"))?;
            }
        }
    }
    Ok(())
}

/// A stock peer as the engine takes it; none as long as its key is not known. `known` says where
/// a peer with this key was heard from before.
pub(super) fn config(
    plan: &StockPeerPlan,
    endpoints: &mut Endpoints,
    known: impl Fn(&PublicKey) -> Option<SocketAddr>,
) -> anyhow::Result<Option<PeerConfig>> {
    let Some(key) = plan.public_key else { return Ok(None) };
    let public_key = PublicKey::from_bytes(key);
    let path = plan.preshared_key_file.as_deref();
    let endpoint = plan.endpoint.as_deref().and_then(|endpoint| endpoints.find(endpoint));
    Ok(Some(PeerConfig {
        psk: path.map(key_files::preshared_key).transpose()?,
        endpoint: endpoint.or_else(|| known(&public_key)),
        allowed: plan.allowed.clone(),
        keepalive: plan.keepalive,
        ..PeerConfig::new(public_key)
    }))
}

impl NodeTunnels {
    /// How the stock peers of a network are doing.
    pub(crate) fn stock_peers(
        &self,
        status: &TunnelStatus,
        name: &str,
        network: &NetworkPlan,
    ) -> BTreeMap<String, PeerStatus> {
        let id = self.ids.get(name).copied().unwrap_or(NetworkId(0));
        let one = |(name, plan): (&String, &StockPeerPlan)| {
            let key = plan.public_key.map(PublicKey::from_bytes);
            let now = key.and_then(|key| status.peers.get(&(id, key)));
            let state = PeerStatus {
                keepalive: plan.keepalive.is_some(),
                public_key: key.map(|key| key.to_string()),
                allowed: plan.allowed.iter().map(ToString::to_string).collect(),
                ..now.map(seen).unwrap_or_default()
            };
            (name.clone(), state)
        };
        network.stock_peers.iter().map(one).collect()
    }
}
