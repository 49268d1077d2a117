//! Peerings: asked for, accepted, given routes, ended.

use super::{Network, NetworkError};
use crate::ClientError;
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};

/// A peering as it is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Peering<'a> {
    /// What it is to be called; empty for `SOURCE-TARGET`.
    pub id: &'a str,
    /// One network.
    pub source_vpc: &'a str,
    /// The other.
    pub target_vpc: &'a str,
    /// Whether it waits for [`Network::accept_peering`], and no packet passes until then.
    pub is_pending: bool,
    /// Whether route tables have to name it, instead of both sides having routes by themselves.
    pub has_manual_routes: bool,
    /// Tags.
    pub tags: HashMap<&'a str, &'a str>,
}

/// A peering of two networks that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VPCPeering {
    /// What it is called: `SOURCE-TARGET` unless it was given a name.
    pub id: String,
    /// One network.
    pub source_vpc: String,
    /// The other.
    pub target_vpc: String,
    /// The one's prefixes.
    pub source_cidr: String,
    /// The other's.
    pub target_cidr: String,
    /// As control has it: `active` (packets pass), `pending`, `rejected` or `deleted`.
    pub status: String,
}

impl<'a> Peering<'a> {
    /// A peering that is active at once, with routes on both sides.
    pub fn new(source_vpc: &'a str, target_vpc: &'a str) -> Self {
        Self { source_vpc, target_vpc, ..Self::default() }
    }

    /// Called so.
    #[must_use]
    pub fn with_id(self, id: &'a str) -> Self {
        Self { id, ..self }
    }

    /// Which waits to be accepted.
    #[must_use]
    pub fn with_pending(self, is_pending: bool) -> Self {
        Self { is_pending, ..self }
    }

    /// Which route tables have to name.
    #[must_use]
    pub fn with_manual_routes(self, has_manual_routes: bool) -> Self {
        Self { has_manual_routes, ..self }
    }

    /// With a tag more.
    #[must_use]
    pub fn with_tag(mut self, key: &'a str, value: &'a str) -> Self {
        self.tags.insert(key, value);
        self
    }

    fn id(&self) -> String {
        if self.id.is_empty() {
            return format!("{}-{}", self.source_vpc, self.target_vpc);
        }
        self.id.to_owned()
    }

    pub(super) fn declaration(&self) -> Value {
        let status = if self.is_pending { "pending" } else { "active" };
        let routes = if self.has_manual_routes { "manual" } else { "auto" };
        let networks = [self.source_vpc, self.target_vpc];
        json!({ "networks": networks, "status": status, "routes": routes, "tags": self.tags })
    }
}

impl Network {
    /// Peers two networks; both have routes to the other then.
    ///
    /// # Errors
    /// Control refuses it: a network is missing, they overlap, or are peered already.
    pub async fn create_peering(
        &self,
        source_vpc: &str,
        target_vpc: &str,
    ) -> Result<VPCPeering, NetworkError> {
        self.request_peering(Peering::new(source_vpc, target_vpc)).await
    }

    /// Peers two networks, or asks for it.
    ///
    /// # Errors
    /// As [`Network::create_peering`].
    pub async fn request_peering(&self, peering: Peering<'_>) -> Result<VPCPeering, NetworkError> {
        let id = peering.id();
        self.declare("peerings", &id, peering.declaration()).await?;
        self.peering(&id).await
    }

    /// A peering, also one of a file.
    ///
    /// # Errors
    /// There is none of this name.
    pub async fn peering(&self, id: &str) -> Result<VPCPeering, NetworkError> {
        let found = self.list_peerings().await?.into_iter().find(|one| one.id == id);
        found.ok_or_else(|| missing(id))
    }

    /// All peerings, also those of files.
    ///
    /// # Errors
    /// Control cannot be asked.
    pub async fn list_peerings(&self) -> Result<Vec<VPCPeering>, NetworkError> {
        let networks = self.client().networks().await?;
        let cidr = |name: &str| {
            let found = networks.iter().find(|network| network.name == name);
            found.map(|network| network.cidrs.join(", ")).unwrap_or_default()
        };
        let all = networks.iter().flat_map(|network| &network.peerings);
        // Each stands in both of its networks.
        let all: BTreeMap<&String, &netloom_api::Peering> = all.collect();
        let seen = |(id, one): (&String, &netloom_api::Peering)| {
            let [source, target] = &one.networks;
            VPCPeering {
                id: id.clone(),
                source_cidr: cidr(source),
                target_cidr: cidr(target),
                source_vpc: source.clone(),
                target_vpc: target.clone(),
                status: one.status.clone(),
            }
        };
        Ok(all.into_iter().map(seen).collect())
    }

    /// Accepts a peering that was asked for: packets pass.
    ///
    /// # Errors
    /// There is none, or a file declares it.
    pub async fn accept_peering(&self, id: &str) -> Result<VPCPeering, NetworkError> {
        self.change_peering(id, ("status", "active")).await
    }

    /// Refuses a peering that was asked for.
    ///
    /// # Errors
    /// There is none, or a file declares it.
    pub async fn reject_peering(&self, id: &str) -> Result<VPCPeering, NetworkError> {
        self.change_peering(id, ("status", "rejected")).await
    }

    /// Gives the subnets of both sides routes to the other, also where route tables had to name the peering.
    ///
    /// # Errors
    /// There is none, or a file declares it.
    pub async fn update_routes(&self, peering: &VPCPeering) -> Result<VPCPeering, NetworkError> {
        self.change_peering(&peering.id, ("routes", "auto")).await
    }

    async fn change_peering(
        &self,
        id: &str,
        (key, word): (&str, &str),
    ) -> Result<VPCPeering, NetworkError> {
        let networks = self.client().networks().await?;
        let found = networks.iter().find_map(|network| network.peerings.get(id));
        let one = found.ok_or_else(|| missing(id))?;
        let mut declaration = json!({
            "networks": one.networks, "status": one.status, "routes": one.routes, "tags": one.tags,
        });
        declaration[key] = json!(word);
        self.redeclare("peerings", id, declaration).await?;
        self.peering(id).await
    }

    /// Ends a peering that was made so.
    ///
    /// # Errors
    /// There is none, a file declares it, or a route leads to it.
    pub async fn delete_peering(&self, id: &str) -> Result<(), NetworkError> {
        self.withdraw("peerings", id).await
    }
}

fn missing(id: &str) -> NetworkError {
    let solution = "`netloom network inspect NETWORK` lists those that there are";
    let error = netloom_api::Error::new(format!("there is no peering `{id}`"), solution);
    ClientError::Refused(Box::new(error)).into()
}
