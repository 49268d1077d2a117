//! Route tables, gateways, peerings, prefix lists, and prefixes behind nodes, as declared.

use super::{At, Decoder};
use crate::diagnostic::code;
use crate::fabric::PeeringStatus;
use crate::span::Span;
use crate::tree::{Tree, Value};
use ipnet::IpNet;
use std::collections::BTreeMap;

/// A route table as declared.
#[derive(Clone, Debug, Default)]
pub struct RouteTable {
    /// Network.
    pub network: Option<At<String>>,
    /// Routes.
    pub routes: Vec<Route>,
    /// Tags.
    pub tags: BTreeMap<String, String>,
}

/// A route as declared.
#[derive(Clone, Debug)]
pub struct Route {
    /// Where.
    pub span: Span,
    /// Destination.
    pub to: Destination,
    /// Next hop.
    pub via: Via,
}

/// The destination of a route.
#[derive(Clone, Debug)]
pub enum Destination {
    /// A prefix.
    Prefix(At<IpNet>),
    /// All of a list's.
    List(At<String>),
}

/// The next hop of a route.
#[derive(Clone, Debug)]
pub enum Via {
    /// A NAT gateway.
    NatGateway(At<String>),
    /// An internet gateway.
    InternetGateway(At<String>),
    /// A peering.
    Peering(At<String>),
    /// A node.
    Node(At<String>),
    /// A workload.
    Workload(At<String>),
    /// None.
    Blackhole,
}

/// A gateway as declared.
#[derive(Clone, Debug, Default)]
pub struct Gateway {
    /// Network.
    pub network: Option<At<String>>,
    /// Nodes; those with the role if none is named.
    pub nodes: Option<Vec<At<String>>>,
    /// Whether it lets IPv6 out alone.
    pub egress_only: bool,
    /// Tags.
    pub tags: BTreeMap<String, String>,
}

/// A peering as declared.
#[derive(Clone, Debug, Default)]
pub struct Peering {
    /// Networks.
    pub networks: Vec<At<String>>,
    /// Where they stand.
    pub networks_span: Option<Span>,
    /// Status.
    pub status: PeeringStatus,
    /// Whether route tables have to name it.
    pub is_manual: bool,
    /// Tags.
    pub tags: BTreeMap<String, String>,
}

/// A prefix list as declared.
#[derive(Clone, Debug, Default)]
pub struct PrefixList {
    /// Prefixes.
    pub entries: Vec<At<IpNet>>,
    /// Largest number.
    pub entries_max: Option<At<usize>>,
}

/// A prefix behind a node as declared.
#[derive(Clone, Debug)]
pub struct Advertised {
    /// The prefix.
    pub prefix: At<IpNet>,
    /// As the fabric sees it.
    pub seen_as: Option<At<IpNet>>,
    /// Networks that reach it.
    pub networks: Vec<At<String>>,
}

impl Decoder {
    /// A route table.
    pub fn route_table(&mut self, tree: &Tree) -> Option<RouteTable> {
        let fields = self.fields(tree, "a route table", &["network", "routes", "tags"])?;
        let network = fields.reference("network", self);
        let routes = fields.optional("routes").map(|t| self.list(t, "`routes`"));
        let routes = routes.unwrap_or_default().iter().filter_map(|t| self.route(t)).collect();
        let tags = fields.optional("tags").map(|t| self.texts(t, "`tags`")).unwrap_or_default();
        Some(RouteTable { network, routes, tags })
    }

    fn route(&mut self, tree: &Tree) -> Option<Route> {
        let fields = self.fields(tree, "a route", &["to", "via"])?;
        let to = fields.required("to", self).and_then(|t| self.destination(t));
        let via = fields.required("via", self).and_then(|t| self.via(t));
        Some(Route { span: fields.span().clone(), to: to?, via: via? })
    }

    fn destination(&mut self, tree: &Tree) -> Option<Destination> {
        if let Value::Map(_) = &tree.value {
            let fields = self.fields(tree, "a route's `to`", &["prefix_list"])?;
            return Some(Destination::List(fields.reference("prefix_list", self)?));
        }
        Some(Destination::Prefix(self.cidr(tree)?))
    }

