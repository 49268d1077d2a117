//! Why the API's document is not changed.

use std::net::IpAddr;

/// Why an object is not changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EditError {
    /// There is no such network.
    #[error("there is no network `{0}`; `netloom network ls` lists them")]
    NoNetwork(String),
    /// The network has no subnet to take an address from.
    #[error("network `{0}` has no subnet; declare one, or name one with --subnet")]
    NoSubnet(String),
    /// Something of this name is there already.
    #[error("there is a {what} `{name}` already; choose another name")]
    Exists {
        /// Its kind.
        what: &'static str,
        /// Its name.
        name: String,
    },
    /// It is part of another network than the one that is set up.
    #[error(
        "the {what} `{name}` is of network `{network}`, and would be replaced; nothing was changed: give one of the two \
         another name"
    )]
    OtherNetwork {
        /// Its kind.
        what: &'static str,
        /// Its name.
        name: String,
        /// Its network.
        network: String,
    },
    /// It is a workload, and no WireGuard peer.
    #[error(
        "the workload `{name}` is no WireGuard peer, and would be replaced by one; nothing was changed: give one of the two \
         another name"
    )]
    NoPeer {
        /// Its name.
        name: String,
    },
    /// It is a peer that no setup has declared, and has another key.
    #[error(
        "the peer `{name}` was added by hand, and would be replaced by one with another key; nothing was changed: give one of \
         the two another name, or remove it first (`netloom network disconnect {network} {name}`)"
    )]
    ByHand {
        /// Its name.
        name: String,
        /// Its network.
        network: String,
    },
    /// Another workload was given the address, and goes on with it.
    #[error(
        "{address} of `{name}` is in use: `{by}` has it; name a free one, or none, or first declare another address of \
         `{by}`"
    )]
    AddressInUse {
        /// Who would have it.
        name: String,
        /// The address.
        address: IpAddr,
        /// Who has it.
        by: String,
    },
    /// It was not made through the API.
    #[error("`{0}` is declared in a file; change it there, then `netloom apply`")]
    InFile(String),
    /// It is connected already.
    #[error("`{workload}` is in `{network}` already, and once is enough")]
    Connected {
        /// The network.
        network: String,
        /// The workload.
        workload: String,
    },
    /// It is not connected.
    #[error(
        "`{workload}` is not connected to `{network}`; `netloom network inspect {network}` lists what is"
    )]
    NotConnected {
        /// The network.
        network: String,
        /// The workload.
        workload: String,
    },
    /// The network is still used.
    #[error("network `{name}` has workloads still ({}); disconnect them first", .workloads.join(", "))]
    InUse {
        /// Its name.
        name: String,
        /// Its workloads.
        workloads: Vec<String>,
    },
    /// A process of ours lives in a namespace of one network.
    #[error(
        "`{0}` is run by Netloom in one network; only containers and foreign namespaces can be in \
         several: run it as a container, or declare a second workload"
    )]
    Own(String),
    /// It is not known where the container runs.
    #[error("no workload `{0}` is declared; say with --node where the container of that name runs")]
    NoNode(String),
    /// The API declares no such things.
    #[error(
        "there is no section `{0}`; the API declares networks, subnets, security_groups, nodes, workloads, services, \
             route_tables, nat_gateways, internet_gateways, peerings, prefix_lists, network_acls and ports"
    )]
    NoSection(String),
    /// What is declared is no object.
    #[error("this is no {what}; declare it as in a file")]
    NoObject {
        /// Its kind.
        what: &'static str,
    },
    /// There is no such object.
    #[error("there is no {what} `{name}`; `netloom network ls` lists what there is")]
    NotThere {
        /// Its kind.
        what: &'static str,
        /// Its name.
        name: String,
    },
    /// Zones that are not those of one region.
    #[error(
        "{} are not all zones of {}; add them to `zones` of a region in the file, or name others",
        .zones.join(", "),
        .region.as_ref().map_or_else(|| "one region".to_owned(), |region| format!("region `{region}`"))
    )]
    NoZones {
        /// The zones.
        zones: Vec<String>,
        /// The region that was named.
        region: Option<String>,
    },
    /// Something among its prefixes is none.
    #[error("not all of {} are prefixes of subnet `{name}`; write them as 10.0.1.0/24", .cidrs.join(", "))]
    NoCidr {
        /// The subnet.
        name: String,
        /// What was given.
        cidrs: Vec<String>,
    },
    /// It is not clear which network a subnet is of.
    #[error(
        "which network is subnet `{subnet}` of? its prefixes are in {}; name its network",
        if .found.is_empty() { "none".to_owned() } else { .found.join(", ") }
    )]
    WhichNetwork {
        /// The subnet.
        subnet: String,
        /// Networks that hold it.
        found: Vec<String>,
    },
    /// It is not clear which network a route table is of.
    #[error(
        "which network is route table `{table}` of? the gateways that it leads to are of {}; name its network",
        if .found.is_empty() { "none".to_owned() } else { .found.join(", ") }
    )]
    WhoseTable {
        /// The table.
        table: String,
        /// Networks of its gateways.
        found: Vec<String>,
    },
    /// Every prefix is taken.
    #[error("no /16 of 10.0.0.0/8 is free; name a prefix with --cidr")]
    NoPrefix,
}
