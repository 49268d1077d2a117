//! One resolver for each network, in the network's namespace.

use anyhow::Context as _;
use netloom_plan::names::{Names, View};
use netloom_plan::{NetworkPlan, NodePlan};
use netloom_resolver::{PORT, Resolver, ResolverConfig, Zone, ZoneError, zone_of};
use netloom_sys::Executor;
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

/// The resolvers that run, by network.
#[derive(Default)]
pub(crate) struct Resolvers {
    running: BTreeMap<String, Running>,
    /// Counts changes of zones, for their SOA.
    serial: u32,
}

struct Running {
    listen: Vec<IpAddr>,
    names: Names,
    views: Vec<View>,
    resolver: Resolver,
}

impl Resolvers {
    /// Starts, changes and stops resolvers, so that those of the plan run.
    pub(crate) fn set(&mut self, plan: &NodePlan, executor: &mut Executor) -> anyhow::Result<()> {
        self.running.retain(|network, _| plan.networks.contains_key(network));
        for (name, network) in &plan.networks {
            self.set_one(name, network, executor)
                .with_context(|| format!("the resolver of network `{name}`"))?;
        }
        Ok(())
    }

    /// Ends a network's resolver, whose namespace is gone; [`Self::set`] starts another.
    pub(crate) fn forget(&mut self, network: &str) {
        self.running.remove(network);
    }

    fn set_one(
        &mut self,
        name: &str,
        network: &NetworkPlan,
        executor: &mut Executor,
    ) -> anyhow::Result<()> {
        let current = self.running.get_mut(name);
        match current {
            Some(running)
                if running.listen == network.resolver_addresses
                    && running.names == network.names
                    && running.views == network.views =>
            {
                return Ok(());
            }
            _ => {}
        }
        self.serial += 1;
        let listen = network.resolver_addresses.clone();
        let (names, views) = (network.names.clone(), network.views.clone());
        let zones = self.zones(network)?;
        let upstreams: Vec<SocketAddr> =
            names.forwarders.iter().map(|address| SocketAddr::new(*address, PORT)).collect();
        if let Some(running) = self.running.get_mut(name)
            && running.listen == listen
        {
            running.resolver.set_zones(&zones);
            running.resolver.set_upstreams(upstreams);
            (running.names, running.views) = (names, views);
            return Ok(());
        }
        // The old one's addresses may be among the new one's.
        self.running.remove(name);
        let config = ResolverConfig { listen: zones, port: PORT, upstreams };
        let resolver = Resolver::start_in(config, executor.namespace(&network.namespace)?)?;
        self.running.insert(name.to_owned(), Running { listen, names, views, resolver });
        Ok(())
    }

    /// What is answered at each address of a network's resolver.
    fn zones(&self, network: &NetworkPlan) -> Result<Vec<(IpAddr, Arc<Zone>)>, ZoneError> {
        let mut zones = Vec::new();
        for view in &network.views {
            let zone = zone_of(&network.names, &view.peered, self.serial, &view.resolvers)?;
            let zone = Arc::new(zone);
            zones.extend(view.resolvers.iter().map(|address| (*address, Arc::clone(&zone))));
        }
        Ok(zones)
    }
}
