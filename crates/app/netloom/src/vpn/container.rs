//! Containers that are peers with keys of their own: labels, namespaces, and policies between them.

use super::{Objects, WireGuardPeer};
use crate::network::NetworkError;
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;

/// A container as its platform knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContainerPeerInfo {
    /// Its id, of which the peer's name is made.
    pub container_id: String,
    /// Its namespace: policies name all containers of one by it.
    pub namespace: String,
    /// Its address in the interface's network.
    pub assigned_ip: IpAddr,
    /// Its labels, which services select by.
    pub labels: HashMap<String, String>,
    /// What may reach it. Without any, its namespace and the node may.
    pub policies: Vec<NetworkPolicy>,
}

/// What may reach a container, or what it may reach.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetworkPolicy {
    /// Its name.
    pub name: String,
    /// Who may reach the container.
    pub from: Vec<PolicySelector>,
    /// Whom the container may reach; everybody if no policy says so.
    pub to: Vec<PolicySelector>,
    /// At which ports; at all if there is none.
    pub ports: Vec<PolicyPort>,
    /// What happens to such flows.
    pub action: PolicyAction,
}

/// The other side of a policy: exactly one of these.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PolicySelector {
    /// Containers of the namespace with this `name`.
    pub namespace_selector: Option<HashMap<String, String>>,
    /// Containers with these labels, which Netloom has no word for yet.
    pub pod_selector: Option<HashMap<String, String>>,
    /// Addresses of a prefix.
    pub ip_block: Option<String>,
}

/// A port of a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyPort {
    /// The port.
    pub port: u16,
    /// `TCP` or `UDP`.
    pub protocol: String,
}

/// What happens to a flow that a policy names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PolicyAction {
    /// It passes.
    Allow,
    /// It does not; Netloom's groups allow only, and deny all else.
    Deny,
}

/// What is declared for a container.
pub(super) struct Container {
    /// The peer's name.
    pub(super) name: String,
    /// Groups of namespaces that are named: its own and those of its policies.
    pub(super) namespaces: Vec<String>,
    /// Its workload, and the group of its policies.
    pub(super) objects: Objects,
}

pub(super) fn declaration(
    node: &str,
    interface: &str,
    info: &ContainerPeerInfo,
    peer: &WireGuardPeer,
) -> Result<Container, NetworkError> {
    let name = if peer.name.is_empty() { label(&info.container_id) } else { peer.name.clone() };
    let (own, of_peer) = (namespace_group(interface, &info.namespace), format!("{name}-policy"));
    let mut groups: BTreeMap<String, Value> = BTreeMap::new();
    let (mut ingress, mut egress, mut named) = (Vec::new(), Vec::new(), vec![own.clone()]);
    for policy in &info.policies {
        if policy.action == PolicyAction::Deny {
            return Err(NetworkError::NotYet {
                what: "policy that denies",
                instead: "what no policy allows is denied; name what may pass",
            });
        }
        for (selectors, key, rules) in
            [(&policy.from, "from", &mut ingress), (&policy.to, "to", &mut egress)]
        {
            for selector in selectors {
                let other = other(interface, selector, &mut named)?;
                rules.extend(allowances(&policy.ports, key, &other));
            }
        }
    }
    if info.policies.is_empty() {
        ingress = vec![json!({ "from": { "security_group": &own } })];
        ingress.push(json!({ "from": { "security_group": format!("{interface}-host") } }));
    }
    if egress.is_empty() {
        egress.push(json!({ "to": "all" }));
    }
    groups.insert(of_peer.clone(), json!({ "ingress": ingress, "egress": egress }));
    let mut labels: Vec<(String, String)> = info.labels.clone().into_iter().collect();
    labels.push(("container".to_owned(), info.container_id.clone()));
    labels.push(("namespace".to_owned(), info.namespace.clone()));
    let address = IpAddr::to_string(&info.assigned_ip);
    let mut allowed_ips = vec![address.clone()];
    let same = |prefix: &&String| prefix.split('/').next() != Some(&address);
    allowed_ips.extend(peer.allowed_ips.iter().filter(same).cloned());
    let peer = WireGuardPeer { name: name.clone(), allowed_ips, ..peer.clone() };
    let (name, workload) = peer.workload(node, interface, &[own, of_peer], &labels);
    let objects = BTreeMap::from([
        ("security_groups".to_owned(), groups),
        ("workloads".to_owned(), BTreeMap::from([(name.clone(), workload)])),
    ]);
    Ok(Container { name, namespaces: named, objects })
}

