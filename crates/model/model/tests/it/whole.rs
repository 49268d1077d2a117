//! A file with every section loads without a finding, and the fabric has what is meant.

use netloom_model::fabric::{
    Attach, GatewayKind, IcmpTypes, NextHop, Party, Peer, PeeringStatus, PortRange, Protocol,
};
use netloom_model::lease::{self, Leases, Unassigned};
use netloom_model::{Fabric, Loaded, diagnostic};
use std::net::IpAddr;

/// Every section, and every form of what stands there.
pub(crate) const WHOLE: &str = r#"version: 1
fabric: shop
regions:
  west: { zones: [west-1, west-2] }
  home: { networks: [192.168.0.0/16], nat: true }
networks:
  app:
    cidr: [10.0.0.0/16, 10.1.0.0/16, "fd00:10::/48"]
    region: west
    zones: [west-1]
    route_table: main
    network_acl: all
    tags: { team: shop }
  data: { cidr: 10.2.0.0/16 }
subnets:
  web: { network: app, cidr: 10.0.1.0/24, zone: west-1, public: true, tags: { tier: web } }
  own: { network: app, cidr: 10.0.2.0/24, route_table: private, network_acl: strict, nat_gateway: nat }
  wide: { network: app, cidr: [10.0.3.0/29, 10.1.3.0/29, "fd00:10:0:3::/64"] }
  db: { network: data, cidr: 10.2.1.0/24 }
nodes:
  alpha: { region: west, zone: west-1, roles: [gateway], endpoint: "203.0.113.1:51820" }
  beta: { region: west, zone: west-2, roles: [gateway], endpoint: "203.0.113.2:51820" }
  pi:
    region: home
    advertise: [192.168.4.0/24, { cidr: 192.168.5.0/24, as: 10.205.5.0/24, networks: [app] }]
route_tables:
  main: { network: app, routes: [{ to: 192.168.4.0/24, via: { node: pi } }] }
  private:
    network: app
    tags: { tier: own }
    routes:
      - { to: "::/0", via: { internet_gateway: out6 } }
      - { to: 10.2.0.0/16, via: { peering: app-data } }
      - { to: 10.9.0.0/24, via: { workload: web-1 } }
      - { to: { prefix_list: offices }, via: blackhole }
nat_gateways:
  nat: { network: app, nodes: [beta, alpha] }
internet_gateways:
  out: { network: app }
  out6: { network: app, nodes: [alpha], egress_only: true, tags: { for: v6 } }
peerings:
  app-data: { networks: [app, data], routes: manual }
  app-later: { networks: [data, app], status: deleted }
prefix_lists:
  offices: { entries: [198.51.100.0/24, "2001:db8:7::/48"], max_entries: 20 }
network_acls:
  all:
    network: app
    ingress: [{ rule: 100, action: allow, protocol: all, from: all }]
    egress: [{ rule: 100, action: allow, protocol: all, to: all }]
  strict:
    network: app
    ingress:
      - { rule: 200, action: deny, protocol: all, from: 0.0.0.0/0 }
      - { rule: 100, action: allow, ports: postgres, from: [10.0.1.0/24, { prefix_list: offices }] }
      - { rule: 300, action: allow, protocol: icmp, types: [echo-request], from: all }
    egress: [{ rule: 1, action: allow, protocol: tcp, ports: 1024-65535, to: all }]
ports:
  postgres: { port: 5432, protocol: tcp }
  dns: { port: 53, protocol: udp, visibility: public }
  metrics: { port: 9100, visibility: internal }
security_groups:
  web:
    ingress:
      - { ports: [postgres, dns, metrics], from: [{ security_group: web }, { prefix_list: offices }] }
      - { protocol: icmp, types: [3], from: 10.0.0.0/16 }
      - { protocol: tcp, ports: [80, 8000-8010], from: all }
    egress: [{ to: all }]
  db: { ingress: [{ ports: postgres, from: { security_group: web } }], tags: { tier: db } }
workloads:
  web-1:
    node: alpha
    subnet: web
    labels: { app: web }
    security_groups: [web]
    interfaces: { data: { subnet: db, address: 10.2.1.9, security_groups: [db] } }
    publish: [{ port: 443, to: 8443 }, 80]
    attach: { serve: { http: 80 } }
  web-2: { node: beta, subnet: own, labels: { app: web }, security_groups: [web], attach: { serve: { http: 80 } } }
