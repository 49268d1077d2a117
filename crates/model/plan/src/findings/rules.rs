//! Rules that never decide: what they match, others have decided, or allow as well.

use super::{Words, lines, warning};
use netloom_model::diagnostic::code;
use netloom_model::fabric::{AclRule, Fabric, GroupRule, Name};
use netloom_model::{Diagnostic, Span};
use netloom_policy::Selector;
use netloom_policy::acl;
use netloom_policy::allowance;
use netloom_policy::cover::{self, Covered, Part};

pub(super) fn find(fabric: &Fabric) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for (name, group) in &fabric.security_groups {
        found.extend(of_group(name, &group.ingress));
        found.extend(of_group(name, &group.egress));
    }
    for (name, acl) in &fabric.network_acls {
        found.extend(of_acl(name, &acl.ingress));
        found.extend(of_acl(name, &acl.egress));
    }
    found
}

/// The lines of a list of rules, of which one line may have become several rules.
fn declared<'a>(spans: impl Iterator<Item = &'a Span>) -> (Vec<&'a Span>, Vec<usize>) {
    let mut lines: Vec<&Span> = Vec::new();
    let of = spans.map(|span| {
        if lines.last() != Some(&span) {
            lines.push(span);
        }
        lines.len() - 1
    });
    let of: Vec<usize> = of.collect();
    (lines, of)
}

fn of_group(name: &Name, rules: &[GroupRule]) -> Vec<Diagnostic> {
    if rules.len() < 2 {
        return Vec::new();
    }
    let (spans, of) = declared(rules.iter().map(|rule| &rule.span));
    let parts: Vec<Part> = rules
        .iter()
        .zip(of)
        .map(|(rule, line)| Part {
            rule: line,
            selector: allowance::selector(&rule.peer),
            transports: allowance::transports(rule.protocol, &rule.ports, &rule.icmp_types),
        })
        .collect();
    let tell = |Covered { rule, by }: Covered| {
        let words = Words {
            message: format!("this rule of `{name}` allows nothing that others do not"),
            cause: format!(
                "rules of a group add up, and the same is allowed at {}",
                lines(by.iter().filter_map(|by| spans.get(*by).copied()))
            ),
            solution: "remove it, or narrow the others if less is meant to be allowed".to_owned(),
        };
        Some(warning(code::SHADOWED, spans.get(rule)?, words))
    };
    cover::redundant(&parts).into_iter().filter_map(tell).collect()
}

fn of_acl(name: &Name, rules: &[AclRule]) -> Vec<Diagnostic> {
    let (spans, of) = declared(rules.iter().map(|rule| &rule.span));
    let addresses = |rule: &AclRule| {
        if rule.prefixes.is_empty() {
            Selector::All
        } else {
            Selector::Ranges(acl::rule_addresses(rule))
        }
    };
    let parts: Vec<Part> = rules
        .iter()
        .zip(&of)
        .map(|(rule, line)| Part {
            rule: *line,
            selector: addresses(rule),
            transports: acl::rule_transports(rule),
        })
        .collect();
    let at = |line: usize| rules.iter().zip(&of).find(|(_, of)| **of == line).map(|(rule, _)| rule);
    let tell = |Covered { rule, by }: Covered| {
        let own = at(rule)?;
        let others: Vec<&AclRule> = by.iter().filter_map(|by| at(*by)).collect();
        let numbers: Vec<String> = others.iter().map(|rule| rule.number.to_string()).collect();
        let first = others.iter().map(|rule| rule.number).min()?;
        let does_the_opposite = others.iter().any(|other| other.allows != own.allows);
        let solution = if does_the_opposite {
            format!("give it a number below {first}, or remove it")
        } else {
            "remove it: nothing changes".to_owned()
        };
        let words = Words {
            message: format!("rule {} of `{name}` never decides", own.number),
            cause: format!(
                "the lowest number that matches decides, and all that it matches is decided by {} ({})",
                numbers.join(", "),
                lines(others.iter().map(|rule| &rule.span))
            ),
            solution,
        };
        Some(warning(code::SHADOWED, spans.get(rule)?, words))
    };
    cover::shadowed(&parts).into_iter().filter_map(tell).collect()
}
