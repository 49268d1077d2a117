//! What programs write is what a file would say, and what cannot be is refused.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::*;

#[test]
fn a_network_is_declared_as_in_a_file() {
    let network = VirtualNetwork {
        name: "app-network",
        cidr: "10.0.0.0/16",
        region: "us-west",
        zones: vec!["us-west-1a", "us-west-1b"],
        dns_config: DnsConfig {
            domain: "app.local",
            resolvers: vec!["10.0.0.2", "9.9.9.9"],
            enable_private_dns: true,
        },
        tags: HashMap::from([("environment", "production")]),
    };
    assert_eq!(
        network.declaration().unwrap(),
        json!({
            "cidr": ["10.0.0.0/16"], "region": "us-west", "zones": ["us-west-1a", "us-west-1b"],
            "dns": { "domain": "app.local", "resolvers": ["9.9.9.9"] },
            "tags": { "environment": "production" },
        })
    );
    let built = VirtualNetwork::new("app-network").with_cidr("10.0.0.0/16, fd00::/48");
    assert_eq!(built.declaration().unwrap(), json!({ "cidr": ["10.0.0.0/16", "fd00::/48"] }));
}

#[test]
fn a_subnet_is_private_unless_it_says_otherwise() {
    let subnet = Subnet::new("app-subnet").with_cidr("10.0.1.0/24").with_zone("us-west-1a");
    let expected = json!({ "cidr": ["10.0.1.0/24"], "public": false, "zone": "us-west-1a" });
    assert_eq!(subnet.clone().with_private(true).declaration().unwrap(), expected);
    assert_eq!(subnet.with_private(false).declaration().unwrap()["public"], true);
}

#[test]
fn rules_are_those_of_a_file() {
    let group = SecurityGroup {
        name: "web-sg",
        description: "Web tier security group",
        vpc: "app-network",
        ingress_rules: vec![SecurityRule {
            description: "HTTPS from anywhere",
            protocol: Protocol::TCP,
            port_range: PortRange::Single(443),
            source: Source::CIDR("0.0.0.0/0"),
        }],
        egress_rules: vec![EgressRule {
            description: "All outbound traffic",
            protocol: Protocol::ALL,
            port_range: PortRange::All,
            destination: Destination::CIDR("0.0.0.0/0"),
        }],
    };
    assert_eq!(
        group.declaration(),
        json!({
            "description": "Web tier security group; for app-network; HTTPS from anywhere; \
                            All outbound traffic",
            "ingress": [{ "protocol": "tcp", "ports": 443, "from": "0.0.0.0/0" }],
            "egress": [{ "to": "0.0.0.0/0" }],
        })
    );
    let built = SecurityGroup::new("db").with_ingress(
        Protocol::UDP,
        PortRange::Range(1024, 65535),
        Source::SecurityGroup("web-sg"),
    );
    let rule =
        json!({ "protocol": "udp", "ports": "1024-65535", "from": { "security_group": "web-sg" } });
    assert_eq!(built.declaration()["ingress"][0], rule);
}

#[test]
fn what_is_not_there_yet_is_refused_and_nothing_is_left_out() {
    let dns = DnsConfig { enable_private_dns: false, ..DnsConfig::default() };
    let network = VirtualNetwork::new("n").with_cidr("10.0.0.0/16").with_dns(dns);
    assert!(network.declaration().unwrap_err().to_string().contains("enable_private_dns"));
    let none = VirtualNetwork::new("n").declaration().unwrap_err().to_string();
    assert!(none.contains("with_cidr"), "{none}");
}

