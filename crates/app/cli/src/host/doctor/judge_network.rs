//! Judges the network: tunnels, names, routes, rules, MTU, and the settings of the host's stack.

use super::facts::{Blocked, Facts, Way};
use super::finding::Finding;
use std::net::SocketAddr;

/// WireGuard's part of a datagram: its header and its tag (and UDP's header).
const SEAL_BYTES: u32 = 32 + 8;
const IPV4_BYTES: u32 = 20;
const IPV6_BYTES: u32 = 40;
/// A handshake older than this is of a session that has ended.
const HANDSHAKE_AGE_S: u64 = 180;

pub(super) fn judge(facts: &Facts, findings: &mut Vec<Finding>) {
    tunnels(facts, findings);
    names(facts, findings);
    routes(facts, findings);
    rules(facts, findings);
    facts.ways.iter().for_each(|way| findings.extend(mtu(facts, way)));
    stack(facts, findings);
}

fn tunnels(facts: &Facts, findings: &mut Vec<Finding>) {
    for peer in &facts.peers {
        let name = format!("{}/{}", peer.network, peer.name);
        let age = peer.handshake_age_s;
        findings.push(match (peer.has_session, peer.endpoint) {
            (true, _) => {
                let age = age.map_or_else(|| "-".to_owned(), |age| format!("{age} s"));
                Finding::ok("tunnels", format!("{name} has a session, handshake {age} ago"))
            }
            (false, None) => Finding::warning("tunnels", format!("nobody knows where {name} is"))
                .because("it is behind a translator and has not called yet, or has no endpoint")
                .solved_by("start that node, or give it an `endpoint` in the fabric's file")
                .with("netloom nodes"),
            (false, Some(endpoint))
                if peer.keepalive || age.is_some_and(|age| age > HANDSHAKE_AGE_S) =>
            {
                let what = format!("{name} has no session with {endpoint}");
                Finding::warning("tunnels", what)
                    .because("the node is off, or UDP does not pass between the two")
                    .solved_by("see that it runs, and that firewalls let its UDP port in")
                    .with("netloom nodes")
            }
            (false, Some(endpoint)) => {
                Finding::ok("tunnels", format!("{name} at {endpoint} is idle: nothing was sent"))
            }
        });
    }
}

fn names(facts: &Facts, findings: &mut Vec<Finding>) {
    for answer in &facts.names {
        let what = format!("{} at {} in network {}", answer.name, answer.server, answer.network);
        findings.push(match &answer.wrong {
            None => Finding::ok("names", format!("{what} is answered")),
            Some(why) => Finding::error("names", format!("{what} is not answered as planned"))
                .because(why.clone())
                .solved_by("see the node's log; an agent that is started anew starts its resolvers")
                .with(anew(facts)),
        });
    }
}

/// The command that ends what runs of the fabric, and starts it again.
fn anew(facts: &Facts) -> String {
    match facts.is_in_lab {
        true => "netloom lab down".to_owned(),
        false => format!("netloom stop{0} && netloom start{0}", facts.host_arguments),
    }
}

fn routes(facts: &Facts, findings: &mut Vec<Finding>) {
    match &facts.differences {
        None if facts.is_stopped => {}
        None => findings.push(
            Finding::warning("routes", "plan and kernel cannot be compared")
                .because(
                    "only the agent knows the plan, and it does not answer, or does not know it",
                )
                .solved_by(format!("{}, or see what the agent says", facts.starting().0))
                .with(format!("{}; netloom status{}", facts.starting().1, facts.host_arguments)),
        ),
        Some(differences) if differences.is_empty() => {
            let mended = match facts.mended {
                0 => String::new(),
                1 => "; something was mended once, see netloom status".to_owned(),
                times => format!("; {times} times something was mended, see netloom status"),
            };
            findings
                .push(Finding::ok("routes", format!("the kernel holds what is planned{mended}")));
        }
        Some(differences) => findings.push(
            Finding::error("routes", format!("not as planned: {}", differences.join(", ")))
                .because("another program changes what the node holds, or stands in its way")
                .solved_by("the agent mends it within a second; if it stays, end that program")
                .with(format!("netloom status{}", facts.host_arguments)),
        ),
    }
    for route in &facts.foreign_routes {
        let within = |prefix: &&ipnet::IpNet| prefix.contains(&route.destination);
        let Some(prefix) = facts.prefixes.iter().find(within) else { continue };
        let (to, link) = (route.destination, &route.link);
        findings.push(
            Finding::error("routes", format!("{to} on {link} takes packets for {prefix} away"))
                .because(format!("somebody else routes a part of the fabric's {prefix}"))
                .solved_by("remove that route, or give the fabric's network another prefix")
                .with(format!("ip route del {to} dev {link}")),
        );
    }
}

fn rules(facts: &Facts, findings: &mut Vec<Finding>) {
    let Some(chains) = &facts.chains else {
        findings.push(
            Finding::warning("rules", "chains of nf_tables cannot be seen")
                .because("the kernel shows them to root only")
                .solved_by("look as root")
                .with(format!("sudo netloom doctor{}", facts.host_arguments)),
        );
        return;
    };
    findings.extend(facts.blocked.iter().map(blocked));
    for chain in chains {
        let name = format!("{} {} {}", chain.family, chain.table, chain.chain);
        let what = format!("{name} drops what it does not allow ({})", chain.hook);
        let finding = Finding::warning("rules", &what);
        findings.push(if chain.hook == "input" {
            let port = facts.ports.iter().find(|port| port.protocol == "udp");
            let port = port.map_or(0, |port| port.number);
            finding
                .because("a firewall of this host, which must let the tunnels' port in")
                .solved_by("allow it there, if peers cannot call this node")
                .with(format!("nft insert rule {name} udp dport {port} accept"))
        } else if facts.uplinks.is_empty() {
            Finding::ok(
                "rules",
                format!("{what}; the fabric forwards nothing by this host's own stack"),
            )
        } else if facts
            .blocked
            .iter()
            .all(|one| (&one.table, &one.chain) != (&chain.table, &chain.chain))
        {
            Finding::ok("rules", format!("{what}, and allows what this node's gateways forward"))
        } else {
            continue;
        });
    }
    if chains.is_empty() {
        findings.push(Finding::ok("rules", "no chain of others drops by default"));
    }
}

