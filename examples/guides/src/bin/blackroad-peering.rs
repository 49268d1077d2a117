//! BlackRoad guide, "VPC Peering": two regions' networks reach each other, by routes on both sides.
#![expect(clippy::print_stdout, reason = "it says what it has done")]

use netloom::network::{
    Network, NetworkError, NetworkManager as _, Peering, Subnet, VirtualNetwork,
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), NetworkError> {
    let manager = Network::new(netloom_guides::config())?;
    for (name, cidr, subnet) in [
        ("us-west-vpc", "10.0.0.0/16", "10.0.1.0/24"),
        ("eu-west-vpc", "10.1.0.0/16", "10.1.1.0/24"),
        ("legacy-vpc", "10.0.128.0/17", "10.0.129.0/24"),
    ] {
        manager.create_network(VirtualNetwork::new(name).with_cidr(cidr)).await?;
        let name_of_subnet = format!("{name}-public");
        let subnet = Subnet::new(&name_of_subnet).with_network(name).with_cidr(subnet);
        manager.create_subnet(subnet).await?;
    }

    // Create VPC peering connection; the other side has to accept it.
    let wanted = Peering::new("us-west-vpc", "eu-west-vpc").with_pending(true);
    let peering = manager.request_peering(wanted.with_manual_routes(true)).await?;
    println!("peering {} is {}", peering.id, peering.status);
    let peering = manager.accept_peering(&peering.id).await?;
    println!("peering {} is {}", peering.id, peering.status);

    // Update route tables: both sides have routes to the other.
    let peering = manager.update_routes(&peering).await?;
    println!("route {} in {} by {}", peering.target_cidr, peering.source_vpc, peering.id);
    println!("route {} in {} by {}", peering.source_cidr, peering.target_vpc, peering.id);

    // An address in both could never reach the other side.
    if let Err(error) = manager.create_peering("us-west-vpc", "legacy-vpc").await {
        println!("refused: {error}");
    }
    Ok(())
}
