//! Access of people and programs to the API.

use serde::{Deserialize, Serialize};

/// `POST /v1/access`: makes an access token.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MakeAccess {
    /// Whom or what it is for.
    pub name: String,
    /// What it allows: `viewer`, `operator` or `admin`.
    pub role: String,
    /// How long it is valid, in seconds; 30 days if none is given.
    #[serde(default)]
    pub lifetime_s: Option<u64>,
    /// Whether other tokens of the same name are valid no more from now on.
    #[serde(default)]
    pub replace: bool,
}

/// The answer to [`MakeAccess`]. The token is shown once; control keeps its hash only.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct AccessMade {
    /// Its number, for `access revoke`.
    pub id: String,
    /// Whom or what it is for.
    pub name: String,
    /// What it allows.
    pub role: String,
    /// The token itself.
    pub token: String,
    /// When it expires: seconds since 1970.
    pub expires_s: u64,
}

/// `GET /v1/access`: what is known of an access token.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Access {
    /// Its number.
    pub id: String,
    /// Whom or what it is for.
    pub name: String,
    /// What it allows.
    pub role: String,
    /// When it expires: seconds since 1970.
    pub expires_s: u64,
}

/// `GET /v1/me`: who asks, and what that allows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Me {
    /// The name of the access token, or `root on this host`.
    pub name: String,
    /// `viewer`, `operator` or `admin`.
    pub role: String,
    /// When access ends, in seconds since 1970; never if nothing is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_s: Option<u64>,
}
