//! WireGuard as programs ask for it: an interface becomes a network, its peers workloads of a node.
//!
//! ```no_run
//! # async fn example() -> Result<(), netloom::network::NetworkError> {
//! use netloom::network::Config;
//! use netloom::vpn::{WireGuardManager, WireGuardPeer};
//!
//! let manager = WireGuardManager::new(Config::local("shop"), "alpha");
//! let interface = manager.create_interface("wg0", "10.0.0.1".parse().unwrap(), "10.0.0.0/24").await?;
//! let peer = WireGuardPeer::new("phone", "PUBLIC KEY").with_allowed_ip("10.0.0.2/32");
//! manager.add_peer(&interface, peer).await?;
//! # Ok(())
//! # }
//! ```
//! All that belongs to an interface or a peer is declared at once, or nothing of it. Private keys are never
//! given to control: they stay in a file on the node.

mod address;
mod container;
mod key;
mod peer;

pub use container::{ContainerPeerInfo, NetworkPolicy, PolicyAction, PolicyPort, PolicySelector};
pub use key::{generate_private_key, public_key};
pub use peer::WireGuardPeer;

use crate::ClientError;
use crate::network::{Config, Network, NetworkError, kept};
use address::{first_address, prefix};
use netloom_api::{Applied, DeclareAll, Peer};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

/// Folder of keys where none is named.
const KEY_FOLDER: &str = "/etc/netloom";
/// How long the nodes are waited for, in milliseconds.
const WAIT_MS: u64 = 30_000;

/// Objects of a fabric by section and name.
type Objects = BTreeMap<String, BTreeMap<String, Value>>;

/// A WireGuard interface with its peers, as a file of wg-quick has it.
#[derive(Clone, Debug, Default)]
pub struct WireGuardConfig<'a> {
    /// Its name, and that of its network.
    pub interface: &'a str,
    /// The interface's address with its length, such as `10.0.0.1/24`; found from the peers if empty.
    pub address: &'a str,
    /// Its private key in base64; the node makes one if it is empty.
    pub private_key: String,
    /// The port that peers call. Nodes listen on one port for all networks, so this must be the node's;
    /// 0 if it does not matter.
    pub listen_port: u16,
    /// Its peers.
    pub peers: Vec<WireGuardPeer>,
}

/// Makes interfaces and peers on one node.
#[derive(Clone, Debug)]
pub struct WireGuardManager {
    network: Network,
    config: Config,
    node: String,
    key_folder: PathBuf,
    key_rotation: Option<Duration>,
}

impl WireGuardManager {
    /// A handle; nothing is asked yet. `node` holds the sessions with all peers.
    pub fn new(config: Config, node: &str) -> Self {
        let network = Network::of(config.clone());
        Self {
            network,
            config,
            node: node.to_owned(),
            key_folder: KEY_FOLDER.into(),
            key_rotation: None,
        }
    }

    /// With another folder for private keys, which must be on the node.
    #[must_use]
    pub fn with_key_folder(self, folder: impl Into<PathBuf>) -> Self {
        Self { key_folder: folder.into(), ..self }
    }

    /// Interfaces that are made from now on renew the keys of their sessions on an interval, from 10 seconds
    /// to 30 days.
    #[must_use]
    pub fn with_key_rotation(self, interval: Duration) -> Self {
        Self { key_rotation: Some(interval), ..self }
    }

    /// The networks below, for everything else.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// Makes an interface: a network with the prefix, in which the node's own stack has the address. Its
    /// peers reach the node and what they are allowed. Gives its name, to add peers to.
    ///
    /// # Errors
    /// Control refuses it: its name is taken, its prefix makes no sense.
    pub async fn create_interface(
        &self,
        name: &str,
        address: IpAddr,
        cidr: &str,
    ) -> Result<String, NetworkError> {
        let objects = self.interface(name, &[address], &[cidr], None);
        self.declare(objects).await?;
        Ok(name.to_owned())
    }

    /// Makes an interface with all its peers. A private key is written to a file that only its owner
    /// reads, so this must run on the node.
    ///
    /// # Errors
    /// Control refuses it, or the key cannot be written; nothing is declared then.
    pub async fn add_wireguard_tunnel(
        &self,
        config: WireGuardConfig<'_>,
    ) -> Result<Vec<Peer>, NetworkError> {
        let address = match config.address {
            "" => first_address(&config.peers)
                .ok_or_else(|| NetworkError::NoPrefix { name: config.interface.to_owned() })?,
            address => address.to_owned(),
        };
        let (own, length) = address.split_once('/').unwrap_or((&address, "24"));
        let own: IpAddr = own.parse().map_err(|_| refused("address", &address))?;
        let cidr = prefix(own, length).ok_or_else(|| refused("address", &address))?;
        let key_file = match config.private_key.as_str() {
            "" => None,
            key => Some(key::keep(&self.key_folder.join(config.interface), key)?),
        };
        let mut objects = self.interface(config.interface, &[own], &[&cidr], key_file.as_deref());
        for peer in &config.peers {
            let (name, declaration) = peer.workload(&self.node, config.interface, &[], &[]);
            objects.entry("workloads".to_owned()).or_default().insert(name, declaration);
        }
        self.declare(objects).await?;
        let mut made = Vec::new();
        for peer in &config.peers {
            made.push(self.network.client().peer(&peer.label(config.interface)).await?);
        }
        Ok(made)
    }