    fn via(&mut self, tree: &Tree) -> Option<Via> {
        const FORMS: [&str; 5] = ["nat_gateway", "internet_gateway", "peering", "node", "workload"];
        const SOLUTION: &str = "write `blackhole`, or a map with one of: nat_gateway, \
            internet_gateway, peering, node, workload";
        if let Value::Scalar { text, .. } = &tree.value {
            if text == "blackhole" {
                return Some(Via::Blackhole);
            }
            let message = match text.as_str() {
                "local" => "routes to the network itself are not declared".to_owned(),
                _ => format!("`{text}` is no next hop"),
            };
            let cause = "the network's own prefixes are local in every table; other routes name \
                what they lead to";
            self.error(code::BAD_VALUE, &tree.span, message, cause, SOLUTION);
            return None;
        }
        let before = self.errors();
        let fields = self.fields(tree, "a route's `via`", &FORMS)?;
        let given: Vec<&'static str> = fields.present().map(|(form, _)| form).collect();
        let [form] = given.as_slice() else {
            if self.errors() == before && !fields.is_partial() {
                let message = format!("`via` names {} next hops", given.len());
                self.error(code::CONFLICT, &tree.span, message, "a route leads to one", SOLUTION);
            }
            return None;
        };
        let name = fields.reference(form, self)?;
        Some(match *form {
            "nat_gateway" => Via::NatGateway(name),
            "internet_gateway" => Via::InternetGateway(name),
            "peering" => Via::Peering(name),
            "node" => Via::Node(name),
            _ => Via::Workload(name),
        })
    }

    /// A NAT gateway.
    pub fn nat_gateway(&mut self, tree: &Tree) -> Option<Gateway> {
        let fields = self.fields(tree, "a NAT gateway", &["network", "nodes", "tags"])?;
        let network = fields.reference("network", self);
        let nodes = fields.optional("nodes").map(|t| self.references(t));
        let tags = fields.optional("tags").map(|t| self.texts(t, "`tags`")).unwrap_or_default();
        Some(Gateway { network, nodes, egress_only: false, tags })
    }

    /// An internet gateway.
    pub fn internet_gateway(&mut self, tree: &Tree) -> Option<Gateway> {
        const KEYS: [&str; 4] = ["network", "nodes", "egress_only", "tags"];
        let fields = self.fields(tree, "an internet gateway", &KEYS)?;
        let network = fields.reference("network", self);
        let nodes = fields.optional("nodes").map(|t| self.references(t));
        let egress_only = fields.optional("egress_only").and_then(|t| self.truth(t));
        let egress_only = egress_only.unwrap_or(false);
        let tags = fields.optional("tags").map(|t| self.texts(t, "`tags`")).unwrap_or_default();
        Some(Gateway { network, nodes, egress_only, tags })
    }

    /// A peering.
    pub fn peering(&mut self, tree: &Tree) -> Option<Peering> {
        const ROUTES: [(&str, bool); 2] = [("auto", false), ("manual", true)];
        let fields = self.fields(tree, "a peering", &["networks", "status", "routes", "tags"])?;
        let list = fields.required("networks", self);
        let networks = list.map(|t| self.references(t)).unwrap_or_default();
        let status = fields.optional_reference("status", self);
        let words = PeeringStatus::WORDS;
        let status = status.and_then(|word| self.choice(&word, "the status of a peering", &words));
        let routes = fields.optional_reference("routes", self);
        let routes = routes.and_then(|word| self.choice(&word, "a way to have routes", &ROUTES));
        let tags = fields.optional("tags").map(|t| self.texts(t, "`tags`")).unwrap_or_default();
        Some(Peering {
            networks,
            networks_span: list.map(|tree| tree.span.clone()),
            status: status.unwrap_or_default(),
            is_manual: routes.unwrap_or(false),
            tags,
        })
    }

    /// A prefix list.
    pub fn prefix_list(&mut self, tree: &Tree) -> Option<PrefixList> {
        let fields = self.fields(tree, "a prefix list", &["entries", "max_entries"])?;
        let entries = fields.required("entries", self).map(|t| self.cidrs(t)).unwrap_or_default();
        let entries_max = fields.optional("max_entries").and_then(|tree| {
            let value = self.count(tree)?;
            Some(At { value, span: tree.span.clone() })
        });
        Some(PrefixList { entries, entries_max })
    }

    /// Prefixes behind a node: each a prefix, or a map that says as what it is seen.
    pub(super) fn advertised(&mut self, tree: &Tree) -> Vec<Advertised> {
        let items = match tree.value {
            Value::Map(_) => std::slice::from_ref(tree),
            _ => self.items(tree),
        };
        items.iter().filter_map(|item| self.advertised_one(item)).collect()
    }

    fn advertised_one(&mut self, tree: &Tree) -> Option<Advertised> {
        let Value::Map(_) = &tree.value else {
            let prefix = self.cidr(tree)?;
            return Some(Advertised { prefix, seen_as: None, networks: Vec::new() });
        };
        let fields = self.fields(tree, "a prefix behind a node", &["cidr", "as", "networks"])?;
        let prefix = fields.required("cidr", self).and_then(|t| self.cidr(t));
        let seen_as = fields.optional("as").and_then(|t| self.cidr(t));
        let networks = fields.optional("networks").map(|t| self.references(t));
        let networks = networks.unwrap_or_default();
        Some(Advertised { prefix: prefix?, seen_as, networks })
    }
}
