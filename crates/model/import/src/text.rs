//! A draft as the text of a fabric's file.

use crate::draft::{
    AclRule, Attach, Draft, Gateway, Group, IcmpType, Interface, Match, Network, NetworkAcl, Node,
    Peering, PrefixList, Protocol, Region, Route, RouteTable, Rule, Side, Subnet, Tags, Via,
    Workload,
};
use crate::yaml::Yaml;
use std::collections::BTreeMap;

/// The fields of an object, those that say nothing left out.
#[derive(Default)]
struct Fields(Vec<(String, Yaml)>);

impl Fields {
    fn add(mut self, key: &str, value: Yaml) -> Self {
        self.0.push((key.to_owned(), value));
        self
    }

    fn some<T: ToString>(self, key: &str, value: Option<T>) -> Self {
        match value {
            Some(value) => self.add(key, Yaml::text(value)),
            None => self,
        }
    }

    fn list<T: ToString>(self, key: &str, items: &[T]) -> Self {
        if items.is_empty() {
            self
        } else {
            self.add(key, Yaml::texts(items.iter().map(T::to_string)))
        }
    }

    fn rows(self, key: &str, rows: Vec<Yaml>) -> Self {
        if rows.is_empty() { self } else { self.add(key, Yaml::List(rows)) }
    }

    fn tags(self, key: &str, tags: &Tags) -> Self {
        if tags.is_empty() {
            self
        } else {
            self.add(key, Yaml::map(tags.iter().map(|(k, v)| (k, Yaml::text(v)))))
        }
    }

    fn when(self, key: &str, is: bool) -> Self {
        if is { self.add(key, Yaml::text("true")) } else { self }
    }

    fn done(self) -> Yaml {
        Yaml::Map(self.0)
    }
}

/// Writes a draft; `sources` stand in the comment above it.
pub(crate) fn write(draft: &Draft, sources: &[String]) -> String {
    let mut out = String::new();
    for source in sources {
        out.push_str(&format!("# Imported from {}.\n", crate::scalar::short(source)));
    }
    out.push_str("version: 1\n");
    Yaml::text(draft.name.as_deref().unwrap_or("imported")).write("fabric", 0, &mut out);
    section(&mut out, "regions", &draft.regions, region);
    section(&mut out, "networks", &draft.networks, network);
    section(&mut out, "subnets", &draft.subnets, subnet);
    section(&mut out, "route_tables", &draft.route_tables, route_table);
    section(&mut out, "nat_gateways", &draft.nat_gateways, gateway);
    section(&mut out, "internet_gateways", &draft.internet_gateways, gateway);
    section(&mut out, "peerings", &draft.peerings, peering);
    section(&mut out, "prefix_lists", &draft.prefix_lists, prefix_list);
    section(&mut out, "network_acls", &draft.network_acls, network_acl);
    section(&mut out, "nodes", &draft.nodes, node);
    section(&mut out, "workloads", &draft.workloads, workload);
    section(&mut out, "security_groups", &draft.security_groups, group);
    if !draft.tests.is_empty() {
        out.push_str("\ntests:\n");
    }
    for test in &draft.tests {
        let fields = Fields::default()
            .some("from", Some(&test.from))
            .some("to", Some(&test.to))
            .some("port", Some(&test.port))
            .some("expect", Some(if test.allow { "allow" } else { "deny" }));
        out.push_str(&format!("  - {}\n", fields.done().flow()));
    }
    out
}

fn section<T>(
    out: &mut String,
    name: &str,
    objects: &BTreeMap<String, T>,
    fields: impl Fn(&T) -> Yaml,
) {
    if objects.is_empty() {
        return;
    }
    out.push_str(&format!("\n{name}:\n"));
    for (name, object) in objects {
        fields(object).write(name, 2, out);
    }
}

fn region(region: &Region) -> Yaml {
    let zones: Vec<&String> = region.zones.iter().collect();
    let fields = Fields::default().list("zones", &zones);
    fields.list("networks", &region.networks).when("nat", region.nat).done()
}

fn network(network: &Network) -> Yaml {
    let dns = Fields::default().some("domain", network.domain.as_ref());
    let dns = dns.list("resolvers", &network.resolvers).done();
    let fields = Fields::default()
        .list("cidr", &network.cidrs)
        .some("region", network.region.as_ref())
        .some("route_table", network.route_table.as_ref())
        .some("network_acl", network.network_acl.as_ref());
    let fields = if dns == Yaml::Map(Vec::new()) { fields } else { fields.add("dns", dns) };
    fields.tags("tags", &network.tags).done()
}

fn subnet(subnet: &Subnet) -> Yaml {
    Fields::default()
        .some("network", Some(&subnet.network))
        .list("cidr", &subnet.cidrs)
        .some("zone", subnet.zone.as_ref())
        .when("public", subnet.public)
        .some("route_table", subnet.route_table.as_ref())
        .some("nat_gateway", subnet.nat_gateway.as_ref())
        .some("network_acl", subnet.network_acl.as_ref())
        .tags("tags", &subnet.tags)
        .done()
}

