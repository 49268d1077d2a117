//! Which samples run in which lab, and what is to be seen there.

/// A lab, the samples that run in it, and what is to be seen of what they have declared.
pub(super) struct Lab {
    /// In the order in which one may need what another makes, and what each says when it has worked. Those of one lab
    /// have prefixes of their own.
    pub(super) samples: &'static [(&'static str, &'static str)],
    /// Stock peers that the samples declare: their addresses, whom each sends echo requests, and whether it is answered.
    pub(super) peers: &'static [(&'static str, &'static str, bool)],
    /// What the nodes must run, and in which network.
    pub(super) workloads: &'static [(&'static str, &'static str)],
    /// What a file adds that refers to what the samples have declared, and its promises.
    pub(super) more: &'static str,
    /// Calls: from, to, port, and what becomes of them.
    pub(super) calls: &'static [(&'static str, &'static str, u16, &'static str)],
    /// Calls of which packets and `explain` say the same, and what `explain` must name as the obstacle.
    pub(super) denied_by: &'static [(&'static str, &'static str, &'static str, &'static str)],
    /// Calls by name, in a network and over a peering.
    pub(super) names: &'static [(&'static str, &'static str)],
}

const NOTHING: Lab = Lab {
    samples: &[],
    peers: &[],
    workloads: &[],
    more: "",
    calls: &[],
    denied_by: &[],
    names: &[],
};

pub(super) const LABS: [Lab; 4] = [
    Lab {
        samples: &[("bolt-wireguard", "peer peer1 10.0.0.2 by alpha")],
        peers: &[("10.0.0.2", "10.0.0.1", true)],
        ..NOTHING
    },
    Lab {
        samples: &[("gquic-wireguard", "container container-abc123 10.244.1.100")],
        // The node's own address lets in what is no more than a peer; a container has groups of its own.
        peers: &[("10.0.0.2", "10.0.0.1", true), ("10.244.1.100", "10.244.1.1", false)],
        more: "
security_groups: { out: { egress: [{ to: all }] } }
workloads:
  front: { node: alpha, subnet: containers, security_groups: [containers-frontend, out], attach: { serve: { tcp: 9 } } }
  other: { node: alpha, subnet: containers, security_groups: [out], attach: { serve: { tcp: 9 } } }
",
        // As the container's policy says, for which a peer stands.
        calls: &[
            ("front", "10.244.1.100", 8080, REACHED),
            ("front", "10.244.1.100", 8081, NOT_ANSWERED),
            ("other", "10.244.1.100", 8080, NOT_ANSWERED),
        ],
        ..NOTHING
    },
    Lab {
        samples: &[("clusterdb-network-setup", "route table private-routes of app-subnet")],
        more: "
security_groups: { out: { egress: [{ to: all }] } }
workloads:
  job: { node: alpha, subnet: app-subnet, security_groups: [out], attach: { serve: { tcp: 9 } } }
tests:
  - { from: job, to: internet, port: 443/tcp, expect: allow }
",
        // By the route to nat-1, the only way out that there is.
        calls: &[("job", INTERNET, 443, REACHED)],
        ..NOTHING
    },
    Lab {
        samples: &[
            ("clusterdb-virtual-networks", "subnet app-subnet-1 10.0.1.0/24 in app-network"),
            ("clusterdb-network-security", "subnet app-subnet-2 with app-acl in app-network"),
            ("blackroad-peering", "peering us-west-vpc-eu-west-vpc is active"),
            ("clusterdb-workloads", "workload old"),
        ],
        workloads: &[
            ("web", "app-network"),
            ("lb", "app-network"),
            ("app", "app-network"),
            ("us", "us-west-vpc"),
            ("eu", "eu-west-vpc"),
            ("old", "legacy-vpc"),
        ],
        more: "
workloads:
  job: { node: alpha, subnet: app-subnet-1, security_groups: [internal-lb-sg], attach: { serve: { tcp: 9 } } }
tests:
  - { from: job, to: web, port: 80/tcp, expect: allow }
  - { from: job, to: lb, port: 443/tcp, expect: deny }
  - { from: job, to: app, port: 80/tcp, expect: deny }
  - { from: us, to: eu, port: 443/tcp, expect: allow }
  - { from: eu, to: old, port: 443/tcp, expect: deny }
",
        calls: &[
            ("lb", "web", 80, ANSWERED),
            ("lb", "web", 443, NOT_ANSWERED),
            ("web", "lb", 443, NOT_ANSWERED),
            ("us", "eu", 443, ANSWERED),
            ("eu", "us", 443, ANSWERED),
            ("eu", "old", 443, NOT_ANSWERED),
            // The groups allow both; app-acl lets one through.
            ("web", "app", 8080, ANSWERED),
            ("lb", "app", 80, NOT_ANSWERED),
            // The blackhole is more specific than the route to nat-1, and a node has no part in it.
            ("alpha", INTERNET, 443, REACHED),
            ("web", INTERNET, 443, NOT_ANSWERED),
        ],
        denied_by: &[
            ("lb", "app", "80/tcp", "app-acl"),
            ("web", INTERNET, "443/tcp", "private-routes"),
        ],
        names: &[("lb", "web:80"), ("us", "eu.eu-west-vpc.internal:443")],
        ..NOTHING
    },
];

/// The host that stands for the internet in labs. It answers, and serves nothing.
const INTERNET: &str = "203.0.113.1";

pub(super) const ANSWERED: &str = "answered";
/// Nobody listens, but a packet has passed both ways.
pub(super) const REACHED: &str = "refused by the host";
pub(super) const NOT_ANSWERED: &str = "not answered";
