//! Servers in the networks that the other samples make, one of them on a further node.
#![expect(clippy::print_stdout, reason = "it says what it has done")]

use netloom::network::{
    Attach, Network, NetworkError, Node, PortRange, Protocol, SecurityGroup, Source, Workload,
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), NetworkError> {
    let networking = Network::new(netloom_guides::config())?;
    networking.create_node(Node::new("beta", "us-west")).await?;
    println!("node beta");
    // What web-sg allows at the ports 80 and 443 the ACL of app-subnet-2 denies; what this one allows it lets through.
    let high = SecurityGroup::new("high-sg").with_ingress(
        Protocol::TCP,
        PortRange::Single(8080),
        Source::CIDR("10.0.0.0/16"),
    );
    networking.create_security_group(high).await?;
    for (name, node, subnet, group, port) in [
        ("web", "alpha", "app-subnet-1", "web-sg", 80),
        ("lb", "beta", "app-subnet-1", "internal-lb-sg", 443),
        ("app", "beta", "app-subnet-2", "web-sg", 8080),
        ("us", "alpha", "us-west-vpc-public", "web-sg", 443),
        ("eu", "beta", "eu-west-vpc-public", "web-sg", 443),
        ("old", "alpha", "legacy-vpc-public", "web-sg", 443),
    ] {
        let mut workload =
            Workload::new(name, node, subnet, Attach::ServeHttp(port)).with_security_group(group);
        if port == 8080 {
            workload = workload.with_security_group("high-sg");
        }
        networking.create_workload(workload).await?;
        println!("workload {name}");
    }
    Ok(())
}
