//! The files of the guides: what is made of each, and what is said of what is not.

use super::*;

#[test]
fn each_file_of_the_guides_is_told_by_what_is_in_it() {
    for (file, kind, counts) in [
        ("blackroad/network.yaml", "regions", [25, 5, 0]),
        ("blackroad/firewall.yaml", "firewall", [52, 0, 0]),
        ("blackroad/peering.py", "peering", [16, 10, 11]),
        ("clusterdb/network.yaml", "vpc", [19, 1, 0]),
        ("clusterdb/security.yaml", "security", [21, 1, 0]),
        ("bolt/bolt-network.toml", "bolt", [10, 7, 14]),
        ("bolt/ghostwire.toml", "bolt", [4, 2, 5]),
        ("bolt/docker-compose.yml", "compose", [18, 14, 6]),
    ] {
        let imported = import(&[source(&format!("cases/{file}"))]);
        assert_eq!(imported.kinds[0].1.name(), kind, "{file}");
        assert_eq!(super::counts(&imported), counts, "{file}");
    }
}

#[test]
fn regions_become_networks_with_their_tiers_and_edge_sites_with_their_nodes() {
    let imported = import(&[source("cases/blackroad/network.yaml")]);
    let yaml = &imported.yaml;
    for line in [
        "edge-home: { networks: [192.168.4.0/24], nat: true }",
        "us-west: { zones: [us-west-2a, us-west-2b] }",
        "us-west: { cidr: [10.0.0.0/16], region: us-west }",
        "eu-west-public-2: { network: eu-west, cidr: [10.1.2.0/24], public: true, tags: { tier: public } }",
        "us-west: { network: us-west }",
        "lucidia: { region: edge-home, advertise: [192.168.4.0/24], tags: [edge] }  # 192.168.4.38",
        "us-west-gateway: { region: us-west, roles: [control, gateway] }",
    ] {
        assert!(yaml.contains(line), "{line}\n{yaml}");
    }
    // Of each tier the subnets are in the zones in turn.
    let words = yaml.split_whitespace().collect::<Vec<_>>().join(" ");
    for (subnet, cidr, zone, tier) in [
        ("public-1", "10.0.1.0/24", "us-west-2a", "public: true tags: { tier: public }"),
        ("public-2", "10.0.2.0/24", "us-west-2b", "public: true tags: { tier: public }"),
        ("private-1", "10.0.10.0/24", "us-west-2a", "tags: { tier: private }"),
        ("private-2", "10.0.11.0/24", "us-west-2b", "tags: { tier: private }"),
        ("database-1", "10.0.20.0/24", "us-west-2a", "tags: { tier: database }"),
    ] {
        let expected =
            format!("us-west-{subnet}: network: us-west cidr: [{cidr}] zone: {zone} {tier}");
        assert!(words.contains(&expected), "{expected}\n{yaml}");
    }
    let zone = "regions.us-west.availability_zones[0]";
    assert_eq!(outcome(&imported, zone), Outcome::Approximated);
}

#[test]
fn sources_that_are_groups_are_references_and_descriptions_stay() {
    let imported = import(&[source("cases/blackroad/firewall.yaml")]);
    for line in [
        "- { protocol: tcp, ports: 5432, from: { security_group: internal } }  # PostgreSQL",
        "- { protocol: tcp, ports: 8080-8090, from: 10.0.0.0/8 }  # Internal services",
        "egress: [{ protocol: all, to: 10.0.0.0/8 }]",
    ] {
        assert!(imported.yaml.contains(line), "{line}\n{}", imported.yaml);
    }
    assert!(!imported.yaml.contains("workloads:"), "probes are added when they are asked for");
}

#[test]
fn groups_and_acls_go_with_the_network_that_is_given_beside_them() {
    let files = ["cases/clusterdb/network.yaml", "cases/clusterdb/security.yaml"].map(source);
    let imported = import_with_probes(&files);
    let yaml = &imported.yaml;
    for line in [
        "fabric: app-network",
        "dns: { domain: app.local, resolvers: [10.0.0.2] }",
        "app-subnet-1: { network: app-network, cidr: [10.0.1.0/24], zone: us-west-1a }",
        "    network: app-network\n    ingress: [{ rule: 100, action: allow, protocol: tcp, ports: 1024-65535, from: 0.0.0.0/0 }]",
        "internal-lb-sg: { egress: [{ protocol: all, to: all }] }",
        "to: probe-app-subnet-2-web-sg, port: 80/tcp, expect: allow }",
        "{ from: internet, to: probe-app-subnet-2-web-sg, port: 80/tcp, expect: deny }",
    ] {
        assert!(yaml.contains(line), "{line}\n{yaml}");
    }
    assert!(!yaml.contains("to: probe-app-subnet-2-web-sg, port: 443/tcp, expect: deny"), "{yaml}");
    let added: Vec<_> = imported.account.entries.iter().filter(|one| one.file.is_empty()).collect();
    assert!(added.iter().any(|entry| entry.path == "security_groups.internal-lb-sg"));
    assert!(added.iter().all(|entry| entry.outcome == Outcome::Added && entry.line == 0));
}

#[test]
fn rules_that_make_no_sense_are_refused_whole() {
    let rule = |rule: &str| {
        let text =
            text("a.yaml", &format!("security_groups:\n  a:\n    ingress:\n      - {rule}\n"));
        let imported = import(&[text]);
        let path = "security_groups.a.ingress[0]";
        (outcome(&imported, path), words(&imported, path).to_owned())
    };
    for (text, word) in [
        ("{ port: 80, protocol: gre, source: 10.0.0.0/8 }", "gre"),
        ("{ port: 80, protocol: icmp, source: 10.0.0.0/8 }", "protocol has none"),
        ("{ port: 0, protocol: tcp, source: 10.0.0.0/8 }", "no port"),
        ("{ port: 90-80, protocol: tcp, source: 10.0.0.0/8 }", "no port"),
        ("{ port: 70000, protocol: tcp, source: 10.0.0.0/8 }", "no port"),
        ("{ port: 80, protocol: tcp }", "`source`"),
        ("{ port: 80, protocol: tcp, source: 10.0.0.0/40 }", "neither"),
        ("[80]", "a map"),
        ("80", "a map"),
    ] {
        let (outcome, words) = rule(text);
        assert_eq!(outcome, Outcome::Refused, "{text}");
        assert!(words.contains(word), "{text}: {words}");
    }
    let (outcome, _) = rule("{ port: 80, protocol: TCP, source: 10.0.0.5/8, description: x }");
    assert_eq!(outcome, Outcome::Exact);
}

#[test]
fn secrets_are_in_neither_the_file_nor_the_account() {
    let imported = import(&[source("cases/bolt/bolt-network.toml")]);
    let account = format!("{:?}", imported.account);
    assert!(!imported.yaml.contains("tskey") && !account.contains("tskey"));
    assert!(words(&imported, "ghostwire.auth_key").contains("netloom token create"));
}

#[test]
fn what_belongs_to_later_parts_says_so() {
    let imported = import(&[source("cases/bolt/bolt-network.toml")]);
    for path in ["firewall.ddos_protection", "routing.policy_based_routing", "vpn.fallback[1]"] {
        assert!(words(&imported, path).starts_with("not part of the network model; "), "{path}");
    }
}
