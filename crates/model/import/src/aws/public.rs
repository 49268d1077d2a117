//! Which subnets are public: those that give out public addresses, and whose table leads to the internet.

use super::Aws;
use crate::draft::{Route, RouteTable, Side, Subnet, Via};
use std::net::IpAddr;

impl Aws<'_, '_> {
    /// Says of each subnet whether it is public, when the tables are known. `public` gives a subnet
    /// the default routes that its table lacks, so it is said only where nothing is opened by it.
    pub(super) fn public_subnets(&mut self) {
        for at in self.all("Subnets") {
            let Some(key) = at.get("MapPublicIpOnLaunch") else { continue };
            let Some(name) = self.referred(at, "SubnetId") else { continue };
            let draft = &self.desk.draft;
            let Some(subnet) = draft.subnets.get(&name) else { continue };
            if key.text() != Some("true") {
                self.desk.exact(key, "not `public`");
                continue;
            }
            let own = subnet.route_table.as_ref();
            let main = || draft.networks.get(&subnet.network)?.route_table.as_ref();
            let table =
                own.or_else(main).and_then(|name| Some((name, draft.route_tables.get(name)?)));
            if let Some(lack) = table.and_then(|(name, table)| lack(name, table, subnet)) {
                let how = format!("not `public`, which would open what is closed: {lack}");
                self.desk.approximated(key, how);
                continue;
            }
            let how = "`public: true`; workloads are reached through the gateway's nodes, and not by \
                       addresses of their own";
            self.desk.approximated(key, how);
            if let Some(subnet) = self.desk.draft.subnets.get_mut(&name) {
                subnet.public = true;
            }
        }
    }
}

/// What a table lacks to lead a subnet to the internet: a default route for each of its families, by an
/// internet gateway for IPv4.
fn lack(name: &str, table: &RouteTable, subnet: &Subnet) -> Option<String> {
    let default = |ipv6: bool| {
        table.routes.iter().find(|route| match &route.to {
            Side::Cidr(prefix) => prefix.prefix_len() == 0 && prefix.addr().is_ipv6() == ipv6,
            Side::All | Side::Group(_) | Side::PrefixList(_) => false,
        })
    };
    subnet.cidrs.iter().find_map(|cidr| match (default(cidr.addr().is_ipv6()), cidr.addr()) {
        (Some(Route { via: Via::InternetGateway(_), .. }), _) | (Some(_), IpAddr::V6(_)) => None,
        (Some(_), IpAddr::V4(_)) => Some(format!(
            "0.0.0.0/0 leads elsewhere than to an internet gateway in its route table `{name}`"
        )),
        (None, IpAddr::V4(_)) => Some(format!(
            "its route table `{name}` has no route of 0.0.0.0/0 to an internet gateway"
        )),
        (None, IpAddr::V6(_)) => Some(format!("its route table `{name}` has no route of ::/0")),
    })
}
