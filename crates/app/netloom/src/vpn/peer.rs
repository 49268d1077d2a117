//! A stock peer, as a WireGuard file names it.

use serde_json::{Value, json};
use std::time::Duration;

/// A WireGuard peer that is no node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WireGuardPeer {
    /// Its name; made from its interface and its key where it is empty.
    pub name: String,
    /// Its public key in base64.
    pub public_key: String,
    /// Where it is called, `host:port`, if it can be called.
    pub endpoint: Option<String>,
    /// Its address, as `10.0.0.2/32`, and prefixes behind it.
    pub allowed_ips: Vec<String>,
    /// How often its node sends something when there is nothing to send.
    pub persistent_keepalive: Option<Duration>,
}

impl WireGuardPeer {
    /// A peer with a name and a key.
    pub fn new(name: &str, public_key: &str) -> Self {
        Self { name: name.to_owned(), public_key: public_key.to_owned(), ..Self::default() }
    }

    /// With an address or prefix more.
    #[must_use]
    pub fn with_allowed_ip(mut self, prefix: &str) -> Self {
        self.allowed_ips.push(prefix.to_owned());
        self
    }

    /// Which is called at `host:port`.
    #[must_use]
    pub fn with_endpoint(mut self, endpoint: &str) -> Self {
        self.endpoint = Some(endpoint.to_owned());
        self
    }

    /// The name of its workload: its own, or one from its interface and its key.
    pub(super) fn label(&self, interface: &str) -> String {
        if !self.name.is_empty() {
            return self.name.clone();
        }
        let plain = self.public_key.chars().filter(char::is_ascii_alphanumeric).take(8);
        let key: String = plain.collect::<String>().to_ascii_lowercase();
        format!("{interface}-{key}")
    }

    /// Its name, and its declaration as a workload with further groups and labels.
    pub(super) fn workload(
        &self,
        node: &str,
        interface: &str,
        groups: &[String],
        labels: &[(String, String)],
    ) -> (String, Value) {
        let single = |prefix: &&String| match prefix.split_once('/') {
            None => true,
            Some((address, length)) => length == if address.contains(':') { "128" } else { "32" },
        };
        // The first address of each family is its own; all others are reached through it.
        let (mut own, mut behind): (Vec<&str>, Vec<&str>) = (Vec::new(), Vec::new());
        for prefix in &self.allowed_ips {
            let address = prefix.split('/').next().unwrap_or(prefix);
            let taken = own.iter().any(|other| other.contains(':') == address.contains(':'));
            if single(&prefix) && !taken { own.push(address) } else { behind.push(prefix) }
        }
        let mut wireguard = json!({ "public_key": self.public_key });
        if let Some(endpoint) = &self.endpoint {
            wireguard["endpoint"] = json!(endpoint);
        }
        if let Some(keepalive) = self.persistent_keepalive {
            wireguard["keepalive"] = json!(format!("{}s", keepalive.as_secs()));
        }
        let groups: Vec<String> =
            if groups.is_empty() { vec![format!("{interface}-peers")] } else { groups.to_vec() };
        let labels: serde_json::Map<String, Value> =
            labels.iter().map(|(key, value)| (key.clone(), json!(value))).collect();
        let declaration = json!({
            "node": node, "subnet": interface, "address": own, "advertise": behind,
            "labels": labels, "security_groups": groups, "attach": { "wireguard": wireguard },
        });
        (self.label(interface), declaration)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_address_is_its_own_and_the_rest_is_behind_it() {
        let peer = WireGuardPeer::new("p", "k")
            .with_allowed_ip("10.0.0.2/32")
            .with_allowed_ip("fd00::2/128")
            .with_allowed_ip("10.0.0.9/32")
            .with_allowed_ip("192.168.0.0/16");
        let (name, declared) = peer.workload("alpha", "wg0", &[], &[]);
        assert_eq!(name, "p");
        assert_eq!(declared["address"], json!(["10.0.0.2", "fd00::2"]));
        assert_eq!(declared["advertise"], json!(["10.0.0.9/32", "192.168.0.0/16"]));
        assert_eq!(declared["security_groups"], json!(["wg0-peers"]));
        let unnamed = WireGuardPeer { public_key: "Ab+/cd1234=".into(), ..Default::default() };
        assert_eq!(unnamed.label("wg0"), "wg0-abcd1234");
    }
}
