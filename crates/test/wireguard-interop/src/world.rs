//! The ground with both ends running on it, and what may happen to them there.

use crate::end::{End, Peer};
use crate::ground::{self, MESH, TUNNEL_MTU_BYTES, UNDERLAY};
use crate::ours::OurEnd;
use crate::stock::{Program, StockEnd};
use crate::translator::Translator;
use crate::{Family, Side, traffic};
use anyhow::Context as _;
use ipnet::IpNet;
use netloom_base::Seed;
use netloom_state::{HostState, LinkEnd, Operation, diff};
use netloom_sys::Executor;
use netloom_sys::clock::monotonic_now;
use netloom_sys::namespace::NamespaceHandle;
use netloom_wireguard::{PrivateKey, PublicKey};
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

/// The UDP port of both ends, as long as they do not move.
pub const PORT: u16 = 51820;

/// Longest until hosts reach each other.
const GROUND_MAX: Duration = Duration::from_secs(10);

/// How the ends are told of each other.
#[derive(Clone, Copy, Debug)]
pub struct Joining {
    /// The only one that knows where the other is, and so the one that starts.
    pub initiator: Side,
    /// Of the underlay.
    pub outer: Family,
    /// Preshared keys of ours and theirs.
    pub psk: [Option<[u8; 32]>; 2],
    /// The initiator's persistent keepalive.
    pub keepalive: Option<Duration>,
}

impl Joining {
    /// Without preshared key and keepalive.
    pub fn new(initiator: Side, outer: Family) -> Self {
        Self { initiator, outer, psk: [None; 2], keepalive: None }
    }
}

/// Both ends on their ground.
#[derive(Debug)]
pub struct World {
    /// Our end.
    pub ours: OurEnd,
    /// The other end.
    pub theirs: Box<dyn End>,
    executor: Executor,
    hosts: [NamespaceHandle; 2],
    router: NamespaceHandle,
    /// Where each host's address is; it changes when the host moves.
    places: [u8; 2],
}

impl World {
    /// Makes the ground and starts both ends, which do not know each other yet. Without a
    /// program the other end is one of ours too.
    ///
    /// # Errors
    /// The kernel or the program refuses.
    pub fn build(number: usize, program: Option<&Program>, run: &Path) -> anyhow::Result<Self> {
        std::fs::create_dir_all(run)?;
        let mut executor = Executor::new("interop", run)?;
        executor.execute(&diff(&ground::state(), &HostState::default()))?;
        let router = executor.namespace(&ground::router())?.try_clone()?;
        let mut handle = |side| -> anyhow::Result<NamespaceHandle> {
            Ok(executor.namespace(&ground::host(side))?.try_clone()?)
        };
        let hosts = [handle(Side::Ours)?, handle(Side::Theirs)?];
        // Receiver indexes and ephemeral keys follow from the seed, so no two runs share one.
        let fresh = monotonic_now().0 ^ (number as u64) << 48;
        let key = |side: Side| PrivateKey::from_seed(Seed::from_number(fresh ^ 1 << side as u8));
        let ours = start_ours(&mut executor, &hosts, Side::Ours, key(Side::Ours), fresh)?;
        let theirs: Box<dyn End> = match program {
            None => {
                let key = key(Side::Theirs);
                Box::new(start_ours(&mut executor, &hosts, Side::Theirs, key, fresh + 8)?)
            }
            Some(program) => {
                // Configuration sockets of all namespaces are in one folder.
                let device = format!("wg{number}");
                let (host, log) = (&hosts[Side::Theirs as usize], run.join("theirs.log"));
                let key = key(Side::Theirs);
                let end = StockEnd::start(program, host, &device, key, PORT, log)?;
                furnish(&mut executor, Side::Theirs, &device)?;
                Box::new(end)
            }
        };
        let world = Self { ours, theirs, executor, hosts, router, places: [1; 2] };
        world.wait_for_ground()?;
        Ok(world)
    }

    /// The kernel takes an IPv6 address into use some time after it was added; a first handshake
    /// message before that is lost, and only repeated after five seconds.
    fn wait_for_ground(&self) -> anyhow::Result<()> {
        for side in Side::BOTH {
            for family in Family::BOTH {
                let to = self.endpoint(side, family).ip();
                let reply = traffic::ping(self.host(side.other()), to, GROUND_MAX)?;
                reply.with_context(|| format!("the ground does not carry: {to} is silent"))?;
            }
        }
        Ok(())
    }

    /// The namespace of a host.
    pub fn host(&self, side: Side) -> &NamespaceHandle {
        &self.hosts[side as usize]
    }

    /// The namespace between the hosts.
    pub fn router(&self) -> &NamespaceHandle {
        &self.router
    }

