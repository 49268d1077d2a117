//! What AWS documents of route tables.

use super::{Case, packets, refused};

const TABLES: &str = "VPC User Guide: Route table concepts";
const SUBNETS: &str = "VPC User Guide: Subnet route tables";
const PRIORITY: &str = "VPC User Guide: Route priority";
const REPLACE: &str = "VPC User Guide: Route traffic to a middlebox appliance";
const LISTS: &str = "VPC User Guide: Route priority";
const OPTIONS: &str = "VPC User Guide: Example routing options";
const NAT_INSTANCES: &str = "VPC User Guide: NAT instances";
const EDGE: &str = "VPC Peering Guide: VPC peering limitations";
const QUOTAS: &str = "VPC User Guide: Amazon VPC quotas";

pub(super) const CASES: &[Case] = &[
    packets(
        "the longest prefix decides: a hole of one address in the default route",
        PRIORITY,
        &["hole > internet tcp/80: stopped at route"],
    ),
    packets(
        "the longest prefix decides: a lane through a default route that leads nowhere",
        PRIORITY,
        &["lane > internet tcp/80: passes"],
    ),
    packets(
        "the network's own prefixes are local, also under a shorter route that leads elsewhere",
        PRIORITY,
        &["wide > by-main tcp/80: passes", "by-main > wide tcp/80: passes"],
    ),
    packets(
        "a table without routes has the local ones",
        TABLES,
        &["nothing > by-main tcp/80: passes", "nothing > internet tcp/80: stopped at route"],
    ),
    packets(
        "every prefix of the network is local, those that were added too",
        SUBNETS,
        &["by-main > second tcp/80: passes", "second > hole tcp/80: passes"],
    ),
    packets(
        "a subnet that names no table has the network's main table",
        SUBNETS,
        &["by-main > internet tcp/80: passes"],
    ),
    packets(
        "a subnet that names a table has that one, and not the main table",
        SUBNETS,
        &["nothing > internet tcp/80: stopped at route"],
    ),
    packets(
        "subnets of one network go different ways by their tables",
        SUBNETS,
        &[
            "lane > internet udp/53: passes",
            "hole > internet udp/53: stopped at route",
            "nothing > internet udp/53: stopped at route",
        ],
    ),
    packets(
        "a static route comes before a propagated one to the same destination",
        PRIORITY,
        &["static > peer tcp/80: stopped at route", "by-main > peer tcp/80: passes"],
    ),
    packets(
        "a site behind a VPN is reached by a propagated route, unless a static one is in its place",
        PRIORITY,
        &[
            "by-main > 192.168.4.1 tcp/80: passes",
            "nothing > 192.168.4.1 icmp: passes",
            "no-site > 192.168.4.1 tcp/80: stopped at route",
        ],
    ),
    packets(
        "of static and propagated routes, too, the longest prefix decides first",
        PRIORITY,
        &["site-but > 192.168.4.1 tcp/80: stopped at route"],
    ),
    packets(
        "a static route to a VPN leads to the site, also through a shorter one that leads nowhere",
        OPTIONS,
        &["site-lane > 192.168.4.1 tcp/80: passes", "site-lane > 192.168.4.1 icmp: passes"],
    ),
    packets(
        "what a table leads to an instance's interface arrives there, and is answered from there",
        OPTIONS,
        &[
            "boxed > 10.99.0.1 tcp/80: passes",
            "boxed-too > 10.99.0.1 tcp/80: passes",
            "boxed > internet tcp/80: stopped at route",
            "nothing > 10.99.0.1 tcp/80: stopped at route",
        ],
    ),
    packets(
        "the groups of an interface hold for what is led to it, too",
        NAT_INSTANCES,
        &[
            "boxed > 10.99.0.1 udp/53: stopped at ingress",
            "boxed-too > 10.99.0.1 icmp: stopped at ingress",
        ],
    ),
    packets(
        "what is behind a network's VPN is not reached over a peering with it",
        EDGE,
        &["peer-site > 192.168.4.1 tcp/80: stopped at route", "peer-site > second tcp/80: passes"],
    ),
    packets(
        "a longer propagated route comes before a shorter static one",
        PRIORITY,
        &["wide > peer tcp/80: passes"],
    ),
    packets(
        "a route whose target is gone is a blackhole; the default route does not take its packets",
        TABLES,
        &["dead > gone tcp/80: stopped at route", "dead > internet tcp/80: passes"],
    ),
    packets(
        "a prefix list as destination is a route for each of its entries",
        LISTS,
        &["listed > internet tcp/80: passes"],
    ),
    packets(
        "a route to a prefix list comes before a propagated one to the same destination",
        LISTS,
        &["list-first > peer tcp/80: stopped at route", "by-main > peer udp/53: passes"],
    ),
    refused(
        "the local route cannot be led elsewhere by another one to the same destination",
        TABLES,
        &[(
            "route_tables: { x: { network: vpc, routes: [{ to: 10.0.0.0/16, via: blackhole }] } }",
            "N0501",
        )],
    ),
    refused(
        "a destination has one route in a table",
        TABLES,
        &[(
            "route_tables: { x: { network: vpc, routes: [{ to: 10.1.0.0/16, via: blackhole }, \
             { to: 10.1.0.0/16, via: { peering: vpc-peer } }] } }",
            "N0502",
        )],
    ),
    refused(
        "a subnet has one table at a time",
        SUBNETS,
        &[(
            "subnets: { x: { network: vpc, cidr: [10.0.99.0/24], route_table: [main, nothing] } }",
            "N0102",
        )],
    ),
    refused(
        "a table is for subnets of its own network",
        SUBNETS,
        &[("subnets: { x: { network: vpc, cidr: [10.0.99.0/24], route_table: others } }", "N0504")],
    ),
    refused(
        "a target is of the table's network",
        TABLES,
        &[
            (
                "route_tables: { x: { network: peer, routes: [{ to: 0.0.0.0/0, via: { nat_gateway: nat } }] } }",
                "N0504",
            ),
            (
                "route_tables: { x: { network: peer, routes: [{ to: 10.2.0.0/16, via: { peering: vpc-gone } }] } }",
                "N0504",
            ),
        ],
    ),
    refused(
        "a table has five hundred routes without being asked, and a thousand at most",
        QUOTAS,
        &[
            ("route_tables: { x: { network: vpc, routes: [ROUTES 501] } }", "N0908"),
            ("route_tables: { x: { network: vpc, routes: [ROUTES 1001] } }", "N0505"),
        ],
    ),
    refused(
        "a part of the network can be led to a middlebox",
        REPLACE,
        &[(
            "route_tables: { x: { network: vpc, routes: [{ to: 10.0.2.0/24, via: { workload: hole } }] } }",
            "N0501",
        )],
    )
    .instead("all of the network is local and stays so: what is allowed inside is for groups and ACLs to say"),
    refused(
        "of a route to a prefix and one to a list that has it, the former comes first",
        LISTS,
        &[(
            "route_tables: { x: { network: vpc, routes: [{ to: 10.1.0.0/16, via: { peering: vpc-peer } }, \
             { to: { prefix_list: peers }, via: blackhole }] } }",
            "N0502",
        )],
    )
    .instead("both are refused, with their places: one of the two would silently do nothing"),
];
