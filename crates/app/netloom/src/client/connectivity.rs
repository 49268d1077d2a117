//! Who reaches whom: as policy has it, and as real packets find it.

use super::{Client, ClientError};
use netloom_api::{Connectivity, Matrix, TestConnectivity};

impl Client {
    /// Who reaches whom, as policy and ways have it.
    pub async fn matrix(&self) -> Result<Matrix, ClientError> {
        self.get("/v1/matrix").await
    }

    /// Has the sender's node send real packets, and compares what they find with what policy says.
    pub async fn test_connectivity(
        &self,
        wanted: &TestConnectivity,
    ) -> Result<Connectivity, ClientError> {
        self.post("/v1/connectivity", wanted).await
    }
}
