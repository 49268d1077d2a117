//! What AWS documents of peering.

use super::{Case, packets, refused};

const BASICS: &str = "VPC Peering Guide: How VPC peering connections work";
const LIFE: &str = "VPC Peering Guide: VPC peering connection lifecycle";
const LIMITS: &str = "VPC Peering Guide: VPC peering limitations";
const TABLES: &str = "VPC Peering Guide: Update your route tables for a VPC peering connection";
const GROUPS: &str =
    "VPC Peering Guide: Update your security groups to reference peer security groups";
const SPECIFIC: &str = "VPC Peering Guide: VPC peering configurations with specific routes";
const FULL: &str = "VPC Peering Guide: VPC peering configurations with routes to an entire VPC";

pub(super) const CASES: &[Case] = &[
    packets(
        "peered networks reach each other by private addresses, both ways",
        BASICS,
        &[
            "hub > one tcp/80: passes",
            "one > hub udp/53: passes",
            "hub > one-here icmp: passes",
        ],
    ),
    packets(
        "networks that are not peered do not reach each other",
        BASICS,
        &["hub > lone tcp/80: stopped at route", "lone > hub tcp/80: stopped at route"],
    ),
    packets(
        "each side's table needs a route: without the caller's nothing leaves",
        TABLES,
        &["m1-none > m2-full tcp/80: stopped at route", "m1-full > m2-full tcp/80: passes"],
    ),
    packets(
        "each side's table needs a route: without the called one's no answer comes back",
        TABLES,
        &["m1-full > m2-none tcp/80: unanswered"],
    ),
    packets(
        "IPv6 needs routes of its own",
        TABLES,
        &["m1-full > m2-full tcp/80: passes", "m1-full > m2-full tcp/80 ipv6: stopped at route"],
    ),
    packets(
        "a route to a part of the peer's network leads to that part only",
        SPECIFIC,
        &["m1-part > m2-full tcp/80: passes", "m1-part > m2-beside tcp/80: stopped at route"],
    ),
    packets(
        "peering is not transitive: two peers of a hub do not reach each other by it",
        LIMITS,
        &["one > two tcp/80: stopped at route", "two > one tcp/80: stopped at route"],
    ),
    packets(
        "not even a route through the hub makes it transitive",
        LIMITS,
        &["one-through > two tcp/80: stopped at route", "one-through > hub tcp/80: passes"],
    ),
    packets(
        "a peer's NAT gateway and internet gateway are not one's own",
        LIMITS,
        &[
            "one-out > internet tcp/80: stopped at route",
            "hub > internet tcp/80: passes",
            "hub-far > internet tcp/80: passes",
        ],
    ),
    packets(
        "a peering that waits to be accepted carries nothing",
        LIFE,
        &["hub > waits tcp/80: stopped at route", "waits > hub tcp/80: stopped at route"],
    ),
    packets(
        "a peering that was rejected carries nothing",
        LIFE,
        &["hub > turned-down tcp/80: stopped at route"],
    ),
    packets(
        "a peering that was deleted carries nothing, whichever side has done it",
        LIFE,
        &["hub > ended tcp/80: stopped at route", "ended > hub tcp/80: stopped at route"],
    ),
    packets(
        "groups hold over a peering",
        BASICS,
        &["hub > one-web tcp/80: passes", "hub > one-web tcp/81: stopped at ingress"],
    ),
    packets(
        "a group can name one of the peered network",
        GROUPS,
        &[
            "hub-app > one-db tcp/5432: passes",
            "hub > one-db tcp/5432: stopped at ingress",
        ],
    ),
    packets(
        "the resolver of a peered network does not answer",
        LIMITS,
        &[
            "one-here > 10.1.1.2 tcp/53: passes",
            "hub > 10.1.1.2 tcp/53: stopped at route",
            "hub > 10.1.1.1 icmp: stopped at route",
        ],
    ),
    packets(
        "network ACLs hold over a peering",
        BASICS,
        &[
            "hub > one-acl tcp/80: stopped at acl-ingress",
            "hub > one-acl tcp/443: passes",
        ],
    ),
    packets(
        "a hub may be peered with two networks of equal prefixes: its subnets' tables say which",
        SPECIFIC,
        &[
            "hub-a > same-a tcp/80: passes",
            "hub-b > same-b tcp/80: passes",
            "hub-a > same-b tcp/80: stopped at route",
        ],
    ),
    refused(
        "networks whose prefixes overlap cannot be peered, even if only one of several does",
        LIMITS,
        &[
            ("peerings: { x: { networks: [same-a, same-b] } }", "N0303"),
            ("peerings: { x: { networks: [covers, hub] } }", "N0303"),
        ],
    ),
    refused(
        "two networks have one peering at a time",
        LIMITS,
        &[("peerings: { x: { networks: [one, hub] } }", "N0104")],
    ),
    refused(
        "a peering is between two networks",
        BASICS,
        &[
            ("peerings: { x: { networks: [lone, lone] } }", "N0402"),
            ("peerings: { x: { networks: [lone, one, two] } }", "N0402"),
        ],
    ),
    refused(
        "a default route does not lead to a peering",
        FULL,
        &[(
            "route_tables: { x: { network: one, routes: [{ to: 0.0.0.0/0, via: { peering: hub-one } }] } }",
            "N0402",
        )],
    ),
    packets(
        "accepted peerings carry nothing until both sides' tables have routes",
        TABLES,
        &["hub > two tcp/80: passes", "two > hub tcp/80: passes"],
    )
    .instead("unless it says `routes: manual`, a peering brings both sides' routes: two entries less to forget"),
];
