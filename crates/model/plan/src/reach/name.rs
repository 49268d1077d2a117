//! The first step of a flow: from name to address, as the resolver of who calls gives it.

use super::steps::{Place, Walk};
use super::{Owner, StepKind};
use crate::names;
use netloom_model::fabric::Name;

impl<'a> Walk<'a> {
    pub(super) fn name(&mut self, from: Option<&Place<'a>>, to: Option<&Place<'a>>) {
        let address = self.to.address;
        let finding = match (self.to.owner, to.and_then(|place| place.network)) {
            (Owner::Workload(name), Some(network)) => {
                let domain = &self.input.fabric.networks[network].domain;
                let whole = names::workload_name(name, domain);
                let behind = !self.input.addresses(name).contains(&address);
                let is = if behind { "leads to" } else { "is" };
                let unresolved = from.and_then(|from| self.unresolved(from, network));
                format!("{whole} {is} {address}{}", unresolved.unwrap_or_default())
            }
            (Owner::Node(name), _) => format!("node {name} is {address}"),
            (Owner::Workload(_) | Owner::Outside, _) => format!("{address}, outside the fabric"),
        };
        self.pass(StepKind::Name, finding, to.map(|place| place.span));
    }

    /// That the resolver of who calls does not give the address, if it does not.
    fn unresolved(&self, from: &Place<'a>, network: &Name) -> Option<String> {
        let fabric = self.input.fabric;
        let name = from.subnet.filter(|_| !from.on_stack && from.network != Some(network))?;
        let is_known = names::resolves(fabric, &fabric.subnets[name], network, self.to.address);
        (!is_known).then(|| {
            format!(
                ", which the resolver of `{name}` does not say: no route of the subnet leads there \
                 by a peering"
            )
        })
    }
}
