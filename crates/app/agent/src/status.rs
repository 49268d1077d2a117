//! What an agent says of itself.

use crate::agent::Agent;
use crate::protocol::{NetworkStatus, PeerStatus, Status, WorkloadStatus};
use ipnet::IpNet;
use netloom_plan::firewall::TABLE;
use netloom_state::Namespace;
use std::collections::BTreeMap;

impl Agent {
    pub(crate) fn status(&mut self) -> anyhow::Result<Status> {
        let tunnels = self.tunnels.status()?;
        let mut networks = BTreeMap::new();
        for (name, network) in &self.plan.networks {
            let (peers, tunnel) = self.tunnels.of_network(&tunnels, name, network);
            let counters = self.executor.counters(&network.namespace, TABLE)?;
            let denied =
                counters.into_iter().map(|(reason, counter)| (reason, counter.packets)).collect();
            let namespace = self.path(&network.namespace);
            let tunnel = tunnel.to_owned();
            let stock_peers = self.tunnels.stock_peers(&tunnels, name, network);
            let status = NetworkStatus { namespace, tunnel, peers, stock_peers, denied };
            networks.insert(name.clone(), status);
        }
        let mut workloads = self.workload_status();
        for (name, peer) in networks.values().flat_map(|network| &network.stock_peers) {
            workloads.insert(name.clone(), stock_peer(peer));
        }
        Ok(Status {
            node: self.node().to_owned(),
            fabric: self.source.joined.facts.fabric.clone(),
            commit: self.source.revision,
            address: self.address,
            networks,
            tunnels: self.tunnels.totals(&tunnels),
            workloads,
            control: Some(self.follower.state().1),
            error: self
                .last_error
                .clone()
                .or_else(|| self.not_kept())
                .or_else(|| self.drift.error()),
            drift: self.drift.status(),
            translation: self.translation(),
        })
    }

    /// What is held would not survive a restart.
    fn not_kept(&self) -> Option<String> {
        self.follower.not_kept().map(str::to_owned)
    }

    fn workload_status(&self) -> BTreeMap<String, WorkloadStatus> {
        let mut status = self.workloads.status();
        for (name, absence) in &self.attachments.absent {
            let absent = WorkloadStatus {
                addresses: self
                    .desired
                    .slice
                    .leases
                    .workloads
                    .get(name)
                    .cloned()
                    .unwrap_or_default(),
                state: "absent".to_owned(),
                detail: Some(absence.why.clone()),
                command: Some(absence.command.clone()),
                ..WorkloadStatus::default()
            };
            status.insert(name.clone(), absent);
        }
        status
    }

    pub(crate) fn path(&self, namespace: &Namespace) -> String {
        match namespace {
            Namespace::Host => String::new(),
            Namespace::Own(name) => {
                self.options.run.join("netns").join(name).to_string_lossy().into_owned()
            }
            Namespace::Path(path) => path.clone(),
        }
    }
}

/// A stock peer as a workload of the node that it holds a session with.
fn stock_peer(peer: &PeerStatus) -> WorkloadStatus {
    let state = match (&peer.public_key, peer.has_session) {
        (None, _) => "has no key",
        (Some(_), true) => "connected",
        (Some(_), false) if peer.handshakes > 0 => "idle",
        (Some(_), false) => "waits for its first handshake",
    };
    let prefixes = peer.allowed.iter().filter_map(|prefix| prefix.parse::<IpNet>().ok());
    let own = prefixes.filter(|prefix| prefix.prefix_len() == prefix.max_prefix_len());
    WorkloadStatus {
        addresses: own.map(|prefix| prefix.addr()).collect(),
        state: state.to_owned(),
        ..WorkloadStatus::default()
    }
}
