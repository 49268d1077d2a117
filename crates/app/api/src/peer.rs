//! Stock WireGuard peers, and what their own configuration needs to say.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// `POST /v1/peers/NAME/key`: gives a peer that was declared through the API another key.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SetPeerKey {
    /// The public key in base64.
    pub public_key: String,
    /// Who asks.
    #[serde(default)]
    pub author: String,
    /// How long to wait for the nodes, in milliseconds.
    #[serde(default)]
    pub wait_ms: u64,
    /// Keep the revision even if nodes refuse it; else control goes back to the one before.
    #[serde(default)]
    pub keep_refused: bool,
}

/// `GET /v1/peers`, `GET /v1/peers/NAME`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Peer {
    /// Its name: that of its workload.
    pub name: String,
    /// Its network.
    pub network: String,
    /// The network's DNS domain.
    pub domain: String,
    /// The node that it holds a session with.
    pub node: String,
    /// Its addresses.
    pub addresses: Vec<String>,
    /// Prefixes behind it.
    pub advertise: Vec<String>,
    /// Groups that govern its traffic.
    pub security_groups: Vec<String>,
    /// Its public key in base64, if it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public_key: Option<String>,
    /// File on the node with its preshared key, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preshared_key_file: Option<String>,
    /// Resolvers that it asks.
    pub resolvers: Vec<String>,
    /// Largest packet inside the tunnel.
    pub mtu_bytes: u32,
    /// The node's public key in the network, in base64, once the node has made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node_key: Option<String>,
    /// Where it calls the node, if that can be called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// Where the node calls it, if it can be called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub own_endpoint: Option<String>,
    /// What it reaches through the node.
    pub allowed: Vec<String>,
    /// How the node says that it is doing; none if the node is away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub report: Option<Value>,
}
