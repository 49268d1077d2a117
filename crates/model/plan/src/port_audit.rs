//! The service port table against what is declared and what really listens.
//!
//! ```text
//! table, rules, ways ─ declared ─► internal ports that outsiders reach, public ones that nobody publishes
//! table, sockets     ─ observed ─► listeners that no entry knows, published ports where nobody listens
//! ```

use crate::input::PlanInput;
use crate::reach::{self, Answer, Flow};
use netloom_model::fabric::{Fabric, Name, Party, Protocol, ServicePort};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// A socket that waits to be called by others than its own host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Listening {
    /// TCP or UDP.
    pub protocol: Protocol,
    /// Its port.
    pub port: u16,
}

/// Who listens: a workload, or a node's own stack.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Owner {
    /// A workload with a namespace of its own.
    Workload(Name),
    /// A node's stack, with the workloads of the host that are there.
    Stack(Name),
}

/// What is not as the table says.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Finding {
    /// Outsiders reach a port that is internal.
    Exposed {
        /// The entry.
        entry: Name,
        /// The workload.
        workload: Name,
        /// The port.
        at: Listening,
    },
    /// A public port that no workload publishes.
    Unpublished {
        /// The entry.
        entry: Name,
        /// The port.
        at: Listening,
    },
    /// A listener that no entry knows.
    Unlisted {
        /// Whose.
        owner: Owner,
        /// The port.
        at: Listening,
    },
    /// A port that is published, and nobody listens.
    Silent {
        /// The workload.
        workload: Name,
        /// The port.
        at: Listening,
    },
}

/// What the file alone tells: exposed and unpublished ports.
pub fn declared(input: &PlanInput<'_>) -> Vec<Finding> {
    let fabric = input.fabric;
    let mut found = Vec::new();
    let published: BTreeSet<(Protocol, u16)> = fabric
        .workloads
        .values()
        .flat_map(|workload| &workload.publish)
        .flat_map(|one| [(one.protocol, one.port), (one.protocol, one.to)])
        .collect();
    for (entry, port) in &fabric.ports {
        let at = listening(port);
        if !port.is_public {
            let exposed = fabric.workloads.keys().filter(|name| is_exposed(input, name, port));
            let finding = |workload: &Name| Finding::Exposed {
                entry: entry.clone(),
                workload: workload.clone(),
                at,
            };
            found.extend(exposed.map(finding));
        } else if !published.contains(&(port.protocol, port.port)) {
            found.push(Finding::Unpublished { entry: entry.clone(), at });
        }
    }
    found
}

/// Whether a host outside of the fabric reaches a port of a workload.
fn is_exposed(input: &PlanInput<'_>, workload: &Name, port: &ServicePort) -> bool {
    let fabric = input.fabric;
    let declared = &fabric.workloads[workload];
    // Without either nothing comes in, and most workloads have neither.
    let subnet = &fabric.subnets[&declared.subnet];
    if declared.publish.is_empty() && !subnet.public && subnet.route_table.is_none() {
        return false;
    }
    let flow = Flow {
        from: Party::Internet,
        to: Party::Workload(workload.clone()),
        protocol: port.protocol,
        port: Some(port.port),
    };
    reach::reach(input, &flow).is_ok_and(|answers| answers.iter().any(Answer::passes))
}

/// What sockets tell: unlisted listeners, and published ports where nobody listens. `sockets` has an
/// entry for whoever could be looked at.
pub fn observed(fabric: &Fabric, sockets: &BTreeMap<Owner, BTreeSet<Listening>>) -> Vec<Finding> {
    let listed: BTreeSet<Listening> = fabric.ports.values().map(listening).collect();
    let mut found = Vec::new();
    for (owner, listening) in sockets {
        let behind = behind_listed(fabric, owner, &listed);
        let unlisted = listening.iter().filter(|at| !listed.contains(at) && !behind.contains(at));
        found.extend(unlisted.map(|at| Finding::Unlisted { owner: owner.clone(), at: *at }));
    }
    for (name, workload) in &fabric.workloads {
        let owner = match workload.is_host() {
            true => Owner::Stack(workload.node.clone()),
            false => Owner::Workload(name.clone()),
        };
        let Some(here) = sockets.get(&owner) else { continue };
        for one in &workload.publish {
            let at = Listening { protocol: one.protocol, port: one.to };
            if !here.contains(&at) {
                found.push(Finding::Silent { workload: name.clone(), at });
            }
        }
    }
    found
}

/// Where an owner is called by a listed port that leads to another one.
fn behind_listed(
    fabric: &Fabric,
    owner: &Owner,
    listed: &BTreeSet<Listening>,
) -> BTreeSet<Listening> {
    let is_owners = |(name, workload): &(&Name, &netloom_model::fabric::Workload)| match owner {
        Owner::Workload(own) => own == *name,
        Owner::Stack(node) => workload.is_host() && workload.node == *node,
    };
    let published = fabric.workloads.iter().filter(is_owners).flat_map(|(_, one)| &one.publish);
    let of_listed = published
        .filter(|one| listed.contains(&Listening { protocol: one.protocol, port: one.port }));
    of_listed.map(|one| Listening { protocol: one.protocol, port: one.to }).collect()
}

