//! ClusterDB guide, "Network Setup": the same with builders, and taken back in the end.
#![expect(clippy::print_stdout, reason = "it says what it has done")]

use netloom::network::{Network, NetworkError, NetworkManager as _, Subnet, VirtualNetwork};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), NetworkError> {
    let network = Network::new(netloom_guides::config())?;

    // Create VPC: its region is the one that has these zones.
    let vpc = VirtualNetwork::new("setup-network")
        .with_cidr("10.1.0.0/16")
        .with_zones(vec!["us-west-1a", "us-west-1b"]);
    let made = network.create_network(vpc).await?;
    println!("network {} {}", made.name, made.cidrs.join(" "));

    // Create subnets: the network is the one that holds the prefix.
    let app_subnet = Subnet::new("app-subnet")
        .with_cidr("10.1.1.0/24")
        .with_zone("us-west-1a")
        .with_private(true);
    let made = network.create_subnet(app_subnet).await?;
    println!("subnet {} in {}", made.name, made.network);

    // (Route tables come with gateways.)
    network.delete_subnet("app-subnet").await?;
    network.delete_network("setup-network").await?;
    println!("both are gone again");
    Ok(())
}