tests:
  - { from: { labels: { app: web } }, to: internet, ports: [80/tcp, 443/tcp], expect: allow }
  - { from: { network: app }, to: { security_group: web }, port: icmp, expect: allow }
  - { from: { subnet: db }, to: web-2, port: 80/tcp, expect: deny }
"#;

fn load(text: &str) -> Loaded {
    netloom_model::load(&["whole.yaml".to_owned()], |_| Ok(text.as_bytes().to_vec()))
}

fn fabric(text: &str) -> Fabric {
    let loaded = load(text);
    let shown = diagnostic::render(&loaded.diagnostics, &loaded.sources);
    assert_eq!(shown, "");
    loaded.fabric.unwrap()
}

fn of<T: std::fmt::Display>(all: &[T]) -> Vec<String> {
    all.iter().map(T::to_string).collect()
}

#[test]
fn subnets_have_what_their_network_says_unless_they_say_it_themselves() {
    let fabric = fabric(WHOLE);
    let of = |name: &str| {
        let subnet = &fabric.subnets[name];
        (subnet.route_table.as_deref(), subnet.network_acl.as_deref())
    };
    assert_eq!(of("web"), (Some("main"), Some("all")));
    assert_eq!(of("own"), (Some("private"), Some("strict")));
    assert_eq!(of("db"), (None, None));
    assert_eq!(fabric.subnets["web"].tags["tier"], "web");
    assert!(fabric.networks["app"].zones.contains("west-1"));
}

#[test]
fn routes_lead_where_they_say_and_lists_become_their_prefixes() {
    let fabric = fabric(WHOLE);
    let routes = &fabric.route_tables["private"].routes;
    let to: Vec<String> = routes.iter().map(|route| route.to.to_string()).collect();
    assert_eq!(to, ["::/0", "10.2.0.0/16", "10.9.0.0/24", "198.51.100.0/24", "2001:db8:7::/48"]);
    let via: Vec<&NextHop> = routes.iter().map(|route| &route.via).collect();
    assert_eq!(via[0], &NextHop::Gateway("out6".to_owned()));
    assert_eq!(via[1], &NextHop::Peering("app-data".to_owned()));
    assert_eq!(via[2], &NextHop::Workload("web-1".to_owned()));
    assert_eq!(via[3..], [&NextHop::Blackhole, &NextHop::Blackhole]);
    let nodes = |name: &str| (fabric.gateways[name].kind, fabric.gateways[name].nodes.join(" "));
    assert_eq!(nodes("nat"), (GatewayKind::Nat, "beta alpha".to_owned()));
    assert_eq!(nodes("out"), (GatewayKind::Internet, "alpha beta".to_owned()));
    assert_eq!(nodes("out6"), (GatewayKind::EgressOnly, "alpha".to_owned()));
    let peering = &fabric.peerings["app-data"];
    assert!(peering.is_active() && !peering.has_own_routes);
    assert_eq!(fabric.peerings["app-later"].status, PeeringStatus::Deleted);
    assert_eq!(fabric.peers_of("app").count(), 1);
    let [plain, mapped] = fabric.nodes["pi"].advertise.as_slice() else { panic!("two prefixes") };
    assert_eq!(plain.reached_as().to_string(), "192.168.4.0/24");
    assert_eq!(mapped.reached_as().to_string(), "10.205.5.0/24");
    assert_eq!(mapped.prefix.to_string(), "192.168.5.0/24");
}

#[test]
fn rules_have_the_ports_and_prefixes_that_their_names_stand_for() {
    let fabric = fabric(WHOLE);
    let range = |first, last| PortRange { first, last };
    let rules = &fabric.security_groups["web"].ingress;
    let group = Peer::SecurityGroup("web".to_owned());
    let of_group: Vec<_> = rules.iter().filter(|rule| rule.peer == group).collect();
    assert_eq!(of_group[0].protocol, Protocol::Tcp);
    assert_eq!(of_group[0].ports, [range(5432, 5432), range(9100, 9100)]);
    assert_eq!((of_group[1].protocol, &*of_group[1].ports), (Protocol::Udp, &[range(53, 53)][..]));
    // Two protocols for the group, and for each of two prefixes; then ICMP, then TCP.
    assert_eq!(rules.len(), 8);
    assert_eq!(rules[6].icmp_types, [IcmpTypes { ipv6: false, first: 0x300, last: 0x3ff }]);
    assert_eq!(rules[7].ports, [range(80, 80), range(8000, 8010)]);
    assert!(fabric.ports["dns"].is_public && !fabric.ports["metrics"].is_public);
    let acl = &fabric.network_acls["strict"];
    let numbers: Vec<u16> = acl.ingress.iter().map(|rule| rule.number).collect();
    assert_eq!(numbers, [100, 200, 300]);
    let first = &acl.ingress[0];
    assert_eq!((first.protocol, &*first.ports), (Protocol::Tcp, &[range(5432, 5432)][..]));
    assert_eq!(of(&first.prefixes), ["10.0.1.0/24", "198.51.100.0/24", "2001:db8:7::/48"]);
    assert!(acl.ingress[2].prefixes.is_empty(), "all");
    assert_eq!(fabric.prefix_lists["offices"].entries_max, 20);
}

