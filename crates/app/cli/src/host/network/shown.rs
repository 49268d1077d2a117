//! A network as `netloom network inspect` shows it: one part for each kind of thing that it has.

use crate::output;
use netloom::api::{Gateway, Member, Network, Peering, RouteTable, Rule, RuleSet, Subnet};
use std::collections::BTreeMap;

pub(super) fn shown(network: &Network) -> String {
    let mut text = format!("network {}\n", network.name);
    let zones = network.zones.join(" ");
    let resolvers = network.resolvers.join(" ");
    for (word, value) in [
        ("prefixes", network.cidrs.join(" ")),
        ("region", network.region.clone().unwrap_or_default()),
        ("zones", zones),
        ("domain", network.domain.clone()),
        ("resolvers", resolvers),
        ("tags", tags(&network.tags)),
        ("nodes", network.nodes.join(" ")),
        ("declared", format!("by {}", network.owner)),
    ] {
        if !value.is_empty() {
            text.push_str(&format!("  {word:<10}{value}\n"));
        }
    }
    text.push_str("subnets\n");
    text.push_str(&output::table(&subnets(network)));
    text.push_str(&part("route tables", &network.route_tables, routes));
    text.push_str(&part("gateways", &network.gateways, |name, one| vec![gateway(name, one)]));
    text.push_str(&part("peerings", &network.peerings, |name, one| vec![peering(name, one)]));
    text.push_str(&part("network ACLs", &network.network_acls, rules));
    text.push_str(&part("security groups", &network.security_groups, rules));
    text.push_str("workloads\n");
    let rows: Vec<Vec<String>> = network.workloads.iter().map(member).collect();
    text.push_str(&output::table(&rows));
    text
}

/// A part with a table, or nothing where there is nothing.
fn part<T>(
    title: &str,
    things: &BTreeMap<String, T>,
    rows: impl Fn(&str, &T) -> Vec<Vec<String>>,
) -> String {
    let rows: Vec<Vec<String>> = things.iter().flat_map(|(name, one)| rows(name, one)).collect();
    if rows.is_empty() { String::new() } else { format!("{title}\n{}", output::table(&rows)) }
}

/// With what is declared of them, or the prefixes alone where control is older and says no more.
fn subnets(network: &Network) -> Vec<Vec<String>> {
    let row = |(name, cidrs): (&String, &Vec<String>)| {
        let mut row = vec![name.clone(), cidrs.join(" ")];
        row.extend(network.subnet_details.get(name).map(details));
        row
    };
    network.subnets.iter().map(row).collect()
}

fn details(subnet: &Subnet) -> String {
    let named = [
        ("zone", &subnet.zone),
        ("route table", &subnet.route_table),
        ("NAT gateway", &subnet.nat_gateway),
        ("ACL", &subnet.network_acl),
    ];
    let named =
        named.into_iter().filter_map(|(word, name)| Some(format!("{word} {}", name.as_ref()?)));
    let mut words = vec![if subnet.public { "public" } else { "private" }.to_owned()];
    words.extend(named);
    if !subnet.tags.is_empty() {
        words.push(tags(&subnet.tags));
    }
    words.join(", ")
}

fn routes(name: &str, table: &RouteTable) -> Vec<Vec<String>> {
    let row = |route: &netloom::api::Route| {
        let way = format!("{} {}", route.kind, route.via);
        vec![name.to_owned(), route.to.clone(), way.trim_end().to_owned()]
    };
    if table.routes.is_empty() {
        return vec![vec![name.to_owned(), "local alone".to_owned()]];
    }
    table.routes.iter().map(row).collect()
}

fn gateway(name: &str, gateway: &Gateway) -> Vec<String> {
    vec![
        name.to_owned(),
        gateway.kind.clone(),
        format!("on {}", gateway.nodes.join(", then ")),
        format!("by {}", gateway.owner),
    ]
}

fn peering(name: &str, peering: &Peering) -> Vec<String> {
    vec![
        name.to_owned(),
        peering.networks.join(" and "),
        peering.status.clone(),
        format!("{} routes", peering.routes),
        format!("by {}", peering.owner),
    ]
}

fn rules(name: &str, set: &RuleSet) -> Vec<Vec<String>> {
    let both = [("in from", &set.ingress), ("out to", &set.egress)];
    let rows: Vec<Vec<String>> = both
        .into_iter()
        .flat_map(|(way, rules)| rules.iter().map(move |one| rule(name, way, one)))
        .collect();
    if rows.is_empty() {
        vec![vec![name.to_owned(), "lets nothing through".to_owned()]]
    } else {
        rows
    }
}

fn rule(name: &str, way: &str, rule: &Rule) -> Vec<String> {
    let number = rule.number.map(|number| format!("{number} ")).unwrap_or_default();
    let what: Vec<&str> = rule.ports.iter().chain(&rule.types).map(String::as_str).collect();
    let what = format!("{} {}", rule.protocol, what.join(","));
    vec![
        name.to_owned(),
        format!("{number}{}", rule.action),
        what.trim_end().to_owned(),
        format!("{way} {}", rule.peers.join(" ")),
    ]
}

fn member((name, one): (&String, &Member)) -> Vec<String> {
    let groups = one.security_groups.join(",");
    vec![name.clone(), one.node.clone(), one.addresses.join(" "), groups, one.owner.clone()]
}

fn tags(tags: &BTreeMap<String, String>) -> String {
    let words: Vec<String> = tags.iter().map(|(key, value)| format!("{key}={value}")).collect();
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(text: &str) -> Network {
        serde_json::from_str(text).unwrap()
    }

    /// What a control says that knows nothing of subnets but their prefixes.
    const OLD: &str = r#"{ "name": "app", "cidrs": ["10.0.0.0/16"], "domain": "app.local", "owner": "file",
        "subnets": { "s": ["10.0.1.0/24"] }, "nodes": ["alpha"], "workloads": {} }"#;

    #[test]
    fn what_an_older_control_does_not_say_is_left_out() {
        let text = shown(&network(OLD));
        assert!(text.contains("  domain    app.local\n") && text.contains("10.0.1.0/24"), "{text}");
        for word in ["region", "private", "peerings", "ACL"] {
            assert!(!text.contains(word), "{word}: {text}");
        }
    }

    #[test]
    fn ways_out_borders_and_groups_are_shown() {
        let mut network = network(OLD);
        network.region = Some("us-west".to_owned());
        network.tags.insert("team".to_owned(), "platform".to_owned());
        let subnet = Subnet { network_acl: Some("border".to_owned()), ..Subnet::default() };
        network.subnet_details.insert("s".to_owned(), subnet);
        let peering = Peering {
            networks: ["app".to_owned(), "data".to_owned()],
            status: "pending".to_owned(),
            routes: "auto".to_owned(),
            ..Peering::default()
        };
        network.peerings.insert("app-data".to_owned(), peering);
        let rule = Rule {
            number: Some(100),
            action: "deny".to_owned(),
            protocol: "tcp".to_owned(),
            ports: vec!["22".to_owned()],
            peers: vec!["all".to_owned()],
            ..Rule::default()
        };
        let border = RuleSet { ingress: vec![rule], ..RuleSet::default() };
        network.network_acls.insert("border".to_owned(), border);
        network.security_groups.insert("none".to_owned(), RuleSet::default());
        let text = shown(&network);
        for words in [
            "  region    us-west\n",
            "  tags      team=platform\n",
            "private, ACL border",
            "app and data",
            "pending",
            "100 deny",
            "tcp 22",
            "in from all",
            "lets nothing through",
        ] {
            assert!(text.contains(words), "{words}: {text}");
        }
    }
}
