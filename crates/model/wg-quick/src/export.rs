//! A file for a stock peer: what wg-quick, phones and routers read.

use ipnet::IpNet;
use std::fmt;
use std::net::IpAddr;

/// What a stock peer needs to connect to its node.
#[derive(Clone, PartialEq, Eq)]
pub struct Export {
    /// The peer's name.
    pub peer: String,
    /// Name of the fabric and the network, for the reader.
    pub network: String,
    /// The peer's private key in base64, if whoever exports knows it.
    pub private_key: Option<String>,
    /// The peer's addresses.
    pub addresses: Vec<IpAddr>,
    /// Resolvers of the network.
    pub resolvers: Vec<IpAddr>,
    /// Its domain.
    pub domain: String,
    /// Largest packet inside the tunnel.
    pub mtu_bytes: u32,
    /// The node that it connects to.
    pub node: String,
    /// The node's key in the network, in base64.
    pub node_key: String,
    /// The preshared key in base64, if there is one and it is known.
    pub preshared_key: Option<String>,
    /// Where the node is called, if it can be.
    pub endpoint: Option<String>,
    /// What is reached through the tunnel.
    pub allowed: Vec<IpNet>,
    /// How often the peer sends something when there is nothing to send, in seconds.
    pub keepalive_s: Option<u16>,
}

impl Export {
    /// The text of the file.
    pub fn text(&self) -> String {
        let addresses: Vec<String> =
            self.addresses.iter().map(|ip| IpNet::from(*ip).to_string()).collect();
        let allowed: Vec<String> = self.allowed.iter().map(ToString::to_string).collect();
        let mut dns: Vec<String> = self.resolvers.iter().map(ToString::to_string).collect();
        if !dns.is_empty() && !self.domain.is_empty() {
            dns.push(self.domain.clone());
        }
        let mut lines =
            vec![format!("# {} in {}", self.peer, self.network), "[Interface]".to_owned()];
        match &self.private_key {
            Some(key) => lines.push(format!("PrivateKey = {key}")),
            None => {
                lines.push("# PrivateKey = (only the peer has it: fill it in there)".to_owned())
            }
        }
        lines.push(format!("Address = {}", addresses.join(", ")));
        if !dns.is_empty() {
            lines.push(format!("DNS = {}", dns.join(", ")));
        }
        lines.push(format!("MTU = {}", self.mtu_bytes));
        lines.push(String::new());
        lines.push(format!("# node {}", self.node));
        lines.push("[Peer]".to_owned());
        lines.push(format!("PublicKey = {}", self.node_key));
        if let Some(key) = &self.preshared_key {
            lines.push(format!("PresharedKey = {key}"));
        }
        lines.push(format!("AllowedIPs = {}", allowed.join(", ")));
        if let Some(endpoint) = &self.endpoint {
            lines.push(format!("Endpoint = {endpoint}"));
        }
        if let Some(seconds) = self.keepalive_s {
            lines.push(format!("PersistentKeepalive = {seconds}"));
        }
        lines.push(String::new());
        lines.join("\n")
    }
}

impl fmt::Debug for Export {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Export({} in {})", self.peer, self.network)
    }
}
