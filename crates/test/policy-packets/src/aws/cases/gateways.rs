//! What AWS documents of internet gateways, NAT gateways and egress-only gateways.

use super::{Case, packets, refused};

const INTERNET: &str = "VPC User Guide: Enable internet access using internet gateways";
const SUBNETS: &str = "VPC User Guide: Subnets for your VPC";
const NAT: &str = "VPC User Guide: NAT gateways";
const BASICS: &str = "VPC User Guide: NAT gateway basics";
const EGRESS: &str =
    "VPC User Guide: Enable outbound IPv6 traffic using an egress-only internet gateway";
const ADDRESSES: &str = "EC2 User Guide: Amazon EC2 instance IP addressing";

pub(super) const CASES: &[Case] = &[
    packets(
        "a private subnet, whose table leads to no gateway, has no internet",
        SUBNETS,
        &[
            "private > internet tcp/80: stopped at route",
            "private > internet icmp: stopped at route",
        ],
    ),
    packets(
        "a subnet is public if its table leads to the internet gateway",
        SUBNETS,
        &["led-out > internet tcp/80: passes"],
    ),
    packets(
        "a route is not enough: the network needs an internet gateway",
        INTERNET,
        &["no-gateway > internet tcp/80: stopped at route", "public > internet tcp/80: passes"],
    ),
    packets(
        "an internet gateway translates private IPv4 addresses to public ones",
        INTERNET,
        &["public > internet tcp/80: passes translated"],
    ),
    packets(
        "public and private subnets of a network reach each other without a gateway",
        SUBNETS,
        &["public > private tcp/80: passes", "private > public tcp/80: passes"],
    ),
    packets(
        "a NAT gateway lets private workloads call the internet, and their answers in",
        NAT,
        &["nat > internet tcp/80: passes", "nat-here > internet tcp/80: passes"],
    ),
    packets(
        "what leaves by a NAT gateway has the gateway's address",
        NAT,
        &["nat > internet udp/53: passes translated"],
    ),
    packets(
        "a NAT gateway translates TCP, UDP and ICMP",
        BASICS,
        &[
            "nat > internet tcp/443: passes translated",
            "nat > internet udp/443: passes translated",
            "nat > internet icmp: passes translated",
        ],
    ),
    packets(
        "nobody outside begins a connection through a NAT gateway, not even to a port in use",
        NAT,
        &["nat > internet udp/53: passes, strangers stopped"],
    ),
    packets(
        "groups of who calls hold for what leaves by a NAT gateway, which has none of its own",
        BASICS,
        &["limited > internet tcp/443: passes", "limited > internet tcp/80: stopped at egress"],
    ),
    packets(
        "the network ACL of a subnet holds for what leaves by a NAT gateway",
        BASICS,
        &[
            "deny-out > internet tcp/80: stopped at acl-egress",
            "deny-out > internet tcp/443: passes",
        ],
    ),
    packets(
        "the network ACL of a subnet remembers nothing of what has left by a NAT gateway",
        BASICS,
        &["no-answers > internet tcp/80: unanswered"],
    ),
    packets(
        "from the internet, too, groups say what comes in",
        INTERNET,
        &[
            "internet by right/8443 > shop tcp/443: passes",
            "internet by right/8053 > shop udp/53: passes",
            "internet by right/8022 > shop tcp/22: stopped at ingress",
            "public > shop tcp/22: passes",
        ],
    ),
    packets(
        "from the internet, too, network ACLs say what comes in",
        INTERNET,
        &[
            "internet by right/8444 > guarded tcp/443: stopped at acl-ingress",
            "public > guarded tcp/443: passes",
        ],
    ),
    packets(
        "private workloads are not called from the internet",
        SUBNETS,
        &[
            "internet by right/80 > private tcp/80: stopped at route",
            "internet by right/80 > nat tcp/80: stopped at route",
        ],
    ),
    packets(
        "IPv6 leaves by an internet gateway as it is, and its answers come back",
        INTERNET,
        &[
            "public > internet tcp/80 ipv6: passes as it is",
            "public > internet udp/53 ipv6: passes as it is",
            "public > internet icmp ipv6: passes as it is",
            "public-here > internet tcp/80 ipv6: passes as it is",
            "apart > internet tcp/80 ipv6: passes as it is",
            "apart > internet udp/53 ipv6: passes as it is",
        ],
    ),
    packets(
        "over IPv6 a workload in a public subnet is called at its own address, as far as its groups allow",
        INTERNET,
        &[
            "internet > shop tcp/443 ipv6: passes",
            "internet > shop udp/53 ipv6: passes",
            "internet > shop tcp/22 ipv6: stopped at ingress",
            "internet > public-here udp/53 ipv6: passes",
            "internet > public icmp ipv6: passes",
            "internet > apart tcp/443 ipv6: passes",
            "internet > apart tcp/80 ipv6: stopped at ingress",
        ],
    ),
    packets(
        "a route to the internet gateway may be for some addresses alone: they are called, and call",
        INTERNET,
        &[
            "scoped > internet tcp/80: passes translated",
            "scoped > internet udp/53 ipv6: passes as it is",
            "internet by right/8445 > scoped tcp/80: passes",
            "internet > scoped udp/53 ipv6: passes",
        ],
    ),
    packets(
        "whom a longer route leads elsewhere does not call by the internet gateway",
        INTERNET,
        &[
            "elsewhere > internet tcp/80: stopped at route",
            "elsewhere > internet udp/53 ipv6: passes as it is",
            "internet by right/8446 > elsewhere tcp/80: stopped at route",
            "internet > elsewhere tcp/80 ipv6: stopped at route",
        ],
    ),
    packets(
        "network ACLs say what comes in over IPv6, too",
        INTERNET,
        &["internet > guarded tcp/443 ipv6: stopped at acl-ingress"],
    ),
    packets(
        "a subnet without a route for IPv6 is not called over IPv6",
        SUBNETS,
        &[
            "private > internet tcp/80 ipv6: stopped at route",
            "internet > private tcp/80 ipv6: stopped at route",
        ],
    ),
    packets(
        "an egress-only gateway lets IPv6 out, and answers in",
        EGRESS,
        &[
            "only-v6 > internet tcp/80 ipv6: passes as it is",
            "only-v6 > internet udp/53 ipv6: passes as it is",
            "only-v6-here > internet tcp/443 ipv6: passes as it is",
            "apart-only-v6 > internet udp/53 ipv6: passes as it is",
        ],
    ),
    packets(
        "nobody outside begins a connection through an egress-only gateway, not even to a port in use",
        EGRESS,
        &[
            "internet > only-v6 tcp/80 ipv6: stopped at route",
            "internet > only-v6-here udp/53 ipv6: stopped at route",
            "internet > apart-only-v6 icmp ipv6: stopped at route",
            "only-v6 > internet udp/54 ipv6: passes, strangers stopped",
            "only-v6-here > internet udp/54 ipv6: passes, strangers stopped",
            "apart-only-v6 > internet udp/54 ipv6: passes, strangers stopped",
        ],
    ),
    packets(
        "an egress-only gateway is for IPv6: IPv4 does not leave by it",
        EGRESS,
        &["only-v6 > internet tcp/80: stopped at route"],
    ),
    refused(
        "no IPv4 route leads to an egress-only gateway",
        EGRESS,
        &[(
            "route_tables: { x: { network: vpc, routes: [{ to: 0.0.0.0/0, via: { internet_gateway: out } }] } }",
            "N0402",
        )],
    ),
    refused(
        "a NAT gateway is for IPv4: IPv6 is not translated",
        BASICS,
        &[(
            "route_tables: { x: { network: vpc, routes: [{ to: \"::/0\", via: { nat_gateway: nat } }] } }",
            "N0402",
        )],
    ),
    refused(
        "a network has one internet gateway at a time",
        INTERNET,
        &[("internet_gateways: { x: { network: vpc, nodes: [left] } }", "N0402")],
    ),
    refused(
        "a subnet uses NAT gateways of its own network",
        NAT,
        &[(
            "subnets: { x: { network: vpc, cidr: [10.0.99.0/24], nat_gateway: bare-nat } }",
            "N0504",
        )],
    ),
    packets(
        "a workload in a public subnet needs a public address of its own to reach the internet",
        ADDRESSES,
        &["public > internet tcp/443: passes translated"],
    )
    .instead(
        "it leaves with the address of the gateway's node; nobody has to hand out public addresses",
    ),
    packets(
        "a workload with a public address is called on each port that its groups allow",
        ADDRESSES,
        &[
            "internet by right/8443 > shop tcp/443: passes",
            "internet by right/8080 > shop tcp/8080: stopped at gateway",
        ],
    )
    .instead("what it publishes is called at the gateway's node: few sites have a public address for each workload"),
];
