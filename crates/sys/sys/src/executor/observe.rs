//! What is there of ours, namespace by namespace, in the words of a plan.

use super::perform::is_marked;
use super::{Cause, Executor, ObserveError};
use crate::netlink::NetlinkError;
use crate::nft;
use crate::route::{self, LinkIndex, ObservedLink};
use crate::tunnel;
use netloom_state::host::{Route, RouteKind};
use netloom_state::{
    Address, HostState, Link, LinkEnd, LinkKind, Namespace, NamespaceState, Neighbour,
};
use std::collections::{BTreeMap, BTreeSet};
use std::os::fd::AsFd as _;

/// Name of the loopback link of every namespace.
const LOOPBACK: &str = "lo";

/// All links of every observed namespace.
type Links = BTreeMap<Namespace, Vec<ObservedLink>>;

/// What a link is to us.
enum Standing {
    /// Of this fabric: reported, with all that is on it.
    Ours(Link),
    /// Somebody else's: only what carries our number is reported.
    Foreign,
    /// A tunnel whose engine is gone, or another fabric's link: it counts as absent.
    Hidden,
}

impl Executor {
    pub(super) fn observe_all(&mut self, desired: &HostState) -> Result<HostState, ObserveError> {
        let own = self.registry.list().into_iter().map(Namespace::Own);
        let names: BTreeSet<Namespace> = own
            .chain(desired.namespaces.keys().cloned())
            .chain([Namespace::Host])
            .filter(|namespace| self.exists(namespace))
            .collect();
        let mut links = Links::new();
        for namespace in &names {
            let dump = self.space(namespace).and_then(|s| Ok(route::dump_links(s.route())?));
            links.insert(namespace.clone(), at(namespace, "links", dump)?);
        }
        let (mut host, nothing) = (HostState::default(), NamespaceState::default());
        for namespace in &names {
            let wanted = desired.namespaces.get(namespace);
            let state = self.observe_one(namespace, wanted.unwrap_or(&nothing), &links)?;
            // A foreign namespace that holds nothing of ours is no concern of ours.
            let own = matches!(namespace, Namespace::Own(_));
            if own || wanted.is_some() || state != nothing {
                host.namespaces.insert(namespace.clone(), state);
            }
        }
        Ok(host)
    }

    fn observe_one(
        &mut self,
        namespace: &Namespace,
        desired: &NamespaceState,
        links: &Links,
    ) -> Result<NamespaceState, ObserveError> {
        let mut state = NamespaceState::default();
        let mut names = BTreeMap::new();
        for link in &links[namespace] {
            let standing = self.standing(namespace, link, desired, links);
            let standing = at(namespace, "links", standing)?;
            if let Standing::Ours(known) = &standing {
                state.links.insert(link.name.clone(), known.clone());
            }
            if !matches!(standing, Standing::Hidden) {
                // The kernel's own addresses on `lo` are not ours, though the link may be named.
                let ours = matches!(standing, Standing::Ours(_)) && link.name != LOOPBACK;
                names.insert(link.index, (link.name.clone(), ours));
            }
        }
        at(namespace, "addresses and routes", self.routing(namespace, &names, &mut state))?;
        at(namespace, "nf_tables tables", self.tables(namespace, desired, &mut state))?;
        for (key, wanted) in &desired.sysctls {
            let space = self.space(namespace);
            let value = at(namespace, "sysctls", space.and_then(|space| space.sysctl(key)))?;
            if let Some(value) = value {
                // The kernel separates words by tabs, people by spaces.
                let same = wanted.split_whitespace().eq(value.split_whitespace());
                state.sysctls.insert(key.clone(), if same { wanted.clone() } else { value });
            }
        }
        Ok(state)
    }

