//! ClusterDB guide, "Network Security": a security group with rules for prefixes and for another group, and a network ACL.
#![expect(clippy::print_stdout, reason = "it says what it has done")]

use netloom::network::{
    ACLEgressRule, ACLRule, Action, Destination, EgressRule, Network, NetworkACL, NetworkError,
    NetworkManager as _, PortRange, Protocol, SecurityGroup, SecurityRule, Source, Subnet,
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), NetworkError> {
    let networking = Network::new(netloom_guides::config())?;

    // The group that the sample refers to.
    let internal = SecurityGroup::new("internal-lb-sg")
        .with_description("Internal load balancers")
        .with_egress(Protocol::TCP, PortRange::Single(80), Destination::CIDR("10.0.0.0/16"));
    networking.create_security_group(internal).await?;
    println!("group internal-lb-sg");

    // Create security group
    let sg = SecurityGroup {
        name: "web-sg",
        description: "Web tier security group",
        vpc: "app-network",
        ingress_rules: vec![
            SecurityRule {
                description: "HTTPS from anywhere",
                protocol: Protocol::TCP,
                port_range: PortRange::Single(443),
                source: Source::CIDR("0.0.0.0/0"),
            },
            SecurityRule {
                description: "HTTP internal",
                protocol: Protocol::TCP,
                port_range: PortRange::Single(80),
                source: Source::SecurityGroup("internal-lb-sg"),
            },
        ],
        egress_rules: vec![EgressRule {
            description: "All outbound traffic",
            protocol: Protocol::ALL,
            port_range: PortRange::All,
            destination: Destination::CIDR("0.0.0.0/0"),
        }],
    };
    networking.create_security_group(sg).await?;
    println!("group web-sg");

    // Create network ACL
    let acl = NetworkACL {
        name: "app-acl",
        vpc: "app-network",
        inbound_rules: vec![ACLRule {
            number: 100,
            protocol: Protocol::TCP,
            port_range: PortRange::Range(1024, 65535),
            source: Source::CIDR("0.0.0.0/0"),
            action: Action::Allow,
        }],
        outbound_rules: vec![ACLEgressRule {
            number: 100,
            protocol: Protocol::TCP,
            port_range: PortRange::All,
            destination: Destination::CIDR("0.0.0.0/0"),
            action: Action::Allow,
        }],
    };
    networking.create_network_acl(acl).await?;
    println!("network ACL app-acl");

    // An ACL is in force where a subnet names it, or its network.
    let subnet = Subnet::new("app-subnet-2")
        .with_cidr("10.0.2.0/24")
        .with_zone("us-west-1b")
        .with_network_acl("app-acl");
    let made = networking.create_subnet(subnet).await?;
    println!("subnet {} with app-acl in {}", made.name, made.network);
    Ok(())
}