/// A chain that is in the way of a gateway.
fn blocked(blocked: &Blocked) -> Finding {
    let Blocked { family, table, chain, network, link, is_certain, .. } = blocked;
    let name = format!("{family} {table} {chain}");
    let what = format!("{name} drops what network {network} sends out by {link}");
    let finding = if *is_certain {
        Finding::error("rules", what)
    } else {
        let unless = "unless a rule allows it that is not understood here";
        Finding::warning("rules", format!("{what}, {unless}"))
    };
    finding
        .because(format!(
            "this node is a gateway of {network}, whose packets pass the host's own stack; Docker and other firewalls \
             let through only what is theirs"
        ))
        .solved_by("allow both directions there, and keep that over restarts as the other firewall does")
        .with(allowing(blocked))
}

/// The commands that let a gateway's packets pass, in the words of who made the chain.
fn allowing(blocked: &Blocked) -> String {
    let Blocked { family, table, chain, link, has_docker_user, .. } = blocked;
    let program = if family == "ip6" { "ip6tables" } else { "iptables" };
    let is_iptables = family != "inet" && table == "filter" && chain == "FORWARD";
    let one = |flag: &str, key: &str| {
        if is_iptables {
            let chain = if *has_docker_user { "DOCKER-USER" } else { chain };
            format!("{program} -I {chain} {flag} {link} -j ACCEPT")
        } else {
            format!("nft insert rule {family} {table} {chain} {key} {link} accept")
        }
    };
    format!("{} && {}", one("-i", "iifname"), one("-o", "oifname"))
}

fn mtu(facts: &Facts, way: &Way) -> Vec<Finding> {
    let (peer, endpoint) = (&way.peer, way.endpoint);
    let Some((link, mtu_bytes)) = &way.link else {
        return vec![
            Finding::error("mtu", format!("there is no way to {peer} at {endpoint}"))
                .because("no route of this host leads there")
                .solved_by("add a default route, or one for that address")
                .with(format!("ip route get {}", endpoint.ip())),
        ];
    };
    let needed = facts.tunnel_mtu_bytes + overhead_bytes(endpoint);
    if *mtu_bytes >= needed {
        return Vec::new();
    }
    vec![
        Finding::warning(
            "mtu",
            format!("{link} to {peer} takes {mtu_bytes} bytes, a full packet needs {needed}"),
        )
        .because(
            "nodes find that out and have smaller packets sent over this path, which costs speed",
        )
        .solved_by(format!("raise the link's MTU to {needed}, if the network behind it allows"))
        .with(format!("ip link set {link} mtu {needed}")),
    ]
}

/// What a tunnel adds to an inner packet.
pub(super) fn overhead_bytes(endpoint: SocketAddr) -> u32 {
    SEAL_BYTES + if endpoint.is_ipv6() { IPV6_BYTES } else { IPV4_BYTES }
}

fn stack(facts: &Facts, findings: &mut Vec<Finding>) {
    let value = |key: &str| facts.sysctls.get(key).map(String::as_str);
    if value("ipv6/conf/all/disable_ipv6") == Some("1") {
        findings.push(
            Finding::warning("stack", "IPv6 is switched off on this host")
                .because("net.ipv6.conf.all.disable_ipv6 is 1; nodes' own addresses are IPv6")
                .solved_by("switch it on, if this host is to be reached by its name in the fabric")
                .with("sysctl -w net.ipv6.conf.all.disable_ipv6=0"),
        );
    }
    if value("ipv4/conf/all/rp_filter") == Some("1") {
        findings.push(
            Finding::warning("stack", "this host drops packets that come in by another way than answers go out")
                .because("net.ipv4.conf.all.rp_filter is 1 (strict); with several uplinks peers' datagrams are lost")
                .solved_by("make it loose, if this host has more than one uplink")
                .with("sysctl -w net.ipv4.conf.all.rp_filter=2"),
        );
    }
    let forwards_ipv6 = facts.uplinks.iter().any(|uplink| uplink.has_ipv6);
    let advertised = facts.sysctls.iter().filter(|(key, _)| key.ends_with("/accept_ra"));
    for (key, _) in advertised.filter(|(_, value)| forwards_ipv6 && *value == "1") {
        let setting = format!("net.{}", key.replace('/', "."));
        findings.push(
            Finding::error("stack", "this host's way to the IPv6 internet is lost or will be")
                .because(format!(
                    "it came by router advertisements, and {setting} is 1: a host that forwards, as a gateway and a node with IPv6 behind it do, heeds \
                     them no more"
                ))
                .solved_by("have it heed them all the same, and keep that in /etc/sysctl.d")
                .with(format!("sysctl -w {setting}=2")),
        );
    }
    if let Some(forwards) = value("ipv4/ip_forward") {
        let word = if forwards == "1" { "forwards" } else { "does not forward" };
        let what = format!("the host's own stack {word}; the fabric's networks do in their own");
        findings.push(Finding::ok("stack", what));
    }
}
