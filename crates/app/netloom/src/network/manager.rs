//! Who makes networks and what is in them so.

use super::{SecurityGroup, Subnet, VirtualNetwork};
use crate::{Client, ClientError};
use netloom_api::{Applied, Declare, Disconnect, Finding, NodeRefusal, Withdraw};
use serde_json::Value;
use std::future::Future;
use std::path::PathBuf;

/// How long the nodes are waited for, in milliseconds.
const WAIT_MS: u64 = 30_000;

/// Why something was not done. What control refuses has changed nothing.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NetworkError {
    /// Control cannot be asked, or refuses: then it says why, and what to do.
    #[error("{}", explained(.0))]
    Client(#[from] ClientError),
    /// Netloom has no such thing yet.
    #[error("there is no {what} yet; {instead}")]
    NotYet {
        /// What was asked for.
        what: &'static str,
        /// What to do.
        instead: &'static str,
    },
    /// A network or subnet needs addresses.
    #[error("`{name}` has no prefix; give it one with `with_cidr`")]
    NoPrefix {
        /// Its name.
        name: String,
    },
}

/// What control says, with the findings of its check.
fn explained(error: &ClientError) -> String {
    let (ClientError::Refused(refused) | ClientError::Failed(refused)) = error else {
        return error.to_string();
    };
    let mut text = refused.message.clone();
    for finding in &refused.findings {
        text.push_str(&format!("; {}: {}", finding.message, finding.cause));
        if !finding.solution.is_empty() {
            text.push_str(&format!("; {}", finding.solution));
        }
    }
    if refused.findings.is_empty() && !refused.solution.is_empty() {
        text.push_str(&format!("; {}", refused.solution));
    }
    text
}

/// What was changed, unless nodes have refused it and control has gone back: nothing has changed then.
pub(crate) fn kept(applied: Applied) -> Result<Applied, NetworkError> {
    let Some(base) = applied.rolled_back_to else { return Ok(applied) };
    let message = format!("nodes refuse it, so what revision {base} declares is in force again");
    let mut error = netloom_api::Error::new(message, "mend what they refuse, then try again");
    let finding = |refused: &NodeRefusal| Finding {
        severity: "error".to_owned(),
        message: format!("{} refuses {}", refused.node, refused.what),
        cause: refused.reason.clone(),
        ..Finding::default()
    };
    error.findings = applied.refused.iter().map(finding).collect();
    Err(ClientError::Refused(Box::new(error)).into())
}

/// Where control is.
#[derive(Clone, Debug)]
pub struct Config {
    client: Client,
    author: String,
    keep_refused: bool,
}

impl Config {
    /// Control of a fabric on this host, as its admin.
    pub fn local(fabric: &str) -> Self {
        Self::of(Client::local(fabric))
    }

    /// Control by its Unix socket.
    pub fn unix(socket: impl Into<PathBuf>) -> Self {
        Self::of(Client::unix(socket))
    }

    /// Control over HTTP at `host:port`, with an access token of an operator.
    pub fn http(authority: impl Into<String>, access: impl Into<String>) -> Self {
        Self::of(Client::http(authority, Some(access.into())))
    }

    /// By a client.
    pub fn of(client: Client) -> Self {
        Self { client, author: "SDK".to_owned(), keep_refused: false }
    }

    pub(crate) fn author(&self) -> &str {
        &self.author
    }

    /// Who is named in the history.
    #[must_use]
    pub fn with_author(self, author: &str) -> Self {
        Self { author: author.to_owned(), ..self }
    }

    pub(crate) fn keep_refused(&self) -> bool {
        self.keep_refused
    }

    /// Whether what nodes refuse stays declared. Else control goes back, and it is an error.
    #[must_use]
    pub fn with_keep_refused(self, keep_refused: bool) -> Self {
        Self { keep_refused, ..self }
    }
}

/// Makes networks and what is in them so, in one fabric.
///
/// What control takes is declared. Nodes are waited for; those that are away follow when they come back,
/// and what one cannot put in force is told by [`Client::status`].
#[derive(Clone, Debug)]
pub struct Network {
    config: Config,
}

/// What programs do with networks.
pub trait NetworkManager: Send + Sync {
    /// Makes a network.
    fn create_network(
        &self,
        network: VirtualNetwork<'_>,
    ) -> impl Future<Output = Result<netloom_api::Network, NetworkError>> + Send;

    /// Removes a network that was made so, with its subnets.
    fn delete_network(&self, name: &str) -> impl Future<Output = Result<(), NetworkError>> + Send;

    /// Makes a subnet.
    fn create_subnet(
        &self,
        subnet: Subnet<'_>,
    ) -> impl Future<Output = Result<SubnetInfo, NetworkError>> + Send;

    /// Removes a subnet that was made so.
    fn delete_subnet(&self, name: &str) -> impl Future<Output = Result<(), NetworkError>> + Send;

    /// All networks, also those of files.
    fn list_networks(
        &self,
    ) -> impl Future<Output = Result<Vec<netloom_api::Network>, NetworkError>> + Send;
}