    fn standing(
        &mut self,
        namespace: &Namespace,
        link: &ObservedLink,
        desired: &NamespaceState,
        links: &Links,
    ) -> Result<Standing, Cause> {
        let wanted = desired.links.get(&link.name);
        let described = |kind, mac| Link { kind, mtu_bytes: link.mtu_bytes, mac, up: link.up };
        if link.name == LOOPBACK {
            return Ok(match wanted {
                Some(_) => Standing::Ours(described(LinkKind::Loopback, None)),
                None => Standing::Foreign,
            });
        }
        let mark = self.mark();
        if !is_marked(link, &mark) {
            let alias = link.alias.as_deref().unwrap_or_default();
            let other_fabric = alias.starts_with(netloom_state::ALIAS_PREFIX);
            return Ok(if other_fabric { Standing::Hidden } else { Standing::Foreign });
        }
        if tunnel::is_tunnel(link) {
            let end = LinkEnd { namespace: namespace.clone(), link: link.name.clone() };
            let held = self.tunnels.get(&end).is_some_and(|held| held.index == link.index);
            let known = described(LinkKind::Tunnel, None);
            return Ok(if held { Standing::Ours(known) } else { Standing::Hidden });
        }
        let hint = wanted.and_then(|wanted| match &wanted.kind {
            LinkKind::Veth { peer } => Some(&peer.namespace),
            LinkKind::Loopback | LinkKind::Tunnel => None,
        });
        let peer = self.peer(namespace, link, hint, links)?;
        let fixed = wanted.is_none_or(|wanted| wanted.mac.is_some());
        Ok(Standing::Ours(described(LinkKind::Veth { peer }, link.mac.filter(|_| fixed))))
    }

    /// The other end of a veth, which may be in any of the observed namespaces.
    fn peer(
        &mut self,
        namespace: &Namespace,
        link: &ObservedLink,
        hint: Option<&Namespace>,
        links: &Links,
    ) -> Result<LinkEnd, Cause> {
        let elsewhere = match link.peer_netns_id {
            None => Some(namespace.clone()),
            Some(id) => self.namespace_of_id(namespace, id, hint, links)?,
        };
        let found = elsewhere.and_then(|elsewhere| {
            let peer = links[&elsewhere].iter().find(|peer| Some(peer.index) == link.peer_index)?;
            Some(LinkEnd { namespace: elsewhere.clone(), link: peer.name.clone() })
        });
        // An end in a namespace that nobody names equals no planned one.
        Ok(found.unwrap_or_else(|| LinkEnd {
            namespace: Namespace::Path("?".to_owned()),
            link: format!("?{}", link.peer_index.unwrap_or(0)),
        }))
    }

    fn namespace_of_id(
        &mut self,
        namespace: &Namespace,
        id: i32,
        hint: Option<&Namespace>,
        links: &Links,
    ) -> Result<Option<Namespace>, Cause> {
        // The hint first, since every question is a system call.
        let hint = hint.filter(|hint| links.contains_key(hint));
        let others = links.keys().filter(|other| *other != namespace && Some(*other) != hint);
        let candidates: Vec<Namespace> = hint.into_iter().chain(others).cloned().collect();
        for candidate in candidates {
            let other = self.space(&candidate)?.handle().try_clone()?;
            let socket = self.space(namespace)?.route();
            if route::netns_id(socket, other.as_fd())? == Some(id) {
                return Ok(Some(candidate));
            }
        }
        Ok(None)
    }