fn listening(port: &ServicePort) -> Listening {
    Listening { protocol: port.protocol, port: port.port }
}

impl Finding {
    /// What to do.
    pub fn solution(&self) -> String {
        match self {
            Self::Exposed { workload, .. } => format!(
                "let only the fabric's prefixes or groups into `{workload}`, or write `visibility: public`"
            ),
            Self::Unpublished { entry, .. } => {
                format!(
                    "add it to a workload's `publish`, or write `visibility: internal` for `{entry}`"
                )
            }
            Self::Unlisted { at, .. } => format!(
                "add it to `ports`: {{ port: {}, protocol: {} }}, or stop what listens",
                at.port,
                word(at.protocol)
            ),
            Self::Silent { workload, .. } => {
                format!("start the server of `{workload}`, or correct `publish`")
            }
        }
    }

    /// One word for its kind.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Exposed { .. } => "exposed",
            Self::Unpublished { .. } => "unpublished",
            Self::Unlisted { .. } => "unlisted",
            Self::Silent { .. } => "silent",
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exposed { entry, workload, at } => {
                write!(f, "`{entry}` ({at}) is internal, and outsiders reach it at `{workload}`")
            }
            Self::Unpublished { entry, at } => {
                write!(f, "`{entry}` ({at}) is public, and no workload publishes it")
            }
            Self::Unlisted { owner: Owner::Workload(name), at } => {
                write!(f, "`{name}` listens on {at}, which is not in the port table")
            }
            Self::Unlisted { owner: Owner::Stack(node), at } => {
                write!(f, "the stack of `{node}` listens on {at}, which is not in the port table")
            }
            Self::Silent { workload, at } => {
                write!(f, "`{workload}` publishes {at}, and nobody listens there")
            }
        }
    }
}

impl fmt::Display for Listening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.port, word(self.protocol))
    }
}

fn word(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Udp => "udp",
        Protocol::Tcp | Protocol::Icmp | Protocol::All => "tcp",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::assumed::Assumed;

    const TEXT: &str = "version: 1
fabric: f
regions: { r: {} }
nodes: { alpha: { region: r, roles: [gateway] } }
networks: { n: { cidr: [10.0.0.0/16, \"fd00:10::/48\"] } }
subnets:
  out: { network: n, cidr: [10.0.1.0/24, \"fd00:10:0:1::/64\"], public: true }
  own: { network: n, cidr: 10.0.2.0/24 }
internet_gateways: { out: { network: n } }
ports:
  https: { port: 443, visibility: public }
  mail: { port: 25, visibility: public }
  admin: { port: 9000 }
  postgres: { port: 5432 }
  dns: { port: 53, protocol: udp }
security_groups:
  open: { ingress: [{ protocol: tcp, from: all }] }
  shut: { ingress: [{ protocol: tcp, from: 10.0.0.0/16 }] }
workloads:
  web: { node: alpha, subnet: out, security_groups: [open], publish: [{ port: 443, to: 8443 }, 9000], attach: { serve: { tcp: 1 } } }
  kept: { node: alpha, subnet: out, security_groups: [shut], publish: 9000, attach: { serve: { tcp: 1 } } }
  db: { node: alpha, subnet: own, security_groups: [open], attach: { serve: { tcp: 1 } } }
  ssh: { node: alpha, subnet: own, security_groups: [open], publish: 22, attach: host }
";

    fn shown(found: &[Finding]) -> Vec<String> {
        found.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn internal_ports_that_outsiders_reach_and_public_ones_that_nobody_publishes_are_told() {
        let text = TEXT.replace("publish: 9000", "publish: { port: 9001, to: 9000 }");
        let fabric = netloom_testkit::fabric(&text);
        let world = Assumed::of(&fabric);
        assert_eq!(
            shown(&declared(&world.input(&fabric))),
            [
                "`admin` (9000/tcp) is internal, and outsiders reach it at `web`",
                "`mail` (25/tcp) is public, and no workload publishes it",
                // IPv6 comes in as it is, published or not.
                "`postgres` (5432/tcp) is internal, and outsiders reach it at `web`",
            ]
        );
    }

    #[test]
    fn listeners_without_an_entry_and_published_ports_without_a_listener_are_told() {
        let text = TEXT.replace("publish: 9000", "publish: { port: 9001, to: 9000 }");
        let fabric = netloom_testkit::fabric(&text);
        let tcp = |port| Listening { protocol: Protocol::Tcp, port };
        let sockets = BTreeMap::from([
            (Owner::Workload("web".to_owned()), BTreeSet::from([tcp(8443), tcp(8444), tcp(5432)])),
            (
                Owner::Workload("db".to_owned()),
                BTreeSet::from([tcp(53), Listening { protocol: Protocol::Udp, port: 53 }]),
            ),
            (Owner::Stack("alpha".to_owned()), BTreeSet::from([tcp(443)])),
        ]);
        assert_eq!(
            shown(&observed(&fabric, &sockets)),
            [
                "`db` listens on 53/tcp, which is not in the port table",
                // What `https` leads to is no surprise.
                "`web` listens on 8444/tcp, which is not in the port table",
                "`ssh` publishes 22/tcp, and nobody listens there",
                "`web` publishes 9000/tcp, and nobody listens there",
            ]
        );
    }
}
