//! What AWS documents of security groups.

use super::{Case, packets, refused};

const GROUPS: &str = "VPC User Guide: Control traffic to your AWS resources using security groups";
const RULES: &str = "VPC User Guide: Security group rules";
const TRACKING: &str = "EC2 User Guide: Security group connection tracking";
const INSTANCES: &str = "EC2 User Guide: Amazon EC2 security groups for your EC2 instances";
const DEFAULT: &str = "VPC User Guide: Default security groups for your VPCs";
const LISTS: &str = "VPC User Guide: Consolidate and manage network CIDR blocks with prefix lists";
const QUOTAS: &str = "VPC User Guide: Amazon VPC quotas";

pub(super) const CASES: &[Case] = &[
    packets(
        "stateful: answers to what was let in leave, whatever egress rules say",
        GROUPS,
        &["caller > web tcp/80: passes", "web > caller tcp/80: stopped at egress"],
    ),
    packets(
        "stateful: answers to what was let out come in, whatever ingress rules say",
        GROUPS,
        &["caller > open tcp/80: passes", "open > caller tcp/80: stopped at ingress"],
    ),
    packets(
        "UDP is tracked too: the answering datagram passes without a rule of its own",
        TRACKING,
        &["caller > both udp/53: passes", "both > caller udp/53: stopped at egress"],
    ),
    packets(
        "ICMP is tracked too: the echo reply passes without a rule of its own",
        TRACKING,
        &["caller > pinged icmp: passes", "pinged > caller icmp: stopped at egress"],
    ),
    refused(
        "rules allow only: there is none that denies",
        RULES,
        &[(
            "security_groups: { x: { ingress: [{ action: deny, protocol: tcp, ports: 80, from: all }] } }",
            "N0101",
        )],
    ),
    packets(
        "all rules of all groups of a workload count together",
        GROUPS,
        &[
            "caller > both tcp/80: passes",
            "caller > both udp/53: passes",
            "caller > both tcp/443: stopped at ingress",
        ],
    ),
    packets(
        "of several rules for a port the most permissive decides, whatever their order",
        INSTANCES,
        &["caller > lenient tcp/22: passes"],
    ),
    packets(
        "a group without ingress rules lets nothing in",
        GROUPS,
        &["open > caller tcp/80: stopped at ingress", "open > caller icmp: stopped at ingress"],
    ),
    packets(
        "a group without egress rules lets nothing out",
        GROUPS,
        &["web > open tcp/80: stopped at egress", "web > open icmp: stopped at egress"],
    ),
    packets(
        "both groups are asked: the caller's on leaving, the called one's on entering",
        GROUPS,
        &[
            "limited > open tcp/443: passes",
            "limited > open tcp/80: stopped at egress",
            "limited > web tcp/443: stopped at ingress",
        ],
    ),
    packets(
        "a group as source stands for the private addresses of its members",
        RULES,
        &["app > db tcp/5432: passes", "caller > db tcp/5432: stopped at ingress"],
    ),
    packets(
        "a group as destination stands for its members",
        RULES,
        &["to-web > web tcp/80: passes", "to-web > open tcp/80: stopped at egress"],
    ),
    packets(
        "naming a group does not bring that group's rules",
        RULES,
        &["caller > app tcp/8080: passes", "caller > db tcp/8080: stopped at ingress"],
    ),
    packets(
        "a group that names itself lets its members reach each other",
        DEFAULT,
        &[
            "mesh-1 > mesh-2 tcp/80: passes",
            "mesh-2 > mesh-1 udp/53: passes",
            "caller > mesh-1 tcp/80: stopped at ingress",
        ],
    ),
    packets(
        "sharing a group that does not name itself lets nothing pass",
        GROUPS,
        &["alike-1 > alike-2 tcp/80: stopped at ingress"],
    ),
    packets(
        "a range of ports holds both of its ends and nothing beyond",
        RULES,
        &[
            "caller > ranged tcp/8000: passes",
            "caller > ranged tcp/8010: passes",
            "caller > ranged tcp/7999: stopped at ingress",
            "caller > ranged tcp/8011: stopped at ingress",
        ],
    ),
    packets(
        "a rule is for one protocol: TCP's does not let UDP or ICMP in",
        RULES,
        &[
            "caller > web tcp/80: passes",
            "caller > web udp/80: stopped at ingress",
            "caller > web icmp: stopped at ingress",
        ],
    ),
    packets(
        "a rule for all protocols lets each one in, on every port",
        RULES,
        &[
            "caller > open tcp/65535: passes",
            "caller > open udp/1: passes",
            "caller > open icmp: passes",
        ],
    ),
    packets(
        "a rule for ICMP is for the types that it names",
        RULES,
        &["caller > pinged icmp: passes", "caller > told icmp: stopped at ingress"],
    ),
    packets(
        "a single address is a source of length 32",
        RULES,
        &["caller > one tcp/80: passes", "open > one tcp/80: stopped at ingress"],
    ),
    packets(
        "0.0.0.0/0 does not stand for IPv6, nor ::/0 for IPv4",
        RULES,
        &[
            "caller > v4 tcp/80: passes",
            "caller > v4 tcp/80 ipv6: stopped at ingress",
            "caller > v6 tcp/80 ipv6: passes",
            "caller > v6 tcp/80: stopped at ingress",
        ],
    ),
    packets(
        "a prefix list as source stands for its entries",
        LISTS,
        &[
            "caller > listed tcp/80: passes",
            "far > listed tcp/80: passes",
            "open > listed tcp/80: stopped at ingress",
        ],
    ),
    packets(
        "egress rules name destinations by prefix",
        RULES,
        &["to-two > far tcp/80: passes", "to-two > open tcp/80: stopped at egress"],
    ),
    packets(
        "what is asked of the network's resolver is not for groups to say",
        GROUPS,
        &["near > 10.0.1.2 tcp/53: passes", "near > open tcp/53: stopped at egress"],
    ),
    packets(
        "rules hold between two workloads of one subnet",
        GROUPS,
        &["caller > web tcp/80: passes", "caller > web tcp/81: stopped at ingress"],
    ),
    packets(
        "rules hold between two workloads of one subnet on one host",
        GROUPS,
        &["caller > near tcp/80: passes", "caller > near tcp/81: stopped at ingress"],
    ),
    refused(
        "a prefix list counts with its most entries against the rules of a group",
        LISTS,
        &[
            (
                "prefix_lists: { big: { entries: [10.0.0.0/8], max_entries: 61 } }\n\
                 security_groups: { x: { ingress: [{ from: { prefix_list: big } }] } }",
                "N0908",
            ),
            (
                "prefix_lists: { big: { entries: [10.0.0.0/8], max_entries: 1001 } }\n\
                 security_groups: { x: { ingress: [{ from: { prefix_list: big } }] } }",
                "N0505",
            ),
        ],
    ),
    refused(
        "an interface has five groups without being asked, and sixteen at most",
        QUOTAS,
        &[
            (
                "workloads: { x: { node: left, subnet: one, attach: { serve: { tcp: 80 } }, \
                 security_groups: [caller, open, web, names, app, db] } }",
                "N0908",
            ),
            (
                "workloads: { x: { node: left, subnet: one, attach: { serve: { tcp: 80 } }, \
                 security_groups: [caller, open, web, names, app, db, mesh, alike, ranged, pinged, \
                 told, one, v4, v6, listed, limited, narrow] } }",
                "N0505",
            ),
        ],
    ),
    refused(
        "a group that a rule names must be there",
        RULES,
        &[("security_groups: { x: { ingress: [{ from: { security_group: nobody } }] } }", "N0201")],
    ),
    packets(
        "a new group has an egress rule that lets everything out",
        GROUPS,
        &["web > open tcp/80: stopped at egress"],
    )
    .instead(
        "nothing leaves unless a rule of the file says so: what is allowed stands in the file",
    ),
    packets(
        "a workload without group gets the network's default group, whose members reach each other",
        DEFAULT,
        &["caller > bare tcp/80: stopped at ingress", "bare > open tcp/80: stopped at egress"],
    )
    .instead(
        "there is no default group: nothing enters and nothing leaves, and `netloom check` warns",
    ),
];