#[test]
fn ways_out_and_borders_are_those_of_a_file() {
    let subnet = Subnet {
        name: "s",
        cidr: "10.1.1.0/24",
        route_table: Some("private"),
        nat_gateway: Some("nat"),
        tags: HashMap::from([("tier", "app")]),
        ..Subnet::default()
    };
    let mut declared = subnet.declaration().unwrap();
    declared["network"] = json!("app");
    let table = RouteTable::new("private", "app")
        .with_route("0.0.0.0/0", Target::NatGateway("nat"))
        .with_route("192.0.2.0/24", Target::Blackhole)
        .with_route("10.2.0.0/16", Target::Peering("app-data"))
        .with_route("198.51.100.0/24", Target::InternetGateway("out"));
    let acl = NetworkACL {
        name: "acl",
        vpc: "app",
        inbound_rules: vec![ACLRule {
            number: 100,
            protocol: Protocol::TCP,
            port_range: PortRange::Range(1024, 65535),
            source: Source::CIDR("0.0.0.0/0"),
            action: Action::Allow,
        }],
        outbound_rules: vec![ACLEgressRule {
            number: 100,
            protocol: Protocol::ALL,
            port_range: PortRange::All,
            destination: Destination::CIDR("0.0.0.0/0"),
            action: Action::Deny,
        }],
    };
    let out = InternetGateway { name: "out", network: "app", ..InternetGateway::default() };
    let file = json!({
        "version": 1, "fabric": "built",
        "regions": { "here": {} },
        "nodes": { "alpha": { "region": "here", "roles": ["gateway"] } },
        "networks": { "app": { "cidr": "10.1.0.0/16" }, "data": { "cidr": "10.2.0.0/16" } },
        "subnets": { "s": declared },
        "route_tables": { "private": table.declaration() },
        "nat_gateways": { "nat": NatGateway::new("nat", "app").with_node("alpha").declaration() },
        "internet_gateways": { "out": out.declaration() },
        "peerings": { "app-data": { "networks": ["app", "data"] } },
        "network_acls": { "acl": acl.declaration() },
    });
    let text = file.to_string().into_bytes();
    let loaded = netloom_model::load(&["built.yaml".to_owned()], |_| Ok(text.clone()));
    let findings = netloom_model::diagnostic::render(&loaded.diagnostics, &loaded.sources);
    let fabric = loaded.fabric.unwrap_or_else(|| panic!("{findings}"));
    assert_eq!(fabric.route_tables["private"].routes.len(), 4);
    assert_eq!((fabric.gateways.len(), fabric.network_acls["acl"].ingress.len()), (2, 1));
    assert!(!fabric.network_acls["acl"].egress[0].allows);
    assert_eq!(fabric.subnets["s"].nat_gateway.as_deref(), Some("nat"));
}

#[test]
fn nodes_workloads_and_services_are_those_of_a_file() {
    let node = Node::new("beta", "here").with_zone("a").with_tag("edge");
    assert_eq!(node.declaration(), json!({ "region": "here", "zone": "a", "tags": ["edge"] }));
    let web = Workload::new("web", "beta", "s", Attach::Container("nginx"))
        .with_security_group("web")
        .with_label("app", "web");
    let service = Service::new("shop", 80).with_select("app", "web");
    // What is built is what a file would say: it loads as one.
    let file = json!({
        "version": 1, "fabric": "built",
        "regions": { "here": { "zones": ["a"] } },
        "networks": { "app": { "cidr": "10.1.0.0/16" } },
        "subnets": { "s": { "network": "app", "cidr": "10.1.1.0/24" } },
        "security_groups": { "web": { "ingress": [{ "from": "all" }], "egress": [{ "to": "all" }] } },
        "nodes": { "beta": node.declaration() },
        "workloads": {
            "web": web.declaration(),
            "host": Workload { attach: Attach::Host, ..web.clone() }.declaration(),
            "ns": Workload { attach: Attach::Netns("/run/netns/x"), ..web.clone() }.declaration(),
            "run": Workload { attach: Attach::Process(vec!["sleep", "1"]), ..web.clone() }.declaration(),
            "serve": Workload { attach: Attach::ServeHttp(80), ..web.clone() }.declaration(),
        },
        "services": { "shop": service.declaration() },
    });
    let text = file.to_string().into_bytes();
    let loaded = netloom_model::load(&["built.yaml".to_owned()], |_| Ok(text.clone()));
    let findings = netloom_model::diagnostic::render(&loaded.diagnostics, &loaded.sources);
    let fabric = loaded.fabric.unwrap_or_else(|| panic!("{findings}"));
    assert_eq!((fabric.workloads.len(), fabric.services.len()), (5, 1));
}

#[test]
fn what_nodes_refuse_and_control_has_taken_back_is_not_done() {
    let refused = netloom_api::NodeRefusal {
        node: "alpha".to_owned(),
        what: "the change".to_owned(),
        reason: "the link is there".to_owned(),
    };
    let kept_refused = netloom_api::Applied { refused: vec![refused], ..Default::default() };
    assert!(kept(kept_refused.clone()).is_ok());
    let taken_back = netloom_api::Applied { rolled_back_to: Some(3), ..kept_refused };
    let said = kept(taken_back).unwrap_err().to_string();
    let expected = "nodes refuse it, so what revision 3 declares is in force again; \
                    alpha refuses the change: the link is there";
    assert_eq!(said, expected);
}
