//! Rules of commands into allowances of two security groups: the peers', and the host's own.

use crate::file::{Finding, Hook, Severity};
use crate::hooks::{Meaning, Rule, understand};
use ipnet::IpNet;
use std::fmt::Write as _;

/// One allowance, as the file declares it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Allowance {
    pub(crate) protocol: Option<String>,
    pub(crate) ports: Vec<(u16, u16)>,
    pub(crate) other: Other,
}

/// The other side of an allowance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Other {
    All,
    Prefix(IpNet),
    Peers,
    Host,
}

/// The allowances that follow from a file's commands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Policy {
    pub(crate) peers_ingress: Vec<Allowance>,
    pub(crate) peers_egress: Vec<Allowance>,
    pub(crate) host_ingress: Vec<Allowance>,
}

impl Allowance {
    fn any(other: Other) -> Self {
        Self { protocol: None, ports: Vec::new(), other }
    }

    /// As an item of a list: `{ protocol: tcp, ports: 443, to: all }`.
    pub(crate) fn yaml(&self, key: &str, network: &str) -> String {
        let mut text = "{ ".to_owned();
        // Writing to a String cannot fail.
        if let Some(protocol) = &self.protocol {
            let _ = write!(text, "protocol: {protocol}, ");
        }
        let port = |(first, last): &(u16, u16)| {
            if first == last { first.to_string() } else { format!("{first}-{last}") }
        };
        let ports: Vec<String> = self.ports.iter().map(port).collect();
        if !ports.is_empty() {
            let _ = write!(text, "ports: [{}], ", ports.join(", "));
        }
        let other = match &self.other {
            Other::All => "all".to_owned(),
            Other::Prefix(prefix) => format!("\"{prefix}\""),
            Other::Peers => format!("{{ security_group: {network}-peers }}"),
            Other::Host => format!("{{ security_group: {network}-host }}"),
        };
        let _ = write!(text, "{key}: {other} }}");
        text
    }
}

/// Whose rules these are.
pub(crate) struct Scope<'a> {
    pub(crate) interface: &'a str,
    pub(crate) listen_port: Option<u16>,
    /// Prefixes of the network.
    pub(crate) cidrs: &'a [IpNet],
    pub(crate) network: &'a str,
    pub(crate) node: &'a str,
}

/// The policy of a file's commands, with what was left out. Whatever a file says, its peers and its
/// host reach each other as before, unless it says so of its host itself.
pub(crate) fn policy(hooks: &[Hook], scope: &Scope<'_>, findings: &mut Vec<Finding>) -> Policy {
    let mut desk = Desk {
        scope,
        findings,
        policy: Policy::default(),
        refuses: [None; 2],
        judges: false,
        has_told_way_out: false,
    };
    for hook in hooks {
        for meaning in understand(&hook.command, scope.interface) {
            desk.take(hook, meaning);
        }
    }
    let judges = desk.judges;
    let mut policy = desk.policy;
    policy.peers_egress.insert(0, Allowance::any(Other::Host));
    policy.peers_ingress.insert(0, Allowance::any(Other::Host));
    if !judges {
        policy.host_ingress.push(Allowance::any(Other::Peers));
    }
    for list in [&mut policy.peers_egress, &mut policy.peers_ingress, &mut policy.host_ingress] {
        shorten(list);
    }
    policy
}

/// Leaves out what another allowance of the list covers.
fn shorten(list: &mut Vec<Allowance>) {
    if list.contains(&Allowance::any(Other::All)) {
        list.retain(|one| *one == Allowance::any(Other::All));
    }
    let mut kept: Vec<Allowance> = Vec::new();
    list.retain(|one| {
        let fresh = !kept.contains(one);
        kept.push(one.clone());
        fresh
    });
}

/// Chains that refusals are kept of.
const FORWARD: usize = 0;
const INPUT: usize = 1;

struct Desk<'a> {
    scope: &'a Scope<'a>,
    findings: &'a mut Vec<Finding>,
    policy: Policy,
    /// Line of the last rule that refuses, of the chain that forwards and of the host's own.
    refuses: [Option<u32>; 2],
    /// Whether the file says what of the peers' packets the host takes.
    judges: bool,
    /// Whether it was said how a way out is declared.
    has_told_way_out: bool,
}

