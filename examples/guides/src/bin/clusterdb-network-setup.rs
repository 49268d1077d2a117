//! ClusterDB guide, "Network Setup": a network, a subnet and its routes, with builders.
#![expect(clippy::print_stdout, reason = "it says what it has done")]

use netloom::network::{
    NatGateway, Network, NetworkError, NetworkManager as _, Route, RouteTable, Subnet,
    VirtualNetwork,
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), NetworkError> {
    let network = Network::new(netloom_guides::config())?;

    // Create VPC: its region is the one that has these zones.
    let vpc = VirtualNetwork::new("app-network")
        .with_cidr("10.0.0.0/16")
        .with_zones(vec!["us-west-1a", "us-west-1b"]);
    let made = network.create_network(vpc).await?;
    println!("network {} {}", made.name, made.cidrs.join(" "));

    // Create subnets: the network is the one that holds the prefix.
    let app_subnet = Subnet::new("app-subnet")
        .with_cidr("10.0.1.0/24")
        .with_zone("us-west-1a")
        .with_private(true);
    let made = network.create_subnet(app_subnet.clone()).await?;
    println!("subnet {} in {}", made.name, made.network);

    // What the sample's routes name.
    let nat = NatGateway::new("nat-1", "app-network").with_node("alpha");
    network.create_nat_gateway(nat).await?;

    // Configure routing: the table's network is that of the gateway.
    let route_table = RouteTable::new("private-routes")
        .with_routes(vec![Route::new("0.0.0.0/0").via_nat_gateway("nat-1")]);
    network.create_route_table(route_table).await?;

    // Routes are in force where a subnet names their table.
    network.update_subnet(app_subnet.with_route_table("private-routes")).await?;
    println!("route table private-routes of app-subnet");
    Ok(())
}
