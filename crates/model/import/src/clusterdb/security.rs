//! `security:` with `security_groups` and `network_acls`.

use crate::blackroad::{groups, side};
use crate::desk::Desk;
use crate::document::At;
use crate::draft::{AclRule, Match, NetworkAcl, Protocol};
use crate::scalar;

/// Imports the file.
pub(crate) fn security(desk: &mut Desk, root: At<'_>) {
    let Some(outer) = root.get("security") else { return };
    desk.entries(outer);
    if let Some(all) = outer.get("security_groups") {
        groups(desk, all);
    }
    if let Some(acls) = outer.get("network_acls") {
        let all = desk.entries(acls);
        for acl in all {
            network_acl(desk, acl);
        }
    }
}

fn network_acl(desk: &mut Desk, at: At<'_>) {
    if !desk.is_object(at) {
        return;
    }
    let network = desk.some_network("a network ACL belongs to a network");
    let mut made = NetworkAcl { network: network.clone(), ..NetworkAcl::default() };
    for (keys, is_ingress) in [(["inbound", "ingress"], true), (["outbound", "egress"], false)] {
        for key in keys {
            for rule in desk.items_of(at, key) {
                let at = rule;
                let rule = acl_rule(desk, at, is_ingress);
                let rules = if is_ingress { &made.ingress } else { &made.egress };
                let number = rule.as_ref().map(|rule| rule.number);
                if rules.iter().any(|other| Some(other.number) == number) {
                    desk.refuse_all(at, "a rule of this number stands before it");
                    continue;
                }
                if is_ingress { made.ingress.extend(rule) } else { made.egress.extend(rule) }
            }
        }
    }
    let name = desk.names.claim("network_acls", &[at.key().unwrap_or("")]);
    desk.approximated(
        at,
        format!(
            "declared in `{network}`; no subnet is said to have it: name it as `network_acl` of those \
             that do"
        ),
    );
    desk.draft.network_acls.insert(name, made);
}

fn acl_rule(desk: &mut Desk, at: At<'_>, is_ingress: bool) -> Option<AclRule> {
    desk.entries(at);
    let number = at.text_of("number").or_else(|| at.text_of("rule"));
    let number =
        number.and_then(|text| text.parse().ok()).filter(|number| (1..=32766).contains(number));
    let Some(number) = number else {
        desk.refuse_all(at, "a rule of a network ACL needs a `number` from 1 to 32766");
        return None;
    };
    let allow = match at.text_of("action") {
        Some("allow") => true,
        Some("deny") => false,
        Some(_) | None => {
            desk.refuse_all(at, "a rule of a network ACL needs an `action`, allow or deny");
            return None;
        }
    };
    let matched = matched(desk, at)?;
    let key = if is_ingress { "source" } else { "destination" };
    let (side, named) = side(desk, at, key)?;
    if named.is_some() {
        desk.refuse_all(at, "a network ACL knows prefixes only, and this rule names a group");
        return None;
    }
    for key in ["number", "rule", "action"] {
        desk.take(at, key, "of the rule of the network ACL");
    }
    Some(AclRule { number, allow, matched, side })
}

/// Protocol and ports of a rule, or the rule is refused.
pub(crate) fn matched(desk: &mut Desk, at: At<'_>) -> Option<Match> {
    let mut matched = Match::ALL;
    if let Some(protocol) = at.get("protocol") {
        let text = desk.text(protocol)?;
        let Some(known) = scalar::protocol(text) else {
            let why = format!("rules tell apart TCP, UDP and ICMP; not `{}`", scalar::short(text));
            desk.refuse_all(at, why);
            return None;
        };
        matched.protocol = known;
        desk.exact(protocol, "the rule's `protocol`");
    }
    for key in ["port", "ports"] {
        let Some(ports) = at.get(key) else { continue };
        let text = desk.text(ports)?;
        match scalar::ports(text) {
            Some(scalar::PortsRead::All) => desk.exact(ports, "all ports: the rule names none"),
            Some(_) if !matched.protocol.has_ports() => {
                desk.refuse_all(at, "ports stand here, and the protocol has none");
                return None;
            }
            Some(scalar::PortsRead::Some(range)) => {
                matched.ports = Some(range);
                desk.exact(ports, "the rule's `ports`");
            }
            Some(scalar::PortsRead::SomeWithoutZero(range)) => {
                matched.ports = Some(range);
                desk.approximated(ports, "without port 0, which no packet has");
            }
            None => {
                desk.refuse_all(at, format!("`{}` is no port and no range", scalar::short(text)));
                return None;
            }
        }
    }
    if matched.protocol == Protocol::All {
        matched.ports = None;
    }
    Some(matched)
}
