//! Chains as Docker, ufw and people write them, and what becomes of a gateway's packets there.

use super::*;
use netloom_state::nft::BaseChain;
use netloom_sys::nft::ForeignChain;
use std::collections::BTreeMap;

const LINK: &str = "u1234-app";

fn known(expression: Expression) -> ForeignExpression {
    ForeignExpression::Known(expression)
}

fn verdict(verdict: Verdict) -> ForeignExpression {
    known(Expression::Verdict(verdict))
}

fn jump(chain: &str) -> Vec<ForeignExpression> {
    vec![known(Expression::Counter), verdict(Verdict::Jump(chain.to_owned()))]
}

/// `iifname` or `oifname`; a name that ends with `*` stands for all that begin so.
fn named(key: MetaKey, name: &str) -> Vec<ForeignExpression> {
    let mut data = name.trim_end_matches('*').as_bytes().to_vec();
    if !name.ends_with('*') {
        data.resize(NAME_BYTES, 0);
    }
    let register = Register(0);
    let operator = CompareOperator::Equal;
    vec![
        known(Expression::Meta { key, register }),
        known(Expression::Compare { register, operator, data }),
    ]
}

/// `ct state established,related`.
fn follows() -> Vec<ForeignExpression> {
    let register = Register(0);
    let mask = (ct_state::ESTABLISHED | ct_state::RELATED).to_ne_bytes().to_vec();
    let (xor, data) = (vec![0; 4], vec![0; 4]);
    vec![
        known(Expression::Conntrack { key: ConntrackKey::State, register }),
        known(Expression::Bitwise { register, mask, xor }),
        known(Expression::Compare { register, operator: CompareOperator::NotEqual, data }),
    ]
}

fn rule(parts: &[&[ForeignExpression]]) -> Vec<ForeignExpression> {
    parts.concat()
}

type Chains<'a> = &'a [(&'a str, Vec<Vec<ForeignExpression>>)];

/// A table whose first chain is entered with what is forwarded.
fn table(family: &str, accept: bool, chains: Chains<'_>) -> ForeignTable {
    let base = BaseChain { kind: ChainKind::Filter, hook: Hook::Forward, priority: 0, accept };
    let chain = |(index, (name, rules)): (usize, &(&str, Vec<Vec<ForeignExpression>>))| {
        let base = (index == 0).then_some(base);
        ((*name).to_owned(), ForeignChain { base, rules: rules.clone() })
    };
    let chains: BTreeMap<_, _> = chains.iter().enumerate().map(chain).collect();
    ForeignTable { family: family.to_owned(), name: "filter".to_owned(), chains }
}

/// What is said of a table: nothing, or whether it is certain.
fn said(table: ForeignTable) -> Option<bool> {
    let uplink = Uplink { network: "app".to_owned(), link: LINK.to_owned(), has_ipv6: false };
    let found = blocked(&[table], &[uplink], Some("eth0"));
    assert!(found.len() <= 1, "{found:?}");
    found.first().map(|one| one.is_certain)
}

const ACCEPT: Verdict = Verdict::Accept;

/// What Docker makes of the chain, with what its user has put into the chain for that.
fn docker(user: Vec<Vec<ForeignExpression>>) -> ForeignTable {
    let out = |name| named(MetaKey::OutgoingName, name);
    let matched = ForeignExpression::Other;
    let established = rule(&[&out("docker0"), &[matched, verdict(ACCEPT)]]);
    table(
        "ip",
        false,
        &[
            ("FORWARD", vec![jump("DOCKER-USER"), jump("DOCKER-FORWARD")]),
            ("DOCKER-USER", user),
            (
                "DOCKER-FORWARD",
                vec![
                    established,
                    rule(&[&named(MetaKey::IncomingName, "docker0"), &[verdict(ACCEPT)]]),
                ],
            ),
        ],
    )
}

#[test]
fn what_docker_sets_drops_a_gateways_packets_until_its_user_allows_both_ways() {
    let enters = rule(&[&named(MetaKey::IncomingName, LINK), &[verdict(ACCEPT)]]);
    let leaves = rule(&[&named(MetaKey::OutgoingName, LINK), &[verdict(ACCEPT)]]);
    assert_eq!(said(docker(vec![vec![verdict(Verdict::Return)]])), Some(true));
    assert_eq!(said(docker(vec![enters.clone()])), Some(true), "answers do not come back");
    assert_eq!(said(docker(vec![leaves.clone()])), Some(true));
    assert_eq!(said(docker(vec![enters, leaves])), None);
}

#[test]
fn connections_names_and_refusals_are_understood_and_what_is_not_is_said_to_be_unclear() {
    let (enters, follows) = (named(MetaKey::IncomingName, LINK), follows());
    let accept = vec![verdict(ACCEPT)];
    let from = |name: &str| rule(&[&named(MetaKey::IncomingName, name), &accept]);
    let answers = rule(&[&follows, &accept]);
    let matched = rule(&[&[ForeignExpression::Other], &accept]);
    for (what, accept, rules, expected) in [
        ("only the policy", false, vec![], Some(true)),
        ("nothing", true, vec![], None),
        ("answers alone", false, vec![answers.clone()], Some(true)),
        ("out and answers", false, vec![answers.clone(), from(LINK)], None),
        ("all of our links", false, vec![answers.clone(), from("u1234-*")], None),
        ("another link", false, vec![answers.clone(), from("u1234-other")], Some(true)),
        ("what iptables matches", false, vec![matched.clone()], Some(false)),
        ("a refusal in the end", true, vec![vec![ForeignExpression::Reject]], Some(true)),
        (
            "a refusal of others",
            true,
            vec![rule(&[&named(MetaKey::IncomingName, "docker0"), &[ForeignExpression::Reject]])],
            None,
        ),
        (
            "a refusal before",
            false,
            vec![rule(&[&enters, &[verdict(Verdict::Drop)]]), from(LINK), answers.clone()],
            Some(true),
        ),
    ] {
        assert_eq!(said(table("inet", accept, &[("forward", rules)])), expected, "{what}");
    }
}

#[test]
fn tables_of_other_families_and_our_own_are_passed_over() {
    assert_eq!(said(table("ip6", false, &[("FORWARD", vec![])])), None, "IPv4 alone passes");
    assert_eq!(said(table("7", false, &[("FORWARD", vec![])])), None, "a bridge's");
    let own = ForeignTable {
        name: "netloom-shop".to_owned(),
        ..table("inet", false, &[("forward", vec![])])
    };
    assert_eq!(said(own), None);
    // Chains that lead to each other end somewhere.
    let round = table("ip", false, &[("FORWARD", vec![jump("A")]), ("A", vec![jump("A")])]);
    assert_eq!(said(round), Some(true));
}
