//! `netloom ports`: the service port table, and whether rules and real listeners are as it says.

use super::doctor::sockets::{Held, Sockets, is_daemon};
use super::place::{Host, Place};
use super::{in_force, status};
use crate::{output, source};
use anyhow::Context as _;
use netloom_model::fabric::{Fabric, Name, Protocol};
use netloom_plan::assumed::Assumed;
use netloom_plan::port_audit::{self, Finding, Listening, Owner};
use netloom_sys::listeners::{self, Listener};
use netloom_sys::namespace::NamespaceHandle;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::ExitCode;

/// Lists the service port table.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Ports {
    #[command(subcommand)]
    command: Option<PortsCommand>,
    #[command(flatten)]
    asked: Asked,
}

/// What is done with the table.
#[derive(Debug, clap::Subcommand)]
enum PortsCommand {
    /// Compare the table with rules, and with who listens on this host: its own stack and its workloads. The
    /// exit code is 1 if anything is not as the table says.
    Audit(Asked),
}

/// Which fabric, and how it is shown.
#[derive(Debug, clap::Args)]
struct Asked {
    #[command(flatten)]
    host: Host,
    /// Files of the fabric; what is in force, as control on this host says, if none are given.
    files: Vec<String>,
    /// Print it as JSON.
    #[arg(long)]
    json: bool,
}

pub(crate) fn ports(arguments: &Ports) -> anyhow::Result<ExitCode> {
    match &arguments.command {
        None => list(&arguments.asked),
        Some(PortsCommand::Audit(asked)) => audit(asked),
    }
}

impl Asked {
    fn fabric(&self) -> anyhow::Result<Fabric> {
        if !self.files.is_empty() {
            return source::fabric(&self.files);
        }
        Ok(in_force::in_force(&self.host).context("name the fabric's files")?.fabric)
    }
}

fn list(asked: &Asked) -> anyhow::Result<ExitCode> {
    let fabric = asked.fabric()?;
    if asked.json {
        let entry = |(name, port): (&Name, &netloom_model::fabric::ServicePort)| {
            json!({ "name": name, "port": port.port, "protocol": word(port.protocol),
                    "visibility": visibility(port.is_public), "published_by": publishers(&fabric, port) })
        };
        let entries: Vec<_> = fabric.ports.iter().map(entry).collect();
        output::print(&format!("{:#}\n", json!(entries)));
        return Ok(ExitCode::SUCCESS);
    }
    let head = ["name", "port", "visibility", "published by"].map(str::to_owned).to_vec();
    let row = |(name, port): (&Name, &netloom_model::fabric::ServicePort)| {
        vec![
            name.clone(),
            format!("{}/{}", port.port, word(port.protocol)),
            visibility(port.is_public).to_owned(),
            publishers(&fabric, port).join(" "),
        ]
    };
    let rows: Vec<Vec<String>> =
        std::iter::once(head).chain(fabric.ports.iter().map(row)).collect();
    output::print(&output::table(&rows));
    Ok(ExitCode::SUCCESS)
}

fn publishers(fabric: &Fabric, port: &netloom_model::fabric::ServicePort) -> Vec<Name> {
    let publishes = |(_, workload): &(&Name, &netloom_model::fabric::Workload)| {
        workload.publish.iter().any(|one| (one.protocol, one.port) == (port.protocol, port.port))
    };
    fabric.workloads.iter().filter(publishes).map(|(name, _)| name.clone()).collect()
}

fn visibility(is_public: bool) -> &'static str {
    if is_public { "public" } else { "internal" }
}

fn word(protocol: Protocol) -> &'static str {
    if protocol == Protocol::Udp { "udp" } else { "tcp" }
}