    /// An end.
    pub fn end(&mut self, side: Side) -> &mut dyn End {
        match side {
            Side::Ours => &mut self.ours,
            Side::Theirs => &mut *self.theirs,
        }
    }

    /// An end's key.
    pub fn key(&self, side: Side) -> PublicKey {
        match side {
            Side::Ours => self.ours.public_key(),
            Side::Theirs => self.theirs.public_key(),
        }
    }

    /// Where a host's end listens.
    pub fn endpoint(&self, side: Side, family: Family) -> SocketAddr {
        SocketAddr::new(ground::outer(side, family, self.places[side as usize]), PORT)
    }

    /// Tells each end of the other; the one that does not start is told first.
    ///
    /// # Errors
    /// An end refuses.
    pub fn join(&mut self, joining: &Joining) -> anyhow::Result<()> {
        let starter = joining.initiator;
        let target = self.endpoint(starter.other(), joining.outer);
        self.introduce(starter.other(), joining, None)?;
        self.introduce(starter, joining, Some(target))
    }

    /// Tells one end of the other.
    ///
    /// # Errors
    /// The end refuses.
    pub fn introduce(
        &mut self,
        to: Side,
        joining: &Joining,
        endpoint: Option<SocketAddr>,
    ) -> anyhow::Result<()> {
        let addresses = Family::BOTH.map(|family| ground::inner(to.other(), family));
        let peer = Peer {
            public_key: self.key(to.other()),
            psk: joining.psk[to as usize],
            endpoint,
            keepalive: joining.keepalive.filter(|_| to == joining.initiator),
            allowed: addresses.map(IpNet::from).to_vec(),
        };
        self.end(to).set_peer(&peer).with_context(|| format!("{to} cannot be told of its peer"))
    }

    /// Gives a host another address in place of the one it has.
    ///
    /// # Errors
    /// The kernel refuses.
    pub fn move_host(&mut self, side: Side) -> anyhow::Result<()> {
        let namespace = ground::host(side);
        let place = &mut self.places[side as usize];
        let mut operations = Vec::new();
        for family in Family::BOTH {
            let at = |place| ground::address(UNDERLAY, ground::outer(side, family, place), false);
            let (before, after) = (at(*place), at(*place + 1));
            // The other way round, the kernel would drop the host's routes with its last address.
            let host = namespace.clone();
            operations.push(Operation::AddAddress { namespace: host.clone(), address: after });
            operations.push(Operation::DeleteAddress { namespace: host, address: before });
        }
        *place += 1;
        Ok(self.executor.execute(&operations)?)
    }

    /// Puts a translator in front of a host.
    ///
    /// # Errors
    /// The kernel refuses.
    pub fn translate(&self, side: Side, outer: Family) -> anyhow::Result<Translator> {
        let target = self.endpoint(side.other(), outer);
        Translator::start(&self.router, side, outer, self.endpoint(side, outer), target)
    }
}

/// Starts an end of ours on a host.
fn start_ours(
    executor: &mut Executor,
    hosts: &[NamespaceHandle; 2],
    side: Side,
    key: PrivateKey,
    seed: u64,
) -> anyhow::Result<OurEnd> {
    let end = LinkEnd { namespace: ground::host(side), link: MESH.to_owned() };
    executor.execute(&[Operation::CreateTunnel { end: end.clone() }])?;
    let device = executor.take_tunnel(&end).context("the tunnel device was not made")?;
    furnish(executor, side, MESH)?;
    OurEnd::start(&hosts[side as usize], device, key, PORT, Seed::from_number(seed))
}

/// Gives a tunnel device its addresses, and brings it up.
///
/// # Errors
/// The kernel refuses.
pub fn furnish(executor: &mut Executor, side: Side, device: &str) -> anyhow::Result<()> {
    let namespace = ground::host(side);
    let end = LinkEnd { namespace: namespace.clone(), link: device.to_owned() };
    let configure =
        Operation::ConfigureLink { end: end.clone(), mtu_bytes: TUNNEL_MTU_BYTES, mac: None };
    let mut operations = vec![configure, Operation::SetLinkUp { end, up: true }];
    for family in Family::BOTH {
        let address = ground::address(device, ground::inner(side, family), true);
        operations.push(Operation::AddAddress { namespace: namespace.clone(), address });
    }
    Ok(executor.execute(&operations)?)
}

impl Drop for World {
    fn drop(&mut self) {
        // What cannot be removed goes with the sandbox.
        let nothing = HostState::default();
        if let Ok(observed) = self.executor.observe(&nothing) {
            let _ = self.executor.execute(&diff(&nothing, &observed));
        }
    }
}
