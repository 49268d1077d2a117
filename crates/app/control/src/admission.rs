//! Which nodes are let in: by tokens, and later by certificates.

mod batch;
mod error;
mod members;
mod order;
mod tokens;

use crate::keys::ControlKeys;
use crate::office::{Office, OfficeError, now_ms, put};
use crate::record::{NodeRecord, Standing, node_name};
use crate::world::{self, World};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use batch::Batch;
use members::SaidKeys;
use netloom_api::{Etcd, Join, Joined, MemberKeys};
use netloom_base::WallTime;
use netloom_cbor::{from_bytes, to_bytes};
use netloom_model::fabric::Role;
use netloom_pki::authority::LIFETIME;
use netloom_pki::identity::verify_possession;
use netloom_pki::redemption::token_id;
use netloom_pki::{
    Attempt, Authority, FabricId, PublicKey, RedeemError, Secret, TokenRecord, redeem,
};
use netloom_store::{Change, Snapshot};
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;

pub(crate) use error::AdmissionError;

/// Admits.
pub(crate) struct Admission {
    keys: Arc<ControlKeys>,
    /// Where nodes reach this member of control.
    endpoints: Vec<String>,
    /// Where the store is, if several members can share it.
    etcd: Option<Etcd>,
    office: Arc<Office>,
    /// Keys that nodes have said, on their way into one commit.
    batch: Batch<(SaidKeys, Option<SocketAddr>)>,
}

impl std::fmt::Debug for Admission {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Admission").field("endpoints", &self.endpoints).finish_non_exhaustive()
    }
}

impl Admission {
    /// With the fabric's keys.
    pub(crate) fn new(
        keys: Arc<ControlKeys>,
        endpoints: Vec<String>,
        etcd: Option<Etcd>,
        office: Arc<Office>,
    ) -> Self {
        Self { keys, endpoints, etcd, office, batch: Batch::default() }
    }

    fn authority(&self) -> &Authority {
        &self.keys.authority
    }

    /// Where control answers: this member first, since it is there.
    fn endpoints(&self, world: &World) -> Vec<String> {
        let others = world.members.values().flat_map(|member| &member.endpoints);
        let others = others.filter(|endpoint| !self.endpoints.contains(endpoint));
        self.endpoints.iter().chain(others).cloned().collect()
    }

    /// What a token that makes members needs: a store that several can share.
    fn shared_store(&self) -> Result<&Etcd, AdmissionError> {
        self.etcd.as_ref().ok_or(AdmissionError::NotShared)
    }

    /// What makes a node a member of control, if the fabric's file says that it is one.
    fn member_keys(&self, world: &World, node: &str) -> Result<MemberKeys, AdmissionError> {
        let declared = world.accepted.fabric.nodes.get(node);
        if declared.is_none_or(|node| !node.roles.contains(&Role::Control)) {
            return Err(AdmissionError::NoRole { node: node.to_owned() });
        }
        Ok(self.keys.for_member(self.shared_store()?.clone()))
    }

    // === joining ===

    /// Admits a node that shows a token. `binding` is what its connection is told by.
    pub(crate) fn join(
        &self,
        office: &Office,
        join: &Join,
        binding: Option<[u8; 32]>,
    ) -> Result<Joined, AdmissionError> {
        let asked = Asked::read(join)?;
        let fabric = self.authority().fabric();
        let proven = binding.is_some_and(|binding| {
            verify_possession(&asked.key, asked.fabric, &join.node, &binding, &asked.proof).is_ok()
        });
        if !proven {
            let text = "the node has not proven that it has its key's secret";
            return Err(AdmissionError::Invalid(text.to_owned()));
        }
        let id = token_id(&asked.secret);
        let name = token_name(&id);
        let mut member = None;
        let world = office.update(|world, snapshot| {
            let record = read_token(snapshot, &name)?.ok_or(RedeemError::Forged)?;
            let attempt = Attempt {
                fabric: asked.fabric,
                secret: &asked.secret,
                node: &join.node,
                key: asked.key,
            };
            let redeemed = redeem(&record, &attempt, wall_now())?;
            has_tags(world, &join.node, &redeemed.tags)?;
            let marked = |name: &str| Ok::<_, OfficeError>(snapshot.entry(name)?.is_some());
            let waits = marked(&waiting_name(&id))?;
            member = match marked(&control_name(&id))? {
                true => Some(self.member_keys(world, &join.node)?),
                false => None,
            };
            let node = self.admitted(world, join, &asked, redeemed.tags, waits)?;
            let mut changes = vec![put(node_name(&join.node), to_bytes(&node))];
            if redeemed.record != record {
                changes.push(put(name.clone(), to_bytes(&redeemed.record)));
            }
            Ok::<Vec<Change>, AdmissionError>(changes)
        })?;
        let certificate = self
            .authority()
            .issue_node(&join.node, &asked.key, wall_now(), LIFETIME)
            .map_err(|error| AdmissionError::Invalid(error.to_string()))?;
        debug_assert_eq!(fabric, FabricId(world.identity.id));
        Ok(Joined {
            fabric: world.identity.name.clone(),
            node: join.node.clone(),
            certificate: BASE64.encode(certificate.as_bytes()),
            ca: BASE64.encode(self.authority().certificate().as_bytes()),
            signing_key: hex(&self.keys.signing.public().0),
            control: self.endpoints(&world),
            waiting: world.nodes.get(&join.node).map(|node| node.standing)
                == Some(Standing::Waiting),
            declared: world.accepted.fabric.nodes.contains_key(&join.node),
            member,
        })
    }

