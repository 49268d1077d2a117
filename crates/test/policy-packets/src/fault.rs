//! Faults planted into plans: each must be found by packets that disagree with the engine.

use netloom_plan::NodePlan;
use netloom_state::nft::{
    ElementValue, Expression, PayloadBase, Register, Rule, Set, Table, Verdict,
};

/// What can be wrong with a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Source addresses are not checked.
    NoSourceCheck,
    /// The receiver's policy is not asked.
    NoIngress,
    /// The sender's policy is not asked.
    NoEgress,
    /// New packets count as part of a connection.
    NewIsEstablished,
    /// The last port of every range is left out.
    PortsOneShort,
    /// Members of groups lose their class in ingress.
    NoMembers,
    /// IPv6 prefixes have no class.
    NoRangesV6,
    /// The source port is read in place of the destination port.
    SourcePort,
    /// All local workloads share one identity.
    OneIdentity,
    /// Peers own no addresses.
    NoAllowedPrefixes,
    /// One verdict is missing.
    OneVerdictShort,
    /// TCP connections may begin in the middle.
    MiddleBegins,
}

impl Fault {
    /// Every fault.
    pub const ALL: [Self; 12] = [
        Self::NoSourceCheck,
        Self::NoIngress,
        Self::NoEgress,
        Self::NewIsEstablished,
        Self::PortsOneShort,
        Self::NoMembers,
        Self::NoRangesV6,
        Self::SourcePort,
        Self::OneIdentity,
        Self::NoAllowedPrefixes,
        Self::OneVerdictShort,
        Self::MiddleBegins,
    ];
}

/// Plants a fault into a plan.
pub fn plant(fault: Fault, plan: &mut NodePlan) {
    if fault == Fault::NoAllowedPrefixes {
        let peers = plan.networks.values_mut().flat_map(|network| network.peers.values_mut());
        peers.for_each(|peer| peer.allowed.clear());
        return;
    }
    let states = plan.host.namespaces.values_mut();
    for table in states.flat_map(|state| state.tables.values_mut()) {
        plant_in_table(fault, table);
    }
}

fn plant_in_table(fault: Fault, table: &mut Table) {
    match fault {
        Fault::NoSourceCheck => drop_rules(table, "source-check", |rule| rule.name.is_some()),
        Fault::NoIngress => drop_rules(table, "forward", jumps_to("ingress")),
        Fault::NoEgress => drop_rules(table, "forward", jumps_to("egress")),
        Fault::NewIsEstablished => new_is_established(table),
        Fault::PortsOneShort => each_set(table, "-ports", one_short),
        Fault::NoMembers => each_set(table, "ingress-members", |set| set.elements.clear()),
        Fault::NoRangesV6 => each_set(table, "-ranges6", |set| set.elements.clear()),
        Fault::SourcePort => source_port(table),
        Fault::OneIdentity => each_set(table, "identities", one_identity),
        Fault::OneVerdictShort => {
            each_set(table, "-verdicts", |set| drop(set.elements.pop_first()))
        }
        Fault::MiddleBegins => drop_rules(table, "forward", reads_tcp_flags),
        Fault::NoAllowedPrefixes => {}
    }
}

fn drop_rules(table: &mut Table, chain: &str, wrong: impl Fn(&Rule) -> bool) {
    if let Some(chain) = table.chains.get_mut(chain) {
        chain.rules.retain(|rule| !wrong(rule));
        if let Some(base) = &mut chain.base {
            // The chain's own verdict would still catch what the rule did.
            base.accept = true;
        }
    }
}

fn jumps_to(target: &'static str) -> impl Fn(&Rule) -> bool {
    move |rule| {
        let jump = Expression::Verdict(Verdict::Jump(target.to_owned()));
        rule.expressions.contains(&jump)
    }
}

fn reads_tcp_flags(rule: &Rule) -> bool {
    rule.expressions.iter().any(|expression| {
        matches!(expression, Expression::Payload { base: PayloadBase::Transport, offset: 13, .. })
    })
}

fn each_set(table: &mut Table, part: &str, change: impl Fn(&mut Set)) {
    table.sets.iter_mut().filter(|(name, _)| name.contains(part)).for_each(|(_, set)| change(set));
}

fn each_expression(table: &mut Table, change: impl Fn(&mut Expression)) {
    let rules = table.chains.values_mut().flat_map(|chain| &mut chain.rules);
    rules.flat_map(|rule| &mut rule.expressions).for_each(change);
}

fn new_is_established(table: &mut Table) {
    let Some(forward) = table.chains.get_mut("forward") else { return };
    for expression in forward.rules.iter_mut().flat_map(|rule| &mut rule.expressions) {
        if let Expression::Bitwise { mask, .. } = expression
            && mask[0] == 6
        {
            mask[0] |= 8;
        }
    }
}

fn one_short(set: &mut Set) {
    for (first, element) in &mut set.elements {
        if let Some(last) = &mut element.last
            && last != first
            && last[5] > 0
        {
            last[5] -= 1;
        }
    }
}

fn source_port(table: &mut Table) {
    each_expression(table, |expression| {
        if let Expression::Payload { base: PayloadBase::Transport, offset, register, .. } =
            expression
            && *offset == 2
            && *register == Register(1)
        {
            *offset = 0;
        }
    });
}

fn one_identity(set: &mut Set) {
    let Some(first) = set.elements.values().next().map(|element| element.value.clone()) else {
        return;
    };
    if let ElementValue::Bytes(_) = first {
        set.elements.values_mut().for_each(|element| element.value = first.clone());
    }
}