fn audit(asked: &Asked) -> anyhow::Result<ExitCode> {
    let fabric = asked.fabric()?;
    let world = Assumed::of(&fabric);
    let mut found = port_audit::declared(&world.input(&fabric));
    // Without a node here, the file alone is judged; that is said.
    let looked = asked.host.chosen().and_then(|place| sockets(&place));
    if let Ok(looked) = &looked {
        found.extend(port_audit::observed(&fabric, looked));
    }
    let seen = looked.as_ref().map_or(0, BTreeMap::len);
    if asked.json {
        let findings: Vec<_> = found.iter().map(as_json).collect();
        output::print(&format!("{:#}\n", json!({ "findings": findings, "looked_at": seen })));
    } else {
        output::print(&shown(&found));
        match &looked {
            Ok(_) => output::print(&format!("{seen} stacks were looked at on this host\n")),
            Err(error) => {
                output::print(&format!("sockets were not looked at: {}\n", output::chain(error)))
            }
        }
    }
    Ok(if found.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn as_json(finding: &Finding) -> serde_json::Value {
    json!({ "kind": finding.kind(), "message": finding.to_string(), "solution": finding.solution() })
}

fn shown(found: &[Finding]) -> String {
    if found.is_empty() {
        return format!("{} everything is as the port table says\n", output::mark(true));
    }
    let one = |finding: &Finding| {
        format!("{} {finding}\n   solution: {}\n", output::mark(false), finding.solution())
    };
    found.iter().map(one).collect()
}

/// Who listens on this host: its own stack, and each of its workloads.
fn sockets(place: &Place) -> anyhow::Result<BTreeMap<Owner, BTreeSet<Listening>>> {
    let status = status::of_agent(place)?;
    let mut found = BTreeMap::new();
    let own = listeners::read().context("cannot read the sockets of this host")?;
    let holders = Sockets::read();
    let is_foreign = |at: &Listening| match holders.holder(word(at.protocol), at.port) {
        Held::By(pid, _) => !is_daemon(pid, place),
        Held::Nobody | Held::Unseen => true,
    };
    let foreign = open_to_others(&own).into_iter().filter(is_foreign).collect();
    found.insert(Owner::Stack(status.node.clone()), foreign);
    for (name, workload) in &status.workloads {
        let Some(path) = &workload.namespace else { continue };
        // One that has just ended has no namespace any more.
        let Ok(namespace) = NamespaceHandle::open(Path::new(path)) else { continue };
        let Ok(Ok(sockets)) = namespace.run(listeners::read) else { continue };
        found.insert(Owner::Workload(name.clone()), open_to_others(&sockets));
    }
    Ok(found)
}

/// What others can call: not what is bound to the loopback.
fn open_to_others(sockets: &[Listener]) -> BTreeSet<Listening> {
    let open = sockets.iter().filter(|one| !one.address.is_loopback());
    open.map(|one| Listening {
        protocol: if one.is_udp { Protocol::Udp } else { Protocol::Tcp },
        port: one.port,
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser as _;

    #[derive(Debug, clap::Parser)]
    struct Line {
        #[command(flatten)]
        ports: Ports,
    }

    #[test]
    fn files_may_be_named_with_and_without_audit() {
        let files = |words: &[&str]| {
            let words = std::iter::once("ports").chain(words.iter().copied());
            let line = Line::try_parse_from(words).unwrap();
            match line.ports.command {
                Some(PortsCommand::Audit(asked)) => (true, asked.files),
                None => (false, line.ports.asked.files),
            }
        };
        assert_eq!(files(&[]), (false, vec![]));
        assert_eq!(files(&["a.yaml", "--json"]), (false, vec!["a.yaml".to_owned()]));
        assert_eq!(files(&["audit", "a.yaml", "b.yaml"]).1.len(), 2);
        assert!(files(&["audit", "--fabric", "shop"]).0);
    }

    #[test]
    fn what_listens_for_its_own_host_alone_is_no_service() {
        let at = |address: &str, port, is_udp| {
            let address = address.parse().unwrap();
            Listener { is_udp, address, port, inode: 1 }
        };
        let found =
            open_to_others(&[at("127.0.0.1", 1, false), at("::1", 2, true), at("::", 3, true)]);
        assert_eq!(found, BTreeSet::from([Listening { protocol: Protocol::Udp, port: 3 }]));
    }
}
