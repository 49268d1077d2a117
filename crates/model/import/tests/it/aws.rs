//! What the AWS command line prints: several files, one fabric.

use super::*;

const FILES: [&str; 12] = [
    "vpcs",
    "dhcp-options",
    "subnets",
    "route-tables",
    "security-groups",
    "network-acls",
    "nat-gateways",
    "internet-gateways",
    "egress-only-internet-gateways",
    "vpc-peering-connections",
    "managed-prefix-lists",
    "entries-of-pl-0aaa1111111111111",
];

fn sources() -> Vec<Source> {
    FILES.iter().map(|name| source(&format!("aws/{name}.json"))).collect()
}

fn holds(yaml: &str, lines: &[&str]) {
    for line in lines {
        assert!(yaml.contains(line), "{line}\n{yaml}");
    }
}

#[test]
fn networks_and_subnets_have_all_their_prefixes_and_names_of_their_tags() {
    let imported = import(&sources());
    holds(
        &imported.yaml,
        &[
            "fabric: shop-vpc",
            "us-east-1: { zones: [us-east-1a, us-east-1b] }",
            "    cidr: [10.0.0.0/16, 10.1.0.0/16, \"2001:db8:1234:1a00::/56\"]\n    region: us-east-1",
            "    dns: { domain: shop.internal, resolvers: [10.0.2.53] }\n    tags: { team: shop }",
            "  data-b: { network: shop-vpc, cidr: [10.0.2.0/24], zone: us-east-1b, network_acl: data }",
            "    cidr: [10.0.1.0/24, \"2001:db8:1234:1a01::/64\"]\n    zone: us-east-1a\n    public: true",
        ],
    );
    for (path, expected) in [
        ("Vpcs[0].CidrBlockAssociationSet[2].CidrBlock", Outcome::Refused),
        ("Vpcs[1].EncryptionControl.Mode", Outcome::Refused),
        ("Subnets[0].MapPublicIpOnLaunch", Outcome::Approximated),
        ("Subnets[3].MapPublicIpOnLaunch", Outcome::Exact),
        ("Subnets[1].MapPublicIpOnLaunch", Outcome::Exact),
        ("Subnets[4].CidrBlock", Outcome::Refused),
        ("NextToken", Outcome::Refused),
        ("Vpcs[0].DhcpOptionsId", Outcome::Exact),
        ("DhcpOptions[0].DhcpConfigurations[2].Values[0].Value", Outcome::Refused),
    ] {
        assert_eq!(outcome(&imported, path), expected, "{path}");
    }
}

#[test]
fn routes_lead_where_they_led_or_say_why_not() {
    let imported = import(&sources());
    holds(
        &imported.yaml,
        &[
            "    route_table: shop-private\n    network_acl: acl-0aaa1111111111111",
            "- { to: 0.0.0.0/0, via: { nat_gateway: shop-nat } }",
            "- { to: 10.8.0.0/16, via: { peering: shop-to-data } }",
            "- { to: 10.77.0.0/16, via: blackhole }",
            "- { to: \"::/0\", via: { internet_gateway: eigw-0aaa1111111111111 } }",
            "- { to: { prefix_list: offices }, via: { peering: shop-to-data } }",
            "eigw-0aaa1111111111111: { network: shop-vpc, egress_only: true }",
            "shop-to-data: { networks: [shop-vpc, vpc-0abc2222bbbb22222], status: active, routes: manual }",
        ],
    );
    for (route, word) in
        [(5, "transit"), (6, "instance"), (7, "WireGuard"), (8, "Outposts"), (4, "prefix list")]
    {
        let path = format!("RouteTables[1].Routes[{route}]");
        assert_eq!(outcome(&imported, &path), Outcome::Refused, "{path}");
        assert!(words(&imported, &path).contains(word), "{path}: {}", words(&imported, &path));
    }
    assert_eq!(outcome(&imported, "RouteTables[0].Routes[0].GatewayId"), Outcome::Exact);
    assert_eq!(
        outcome(&imported, "RouteTables[1].Routes[8].ShinyNewField.Deep[1]"),
        Outcome::Refused
    );
    assert_eq!(outcome(&imported, "RouteTables[1].Associations[1].GatewayId"), Outcome::Refused);
}

#[test]
fn groups_keep_references_lists_types_and_comments() {
    let imported = import(&sources());
    holds(
        &imported.yaml,
        &[
            "- { protocol: tcp, ports: 5432-5433, from: { security_group: web } }  # web to db",
            "- { protocol: udp, from: { security_group: db } }",
            "- { protocol: tcp, ports: 22, from: { prefix_list: offices } }  # offices",
            "- { protocol: icmp, types: [8], from: 10.0.0.0/16 }",
            "- { protocol: icmpv6, from: \"::/0\" }",
            "- { protocol: icmp, types: [3/4], from: 0.0.0.0/0 }",
            "egress: [{ protocol: all, to: 0.0.0.0/0 }, { protocol: all, to: \"::/0\" }]",
            "shop-vpc-default:",
            "vpc-0abc2222bbbb22222-default:",
        ],
    );
    let web = "SecurityGroups[0].IpPermissions";
    for (path, expected) in [
        (format!("{web}[1].PrefixListIds[1]"), Outcome::Refused),
        (format!("{web}[2].ToPort"), Outcome::Exact),
        (format!("{web}[3].ToPort"), Outcome::Exact),
        (format!("{web}[5]"), Outcome::Refused),
        ("SecurityGroups[1].IpPermissions[0].UserIdGroupPairs[1].GroupId".into(), Outcome::Refused),
        ("SecurityGroups[1].VpcId".into(), Outcome::Approximated),
    ] {
        assert_eq!(outcome(&imported, &path), expected, "{path}");
    }
}

