//! Which subnets are public: those that give out public addresses, and whose table leads to the internet.

use super::Aws;
use crate::draft::{RouteTable, Side, Subnet, Via};

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
            let table = own.or_else(main).and_then(|table| draft.route_tables.get(table));
            let is_public = table.is_none_or(|table| self.leads_out(table, subnet));
            if !is_public {
                let how = "not `public`: its route table does not lead to an internet gateway, and \
                           says alone where packets go";
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

    /// Whether a table has a default route for each family of a subnet, by an internet gateway for IPv4.
    fn leads_out(&self, table: &RouteTable, subnet: &Subnet) -> bool {
        let default = |ipv6: bool| {
            table.routes.iter().find(|route| match &route.to {
                Side::Cidr(prefix) => prefix.prefix_len() == 0 && prefix.addr().is_ipv6() == ipv6,
                Side::All | Side::Group(_) | Side::PrefixList(_) => false,
            })
        };
        subnet.cidrs.iter().all(|cidr| {
            match (default(cidr.addr().is_ipv6()), cidr.addr().is_ipv6()) {
                (Some(route), false) => matches!(&route.via, Via::InternetGateway(_)),
                (route, true) => route.is_some(),
                (None, false) => false,
            }
        })
    }
}
