//! What AWS documents of subnets, addresses and interfaces.

use super::{Case, packets, refused};

const NETWORKS: &str = "VPC User Guide: VPC CIDR blocks";
const VPC: &str = "VPC User Guide: VPC basics";
const SUBNETS: &str = "VPC User Guide: Subnets for your VPC";
const SIZES: &str = "VPC User Guide: Subnet CIDR blocks";
const ADDRESSING: &str = "VPC User Guide: IP addressing for your VPCs and subnets";
const INTERFACES: &str = "EC2 User Guide: Elastic network interfaces";
const SOURCES: &str = "VPC User Guide: Work with NAT instances (source/destination checks)";
const QUOTAS: &str = "VPC User Guide: Amazon VPC quotas";

pub(super) const CASES: &[Case] = &[
    refused(
        "a subnet keeps five addresses: its first four and its last",
        SIZES,
        &[
            (
                "workloads: { x: { node: left, subnet: one, address: 10.0.1.0, attach: { serve: { tcp: 80 } } } }",
                "N0305",
            ),
            (
                "workloads: { x: { node: left, subnet: one, address: 10.0.1.1, attach: { serve: { tcp: 80 } } } }",
                "N0305",
            ),
            (
                "workloads: { x: { node: left, subnet: one, address: 10.0.1.2, attach: { serve: { tcp: 80 } } } }",
                "N0305",
            ),
            (
                "workloads: { x: { node: left, subnet: one, address: 10.0.1.3, attach: { serve: { tcp: 80 } } } }",
                "N0305",
            ),
            (
                "workloads: { x: { node: left, subnet: one, address: 10.0.1.255, attach: { serve: { tcp: 80 } } } }",
                "N0305",
            ),
        ],
    ),
    packets(
        "a subnet of /28 has eleven addresses to give, from its fifth to its last but one",
        SIZES,
        &["small-1 > small-2 tcp/80: passes", "caller > small-2 tcp/80: passes"],
    ),
    refused(
        "a subnet gives no more addresses than it has: after eleven, a /28 is full",
        SIZES,
        &[(
            "subnets: { x: { network: app, cidr: [10.0.99.0/28] } }\nworkloads: { WORKLOADS 12 }",
            "N0306",
        )],
    ),
    packets(
        "a workload may ask for a free address of its subnet",
        ADDRESSING,
        &["caller > far tcp/80: passes"],
    ),
    refused(
        "an address is one workload's at a time, and of its subnet",
        ADDRESSING,
        &[(
            "workloads: { x: { node: left, subnet: one, address: 10.0.2.77, attach: { serve: { tcp: 80 } } } }",
            "N0304",
        )],
    ),
    refused(
        "a subnet's prefix is a part of its network's",
        SIZES,
        &[("subnets: { x: { network: app, cidr: [10.99.0.0/24] } }", "N0304")],
    ),
    refused(
        "subnets of a network do not overlap",
        SIZES,
        &[("subnets: { x: { network: app, cidr: [10.0.1.128/25] } }", "N0303")],
    ),
    refused(
        "prefixes of a network do not overlap",
        NETWORKS,
        &[("networks: { x: { cidr: [10.0.0.0/16, 10.0.128.0/20] } }", "N0303")],
    ),
    refused(
        "a subnet of /29 in AWS, of /30 here, is too small",
        SIZES,
        &[("subnets: { x: { network: app, cidr: [10.0.99.0/30] } }", "N0307")],
    )
    .instead("a /29 has three addresses to give, and small sites are glad of them; a /30 has none"),
    packets("subnets are /28 at the smallest", SIZES, &["tiny-1 > tiny-2 tcp/80: passes"]).instead(
        "a /29 is allowed: three addresses remain, enough for a site with a router and two hosts",
    ),
    refused(
        "an IPv6 subnet of /80 is none: the interface's half of an address is 64 bits",
        SIZES,
        &[("subnets: { x: { network: app, cidr: [\"fd00:10:0:99::/80\"] } }", "N0307")],
    ),
    packets(
        "a network has several prefixes, and all of its subnets reach each other",
        NETWORKS,
        &["caller > second tcp/80: passes", "second > caller tcp/80: passes"],
    ),
    packets(
        "a network has IPv4 and IPv6 side by side, each with its own addresses",
        ADDRESSING,
        &["caller > far tcp/80: passes", "caller > far tcp/80 ipv6: passes"],
    ),
    packets("a subnet may be of IPv6 alone", ADDRESSING, &["caller > only-v6 tcp/80 ipv6: passes"]),
    packets(
        "subnets in different zones reach each other as those in one",
        VPC,
        &["caller > far udp/53: passes", "far > caller icmp: passes"],
    ),
    packets(
        "networks are isolated: equal prefixes and addresses in two do not meet",
        VPC,
        &[
            "twin-a1 > twin-a2 tcp/80: passes",
            "twin-b1 > twin-b2 tcp/80: passes",
            "twin-a1 > twin-b2 tcp/80: stopped at route",
        ],
    ),
    packets(
        "a network may have prefixes that are routable elsewhere; inside they are its own",
        NETWORKS,
        &["routable-1 > routable-2 tcp/80: passes"],
    ),
    packets(
        "a workload sends from its own addresses only, unless it may forward",
        SOURCES,
        &[
            "caller as far > second tcp/80: stopped at source-check",
            "caller as other > far tcp/80: stopped at source-check",
            "caller > second tcp/80: passes",
        ],
    ),
    packets(
        "each interface has groups of its own",
        INTERFACES,
        &[
            "caller > both tcp/80: passes",
            "caller > both tcp/5432: stopped at ingress",
            "far > both-data tcp/5432: passes",
            "far > both-data tcp/80: stopped at ingress",
        ],
    ),
    packets(
        "each interface is in a subnet of its own, whose network ACL holds for it",
        INTERFACES,
        &[
            "far > both-guarded tcp/80: stopped at acl-ingress",
            "far > both-guarded tcp/443: passes",
        ],
    ),
    refused(
        "a subnet is in one zone, of the network's region",
        SUBNETS,
        &[
            ("subnets: { x: { network: app, cidr: [10.0.99.0/24], zone: [a, b] } }", "N0102"),
            ("subnets: { x: { network: app, cidr: [10.0.99.0/24], zone: elsewhere } }", "N0201"),
        ],
    ),
    refused(
        "a network has five prefixes of a family without being asked, and fifty at most",
        QUOTAS,
        &[
            (
                "networks: { x: { cidr: [10.1.0.0/16, 10.2.0.0/16, 10.3.0.0/16, 10.4.0.0/16, \
                 10.5.0.0/16, 10.6.0.0/16] } }",
                "N0908",
            ),
            ("networks: { x: { cidr: [PREFIXES 51] } }", "N0505"),
        ],
    ),
];
