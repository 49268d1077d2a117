//! Access of people and programs: who asks, and whom admins give access.

use super::{Client, ClientError, escaped};
use netloom_api::{Access, AccessMade, MakeAccess, Me};

impl Client {
    /// Who asks, and what that allows.
    pub async fn me(&self) -> Result<Me, ClientError> {
        self.get("/v1/me").await
    }

    /// Makes an access token.
    pub async fn make_access(&self, wanted: &MakeAccess) -> Result<AccessMade, ClientError> {
        self.post("/v1/access", wanted).await
    }

    /// The access tokens that are valid.
    pub async fn accesses(&self) -> Result<Vec<Access>, ClientError> {
        self.get("/v1/access").await
    }

    /// Makes an access token invalid.
    pub async fn revoke_access(&self, id: &str) -> Result<Vec<Access>, ClientError> {
        self.post(&format!("/v1/access/{}/revoke", escaped(id)), &()).await
    }
}