#[test]
fn an_interface_is_a_workload_of_its_own_in_its_own_subnet() {
    let fabric = fabric(WHOLE);
    let interface = &fabric.workloads["web-1-data"];
    assert_eq!(interface.attach, Attach::Interface { of: "web-1".to_owned() });
    assert_eq!((interface.node.as_str(), interface.subnet.as_str()), ("alpha", "db"));
    assert_eq!(interface.security_groups.iter().collect::<Vec<_>>(), ["db"]);
    assert!(interface.labels.is_empty() && interface.publish.is_empty());
    let (leases, refused) = lease::assign(&fabric, &Leases::default());
    assert_eq!(refused, []);
    assert_eq!(of(&leases.workloads["web-1-data"]), ["10.2.1.9"]);
    let published: Vec<_> = fabric.workloads["web-1"].publish.iter().map(|one| one.to).collect();
    assert_eq!(published, [8443, 80]);
}

#[test]
fn tests_between_sets_are_tests_between_each_of_their_members() {
    let fabric = fabric(WHOLE);
    let workload = |name: &str| Party::Workload(name.to_owned());
    let flows: Vec<_> =
        fabric.tests.iter().map(|test| (test.from.clone(), test.to.clone(), test.port)).collect();
    let (one, two) = (workload("web-1"), workload("web-2"));
    assert_eq!(
        flows,
        [
            (one.clone(), Party::Internet, Some(80)),
            (one.clone(), Party::Internet, Some(443)),
            (two.clone(), Party::Internet, Some(80)),
            (two.clone(), Party::Internet, Some(443)),
            (one.clone(), two.clone(), None),
            (two.clone(), one, None),
            (workload("web-1-data"), two, Some(80)),
        ]
    );
}

#[test]
fn a_workload_has_one_address_per_family_from_the_first_prefix_with_room() {
    let names = ["a", "b", "c", "d", "e", "f", "g"];
    let with = |count: usize| {
        let workloads: String = names[..count]
            .iter()
            .map(|name| {
                format!(
                    "  {name}: {{ node: alpha, subnet: wide, security_groups: [web], attach: {{ serve: {{ http: 80 }} }} }}\n"
                )
            })
            .collect();
        WHOLE.replace("tests:\n", &format!("{workloads}tests:\n"))
    };
    let fabric = fabric(&with(6));
    let (leases, refused) = lease::assign(&fabric, &Leases::default());
    assert_eq!(refused, []);
    let addresses = |name: &str| of(&leases.workloads[name]);
    assert_eq!(addresses("a"), ["10.0.3.4", "fd00:10:0:3::4"]);
    assert_eq!(addresses("c"), ["10.0.3.6", "fd00:10:0:3::6"]);
    assert_eq!(addresses("d"), ["10.1.3.4", "fd00:10:0:3::7"]);
    assert_eq!(addresses("f"), ["10.1.3.6", "fd00:10:0:3::9"]);
    // Whoever is in the second prefix stays there, when the first one has room again.
    let mut fewer = fabric.clone();
    fewer.workloads.remove("a");
    let (now, _) = lease::assign(&fewer, &leases);
    assert_eq!(now.workloads["d"], leases.workloads["d"]);
    let exhausted = load(&with(7));
    assert!(exhausted.fabric.is_none());
    let codes: Vec<_> = exhausted.diagnostics.iter().map(|found| found.code.0).collect();
    assert_eq!(codes, ["N0306"]);
    let mut more = fabric.clone();
    more.workloads.insert("g".to_owned(), fabric.workloads["f"].clone());
    let (given, refused) = lease::assign(&more, &leases);
    let subnet = "wide".to_owned();
    assert_eq!(refused, [("g".to_owned(), Unassigned::Exhausted { subnet })]);
    let sixth: IpAddr = "fd00:10:0:3::a".parse().unwrap();
    assert_eq!(given.workloads["g"], [sixth], "the other family has room");
}

