//! The smallest changes of a fabric that alter an answer: rules, groups, routes, peerings, gateways and published
//! ports to add or to take away.

mod apply;
mod search;
mod words;

pub use search::{altering, to_close, to_open};

use netloom_model::fabric::{AclRule, GatewayKind, GroupRule, Name, Party, Protocol, Route};
use netloom_model::span::Span;
use netloom_policy::Direction;

/// One change of a declared fabric.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Adds a rule to a security group.
    AddGroupRule {
        /// The group.
        group: Name,
        /// Its list.
        direction: Direction,
        /// The rule.
        rule: GroupRule,
    },
    /// Takes a rule of a security group away.
    RemoveGroupRule {
        /// The group.
        group: Name,
        /// Its list.
        direction: Direction,
        /// Its place in the list.
        index: usize,
        /// Where it is declared.
        span: Span,
    },
    /// Adds a rule to a network ACL.
    AddAclRule {
        /// The ACL.
        acl: Name,
        /// Its list.
        direction: Direction,
        /// The rule.
        rule: AclRule,
    },
    /// Declares a security group and gives it to an end that has none.
    AddGroup {
        /// The group.
        group: Name,
        /// The workload or node.
        to: Party,
        /// What may enter.
        ingress: Vec<GroupRule>,
        /// What may leave.
        egress: Vec<GroupRule>,
        /// Where the end is declared.
        span: Span,
    },
    /// Adds a route, in the place of one with the same destination if there is one.
    AddRoute {
        /// The table.
        table: Name,
        /// The route.
        route: Route,
        /// What its gateway does, if it leads to one.
        gateway: Option<GatewayKind>,
        /// The route that has the destination now.
        replaces: Option<Span>,
    },
    /// Declares a route table of one route, and gives it to a subnet that has none.
    AddRouteTable {
        /// The table.
        table: Name,
        /// The subnet.
        subnet: Name,
        /// The network of both.
        network: Name,
        /// The route.
        route: Route,
        /// What its gateway does, if it leads to one.
        gateway: Option<GatewayKind>,
    },
    /// Gives a peering the status `active`.
    ActivatePeering {
        /// The peering.
        peering: Name,
    },
    /// Peers two networks.
    AddPeering {
        /// The peering.
        peering: Name,
        /// The two.
        networks: [Name; 2],
        /// Whether both sides' subnets have routes by themselves.
        has_own_routes: bool,
        /// Where the first network is declared.
        span: Span,
    },
    /// Declares a gateway to the internet.
    AddGateway {
        /// The gateway.
        gateway: Name,
        /// The network that it serves.
        network: Name,
        /// What it does.
        kind: GatewayKind,
        /// The node that it is on.
        node: Name,
        /// Where the network is declared.
        span: Span,
    },
    /// Publishes a port of a workload.
    Publish {
        /// The workload.
        workload: Name,
        /// TCP or UDP.
        protocol: Protocol,
        /// The port at the gateway.
        port: u16,
        /// The workload's own.
        to: u16,
    },
}