    /// Adds a peer to an interface.
    ///
    /// # Errors
    /// Control refuses it: its name or its key is taken, it has no address of the network.
    pub async fn add_peer(
        &self,
        interface: &str,
        peer: WireGuardPeer,
    ) -> Result<Peer, NetworkError> {
        let (name, declaration) = peer.workload(&self.node, interface, &[], &[]);
        self.declare(one("workloads", &name, declaration)).await?;
        Ok(self.network.client().peer(&name).await?)
    }

    /// Adds a container that is a peer with a key of its own, with its labels and what its policies allow.
    ///
    /// # Errors
    /// Control refuses it, or a policy says what Netloom has no word for yet.
    pub async fn add_container_peer(
        &self,
        interface: &str,
        info: ContainerPeerInfo,
        peer: WireGuardPeer,
    ) -> Result<Peer, NetworkError> {
        let container = container::declaration(&self.node, interface, &info, &peer)?;
        for group in &container.namespaces {
            self.make_empty_group(group).await?;
        }
        self.declare(container.objects).await?;
        let name = container.name;
        Ok(self.network.client().peer(&name).await?)
    }

    /// Removes a peer that was added so.
    ///
    /// # Errors
    /// There is none, or a file declares it.
    pub async fn remove_peer(&self, name: &str) -> Result<(), NetworkError> {
        self.network.delete_workload(name).await
    }

    /// All peers of this node, with their sessions.
    ///
    /// # Errors
    /// Control does not answer.
    pub async fn list_peers(&self) -> Result<Vec<Peer>, NetworkError> {
        let mut peers = self.network.client().peers().await?;
        peers.retain(|peer| peer.node == self.node);
        Ok(peers)
    }

    /// A session over WireGuard and QUIC at once, which Netloom does not have yet.
    ///
    /// # Errors
    /// Always.
    pub fn create_hybrid_tunnel(
        &self,
        _peer: &str,
    ) -> impl Future<Output = Result<String, NetworkError>> + Send {
        std::future::ready(Err(NetworkError::NotYet {
            what: "session over WireGuard and QUIC at once",
            instead: "peers are reached over WireGuard; add them with `add_peer`",
        }))
    }

    fn interface(
        &self,
        name: &str,
        addresses: &[IpAddr],
        cidrs: &[&str],
        key_file: Option<&str>,
    ) -> Objects {
        let mut network = json!({ "cidr": cidrs });
        if let Some(file) = key_file {
            network["private_key_files"] = json!({ &self.node: file });
        }
        if let Some(interval) = self.key_rotation {
            network["key_rotation"] = json!(format!("{}s", interval.as_secs()));
        }
        // Peers have the first addresses by custom, so the network keeps its last ones.
        let subnet = json!({ "network": name, "cidr": cidrs, "reserved": "last" });
        let (peers, host) = (format!("{name}-peers"), format!("{name}-host"));
        let any = |key: &str, group: &str| json!({ key: { "security_group": group } });
        let groups = [
            (
                peers.clone(),
                json!({
                    "ingress": [any("from", &host), any("from", &peers)],
                    "egress": [{ "to": "all" }],
                }),
            ),
            (
                host.clone(),
                json!({ "ingress": [any("from", &peers)], "egress": [{ "to": "all" }] }),
            ),
        ];
        let workload = json!({
            "node": self.node, "subnet": name, "address": addresses,
            "security_groups": [&host], "attach": "host",
        });
        BTreeMap::from([
            ("networks".to_owned(), BTreeMap::from([(name.to_owned(), network)])),
            ("subnets".to_owned(), BTreeMap::from([(name.to_owned(), subnet)])),
            ("security_groups".to_owned(), groups.into()),
            ("workloads".to_owned(), BTreeMap::from([(host.clone(), workload)])),
        ])
    }

    async fn declare(&self, objects: Objects) -> Result<Applied, NetworkError> {
        let (author, keep_refused) = (self.config.author().to_owned(), self.config.keep_refused());
        let wanted =
            DeclareAll { objects, author, wait_ms: WAIT_MS, keep_refused, ..DeclareAll::default() };
        kept(self.network.client().declare_all(&wanted).await?)
    }

    /// Makes sure that there is a group, which others name its members by.
    async fn make_empty_group(&self, name: &str) -> Result<(), NetworkError> {
        let nothing = json!({ "ingress": [], "egress": [] });
        match self.declare(one("security_groups", name, nothing)).await {
            Err(NetworkError::Client(ClientError::Refused(refused)))
                if refused.message.contains("already") || refused.message.contains("in a file") =>
            {
                Ok(())
            }
            other => other.map(drop),
        }
    }
}

fn one(section: &str, name: &str, declaration: Value) -> Objects {
    let objects = BTreeMap::from([(name.to_owned(), declaration)]);
    BTreeMap::from([(section.to_owned(), objects)])
}

/// What control would say of it, if it were asked.
fn refused(what: &str, found: &str) -> NetworkError {
    let message = format!("the {what} cannot be used: {found}");
    ClientError::Refused(Box::new(netloom_api::Error::new(message, "correct it"))).into()
}