#[test]
fn a_workload_may_ask_for_an_address_of_a_later_prefix() {
    let text = WHOLE.replace(
        "tests:\n",
        "  a: { node: alpha, subnet: wide, address: 10.1.3.5, security_groups: [web], attach: { serve: { http: 80 } } }\ntests:\n",
    );
    let fabric = fabric(&text);
    let (leases, refused) = lease::assign(&fabric, &Leases::default());
    assert_eq!(refused, []);
    assert_eq!(of(&leases.workloads["a"]), ["10.1.3.5", "fd00:10:0:3::4"]);
}

#[test]
fn what_nothing_uses_is_told_for_every_kind_of_object() {
    let text = r#"version: 1
fabric: shop
regions: { here: {} }
nodes: { alpha: { region: here, roles: [gateway] } }
networks:
  app: { cidr: 10.0.0.0/16 }
  empty: { cidr: 10.1.0.0/16, route_table: of-empty }
  data: { cidr: 10.2.0.0/16 }
  spare: { cidr: 10.3.0.0/16 }
subnets: { web: { network: app, cidr: 10.0.1.0/24 } }
route_tables:
  main: { network: app, routes: [{ to: 10.2.0.0/16, via: { peering: led-to } }] }
  of-empty: { network: empty, routes: [] }
network_acls: { app: { network: app } }
prefix_lists: { offices: { entries: [198.51.100.0/24] } }
nat_gateways: { nat: { network: app } }
internet_gateways: { out: { network: app } }
peerings:
  led-to: { networks: [app, data], routes: manual }
  not-led-to: { networks: [app, empty], routes: manual }
  by-itself: { networks: [data, empty] }
  asked-for: { networks: [app, spare], routes: manual, status: pending }
ports: { ssh: { port: 22 }, http: { port: 80 }, alt: { port: 8080 } }
security_groups: { web: { ingress: [{ protocol: tcp, ports: 8000-8100, from: all }] } }
workloads: { web-1: { node: alpha, subnet: web, security_groups: [web], attach: { serve: { http: 80 } } } }
"#;
    let loaded = load(text);
    let told: Vec<_> = loaded.diagnostics.iter().map(|found| found.message.as_str()).collect();
    assert_eq!(
        told,
        [
            "no subnet uses the route table `main`",
            "no subnet uses the route table `of-empty`",
            "no subnet uses the network ACL `app`",
            "no rule or route uses the prefix list `offices`",
            "no subnet or route uses the NAT gateway `nat`",
            "no subnet or route uses the internet gateway `out`",
            "no route leads to the peering `not-led-to`, which has `routes: manual`",
            "no rule or server uses the service port `ssh`",
        ]
    );
    assert!(loaded.diagnostics.iter().all(|found| found.code == diagnostic::code::UNUSED));
}

#[test]
fn quotas_are_for_each_family_by_itself() {
    let acl = |v4: u16, v6: u16| {
        let rule = |number: u16, from: &str| {
            format!("      - {{ rule: {number}, action: allow, protocol: all, from: {from} }}\n")
        };
        let rules: String = (1..=v4)
            .map(|number| rule(number, "10.0.0.0/8"))
            .chain((1..=v6).map(|number| rule(1000 + number, "\"fd00::/8\"")))
            .collect();
        let text = WHOLE.replace(
            "  strict:\n",
            &format!("  many:\n    network: app\n    ingress:\n{rules}  strict:\n"),
        );
        let found = load(&text.replace("network_acl: strict", "network_acl: many")).diagnostics;
        let quota = [diagnostic::code::QUOTA, diagnostic::code::QUOTA_USUAL];
        found.iter().map(|one| one.code).filter(|code| quota.contains(code)).collect::<Vec<_>>()
    };
    assert_eq!(acl(20, 20), []);
    assert_eq!(acl(20, 21), [diagnostic::code::QUOTA_USUAL]);
    assert_eq!(acl(40, 40), [diagnostic::code::QUOTA_USUAL]);
    assert_eq!(acl(41, 1), [diagnostic::code::QUOTA]);
}
