//! Admission of nodes.

use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// `POST /v1/tokens`: makes a join token.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MakeToken {
    /// Only the node with this name may use it.
    #[serde(default)]
    pub node: Option<String>,
    /// Only nodes that the fabric's file declares with all of these tags may use it.
    #[serde(default)]
    pub tags: BTreeSet<String>,
    /// Whether it may be used more than once.
    #[serde(default)]
    pub reusable: bool,
    /// How long it is valid, in seconds; a day if none is given.
    #[serde(default)]
    pub lifetime_s: Option<u64>,
    /// Whether nodes that use it wait for somebody's approval.
    #[serde(default)]
    pub needs_approval: bool,
    /// Where nodes reach control, each `host:port`, if not where control thinks.
    #[serde(default)]
    pub endpoints: Vec<String>,
    /// Whether the node becomes a member of control: it gets the keys of the fabric's CA.
    #[serde(default)]
    pub control: bool,
}

/// The answer to [`MakeToken`]. The token is shown once and kept nowhere.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct TokenMade {
    /// Its number, for `token revoke`.
    pub id: String,
    /// The token itself.
    pub token: String,
    /// When it expires: seconds since 1970.
    pub expires_s: u64,
}

/// `GET /v1/tokens`: what is known of a token.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Token {
    /// Its number.
    pub id: String,
    /// The node that it is for, if it is for one.
    #[serde(default)]
    pub node: Option<String>,
    /// Tags that a node must be declared with.
    #[serde(default)]
    pub tags: BTreeSet<String>,
    /// Whether it may be used more than once.
    pub reusable: bool,
    /// How often it was used.
    pub used: u64,
    /// When it expires: seconds since 1970.
    pub expires_s: u64,
}

/// `POST /v1/join`: asks to be admitted. Binary values are in base64. What a later version says more is
/// passed over, so that its nodes join too.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Join {
    /// The node's name.
    pub node: String,
    /// The fabric's id in the token, 32 hexadecimal digits.
    pub fabric_id: String,
    /// The token's secret.
    pub secret: String,
    /// The node's own Ed25519 key.
    pub key: String,
    /// Its proof that it has the secret to that key, tied to this connection.
    pub proof: String,
}

/// The answer to [`Join`].
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Joined {
    /// The fabric's name.
    pub fabric: String,
    /// The node's name.
    pub node: String,
    /// The node's certificate (X.509, DER).
    pub certificate: String,
    /// The fabric's CA (X.509, DER).
    pub ca: String,
    /// Control's Ed25519 key for what it signs, 64 hexadecimal digits.
    pub signing_key: String,
    /// Where control answers, each `host:port`.
    pub control: Vec<String>,
    /// Whether the node waits for somebody's approval.
    pub waiting: bool,
    /// Whether the fabric's file declares the node.
    pub declared: bool,
    /// What a member of control needs, where the token makes the node one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub member: Option<MemberKeys>,
}

/// What makes a host a member of control.
#[derive(Clone, Default, Serialize, Deserialize)]
pub struct MemberKeys {
    /// The key of the fabric's CA (PKCS #8, DER).
    pub ca_key: String,
    /// Control's Ed25519 key for what it signs (PKCS #8, DER).
    pub signing_key: String,
    /// Where the store is.
    pub etcd: Etcd,
}

impl std::fmt::Debug for MemberKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MemberKeys").field("etcd", &self.etcd).finish_non_exhaustive()
    }
}

/// How an etcd is reached.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Etcd {
    /// URLs of its members.
    pub endpoints: Vec<String>,
    /// Certificates of the authorities that sign its certificates (PEM), where the URLs are `https`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authorities: Option<String>,
    /// What control shows it (PEM).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<String>,
    /// The key of that (PEM).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
}

impl std::fmt::Debug for Etcd {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Etcd").field("endpoints", &self.endpoints).finish_non_exhaustive()
    }
}
