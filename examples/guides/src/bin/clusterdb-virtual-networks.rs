//! ClusterDB guide, "Virtual Networks": a network and a subnet, written out.
#![expect(clippy::print_stdout, reason = "it says what it has done")]

use netloom::network::{
    DnsConfig, Network, NetworkError, NetworkManager as _, Subnet, VirtualNetwork,
};
use std::collections::HashMap;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), NetworkError> {
    let networking = Network::new(netloom_guides::config())?;

    // Create virtual network
    let network = VirtualNetwork {
        name: "app-network",
        cidr: "10.0.0.0/16",
        region: "us-west",
        zones: vec!["us-west-1a", "us-west-1b"],
        dns_config: DnsConfig {
            domain: "app.local",
            resolvers: vec!["10.0.0.2"],
            enable_private_dns: true,
        },
        tags: HashMap::from([("environment", "production"), ("team", "platform")]),
    };
    let made = networking.create_network(network).await?;
    println!("network {} {} {}", made.name, made.cidrs.join(" "), made.domain);

    // Create subnet. (The guide's also names a route table and a NAT gateway, which Netloom does not
    // have yet and says so; its tags go on the network.)
    let subnet = Subnet {
        name: "app-subnet-1",
        network: "app-network",
        cidr: "10.0.1.0/24",
        zone: "us-west-1a",
        public: false,
        ..Subnet::default()
    };
    let refused = Subnet { route_table: Some("private-routes"), ..subnet.clone() };
    if let Err(error) = networking.create_subnet(refused).await {
        println!("refused: {error}");
    }
    let made = networking.create_subnet(subnet).await?;
    println!("subnet {} {} in {}", made.name, made.cidrs.join(" "), made.network);

    for network in networking.list_networks().await? {
        println!("listed {} with {} subnets", network.name, network.subnets.len());
    }
    Ok(())
}