fn other(
    interface: &str,
    selector: &PolicySelector,
    named: &mut Vec<String>,
) -> Result<Value, NetworkError> {
    match (&selector.namespace_selector, &selector.pod_selector, &selector.ip_block) {
        (Some(labels), None, None) if labels.len() == 1 && labels.contains_key("name") => {
            let group = namespace_group(interface, &labels["name"]);
            named.push(group.clone());
            Ok(json!({ "security_group": group }))
        }
        (None, None, Some(block)) => Ok(json!(block)),
        (None, None, None) => Ok(json!("all")),
        _ => Err(NetworkError::NotYet {
            what: "selector by labels",
            instead: "name a namespace by its `name`, or a prefix",
        }),
    }
}

fn allowances(ports: &[PolicyPort], key: &str, other: &Value) -> Vec<Value> {
    if ports.is_empty() {
        return vec![json!({ key: other })];
    }
    let one = |port: &PolicyPort| json!({ "protocol": port.protocol.to_ascii_lowercase(), "ports": port.port, key: other });
    ports.iter().map(one).collect()
}

/// The group of a namespace's containers.
fn namespace_group(interface: &str, namespace: &str) -> String {
    format!("{interface}-{}", label(namespace))
}

/// A name of others as a DNS label.
fn label(text: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    let label: String = text.chars().map(plain).take(40).collect();
    label.trim_matches('-').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is declared for a container with one policy, changed by `change`.
    fn with(change: impl FnOnce(&mut NetworkPolicy)) -> Result<Container, NetworkError> {
        let frontend = HashMap::from([("name".to_owned(), "frontend".to_owned())]);
        let mut policy = NetworkPolicy {
            name: "p".to_owned(),
            from: vec![PolicySelector {
                namespace_selector: Some(frontend),
                ..PolicySelector::default()
            }],
            to: Vec::new(),
            ports: vec![PolicyPort { port: 8080, protocol: "TCP".to_owned() }],
            action: PolicyAction::Allow,
        };
        change(&mut policy);
        let info = ContainerPeerInfo {
            container_id: "Box_1".to_owned(),
            namespace: "default".to_owned(),
            assigned_ip: [10, 0, 0, 9].into(),
            labels: HashMap::from([("app".to_owned(), "web".to_owned())]),
            policies: vec![policy],
        };
        declaration("alpha", "wg0", &info, &WireGuardPeer::new("", "KEY"))
    }

    fn labelled(label: &str) -> Option<HashMap<String, String>> {
        Some(HashMap::from([(label.to_owned(), "x".to_owned())]))
    }

    #[test]
    fn a_container_is_a_workload_with_its_labels_and_a_group_of_its_policies() {
        let made = with(|policy| {
            policy.to = vec![PolicySelector {
                ip_block: Some("10.1.0.0/16".to_owned()),
                ..PolicySelector::default()
            }];
        });
        let made = made.unwrap_or_else(|error| panic!("{error}"));
        assert_eq!((made.name.as_str(), made.namespaces.len()), ("box-1", 2));
        let workload = &made.objects["workloads"]["box-1"];
        assert_eq!(workload["address"], json!(["10.0.0.9"]));
        let labels = json!({ "app": "web", "container": "Box_1", "namespace": "default" });
        assert_eq!(workload["labels"], labels);
        assert_eq!(workload["security_groups"], json!(["wg0-default", "box-1-policy"]));
        let rule =
            |key: &str, other: Value| json!({ "protocol": "tcp", "ports": 8080, key: other });
        assert_eq!(
            made.objects["security_groups"]["box-1-policy"],
            json!({
                "ingress": [rule("from", json!({ "security_group": "wg0-frontend" }))],
                "egress": [rule("to", json!("10.1.0.0/16"))],
            })
        );
    }

    #[test]
    fn what_there_is_no_word_for_yet_is_refused_with_what_to_do_instead() {
        let of_pods = |pods: Option<HashMap<String, String>>| PolicySelector {
            pod_selector: pods,
            ..PolicySelector::default()
        };
        let denying = with(|policy| policy.action = PolicyAction::Deny);
        let by_pods = with(|policy| policy.to = vec![of_pods(labelled("app"))]);
        let by_both = with(|policy| policy.from[0].pod_selector = labelled("app"));
        let by_label = with(|policy| policy.from[0].namespace_selector = labelled("team"));
        let by_more = with(|policy| {
            let names = policy.from[0].namespace_selector.get_or_insert_default();
            names.insert("team".to_owned(), "x".to_owned());
        });
        for (refused, word) in [
            (denying, "name what may pass"),
            (by_pods, "name a namespace by its `name`"),
            (by_both, "name a namespace by its `name`"),
            (by_label, "name a namespace by its `name`"),
            (by_more, "name a namespace by its `name`"),
        ] {
            let error = refused.err().map(|error| error.to_string()).unwrap_or_default();
            assert!(error.contains(word), "{word}: {error}");
        }
    }
}
