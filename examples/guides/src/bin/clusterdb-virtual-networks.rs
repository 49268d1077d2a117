//! ClusterDB guide, "Virtual Networks": a network and a subnet, written out.
#![expect(clippy::print_stdout, reason = "it says what it has done")]

use netloom::network::{
    DnsConfig, NatGateway, Network, NetworkError, NetworkManager as _, Route, RouteTable, Subnet,
    VirtualNetwork,
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
        ..VirtualNetwork::default()
    };
    let made = networking.create_network(network).await?;
    println!("network {} {} {}", made.name, made.cidrs.join(" "), made.domain);

    // What the sample's subnet names: the way of a private subnet to the internet.
    networking
        .create_nat_gateway(NatGateway::new("nat-1", "app-network").with_node("alpha"))
        .await?;
    let routes = RouteTable::new("private-routes").with_routes(vec![
        Route::new("0.0.0.0/0").via_nat_gateway("nat-1"),
        Route::new("203.0.113.0/24").via_blackhole(),
    ]);
    networking.create_route_table(routes).await?;
    println!("route table private-routes by nat-1");

    // Create subnet
    let subnet = Subnet {
        name: "app-subnet-1",
        network: "app-network",
        cidr: "10.0.1.0/24",
        zone: "us-west-1a",
        public: false,
        route_table: Some("private-routes"),
        nat_gateway: Some("nat-1"),
        tags: HashMap::from([("tier", "application")]),
        ..Subnet::default()
    };
    let made = networking.create_subnet(subnet).await?;
    println!("subnet {} {} in {}", made.name, made.cidrs.join(" "), made.network);

    for network in networking.list_networks().await? {
        println!("listed {} with {} subnets", network.name, network.subnets.len());
    }
    Ok(())
}
