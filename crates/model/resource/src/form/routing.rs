//! Route tables, gateways, peerings and prefixes behind nodes on the wire.

use super::{LIST_MAX, NAME_BYTES_MAX};
use ipnet::IpNet;
use netloom_model::Span;
use netloom_model::fabric::{
    Advertised, Gateway, GatewayKind, NextHop, Peering, PeeringStatus, Route, RouteTable,
};
use std::collections::{BTreeMap, BTreeSet};

netloom_cbor::choice! {
    /// The next hop of a route.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub(crate) enum NextHopForm {
        /// Nowhere.
        0 => Blackhole {},
        /// A gateway.
        1 => Gateway {
            /// Its name.
            1 => name: String [max NAME_BYTES_MAX],
        },
        /// A peering.
        2 => Peering {
            /// Its name.
            1 => name: String [max NAME_BYTES_MAX],
        },
        /// A node.
        3 => Node {
            /// Its name.
            1 => name: String [max NAME_BYTES_MAX],
        },
        /// A workload.
        4 => Workload {
            /// Its name.
            1 => name: String [max NAME_BYTES_MAX],
        },
    }
}

netloom_cbor::record! {
    /// A route.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub(crate) struct RouteForm {
        /// Destinations.
        0 => pub(crate) to: IpNet,
        /// Where they go.
        1 => pub(crate) via: NextHopForm,
    }
}

netloom_cbor::record! {
    /// A route table.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub(crate) struct RouteTableForm {
        /// Its network.
        0 => pub(crate) network: String [max NAME_BYTES_MAX],
        /// Its routes.
        1 => pub(crate) routes: Vec<RouteForm> [max LIST_MAX],
    }
}

netloom_cbor::code! {
    /// What a gateway does.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(crate) enum GatewayKindForm {
        /// Source NAT of IPv4.
        0 => Nat,
        /// Both ways.
        1 => Internet,
        /// IPv6, outwards.
        2 => EgressOnly,
    }
}

netloom_cbor::record! {
    /// A gateway.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub(crate) struct GatewayForm {
        /// Its network.
        0 => pub(crate) network: String [max NAME_BYTES_MAX],
        /// What it does.
        1 => pub(crate) kind: GatewayKindForm,
        /// Its nodes, the first of which that is alive is used.
        2 => pub(crate) nodes: Vec<String> [max LIST_MAX],
    }
}

netloom_cbor::record! {
    /// A peering.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub(crate) struct PeeringForm {
        /// One network.
        0 => pub(crate) one: String [max NAME_BYTES_MAX],
        /// The other.
        1 => pub(crate) other: String [max NAME_BYTES_MAX],
        /// Whether packets pass.
        2 => pub(crate) is_active: bool,
        /// Whether it brings its own routes.
        3 => pub(crate) has_own_routes: bool,
    }
}

netloom_cbor::record! {
    /// A prefix behind a node.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub(crate) struct AdvertisedForm {
        /// The prefix.
        0 => pub(crate) prefix: IpNet,
        /// As the fabric sees it.
        1 => pub(crate) seen_as: Option<IpNet>,
        /// Networks that reach it; those that the node is in if empty.
        2 => pub(crate) networks: BTreeSet<String> [max LIST_MAX],
    }
}

impl From<&NextHop> for NextHopForm {
    fn from(via: &NextHop) -> Self {
        match via {
            NextHop::Blackhole => Self::Blackhole {},
            NextHop::Gateway(name) => Self::Gateway { name: name.clone() },
            NextHop::Peering(name) => Self::Peering { name: name.clone() },
            NextHop::Node(name) => Self::Node { name: name.clone() },
            NextHop::Workload(name) => Self::Workload { name: name.clone() },
        }
    }
}

impl From<NextHopForm> for NextHop {
    fn from(form: NextHopForm) -> Self {
        match form {
            NextHopForm::Blackhole {} => Self::Blackhole,
            NextHopForm::Gateway { name } => Self::Gateway(name),
            NextHopForm::Peering { name } => Self::Peering(name),
            NextHopForm::Node { name } => Self::Node(name),
            NextHopForm::Workload { name } => Self::Workload(name),
        }
    }
}

impl From<&RouteTable> for RouteTableForm {
    fn from(table: &RouteTable) -> Self {
        let routes = table.routes.iter();
        let routes = routes.map(|route| RouteForm { to: route.to, via: (&route.via).into() });
        Self { network: table.network.clone(), routes: routes.collect() }
    }
}

impl RouteTableForm {
    pub(crate) fn into_table(self, span: Span) -> RouteTable {
        let of = |form: RouteForm| Route {
            span: span.clone(),
            to: form.to.trunc(),
            via: form.via.into(),
        };
        let routes = self.routes.into_iter().map(of).collect();
        RouteTable { network: self.network, routes, tags: BTreeMap::new(), span }
    }
}

impl From<&Gateway> for GatewayForm {
    fn from(gateway: &Gateway) -> Self {
        let kind = match gateway.kind {
            GatewayKind::Nat => GatewayKindForm::Nat,
            GatewayKind::Internet => GatewayKindForm::Internet,
            GatewayKind::EgressOnly => GatewayKindForm::EgressOnly,
        };
        Self { network: gateway.network.clone(), kind, nodes: gateway.nodes.clone() }
    }
}

impl GatewayForm {
    pub(crate) fn into_gateway(self, span: Span) -> Gateway {
        let kind = match self.kind {
            GatewayKindForm::Nat => GatewayKind::Nat,
            GatewayKindForm::Internet => GatewayKind::Internet,
            GatewayKindForm::EgressOnly => GatewayKind::EgressOnly,
        };
        Gateway { span, network: self.network, kind, nodes: self.nodes, tags: BTreeMap::new() }
    }
}

impl From<&Peering> for PeeringForm {
    fn from(peering: &Peering) -> Self {
        let [one, other] = peering.networks.clone();
        let has_own_routes = peering.has_own_routes;
        Self { one, other, is_active: peering.is_active(), has_own_routes }
    }
}

impl PeeringForm {
    pub(crate) fn into_peering(self, span: Span) -> Peering {
        let status = if self.is_active { PeeringStatus::Active } else { PeeringStatus::Pending };
        Peering {
            span,
            networks: [self.one, self.other],
            status,
            has_own_routes: self.has_own_routes,
            tags: BTreeMap::new(),
        }
    }
}

impl From<&Advertised> for AdvertisedForm {
    fn from(one: &Advertised) -> Self {
        Self { prefix: one.prefix, seen_as: one.seen_as, networks: one.networks.clone() }
    }
}

impl From<AdvertisedForm> for Advertised {
    fn from(form: AdvertisedForm) -> Self {
        Self {
            prefix: form.prefix.trunc(),
            seen_as: form.seen_as.map(|prefix| prefix.trunc()),
            networks: form.networks,
        }
    }
}
