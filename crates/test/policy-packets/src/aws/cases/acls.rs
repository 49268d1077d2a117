//! What AWS documents of network ACLs.

use super::{Case, packets, refused};

const ACLS: &str = "VPC User Guide: Control subnet traffic with network access control lists";
const BASICS: &str = "VPC User Guide: Network ACL basics";
const RULES: &str = "VPC User Guide: Network ACL rules";
const DEFAULT: &str = "VPC User Guide: Default network ACL for a VPC";
const CUSTOM: &str = "VPC User Guide: Custom network ACLs for your VPC";
const PORTS: &str = "VPC User Guide: Ephemeral ports";
const COMPARED: &str = "VPC User Guide: Infrastructure security in Amazon VPC";
const QUOTAS: &str = "VPC User Guide: Amazon VPC quotas";

pub(super) const CASES: &[Case] = &[
    packets(
        "stateless for who is called: what comes in has no answer unless egress lets it out",
        BASICS,
        &["caller > no-answers tcp/80: unanswered", "caller > answers tcp/80: passes"],
    ),
    packets(
        "stateless for who calls: what leaves has no answer unless ingress lets it in",
        BASICS,
        &["calls-in-vain > caller tcp/80: unanswered", "calls > caller tcp/80: passes"],
    ),
    packets(
        "stateless for UDP, whatever groups remember",
        BASICS,
        &["caller > names udp/53: unanswered"],
    ),
    packets(
        "answers go to ephemeral ports: a range that misses the caller's lets none out",
        PORTS,
        &["caller > high tcp/80: unanswered", "caller > answers tcp/80: passes"],
    ),
    packets(
        "rules are asked from the lowest number: a deny before an allow denies",
        RULES,
        &[
            "caller > deny-first tcp/80: stopped at acl-ingress",
            "caller > deny-first tcp/81: passes",
        ],
    ),
    packets(
        "the first match decides: an allow is not undone by a later deny",
        RULES,
        &[
            "caller > allow-first tcp/80: passes",
            "caller > allow-first tcp/81: stopped at acl-ingress",
        ],
    ),
    packets(
        "the number decides, not the place in the list",
        RULES,
        &[
            "caller > written-late tcp/80: passes",
            "caller > written-late tcp/81: stopped at acl-ingress",
        ],
    ),
    packets(
        "what no rule matches is denied by the last rule, which cannot be removed",
        RULES,
        &["caller > answers tcp/80: passes", "caller > answers tcp/81: stopped at acl-ingress"],
    ),
    packets(
        "a custom ACL without rules denies everything, in and out",
        CUSTOM,
        &[
            "caller > empty-1 tcp/80: stopped at acl-ingress",
            "empty-1 > caller tcp/80: stopped at acl-egress",
            "caller > empty-1 icmp: stopped at acl-ingress",
        ],
    ),
    packets(
        "the ACL that a subnet has unless told otherwise lets everything pass",
        DEFAULT,
        &["caller > plainer tcp/80: passes", "caller > plainer icmp ipv6: passes"],
    ),
    packets(
        "what stays in the subnet is never asked about",
        BASICS,
        &["empty-1 > empty-2 tcp/80: passes", "empty-1 > empty-3 tcp/80: passes"],
    ),
    packets(
        "between two subnets of one ACL it is asked on leaving the one and on entering the other",
        ACLS,
        &[
            "strict-a > strict-b tcp/8080: passes",
            "strict-a > strict-b tcp/80: stopped at acl-egress",
            "strict-a > strict-b tcp/8081: stopped at acl-ingress",
        ],
    ),
    packets(
        "an ACL's deny holds where the groups allow",
        COMPARED,
        &["second > deny-first tcp/80: stopped at acl-ingress"],
    ),
    packets(
        "an ACL's allow opens nothing that the groups do not",
        COMPARED,
        &["caller > shut tcp/80: stopped at ingress", "shut > caller tcp/80: passes"],
    ),
    packets(
        "an echo reply needs a rule of its own",
        RULES,
        &["caller > ping-in icmp: unanswered", "caller > ping icmp: passes"],
    ),
    packets(
        "IPv6 has rules of its own: 0.0.0.0/0 does not match it, nor ::/0 IPv4",
        RULES,
        &[
            "caller > v4 tcp/80: passes",
            "caller > v4 tcp/80 ipv6: stopped at acl-ingress",
            "caller > v6 tcp/80 ipv6: passes",
            "caller > v6 tcp/80: stopped at acl-ingress",
        ],
    ),
    packets(
        "a range of ports holds both of its ends and nothing beyond",
        RULES,
        &[
            "caller > ranged tcp/8000: passes",
            "caller > ranged tcp/8010: passes",
            "caller > ranged tcp/7999: stopped at acl-ingress",
            "caller > ranged tcp/8011: stopped at acl-ingress",
        ],
    ),
    packets(
        "a rule is for one protocol, unless it is for all",
        RULES,
        &[
            "caller > tcp-only tcp/53: passes",
            "caller > tcp-only udp/53: stopped at acl-ingress",
            "caller > tcp-only icmp: stopped at acl-ingress",
        ],
    ),
    packets(
        "what a subnet asks the network's resolver is never denied",
        ACLS,
        &["empty-1 > 10.0.18.2 tcp/53: passes", "empty-1 > caller tcp/53: stopped at acl-egress"],
    ),
    packets(
        "one address can be shut out while all others come in",
        ACLS,
        &["caller > block tcp/80: stopped at acl-ingress", "second > block tcp/80: passes"],
    ),
    refused(
        "rules have numbers from 1 to 32766, each once in a direction",
        RULES,
        &[
            (
                "network_acls: { x: { network: app, ingress: [{ rule: 0, action: allow, from: all }] } }",
                "N0105",
            ),
            (
                "network_acls: { x: { network: app, ingress: [{ rule: 32767, action: allow, from: all }] } }",
                "N0105",
            ),
            (
                "network_acls: { x: { network: app, ingress: [{ rule: 1, action: allow, from: all }, \
                 { rule: 1, action: deny, from: all }] } }",
                "N0104",
            ),
        ],
    ),
    refused(
        "a rule names prefixes and no groups",
        RULES,
        &[(
            "network_acls: { x: { network: app, ingress: [{ rule: 1, action: allow, \
             from: { security_group: open } }] } }",
            "N0402",
        )],
    ),
    refused(
        "a subnet has one ACL at a time",
        BASICS,
        &[(
            "subnets: { x: { network: app, cidr: [10.0.99.0/24], network_acl: [ping, empty] } }",
            "N0102",
        )],
    ),
    refused(
        "an ACL is for subnets of its own network",
        ACLS,
        &[(
            "subnets: { x: { network: other, cidr: [10.1.99.0/24], network_acl: empty } }",
            "N0504",
        )],
    ),
    refused(
        "an ACL has twenty rules in a direction without being asked, and forty at most",
        QUOTAS,
        &[
            ("network_acls: { x: { network: app, ingress: [RULES 21] } }", "N0908"),
            ("network_acls: { x: { network: app, ingress: [RULES 41] } }", "N0505"),
        ],
    ),
];