    fn routing(
        &mut self,
        namespace: &Namespace,
        names: &BTreeMap<LinkIndex, (String, bool)>,
        state: &mut NamespaceState,
    ) -> Result<(), Cause> {
        let own_metric = netloom_state::stop_metric(&self.fabric);
        // Several fabrics may share a namespace; the metric says whose an `unreachable` route is.
        let foreign =
            |route: &Route| route.kind == RouteKind::Unreachable && route.metric != own_metric;
        let socket = self.space(namespace)?.route();
        for found in route::dump_addresses(socket)? {
            let Some((link, ours)) = names.get(&found.index) else { continue };
            if found.is_ours() || (*ours && !found.is_kernel_made()) {
                let (link, address) = (link.clone(), found.address);
                state.addresses.insert(Address { link, address });
            }
        }
        for found in route::dump_neighbours(socket)? {
            let Some((link, ours)) = names.get(&found.index) else { continue };
            if found.ours || *ours {
                let link = link.clone();
                let (address, mac) = (found.address, found.mac);
                state.neighbours.insert(Neighbour { link, address, mac });
            }
        }
        for ipv6 in [false, true] {
            for found in route::dump_routes(socket, ipv6)? {
                let name = |index| names.get(&index).map(|(name, _)| name.clone());
                state.routes.extend(found.to_route(name).filter(|route| !foreign(route)));
            }
            state.rules.extend(route::dump_rules(socket, ipv6)?);
        }
        self.leave_what_was_marked_since(namespace, names, state)
    }

    /// Another fabric's link may have been listed before it had its mark, and what is on it after: without a second
    /// look that would be taken for ours, and removed. What has gone meanwhile is nobody's.
    fn leave_what_was_marked_since(
        &mut self,
        namespace: &Namespace,
        names: &BTreeMap<LinkIndex, (String, bool)>,
        state: &mut NamespaceState,
    ) -> Result<(), Cause> {
        let link_of = |route: &Route| match &route.kind {
            RouteKind::Unicast { link, .. } => Some(link.clone()),
            RouteKind::Unreachable | RouteKind::Blackhole => None,
        };
        let held: BTreeSet<String> = (state.addresses.iter().map(|one| one.link.clone()))
            .chain(state.neighbours.iter().map(|one| one.link.clone()))
            .chain(state.routes.iter().filter_map(link_of))
            .collect();
        if !names.values().any(|(name, ours)| !ours && held.contains(name)) {
            return Ok(());
        }
        let mark = self.mark();
        let now = route::dump_links(self.space(namespace)?.route())?;
        let is_unmarked = |link: &&ObservedLink| {
            let alias = link.alias.as_deref().unwrap_or_default();
            is_marked(link, &mark) || !alias.starts_with(netloom_state::ALIAS_PREFIX)
        };
        let still: BTreeSet<LinkIndex> =
            now.iter().filter(is_unmarked).map(|link| link.index).collect();
        let others = names.iter().filter(|(index, (_, ours))| !ours && !still.contains(*index));
        let others: BTreeSet<&String> = others.map(|(_, (name, _))| name).collect();
        state.addresses.retain(|one| !others.contains(&one.link));
        state.neighbours.retain(|one| !others.contains(&one.link));
        state.routes.retain(|one| link_of(one).is_none_or(|link| !others.contains(&link)));
        Ok(())
    }

    fn tables(
        &mut self,
        namespace: &Namespace,
        desired: &NamespaceState,
        state: &mut NamespaceState,
    ) -> Result<(), Cause> {
        let mark = self.mark();
        let socket = self.space(namespace)?.netfilter()?;
        // A namespace of ours may be the host of another fabric, as a lab's nodes are.
        let ours = |table: &nft::TableOwnership| {
            table.mark.as_deref() == Some(&mark) || desired.tables.contains_key(&table.table)
        };
        match nft::read_tables(socket, ours) {
            // A kernel without nf_tables has no tables; only who wants one has to know.
            Err(NetlinkError::Refused(refusal))
                if desired.tables.is_empty()
                    && matches!(refusal.errno, libc::EINVAL | libc::EOPNOTSUPP) => {}
            found => {
                for found in found? {
                    state.tables.insert(found.ownership.table, found.table);
                }
            }
        }
        Ok(())
    }
}

fn at<T>(
    namespace: &Namespace,
    what: &'static str,
    result: Result<T, Cause>,
) -> Result<T, ObserveError> {
    result.map_err(|cause| ObserveError { namespace: namespace.to_string(), what, cause })
}