#[test]
fn acls_are_sorted_and_the_last_denial_is_nobodys_rule() {
    let imported = import(&sources());
    holds(
        &imported.yaml,
        &[
            "      - { rule: 90, action: deny, protocol: all, from: 10.0.9.0/24 }\n      - { rule: 110,",
            "- { rule: 120, action: allow, protocol: icmp, types: [8], from: 0.0.0.0/0 }",
            "egress: [{ rule: 100, action: allow, protocol: tcp, ports: 1024-65535, to: 10.0.1.0/24 }]",
        ],
    );
    assert!(!imported.yaml.contains("3276"), "{}", imported.yaml);
    assert_eq!(outcome(&imported, "NetworkAcls[0].Entries[1].RuleNumber"), Outcome::Exact);
    assert_eq!(outcome(&imported, "NetworkAcls[1].Entries[5].RuleNumber"), Outcome::Exact);
    assert_eq!(outcome(&imported, "NetworkAcls[1].Entries[4].Protocol"), Outcome::Refused);
}

#[test]
fn what_the_groups_mean_stands_there_as_tests() {
    let imported = import_with_probes(&sources());
    holds(
        &imported.yaml,
        &[
            "{ from: probe-public-a-web, to: probe-data-b-db, port: 5432/tcp, expect: allow }",
            "{ from: internet, to: probe-data-b-db, port: 5432/tcp, expect: deny }",
        ],
    );
}

#[test]
fn the_order_of_the_files_changes_nothing_that_is_made() {
    let forwards = import(&sources());
    let mut reversed = sources();
    reversed.reverse();
    let backwards = import(&reversed);
    let body = |yaml: &str| {
        yaml.lines().filter(|line| !line.starts_with('#')).collect::<Vec<_>>().join("\n")
    };
    assert_eq!(body(&forwards.yaml), body(&backwards.yaml));
}

#[test]
fn the_same_file_twice_is_taken_once() {
    let mut twice = sources();
    let first = twice[0].clone();
    twice.push(first);
    let imported = import(&twice);
    let refused = |entry: &&netloom_import::Entry| entry.words.contains("the first one counts");
    assert!(imported.account.entries.iter().filter(refused).count() > 10);
    assert_eq!(imported.yaml.matches("  shop-vpc:\n").count(), 1, "{}", imported.yaml);
}

#[test]
fn parts_without_their_network_say_which_file_is_missing() {
    for (file, list) in [
        ("subnets", "Subnets"),
        ("route-tables", "RouteTables"),
        ("network-acls", "NetworkAcls"),
        ("nat-gateways", "NatGateways"),
    ] {
        let imported = import(&[source(&format!("aws/{file}.json"))]);
        let path = format!("{list}[0]");
        assert_eq!(outcome(&imported, &path), Outcome::Refused, "{path}");
        assert!(words(&imported, &path).contains("describe-vpcs"), "{}", words(&imported, &path));
    }
}

#[test]
fn public_addresses_without_a_route_to_the_internet_make_no_public_subnet() {
    let mut sources = sources();
    let tables = text(
        "tables.json",
        &String::from_utf8(sources[3].bytes.clone()).unwrap().replace("igw-0aaa", "igw-9aaa"),
    );
    assert!(String::from_utf8_lossy(&sources[3].bytes).contains("RouteTables"));
    sources[3] = tables;
    let imported = import(&sources);
    assert!(!imported.yaml.contains("public: true"), "{}", imported.yaml);
    let why = words(&imported, "Subnets[0].MapPublicIpOnLaunch");
    assert!(why.starts_with("not `public`") && why.contains("its route table `"), "{why}");
    assert!(why.contains("0.0.0.0/0"), "{why}");
    // Without any table, the subnet's own word is all there is.
    sources.remove(3);
    assert!(import(&sources).yaml.contains("public: true"));
}

#[test]
fn what_means_nothing_in_a_fabric_is_not_told_as_refused() {
    let imported = import(&sources());
    for path in [
        "Vpcs[0].OwnerId",
        "Subnets[0].SubnetArn",
        "Subnets[0].AvailableIpAddressCount",
        "Subnets[0].AvailabilityZoneId",
        "NatGateways[0].CreateTime",
    ] {
        assert_eq!(outcome(&imported, path), Outcome::Irrelevant, "{path}");
        assert!(words(&imported, path).starts_with("means nothing here: "), "{path}");
    }
    assert_eq!(outcome(&imported, "NextToken"), Outcome::Refused, "what is lost is told so");
}