/// A subnet that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubnetInfo {
    /// Its name.
    pub name: String,
    /// Its network.
    pub network: String,
    /// Its prefixes.
    pub cidrs: Vec<String>,
}

impl Network {
    /// A handle; nothing is asked yet.
    ///
    /// # Errors
    /// None now: later versions may find something wrong with the configuration.
    pub fn new(config: Config) -> Result<Self, NetworkError> {
        Ok(Self { config })
    }

    pub(crate) fn of(config: Config) -> Self {
        Self { config }
    }

    /// The client below, for everything else.
    pub fn client(&self) -> &Client {
        &self.config.client
    }

    /// Makes a security group.
    ///
    /// # Errors
    /// Control refuses it: a group that it names is missing, a prefix makes no sense.
    pub async fn create_security_group(
        &self,
        group: SecurityGroup<'_>,
    ) -> Result<(), NetworkError> {
        self.declare("security_groups", group.name, group.declaration()).await
    }

    /// Removes a security group that was made so.
    ///
    /// # Errors
    /// There is none, a file declares it, or something is still a member.
    pub async fn delete_security_group(&self, name: &str) -> Result<(), NetworkError> {
        self.withdraw("security_groups", name).await
    }

    /// Makes a network that was made so another one: what is not said any more is gone.
    ///
    /// # Errors
    /// Control refuses it: a file declares it, or as [`NetworkManager::create_network`].
    pub async fn update_network(&self, network: VirtualNetwork<'_>) -> Result<(), NetworkError> {
        self.redeclare("networks", network.name, network.declaration()?).await
    }

    /// Makes a subnet that was made so another one, such as with a route table or a network ACL that was made after it.
    ///
    /// # Errors
    /// Control refuses it: a file declares it, or as [`NetworkManager::create_subnet`].
    pub async fn update_subnet(&self, subnet: Subnet<'_>) -> Result<(), NetworkError> {
        self.redeclare("subnets", subnet.name, subnet.declaration()?).await
    }

    pub(super) async fn declare(
        &self,
        section: &str,
        name: &str,
        declaration: Value,
    ) -> Result<(), NetworkError> {
        self.declared(section, name, declaration, false).await
    }

    /// Declares what was declared through the API before.
    pub(super) async fn redeclare(
        &self,
        section: &str,
        name: &str,
        declaration: Value,
    ) -> Result<(), NetworkError> {
        self.declared(section, name, declaration, true).await
    }

    async fn declared(
        &self,
        section: &str,
        name: &str,
        declaration: Value,
        replace: bool,
    ) -> Result<(), NetworkError> {
        let (author, keep_refused) = (self.config.author.clone(), self.config.keep_refused);
        let wanted = Declare {
            declaration,
            replace,
            author,
            wait_ms: WAIT_MS,
            keep_refused,
            ..Declare::default()
        };
        kept(self.config.client.declare(section, name, &wanted).await?).map(drop)
    }

    pub(super) async fn withdraw(&self, section: &str, name: &str) -> Result<(), NetworkError> {
        let (author, keep_refused) = (self.config.author.clone(), self.config.keep_refused);
        let wanted = Withdraw { author, wait_ms: WAIT_MS, keep_refused };
        kept(self.config.client.withdraw(section, name, &wanted).await?).map(drop)
    }
}

impl NetworkManager for Network {
    async fn create_network(
        &self,
        network: VirtualNetwork<'_>,
    ) -> Result<netloom_api::Network, NetworkError> {
        self.declare("networks", network.name, network.declaration()?).await?;
        Ok(self.config.client.network(network.name).await?)
    }

    async fn delete_network(&self, name: &str) -> Result<(), NetworkError> {
        let (author, keep_refused) = (self.config.author.clone(), self.config.keep_refused);
        let wanted = Disconnect { author, wait_ms: WAIT_MS, keep_refused, ..Disconnect::default() };
        kept(self.config.client.remove_network(name, &wanted).await?).map(drop)
    }

    async fn create_subnet(&self, subnet: Subnet<'_>) -> Result<SubnetInfo, NetworkError> {
        self.declare("subnets", subnet.name, subnet.declaration()?).await?;
        let networks = self.config.client.networks().await?;
        let found = networks.into_iter().find_map(|network| {
            let cidrs = network.subnets.get(subnet.name)?.clone();
            Some(SubnetInfo { name: subnet.name.to_owned(), network: network.name, cidrs })
        });
        // Somebody else may have removed it meanwhile.
        found.ok_or_else(|| {
            let message = format!("subnet `{}` is gone again", subnet.name);
            ClientError::Refused(Box::new(netloom_api::Error::new(message, "look at the history")))
                .into()
        })
    }

    async fn delete_subnet(&self, name: &str) -> Result<(), NetworkError> {
        self.withdraw("subnets", name).await
    }

    async fn list_networks(&self) -> Result<Vec<netloom_api::Network>, NetworkError> {
        Ok(self.config.client.networks().await?)
    }
}
