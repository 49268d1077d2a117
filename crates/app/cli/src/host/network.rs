//! `netloom network`: networks listed, made, connected and disconnected while they run.

mod absent;
mod shown;

use super::changes::{code_of, finish, result};
use super::connectivity::{self, TestConnectivity};
use super::place::Host;
use super::{author, wait_for};
use crate::matrix::{self, Matrix};
use crate::output;
use crate::plan_cidr::{self, PlanCidr};
use netloom::api;
use netloom_model::words::counted;
use std::process::ExitCode;

/// Longest wait for the nodes, in milliseconds.
const WAIT_MS: u64 = 30_000;

/// What is done with networks.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum NetworkCommand {
    /// List the networks.
    Ls(Ls),
    /// Show a network: prefixes, subnets, route tables, gateways, peerings, ACLs, groups, nodes, workloads.
    Inspect(Inspect),
    /// Make a network with one subnet.
    Create(Create),
    /// Remove a network that was made by `create`.
    Rm(Rm),
    /// Bring a container, or a workload that is one, into a network while it runs.
    Connect(Connect),
    /// Take it out again.
    Disconnect(Disconnect),
    /// Propose subnets for zones and tiers, with room left.
    PlanCidr(PlanCidr),
    /// Show who reaches whom in a whole fabric.
    Matrix(Matrix),
    /// Send real packets from one workload to another, and compare with what `explain` says.
    TestConnectivity(TestConnectivity),
}

/// Lists networks.
#[derive(Debug, clap::Args)]
pub(crate) struct Ls {
    #[command(flatten)]
    host: Host,
    /// Print them as JSON.
    #[arg(long)]
    json: bool,
}

/// Shows a network.
#[derive(Debug, clap::Args)]
pub(crate) struct Inspect {
    #[command(flatten)]
    host: Host,
    /// The network.
    network: String,
    /// Print it as JSON.
    #[arg(long)]
    json: bool,
}

/// Makes a network.
#[derive(Debug, clap::Args)]
pub(crate) struct Create {
    #[command(flatten)]
    host: Host,
    /// Its name.
    network: String,
    /// Its prefixes; a free one of 10.0.0.0/8 if none is given.
    #[arg(long = "cidr", alias = "subnet", value_name = "PREFIX")]
    cidrs: Vec<String>,
    /// Its DNS domain; NAME.internal if none is given.
    #[arg(long)]
    domain: Option<String>,
    /// `bolt` or `netloom`, which are the same here: routed, encrypted, checked by policy.
    #[arg(long, default_value = "netloom", value_parser = ["netloom", "bolt"])]
    driver: String,
    /// Every network is a mesh; taken so that existing scripts run.
    #[arg(long)]
    mesh_networking: bool,
    /// `wireguard` or `ghostwire`, which are the same here: every network is carried between nodes by
    /// WireGuard, over the fabric's own mesh.
    #[arg(long, value_parser = ["wireguard", "ghostwire"])]
    vpn: Option<String>,
    /// Not there yet: it says so, and makes nothing.
    #[arg(long)]
    gaming_optimizations: bool,
    /// Keep the revision even if nodes refuse it, instead of going back.
    #[arg(long)]
    keep_refused: bool,
    /// Print the result as JSON.
    #[arg(long)]
    json: bool,
}

impl Create {
    /// What the network would not be: nothing that was asked for is left out silently.
    fn refusal(&self) -> Option<&'static str> {
        self.gaming_optimizations.then_some(
            "there are no traffic classes yet, so a network cannot prefer games \
             (--gaming-optimizations); leave it out, nothing was made",
        )
    }
}

/// Removes a network.
#[derive(Debug, clap::Args)]
pub(crate) struct Rm {
    #[command(flatten)]
    host: Host,
    /// The network.
    network: String,
    /// Keep the revision even if nodes refuse it, instead of going back.
    #[arg(long)]
    keep_refused: bool,
    /// Print the result as JSON.
    #[arg(long)]
    json: bool,
}

/// Connects.
#[derive(Debug, clap::Args)]
pub(crate) struct Connect {
    #[command(flatten)]
    host: Host,
    /// The network.
    network: String,
    /// A workload that is a container or a foreign namespace, or the name of a container.
    workload: String,
    /// Node that the container runs on; this host's node if the workload is not declared.
    #[arg(long)]
    node: Option<String>,
    /// Subnet; the network's first one if none is given.
    #[arg(long)]
    subnet: Option<String>,
    /// Groups that govern its traffic there; those of the workload if none are given.
    #[arg(long = "security-group", value_name = "NAME")]
    security_groups: Vec<String>,
    /// Keep the revision even if nodes refuse it, instead of going back.
    #[arg(long)]
    keep_refused: bool,
    /// Print the result as JSON.
    #[arg(long)]
    json: bool,
}

/// Disconnects.
#[derive(Debug, clap::Args)]
pub(crate) struct Disconnect {
    #[command(flatten)]
    host: Host,
    /// The network.
    network: String,
    /// The workload or container.
    workload: String,
    /// Keep the revision even if nodes refuse it, instead of going back.
    #[arg(long)]
    keep_refused: bool,
    /// Print the result as JSON.
    #[arg(long)]
    json: bool,
}

