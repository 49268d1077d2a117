//! What programs write is what a file would say, and what cannot be is refused.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::*;

/// What a file makes a fabric of, which it has to.
fn loaded(file: &Value) -> netloom_model::Fabric {
    let text = file.to_string().into_bytes();
    let loaded = netloom_model::load(&["built.yaml".to_owned()], |_| Ok(text.clone()));
    let findings = netloom_model::diagnostic::render(&loaded.diagnostics, &loaded.sources);
    loaded.fabric.unwrap_or_else(|| panic!("{findings}"))
}

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
        ..VirtualNetwork::default()
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
fn rules_name_ports_types_and_prefix_lists() {
    let group = SecurityGroup::new("g")
        .with_ingress(Protocol::TCP, PortRange::Named("web"), Source::PrefixList("office"))
        .with_ingress(
            Protocol::ICMP,
            PortRange::Types(&["echo-request", "3/4"]),
            Source::CIDR("0.0.0.0/0"),
        );
    let web = ServicePort::new("web", 8080, Protocol::TCP).with_public(true);
    let file = json!({
        "version": 1, "fabric": "built",
        "regions": { "here": {} },
        "ports": { "web": web.declaration() },
        "prefix_lists": { "office": PrefixList::new("office").with_entry("203.0.113.0/24").declaration() },
        "security_groups": { "g": group.declaration() },
    });
    let fabric = loaded(&file);
    let rules = &fabric.security_groups["g"].ingress;
    assert_eq!(
        (rules[0].ports[0].first, rules[0].protocol),
        (8080, netloom_model::fabric::Protocol::Tcp)
    );
    assert_eq!(rules[0].peer, netloom_model::fabric::Peer::Cidr("203.0.113.0/24".parse().unwrap()));
    assert_eq!(rules[1].icmp_types.len(), 3, "an echo request of both families, and a code of one");
    assert!(fabric.ports["web"].is_public);
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
        network_acl: Some("acl"),
        tags: HashMap::from([("tier", "app")]),
        ..Subnet::default()
    };
    let mut declared = subnet.declaration().unwrap();
    declared["network"] = json!("app");
    let table = RouteTable::new("private")
        .with_network("app")
        .with_route("0.0.0.0/0", Target::NatGateway("nat"))
        .with_route("192.0.2.0/24", Target::Blackhole)
        .with_route("10.2.0.0/16", Target::Peering("app-data"))
        .with_routes(vec![
            Route::new("198.51.100.0/24").via_internet_gateway("out"),
            Route::to_prefix_list("office"),
            Route::new("203.0.113.0/28").via_node("alpha"),
        ]);
    let office = PrefixList::new("office").with_entry("203.0.113.128/25").with_max_entries(4);
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
    let out = InternetGateway::new("out", "app").with_node("alpha");
    let app = VirtualNetwork::new("app").with_cidr("10.1.0.0/16").with_network_acl("acl");
    let behind =
        Advertised { cidr: "203.0.113.0/28", networks: vec!["app"], ..Advertised::default() };
    let alpha = Node::new("alpha", "here").with_role(Role::Gateway).with_advertised(behind);
    let peering = Peering::new("app", "data").with_pending(true).with_manual_routes(true);
    let file = json!({
        "version": 1, "fabric": "built",
        "regions": { "here": {} },
        "nodes": { "alpha": alpha.declaration() },
        "networks": { "app": app.declaration().unwrap(), "data": { "cidr": "10.2.0.0/16" } },
        "prefix_lists": { "office": office.declaration() },
        "subnets": { "s": declared },
        "route_tables": { "private": table.declaration() },
        "nat_gateways": { "nat": NatGateway::new("nat", "app").with_node("alpha").declaration() },
        "internet_gateways": { "out": out.declaration() },
        "peerings": { "app-data": peering.declaration() },
        "network_acls": { "acl": acl.declaration() },
    });
    let fabric = loaded(&file);
    assert_eq!(fabric.route_tables["private"].routes.len(), 6);
    assert_eq!(fabric.prefix_lists["office"].entries_max, 4);
    let asked = &fabric.peerings["app-data"];
    assert!(!asked.is_active() && !asked.has_own_routes);
    assert_eq!(fabric.subnets["s"].network_acl.as_deref(), Some("acl"));
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
        .with_address("10.1.1.9")
        .with_label("app", "web")
        .with_published(Protocol::TCP, 80)
        .with_interface(
            "back",
            Interface { subnet: "t", security_groups: vec!["web"], ..Interface::default() },
        );
    let plain = Workload::new("plain", "beta", "s", Attach::Host).with_security_group("web");
    let service = Service::new("shop", 80).with_select("app", "web");
    // What is built is what a file would say: it loads as one.
    let file = json!({
        "version": 1, "fabric": "built",
        "regions": { "here": { "zones": ["a"] } },
        "networks": { "app": { "cidr": "10.1.0.0/16" } },
        "internet_gateways": { "out": InternetGateway::new("out", "app").with_node("beta").declaration() },
        "subnets": {
            "s": { "network": "app", "cidr": "10.1.1.0/24", "public": true },
            "t": { "network": "app", "cidr": "10.1.2.0/24" },
        },
        "security_groups": { "web": { "ingress": [{ "from": "all" }], "egress": [{ "to": "all" }] } },
        "nodes": { "beta": node.declaration() },
        "workloads": {
            "web": web.declaration(),
            "host": plain.declaration(),
            "ns": Workload { attach: Attach::Netns("/run/netns/x"), ..plain.clone() }.declaration(),
            "run": Workload { attach: Attach::Process(vec!["sleep", "1"]), ..plain.clone() }.declaration(),
            "serve": Workload { attach: Attach::ServeHttp(80), ..plain.clone() }.declaration(),
            "tcp": Workload { attach: Attach::ServeTcp(80), ..plain.clone() }.declaration(),
            "udp": Workload { attach: Attach::ServeUdp(80), ..plain.clone() }.declaration(),
        },
        "services": { "shop": service.declaration() },
    });
    let fabric = loaded(&file);
    // A further interface is one of the workloads.
    assert_eq!((fabric.workloads.len(), fabric.services.len()), (8, 1));
    assert_eq!(fabric.workloads["web"].publish[0].to, 80);
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
