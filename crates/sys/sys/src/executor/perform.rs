//! One operation at a time, each harmless when it is in effect already.

use super::{Cause, Executor, Tunnel};
use crate::namespace::NamespaceHandle;
use crate::route::{self, LinkIndex, ObservedLink};
use crate::tunnel::TunnelDevice;
use crate::{nft, tunnel};
use netloom_state::{LinkEnd, Namespace, Operation, Route, RouteKind};
use std::os::fd::AsFd as _;

impl Executor {
    pub(super) fn perform(&mut self, operation: &Operation) -> Result<(), Cause> {
        match operation {
            Operation::CreateNamespace { namespace } => self.create_namespace(namespace),
            Operation::DeleteNamespace { namespace } => self.delete_namespace(namespace),
            Operation::CreateVeth { end, peer } => self.create_veth(end, peer),
            Operation::CreateTunnel { end } => self.create_tunnel(end),
            Operation::DeleteLink { end } => self.delete_link(end),
            Operation::ConfigureLink { end, mtu_bytes, mac } => {
                // A tunnel has no hardware address to set.
                let mac = mac.filter(|_| !self.tunnels.contains_key(end));
                let socket = self.space(&end.namespace)?.route();
                Ok(route::configure_link(socket, &end.link, *mtu_bytes, mac)?)
            }
            Operation::SetLinkUp { end, up } => {
                let socket = self.space(&end.namespace)?.route();
                Ok(route::set_link_up(socket, &end.link, *up)?)
            }
            Operation::SetSysctl { namespace, key, value } => {
                self.keep_original(namespace, key, value)?;
                self.space(namespace)?.set_sysctl(key, value)
            }
            Operation::ChangeTable { namespace, table, changes } => {
                let mark = self.mark();
                let socket = self.space(namespace)?.netfilter()?;
                Ok(nft::commit(socket, table, &mark, changes)?)
            }
            Operation::AddAddress { .. }
            | Operation::DeleteAddress { .. }
            | Operation::AddNeighbour { .. }
            | Operation::DeleteNeighbour { .. }
            | Operation::AddRoute { .. }
            | Operation::DeleteRoute { .. }
            | Operation::AddRule { .. }
            | Operation::DeleteRule { .. } => self.perform_routing(operation),
        }
    }

    fn perform_routing(&mut self, operation: &Operation) -> Result<(), Cause> {
        let space = self.space(operation.namespace())?;
        match operation {
            Operation::AddAddress { address, .. } => {
                let index = space.index(&address.link)?;
                Ok(route::add_address(space.route(), index, address.address)?)
            }
            Operation::DeleteAddress { address, .. } => match gone(space.index(&address.link))? {
                Some(index) => Ok(route::delete_address(space.route(), index, address.address)?),
                None => Ok(()),
            },
            Operation::AddNeighbour { neighbour, .. } => {
                let index = space.index(&neighbour.link)?;
                let (address, mac) = (neighbour.address, neighbour.mac);
                Ok(route::add_neighbour(space.route(), index, address, mac)?)
            }
            Operation::DeleteNeighbour { neighbour, .. } => {
                match gone(space.index(&neighbour.link))? {
                    Some(index) => {
                        Ok(route::delete_neighbour(space.route(), index, neighbour.address)?)
                    }
                    None => Ok(()),
                }
            }
            Operation::AddRoute { route, .. } => {
                let index = link_of(route).map(|link| space.index(link)).transpose()?;
                Ok(route::add_route(space.route(), route, index)?)
            }
            Operation::DeleteRoute { route, .. } => {
                let index = link_of(route).map(|link| gone(space.index(link))).transpose()?;
                match index {
                    // The route went with its link.
                    Some(None) => Ok(()),
                    index => Ok(route::delete_route(space.route(), route, index.flatten())?),
                }
            }
            Operation::AddRule { rule, .. } => Ok(route::add_rule(space.route(), rule)?),
            Operation::DeleteRule { rule, .. } => Ok(route::delete_rule(space.route(), rule)?),
            other => unreachable!("{other} is no routing operation"),
        }
    }

    fn create_namespace(&mut self, namespace: &Namespace) -> Result<(), Cause> {
        match namespace {
            Namespace::Own(name) => Ok(self.registry.create(name)?),
            Namespace::Host | Namespace::Path(_) => not_ours(namespace),
        }
    }

    fn delete_namespace(&mut self, namespace: &Namespace) -> Result<(), Cause> {
        let Namespace::Own(name) = namespace else { return not_ours(namespace) };
        if self.registry.exists(name) {
            // The namespace outlives its name while a process or socket is in it, and its links
            // would keep their other ends alive.
            let space = self.space(namespace)?;
            for link in route::dump_links(space.route())? {
                if link.name != "lo" {
                    // Some kinds of link come with the namespace and cannot be removed.
                    let _ = route::delete_link(space.route(), &link.name);
                }
            }
        }
        self.spaces.remove(namespace);
        self.tunnels.retain(|end, _| end.namespace != *namespace);
        Ok(self.registry.delete(name)?)
    }