fn route_table(table: &RouteTable) -> Yaml {
    let routes = table.routes.iter().map(|Route { to, via }| {
        let via = match via {
            Via::NatGateway(name) => Yaml::map([("nat_gateway", Yaml::text(name))]),
            Via::InternetGateway(name) => Yaml::map([("internet_gateway", Yaml::text(name))]),
            Via::Peering(name) => Yaml::map([("peering", Yaml::text(name))]),
            Via::Blackhole => Yaml::text("blackhole"),
        };
        Yaml::map([("to", side(to)), ("via", via)])
    });
    Fields::default()
        .some("network", Some(&table.network))
        .rows("routes", routes.collect())
        .tags("tags", &table.tags)
        .done()
}

fn gateway(gateway: &Gateway) -> Yaml {
    Fields::default()
        .some("network", Some(&gateway.network))
        .when("egress_only", gateway.egress_only)
        .tags("tags", &gateway.tags)
        .done()
}

fn peering(peering: &Peering) -> Yaml {
    Fields::default()
        .list("networks", &peering.networks)
        .some("status", Some(peering.status))
        .some("routes", Some(peering.routes))
        .tags("tags", &peering.tags)
        .done()
}

fn prefix_list(list: &PrefixList) -> Yaml {
    let entries = list.entries.iter().map(|(prefix, note)| noted(Yaml::text(prefix), note));
    Fields::default()
        .add("entries", Yaml::List(entries.collect()))
        .some("max_entries", list.max_entries)
        .done()
}

fn network_acl(acl: &NetworkAcl) -> Yaml {
    let rows = |rules: &[AclRule], key: &str| {
        let row = |rule: &AclRule| {
            let action = if rule.allow { "allow" } else { "deny" };
            let fields = Fields::default().some("rule", Some(rule.number));
            matched(fields.some("action", Some(action)), &rule.matched)
                .add(key, side(&rule.side))
                .done()
        };
        rules.iter().map(row).collect()
    };
    Fields::default()
        .some("network", Some(&acl.network))
        .rows("ingress", rows(&acl.ingress, "from"))
        .rows("egress", rows(&acl.egress, "to"))
        .tags("tags", &acl.tags)
        .done()
}

fn node(node: &Node) -> Yaml {
    let fields = Fields::default()
        .some("region", Some(&node.region))
        .list("roles", &node.roles)
        .list("advertise", &node.advertise)
        .list("tags", &node.tags);
    noted(fields.done(), &node.note)
}

fn workload(workload: &Workload) -> Yaml {
    let attach = match &workload.attach {
        Attach::Container(name) => {
            Yaml::map([("container", Yaml::map([("name", Yaml::text(name))]))])
        }
        Attach::Serve { tcp, udp } => {
            let served = Fields::default().list("tcp", tcp).list("udp", udp).done();
            Yaml::map([("serve", served)])
        }
    };
    let interface = |one: &Interface| {
        let fields = Fields::default().some("subnet", Some(&one.subnet));
        let fields = fields.list("address", &one.addresses);
        (one.name.clone(), fields.list("security_groups", &[&one.security_group]).done())
    };
    let publish = |(port, protocol, to): &(u16, Protocol, u16)| {
        let fields = Fields::default().some("port", Some(port));
        fields.some("protocol", Some(protocol.name())).some("to", Some(to)).done()
    };
    let fields = Fields::default()
        .some("node", Some(&workload.node))
        .some("subnet", Some(&workload.subnet))
        .list("address", &workload.addresses)
        .tags("labels", &workload.labels)
        .list("security_groups", &workload.security_groups);
    let interfaces: Vec<_> = workload.interfaces.iter().map(interface).collect();
    let fields = if interfaces.is_empty() {
        fields
    } else {
        fields.add("interfaces", Yaml::Map(interfaces))
    };
    fields
        .rows("publish", workload.publish.iter().map(publish).collect())
        .add("attach", attach)
        .done()
}

fn group(group: &Group) -> Yaml {
    let rows = |rules: &[Rule], key: &str| {
        let row = |rule: &Rule| {
            let fields = matched(Fields::default(), &rule.matched);
            noted(fields.add(key, side(&rule.side)).done(), &rule.note)
        };
        rules.iter().map(row).collect()
    };
    Fields::default()
        .some("description", group.description.as_ref())
        .tags("tags", &group.tags)
        .rows("ingress", rows(&group.ingress, "from"))
        .rows("egress", rows(&group.egress, "to"))
        .done()
}

fn matched(fields: Fields, matched: &Match) -> Fields {
    let types: Vec<IcmpType> = matched.icmp_type.into_iter().collect();
    fields
        .some("protocol", Some(matched.protocol.name()))
        .some("ports", matched.ports)
        .list("types", &types)
}

fn side(side: &Side) -> Yaml {
    match side {
        Side::All => Yaml::text("all"),
        Side::Cidr(prefix) => Yaml::text(prefix),
        Side::Group(name) => Yaml::map([("security_group", Yaml::text(name))]),
        Side::PrefixList(name) => Yaml::map([("prefix_list", Yaml::text(name))]),
    }
}

fn noted(value: Yaml, note: &Option<String>) -> Yaml {
    match note {
        Some(note) => Yaml::Noted(Box::new(value), note.clone()),
        None => value,
    }
}