pub(crate) fn network(command: &NetworkCommand) -> anyhow::Result<ExitCode> {
    match command {
        NetworkCommand::Ls(ls) => {
            let networks = wait_for(ls.host.chosen()?.client().networks())?;
            if ls.json {
                output::print(&format!("{}\n", serde_json::to_string_pretty(&networks)?));
            } else {
                output::print(&output::table(&networks.iter().map(row).collect::<Vec<_>>()));
            }
            Ok(ExitCode::SUCCESS)
        }
        NetworkCommand::Inspect(inspect) => {
            let network = wait_for(inspect.host.chosen()?.client().network(&inspect.network))?;
            if inspect.json {
                output::print(&format!("{}\n", serde_json::to_string_pretty(&network)?));
            } else {
                output::print(&shown::shown(&network));
            }
            Ok(ExitCode::SUCCESS)
        }
        NetworkCommand::Create(create) => {
            if let Some(refusal) = create.refusal() {
                anyhow::bail!(refusal);
            }
            let wanted = api::MakeNetwork {
                name: create.network.clone(),
                cidrs: create.cidrs.clone(),
                domain: create.domain.clone(),
                author: author(),
                keep_refused: create.keep_refused,
            };
            finish(&wait_for(create.host.chosen()?.client().make_network(&wanted))?, create.json)
        }
        NetworkCommand::Rm(rm) => {
            let client = rm.host.chosen()?.client();
            let wanted = api::Disconnect {
                author: author(),
                wait_ms: WAIT_MS,
                keep_refused: rm.keep_refused,
                ..api::Disconnect::default()
            };
            finish(&wait_for(client.remove_network(&rm.network, &wanted))?, rm.json)
        }
        NetworkCommand::Connect(connect) => connected(connect),
        NetworkCommand::PlanCidr(wanted) => plan_cidr::run(wanted),
        NetworkCommand::Matrix(asked) => matrix::run(asked),
        NetworkCommand::TestConnectivity(asked) => connectivity::run(asked),
        NetworkCommand::Disconnect(disconnect) => {
            let client = disconnect.host.chosen()?.client();
            let wanted = api::Disconnect {
                workload: disconnect.workload.clone(),
                author: author(),
                wait_ms: WAIT_MS,
                keep_refused: disconnect.keep_refused,
            };
            finish(&wait_for(client.disconnect(&disconnect.network, &wanted))?, disconnect.json)
        }
    }
}

fn connected(connect: &Connect) -> anyhow::Result<ExitCode> {
    let place = connect.host.chosen()?;
    let client = place.client();
    let status = wait_for(client.status())?;
    let is_declared = status.workloads.contains_key(&connect.workload);
    // A container of this name is most likely one of this host.
    let own = || super::join::own_node(&place).filter(|_| !is_declared);
    let wanted = api::Connect {
        workload: connect.workload.clone(),
        node: connect.node.clone().or_else(own),
        subnet: connect.subnet.clone(),
        security_groups: connect.security_groups.clone(),
        author: author(),
        wait_ms: WAIT_MS,
        keep_refused: connect.keep_refused,
    };
    let applied = wait_for(client.connect(&connect.network, &wanted))?;
    if !connect.json {
        // Before the rest is asked for, which may fail.
        output::print(&result(&applied));
    }
    let absent = match applied.rolled_back_to {
        None => wait_for(absent::told(&client, &status.workloads)),
        Some(_) => Ok(Vec::new()),
    };
    if connect.json {
        let absent = absent.as_deref().unwrap_or_default();
        output::json(&Connected { applied: &applied, absent })?;
    }
    let absent = absent?;
    if !connect.json {
        absent.iter().for_each(|line| output::print(&format!("{line}\n")));
    }
    Ok(code_of(&applied))
}

/// What connecting has done.
#[derive(Debug, serde::Serialize)]
struct Connected<'a> {
    #[serde(flatten)]
    applied: &'a api::Applied,
    /// What is said of workloads that are not there yet.
    absent: &'a [String],
}

fn row(network: &api::Network) -> Vec<String> {
    vec![
        network.name.clone(),
        network.cidrs.join(" "),
        network.domain.clone(),
        counted(network.nodes.len(), "node"),
        counted(network.workloads.len(), "workload"),
        network.owner.clone(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser as _;

    #[derive(Debug, clap::Parser)]
    struct Line {
        #[command(flatten)]
        create: Create,
    }

    #[test]
    fn flags_of_guides_are_honoured_or_refused_and_never_passed_over() {
        for (flags, taken) in [
            ("--driver=bolt --mesh-networking --vpn=ghostwire", true),
            ("--vpn=wireguard --cidr 10.7.0.0/16", true),
            ("--driver=bolt --gaming-optimizations --mesh-networking --vpn=ghostwire", false),
        ] {
            let words = ["create", "gaming-net"].into_iter().chain(flags.split(' '));
            let line = Line::try_parse_from(words).unwrap();
            assert_eq!(line.create.refusal().is_none(), taken, "{flags}");
        }
        for flags in ["--driver=bridge", "--vpn=openvpn", "--speed=9"] {
            assert!(Line::try_parse_from(["create", "gaming-net", flags]).is_err(), "{flags}");
        }
    }
}