    fn create_veth(&mut self, end: &LinkEnd, peer: &LinkEnd) -> Result<(), Cause> {
        let mark = self.mark();
        let elsewhere = self.space(&peer.namespace)?.handle().try_clone()?;
        let socket = self.space(&end.namespace)?.route();
        let made = route::create_veth(socket, &end.link, &peer.link, elsewhere.as_fd());
        if let Err(error) = made {
            // A pair that a crash left without its mark is completed; anything else is not ours.
            if error.errno() != Some(libc::EEXIST) || !self.is_pair(end, peer, &elsewhere)? {
                return Err(error.into());
            }
        }
        for end in [end, peer] {
            let socket = self.space(&end.namespace)?.route();
            route::set_link_alias(socket, &end.link, &mark)?;
            without_linklocal(route::set_linklocal_generation(socket, &end.link))?;
        }
        Ok(())
    }

    /// Whether the two links exist and are each other's ends.
    fn is_pair(
        &mut self,
        end: &LinkEnd,
        peer: &LinkEnd,
        peer_namespace: &NamespaceHandle,
    ) -> Result<bool, Cause> {
        let Some(far) = route::find_link(self.space(&peer.namespace)?.route(), &peer.link)? else {
            return Ok(false);
        };
        let socket = self.space(&end.namespace)?.route();
        let Some(near) = route::find_link(socket, &end.link)? else { return Ok(false) };
        let id = match near.peer_netns_id {
            None => end.namespace == peer.namespace,
            id => route::netns_id(socket, peer_namespace.as_fd())? == id,
        };
        Ok(near.peer_index == Some(far.index) && id)
    }

    fn create_tunnel(&mut self, end: &LinkEnd) -> Result<(), Cause> {
        let (mark, preference) = (self.mark(), self.preference);
        let known = self.tunnels.get(end).map(|tunnel| tunnel.index);
        let space = self.space(&end.namespace)?;
        if let Some(found) = route::find_link(space.route(), &end.link)? {
            if known == Some(found.index) {
                return Ok(());
            }
            if !is_marked(&found, &mark) {
                return Err(Cause::LinkTaken { link: end.link.clone() });
            }
            route::delete_link(space.route(), &end.link)?;
        }
        let device = TunnelDevice::create(space.handle(), &end.link, preference)?;
        let alias = tunnel::alias(&mark, device.kind());
        route::set_link_alias(space.route(), &end.link, &alias)?;
        without_linklocal(route::set_linklocal_generation(space.route(), &end.link))?;
        let index = space.index(&end.link)?;
        self.tunnels.insert(end.clone(), Tunnel { index, device: Some(device) });
        Ok(())
    }

    fn delete_link(&mut self, end: &LinkEnd) -> Result<(), Cause> {
        self.tunnels.remove(end);
        let mark = self.mark();
        let socket = self.space(&end.namespace)?.route();
        match route::find_link(socket, &end.link)? {
            None => Ok(()),
            Some(link) if is_marked(&link, &mark) => Ok(route::delete_link(socket, &end.link)?),
            Some(_) => Err(Cause::LinkTaken { link: end.link.clone() }),
        }
    }
}

/// Whether a link carries the fabric's mark, alone or with a word about its kind.
pub(super) fn is_marked(link: &ObservedLink, mark: &str) -> bool {
    let rest = link.alias.as_deref().and_then(|alias| alias.strip_prefix(mark));
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
}

/// Where the kernel has no IPv6, there is nothing to keep it from.
fn without_linklocal(result: Result<(), crate::netlink::NetlinkError>) -> Result<(), Cause> {
    match result {
        Err(error)
            if matches!(
                error.errno(),
                Some(libc::EAFNOSUPPORT | libc::EOPNOTSUPP | libc::EINVAL)
            ) =>
        {
            Ok(())
        }
        result => Ok(result?),
    }
}

fn not_ours(namespace: &Namespace) -> Result<(), Cause> {
    Err(Cause::NotOurs { namespace: namespace.to_string() })
}

fn link_of(route: &Route) -> Option<&str> {
    match &route.kind {
        RouteKind::Unicast { link, .. } => Some(link),
        RouteKind::Unreachable | RouteKind::Blackhole => None,
    }
}

/// `None` for a link that is gone, with what was on it.
fn gone(index: Result<LinkIndex, Cause>) -> Result<Option<LinkIndex>, Cause> {
    match index {
        Err(Cause::NoSuchLink { .. }) => Ok(None),
        index => index.map(Some),
    }
}
