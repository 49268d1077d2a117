//! Nodes and members of control, let in and shut out.

use super::{Client, ClientError, escaped};
use netloom_api::Status;

impl Client {
    /// Lets a node take part that waits for it.
    pub async fn approve(&self, node: &str) -> Result<Status, ClientError> {
        self.post(&format!("/v1/nodes/{}/approve", escaped(node)), &()).await
    }

    /// Shuts a node out for good, with the key that it has.
    pub async fn revoke(&self, node: &str) -> Result<Status, ClientError> {
        self.post(&format!("/v1/nodes/{}/revoke", escaped(node)), &()).await
    }

    /// Forgets a node; it may join again.
    pub async fn remove(&self, node: &str) -> Result<Status, ClientError> {
        self.post(&format!("/v1/nodes/{}/remove", escaped(node)), &()).await
    }

    /// Forgets a member of control, by its node.
    pub async fn leave(&self, member: &str) -> Result<Status, ClientError> {
        self.post(&format!("/v1/members/{}/leave", escaped(member)), &()).await
    }
}