    fn admitted(
        &self,
        world: &World,
        join: &Join,
        asked: &Asked,
        tags: BTreeSet<String>,
        waits: bool,
    ) -> Result<NodeRecord, AdmissionError> {
        let name = join.node.clone();
        match world.nodes.get(&name) {
            Some(known) if known.standing == Standing::Revoked => {
                Err(AdmissionError::Revoked { name })
            }
            Some(known) if known.identity != asked.key.0 => Err(AdmissionError::NameTaken { name }),
            // It asks again since it has not heard the answer.
            Some(known) => Ok(NodeRecord::clone(known)),
            None => Ok(NodeRecord {
                identity: asked.key.0,
                standing: if waits { Standing::Waiting } else { Standing::Approved },
                joined_ms: now_ms(),
                tags,
                public_keys: BTreeMap::new(),
                endpoint: None,
                local_endpoint: None,
                generation: 0,
                ciphers: None,
            }),
        }
    }
}

/// Whether the file tags a node as a token asks for. One that is not declared has no tags: what it says
/// of itself would let anybody in who has seen the token.
fn has_tags(world: &World, node: &str, wanted: &BTreeSet<String>) -> Result<(), AdmissionError> {
    let declared = world.accepted.fabric.nodes.get(node);
    let has = |tag: &&String| declared.is_some_and(|node| node.tags.contains(*tag));
    let missing: BTreeSet<String> = wanted.iter().filter(|tag| !has(tag)).cloned().collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(AdmissionError::Tags { node: node.to_owned(), missing, declared: declared.is_some() })
}

/// A request to join, read.
struct Asked {
    fabric: FabricId,
    secret: Secret,
    key: PublicKey,
    proof: [u8; 64],
}

impl Asked {
    fn read(join: &Join) -> Result<Self, AdmissionError> {
        let wrong = |what: &str| AdmissionError::Invalid(format!("the {what} cannot be read"));
        let fabric = u128::from_str_radix(&join.fabric_id, 16).map_err(|_| wrong("fabric id"))?;
        Ok(Self {
            fabric: FabricId(fabric.to_be_bytes()),
            secret: Secret::from(exactly::<32>(&join.secret).ok_or_else(|| wrong("secret"))?),
            key: PublicKey(exactly(&join.key).ok_or_else(|| wrong("key"))?),
            proof: exactly(&join.proof).ok_or_else(|| wrong("proof"))?,
        })
    }
}

fn exactly<const N: usize>(text: &str) -> Option<[u8; N]> {
    BASE64.decode(text).ok()?.try_into().ok()
}

fn read_token(snapshot: &Snapshot, name: &str) -> Result<Option<TokenRecord>, AdmissionError> {
    let Some(bytes) = snapshot.get(name).map_err(OfficeError::from)? else { return Ok(None) };
    let damaged =
        |error| OfficeError::from(world::WorldError::Record { name: name.to_owned(), error });
    Ok(Some(from_bytes(&bytes).map_err(damaged)?))
}

fn token_name(id: &[u8; 8]) -> String {
    format!("token/{}", hex(id))
}

/// Its presence says that nodes which join with the token wait for approval.
fn waiting_name(id: &[u8; 8]) -> String {
    format!("token-waits/{}", hex(id))
}

/// Its presence says that nodes which join with the token become members of control.
fn control_name(id: &[u8; 8]) -> String {
    format!("token-control/{}", hex(id))
}

fn wall_now() -> WallTime {
    WallTime(now_ms().saturating_mul(1_000_000))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests;
