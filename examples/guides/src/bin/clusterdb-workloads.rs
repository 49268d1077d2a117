//! Servers in the networks that the other samples make, one of them on a further node.
#![expect(clippy::print_stdout, reason = "it says what it has done")]

use netloom::network::{Attach, Network, NetworkError, Node, Workload};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), NetworkError> {
    let networking = Network::new(netloom_guides::config())?;
    networking.create_node(Node::new("beta", "us-west")).await?;
    println!("node beta");
    for (name, node, subnet, group, port) in [
        ("web", "alpha", "app-subnet-1", "web-sg", 80),
        ("lb", "beta", "app-subnet-1", "internal-lb-sg", 443),
        ("us", "alpha", "us-west-vpc-public", "web-sg", 443),
        ("eu", "beta", "eu-west-vpc-public", "web-sg", 443),
        ("old", "alpha", "legacy-vpc-public", "web-sg", 443),
    ] {
        let workload =
            Workload::new(name, node, subnet, Attach::ServeHttp(port)).with_security_group(group);
        networking.create_workload(workload).await?;
        println!("workload {name}");
    }
    Ok(())
}
