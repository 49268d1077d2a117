//! Addresses: asked for, kept, resting, reserved, exhausted; never twice, and never moved by others.

use netloom_model::Fabric;
use netloom_model::fabric::Reserved;
use netloom_model::lease::{self, Leases, Unassigned};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::net::IpAddr;

/// A fabric with the subnet `web` of `cidrs`, and workloads by name, each with addresses or none.
fn fabric(cidrs: &str, workloads: &[(&str, &str)]) -> Fabric {
    let mut text = format!(
        "version: 1\nfabric: shop\nregions: {{ home: {{}} }}\nnodes: {{ alpha: {{ region: home }} }}
networks: {{ app: {{ cidr: [10.0.0.0/16, \"fd00:10::/48\"] }} }}
subnets: {{ web: {{ network: app, cidr: [{cidrs}] }} }}\nworkloads:\n  zz-last: {{ node: alpha, subnet: web, attach: host }}\n"
    );
    for (name, address) in workloads {
        let _ = writeln!(
            text,
            "  {name}: {{ node: alpha, subnet: web, address: [{address}], attach: host }}"
        );
    }
    let loaded = netloom_model::load(&["t.yaml".to_owned()], |_| Ok(text.clone().into_bytes()));
    let shown = netloom_model::diagnostic::render(&loaded.diagnostics, &loaded.sources);
    let mut fabric = loaded.fabric.unwrap_or_else(|| panic!("{shown}"));
    fabric.workloads.remove("zz-last");
    fabric
}

fn addresses(leases: &Leases, workload: &str) -> Vec<String> {
    leases.workloads[workload].iter().map(IpAddr::to_string).collect()
}

fn leased(of: &[(&str, &[&str])]) -> Leases {
    let parse = |texts: &&[&str]| texts.iter().map(|text| text.parse().unwrap()).collect();
    let workloads = of.iter().map(|(name, texts)| ((*name).to_owned(), parse(texts)));
    Leases { workloads: workloads.collect(), resting: BTreeSet::new() }
}

#[test]
fn the_first_address_given_is_the_fifth_of_each_prefix() {
    let fabric = fabric("10.0.1.0/24, \"fd00:10:0:1::/64\"", &[("a", ""), ("b", "")]);
    let (leases, refused) = lease::assign(&fabric, &Leases::default());
    assert_eq!(refused, []);
    assert_eq!(addresses(&leases, "a"), ["10.0.1.4", "fd00:10:0:1::4"]);
    assert_eq!(addresses(&leases, "b"), ["10.0.1.5", "fd00:10:0:1::5"]);
    let cidr = "10.0.1.0/24".parse().unwrap();
    assert_eq!(lease::gateway(cidr, Reserved::First).to_string(), "10.0.1.1");
    assert_eq!(lease::resolver(cidr, Reserved::First).to_string(), "10.0.1.2");
}

#[test]
fn an_address_that_is_asked_for_is_given_even_if_another_workload_had_it() {
    let fabric = fabric("10.0.1.0/24", &[("a", ""), ("b", "10.0.1.4")]);
    let before = leased(&[("a", &["10.0.1.4"]), ("b", &["10.0.1.9"])]);
    let (leases, refused) = lease::assign(&fabric, &before);
    assert_eq!(refused, []);
    assert_eq!(addresses(&leases, "b"), ["10.0.1.4"]);
    assert_ne!(addresses(&leases, "a"), ["10.0.1.4"]);
}

#[test]
fn what_was_leased_is_kept_while_it_fits() {
    let fabric = fabric("10.0.1.0/24, \"fd00:10:0:1::/64\"", &[("a", ""), ("b", ""), ("c", "")]);
    let before = leased(&[
        ("a", &["10.0.1.77", "fd00:10:0:1::77"]),
        ("b", &["10.0.9.9", "10.0.1.1"]),
        ("gone", &["10.0.1.4"]),
    ]);
    let (leases, _) = lease::assign(&fabric, &before);
    assert_eq!(addresses(&leases, "a"), ["10.0.1.77", "fd00:10:0:1::77"]);
    // Outside of its subnet, or reserved: not kept.
    assert_eq!(addresses(&leases, "b"), ["10.0.1.4", "fd00:10:0:1::4"]);
    assert!(!leases.workloads.contains_key("gone"));
    assert_eq!(lease::assign(&fabric, &leases).0, leases, "a second time changes nothing");
}

#[test]
fn an_address_that_rests_is_not_given_but_may_be_asked_for() {
    let mut before = Leases::default();
    before.resting.insert(("app".to_owned(), "10.0.1.4".parse().unwrap()));
    before.resting.insert(("other".to_owned(), "10.0.1.5".parse().unwrap()));
    let fabric_ = fabric("10.0.1.0/24", &[("a", "")]);
    let (leases, _) = lease::assign(&fabric_, &before);
    assert_eq!(addresses(&leases, "a"), ["10.0.1.5"], "another network's rest is its own");
    assert_eq!(leases.resting, before.resting);
    let fabric = fabric("10.0.1.0/24", &[("a", "10.0.1.4")]);
    assert_eq!(addresses(&lease::assign(&fabric, &before).0, "a"), ["10.0.1.4"]);
}

#[test]
fn a_29_holds_three_workloads_and_the_fourth_is_refused() {
    let names = ["a", "b", "c", "d"].map(|name| (name, ""));
    let mut fabric = fabric("10.0.1.0/28", &names);
    fabric.subnets.get_mut("web").unwrap().cidrs = vec!["10.0.1.0/29".parse().unwrap()];
    let (leases, refused) = lease::assign(&fabric, &Leases::default());
    let given: Vec<_> = ["a", "b", "c"].map(|name| addresses(&leases, name)).concat();
    assert_eq!(given, ["10.0.1.4", "10.0.1.5", "10.0.1.6"]);
    let exhausted = Unassigned::Exhausted { subnet: "web".to_owned() };
    assert_eq!(refused, [("d".to_owned(), exhausted)]);
}

#[test]
fn reserved_and_foreign_and_second_addresses_are_refused() {
    for (address, reserved) in [
        ("10.0.1.0", true),
        ("10.0.1.1", true),
        ("10.0.1.3", true),
        ("10.0.1.4", false),
        ("10.0.1.254", false),
        ("10.0.1.255", true),
        ("fd00:10:0:1::3", true),
        ("fd00:10:0:1::4", false),
        ("fd00:10:0:1:ffff:ffff:ffff:ffff", true),
    ] {
        let prefix = if address.contains(':') { "fd00:10:0:1::/64" } else { "10.0.1.0/24" };
        let found =
            lease::is_reserved(prefix.parse().unwrap(), Reserved::First, address.parse().unwrap());
        assert_eq!(found, reserved, "{address}");
    }
    let mut fabric = fabric("10.0.1.0/24", &[("a", ""), ("b", ""), ("c", ""), ("d", "")]);
    let parse = |text: &str| text.parse::<IpAddr>().unwrap();
    for (name, asked) in
        [("a", "10.0.2.9"), ("b", "10.0.1.2"), ("c", "10.0.1.9 10.0.1.10"), ("d", "10.0.1.9")]
    {
        let workload = fabric.workloads.get_mut(name).unwrap();
        workload.addresses = asked.split(' ').map(parse).collect();
    }
    let (_, refused) = lease::assign(&fabric, &Leases::default());
    let refused: BTreeMap<_, _> = refused.into_iter().collect();
    let subnet = "web".to_owned();
    assert_eq!(refused["a"], Unassigned::Outside { address: parse("10.0.2.9"), subnet });
    assert_eq!(refused["b"], Unassigned::Reserved { address: parse("10.0.1.2") });
    let (address, first) = (parse("10.0.1.10"), parse("10.0.1.9"));
    assert_eq!(refused["c"], Unassigned::Second { address, first });
    assert_eq!(refused["d"], Unassigned::Taken { address: first, by: "c".to_owned() });
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn a_new_workload_moves_no_other_and_no_address_is_given_twice(
        rounds in prop::collection::vec((0u8..60, any::<bool>()), 1..12),
    ) {
        let mut names = BTreeSet::new();
        let mut leases = Leases::default();
        for (number, adds) in rounds {
            let name = format!("w{number}");
            if adds { names.insert(name); } else { names.remove(&name); }
            let list: Vec<_> = names.iter().map(|name| (name.as_str(), "")).collect();
            let fabric = fabric("10.0.1.0/24, \"fd00:10:0:1::/64\"", &list);
            let (now, refused) = lease::assign(&fabric, &leases);
            prop_assert!(refused.is_empty());
            for (name, addresses) in &leases.workloads {
                if names.contains(name) {
                    prop_assert_eq!(&now.workloads[name], addresses);
                }
            }
            let all: Vec<_> = now.workloads.values().flatten().collect();
            prop_assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len());
            prop_assert!(now.workloads.values().all(|addresses| addresses.len() == 2));
            leases = now;
        }
    }
}

fn read(text: &str) -> Fabric {
    let loaded = netloom_model::load(&["f.yaml".to_owned()], |_| Ok(text.to_owned().into_bytes()));
    loaded.fabric.unwrap_or_else(|| panic!("{:#?}", loaded.diagnostics))
}

/// A subnet of a network whose stock peers have its first addresses, as most WireGuard files do.
fn with_first_addresses(advertise: &str) -> String {
    format!(
        "version: 1
fabric: f
regions: {{ here: {{}} }}
networks: {{ n: {{ cidr: 10.0.1.0/28 }} }}
subnets: {{ s: {{ network: n, cidr: 10.0.1.0/28, reserved: last }} }}
nodes: {{ alpha: {{ region: here }} }}
security_groups: {{ g: {{ ingress: [{{ from: all }}] }} }}
workloads:
  host: {{ node: alpha, subnet: s, address: 10.0.1.1, security_groups: [g], attach: host }}
  phone: {{ node: alpha, subnet: s, address: 10.0.1.2, security_groups: [g], advertise: [{advertise}], attach: {{ wireguard: {{}} }} }}
  a: {{ node: alpha, subnet: s, security_groups: [g], attach: {{ serve: {{ tcp: 1 }} }} }}
  b: {{ node: alpha, subnet: s, security_groups: [g], attach: {{ serve: {{ tcp: 1 }} }} }}
"
    )
}

#[test]
fn a_subnet_may_keep_its_last_addresses_instead_of_its_first() {
    let cidr: ipnet::IpNet = "10.0.1.0/28".parse().unwrap();
    assert_eq!(lease::gateway(cidr, Reserved::Last).to_string(), "10.0.1.14");
    assert_eq!(lease::resolver(cidr, Reserved::Last).to_string(), "10.0.1.13");
    let reserved: Vec<u8> = (0..16)
        .filter(|last| lease::is_reserved(cidr, Reserved::Last, IpAddr::from([10, 0, 1, *last])))
        .collect();
    assert_eq!(reserved, [0, 12, 13, 14, 15]);
    let fabric = read(&with_first_addresses("192.168.1.0/24"));
    let (leases, refused) = lease::assign(&fabric, &Leases::default());
    assert_eq!(refused, []);
    let texts = |name: &str| leases.workloads[name][0].to_string();
    assert_eq!(
        ["host", "phone", "a", "b"].map(texts),
        ["10.0.1.1", "10.0.1.2", "10.0.1.3", "10.0.1.4"]
    );
}

#[test]
fn no_address_behind_a_peer_is_given_to_another() {
    let fabric = read(&with_first_addresses("10.0.1.0/30, 10.0.1.4/31"));
    let (leases, refused) = lease::assign(&fabric, &Leases::default());
    assert_eq!(refused, []);
    assert_eq!(leases.workloads["a"][0].to_string(), "10.0.1.6");
}
