//! Objects of the fabric, declared one by one.

use super::{Client, ClientError, escaped};
use netloom_api::{Applied, Declare, DeclareAll, Objects, Peer, SetPeerKey, Withdraw};

impl Client {
    /// Declares an object of a section of the fabric's file: `networks`, `subnets`, `security_groups`, `nodes`, `workloads`,
    /// `services`, `route_tables`, `nat_gateways`, `internet_gateways`, `peerings`, `prefix_lists`, `network_acls` or `ports`.
    pub async fn declare(
        &self,
        section: &str,
        name: &str,
        wanted: &Declare,
    ) -> Result<Applied, ClientError> {
        self.post(&format!("/v1/objects/{}/{}", escaped(section), escaped(name)), wanted).await
    }

    /// Declares several objects at once, all of them or none.
    pub async fn declare_all(&self, wanted: &DeclareAll) -> Result<Applied, ClientError> {
        self.post("/v1/objects", wanted).await
    }

    /// All objects that are declared, and who each is.
    pub async fn objects(&self) -> Result<Objects, ClientError> {
        self.get("/v1/objects").await
    }

    /// The stock WireGuard peers.
    pub async fn peers(&self) -> Result<Vec<Peer>, ClientError> {
        self.get("/v1/peers").await
    }

    /// A stock WireGuard peer.
    pub async fn peer(&self, name: &str) -> Result<Peer, ClientError> {
        self.get(&format!("/v1/peers/{}", escaped(name))).await
    }

    /// Gives a stock WireGuard peer that was declared through the API another key.
    pub async fn set_peer_key(
        &self,
        name: &str,
        wanted: &SetPeerKey,
    ) -> Result<Applied, ClientError> {
        self.post(&format!("/v1/peers/{}/key", escaped(name)), wanted).await
    }

    /// Takes back what was declared so.
    pub async fn withdraw(
        &self,
        section: &str,
        name: &str,
        wanted: &Withdraw,
    ) -> Result<Applied, ClientError> {
        let path = format!("/v1/objects/{}/{}/remove", escaped(section), escaped(name));
        self.post(&path, wanted).await
    }
}