impl Desk<'_> {
    fn warn(&mut self, hook: &Hook, why: &str, solution: &str) {
        let message = format!("left out: {} = {}: {why}", hook.kind.word(), hook.command);
        self.findings.push(Finding::new(Severity::Warning, hook.line, message, solution));
    }

    fn note(&mut self, hook: &Hook, message: &str) {
        self.findings.push(Finding::new(Severity::Note, hook.line, message, ""));
    }

    fn take(&mut self, hook: &Hook, meaning: Result<Meaning, String>) {
        match meaning {
            Err(why) => {
                let solution = "it was not run; do what it does elsewhere if it is still needed";
                self.warn(hook, &why, solution);
            }
            Ok(Meaning::Undoing) if hook.kind.is_down() => {}
            Ok(Meaning::Undoing) => {
                self.warn(hook, "it takes something back while coming up", "check it by hand");
            }
            Ok(Meaning::Forwarding) => {
                self.note(hook, "forwarding: Netloom routes in the network's own namespace");
            }
            Ok(Meaning::Masquerade { link }) => {
                let link = link.unwrap_or_else(|| "every link".to_owned());
                let why = format!("it translates addresses on the way out of {link}");
                let solution = self.way_out();
                self.warn(hook, &why, &solution);
            }
            Ok(_) if hook.kind.is_down() => {
                self.warn(hook, "it adds a rule when the interface goes down", "check it by hand");
            }
            Ok(Meaning::Forward(rule)) => self.forward(hook, &rule),
            Ok(Meaning::Input(rule)) => self.input(hook, &rule),
        }
    }

    /// What to declare where the host has sent peers' packets out of another link.
    fn way_out(&mut self) -> String {
        if std::mem::replace(&mut self.has_told_way_out, true) {
            return "declare the way out as told before".to_owned();
        }
        let Scope { network, node, .. } = self.scope;
        format!(
            "where peers shall go out by `{node}`, add `nat_gateways: {{ {network}-nat: {{ network: {network}, nodes: \
             [{node}] }} }}` to the file, `nat_gateway: {network}-nat` to the subnet, and what they may call to \
             `egress` of `{network}-peers`; for a prefix behind `{node}`, `advertise: [{{ cidr: PREFIX, networks: \
             [{network}] }}]` to the node"
        )
    }

    /// What to declare where the host has sent others' packets to peers.
    fn way_in(&self) -> String {
        let Scope { network, node, .. } = self.scope;
        format!(
            "where peers shall be called from outside, add `internet_gateways: {{ {network}-in: {{ network: \
             {network}, nodes: [{node}] }} }}` to the file, `public: true` to the subnet, and `publish: [PORT]` to the peer"
        )
    }

    fn is_own(&self, link: Option<&String>) -> bool {
        link.is_some_and(|link| link == self.scope.interface)
    }

    fn is_inside(&self, prefix: Option<&IpNet>) -> bool {
        prefix.is_some_and(|prefix| self.scope.cidrs.iter().any(|cidr| cidr.contains(prefix)))
    }

    /// What holds for rules of both chains; whether the rule is done with.
    fn common(&mut self, hook: &Hook, rule: &Rule, chain: usize) -> bool {
        if rule.replies_only {
            self.note(hook, "replies: groups are stateful, so they pass anyway");
        } else if !rule.accepts {
            self.refuses[chain] = Some(hook.line);
            self.note(hook, "refusal: what no group allows does not pass in Netloom");
        } else {
            if let Some(line) = self.refuses[chain].take() {
                let message = format!(
                    "this rule stands after the refusal of line {line}, and groups have no order"
                );
                let solution = "compare the groups below with what was meant";
                self.findings.push(Finding::new(Severity::Warning, hook.line, message, solution));
            }
            return false;
        }
        true
    }

    fn forward(&mut self, hook: &Hook, rule: &Rule) {
        if self.common(hook, rule, FORWARD) {
            return;
        }
        let unbound = rule.from_link.is_none() && rule.to_link.is_none();
        let bare = unbound && rule.source.is_none() && rule.destination.is_none();
        let from_peers = self.is_own(rule.from_link.as_ref())
            || rule.from_link.is_none() && self.is_inside(rule.source.as_ref())
            || bare;
        let to_peers = self.is_own(rule.to_link.as_ref())
            || rule.to_link.is_none() && self.is_inside(rule.destination.as_ref())
            || bare;
        if !from_peers && !to_peers {
            self.warn(hook, "it is not about this interface", "do it elsewhere if it is needed");
            return;
        }
        if from_peers && rule.source.is_some_and(|source| !self.scope.cidrs.contains(&source)) {
            let why = "it holds for some of the peers only";
            self.warn(hook, why, "give those peers a security group of their own");
            return;
        }
        let allowance =
            |other| Allowance { protocol: rule.protocol.clone(), ports: rule.ports.clone(), other };
        let prefix = |prefix: Option<IpNet>| prefix.map_or(Other::All, Other::Prefix);
        if from_peers && to_peers {
            self.policy.peers_egress.push(allowance(match rule.destination {
                Some(destination) => Other::Prefix(destination),
                None if bare => Other::All,
                None => Other::Peers,
            }));
            self.policy.peers_ingress.push(allowance(if bare { Other::All } else { Other::Peers }));
        } else if from_peers {
            if let Some(link) = &rule.to_link {
                let why = format!("it leads out of {link}");
                let solution = self.way_out();
                self.warn(hook, &why, &solution);
                return;
            }
            self.policy.peers_egress.push(allowance(prefix(rule.destination)));
            if rule.destination.is_none_or(|to| self.is_inside(Some(&to))) {
                // Without a way out named, the way from one peer to another is among those allowed.
                self.policy.peers_ingress.push(allowance(Other::Peers));
            }
        } else {
            if let Some(link) = &rule.from_link {
                let why = format!("it leads in from {link}");
                self.warn(hook, &why, &self.way_in());
                return;
            }
            self.policy.peers_ingress.push(allowance(prefix(rule.source)));
        }
    }

    fn input(&mut self, hook: &Hook, rule: &Rule) {
        let own = self.is_own(rule.from_link.as_ref());
        let port = self.scope.listen_port;
        let opens_port = port.is_some_and(|port| rule.ports == [(port, port)]);
        if !own && rule.accepts && rule.protocol.as_deref() == Some("udp") && opens_port {
            let why = "it opens the tunnel's port in the host's own firewall";
            self.warn(hook, why, "keep that rule in the host's firewall");
            return;
        }
        if !own && !self.is_inside(rule.source.as_ref()) {
            self.warn(hook, "it is not about this interface", "do it elsewhere if it is needed");
            return;
        }
        self.judges = true;
        if self.common(hook, rule, INPUT) {
            return;
        }
        self.policy.host_ingress.push(Allowance {
            protocol: rule.protocol.clone(),
            ports: rule.ports.clone(),
            other: match rule.source {
                Some(source) if !self.scope.cidrs.contains(&source) => Other::Prefix(source),
                Some(_) | None => Other::Peers,
            },
        });
    }
}
