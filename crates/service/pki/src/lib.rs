//! A fabric's certificate authority: identities, join tokens, and TLS between nodes and control.
//!
//! ```text
//! Authority (ECDSA P-256, ten years, with the fabric's id)
//!    ├─ issues ─► control's certificate (ECDSA P-256)           TLS; browsers take it too
//!    ├─ issues ─► a node's certificate (its Ed25519 key, 24 h)  TLS
//!    └─ endorses ─► control's Ed25519 key                       signs states, which nodes keep
//! a node's Ed25519 key ─ signs ─► its X25519 key in each network
//! ```
//!
//! # Joining
//! 1. Control makes a [`Token`]: addresses, hash of the authority's certificate, secret, expiry. It
//!    keeps a [`TokenRecord`], which lets nobody in.
//! 2. The node makes its key ([`SigningSecret`]), raises the floor of its [`Clock`] to the token's
//!    making, and connects with [`tls::client_config`] and [`tls::Trust::Hash`]: control must show
//!    the authority's certificate with this hash, and its own certificate under it.
//! 3. The node sends the secret, its name, its key, and a proof that it has the secret to it, tied
//!    to the connection ([`tls::binding`], [`identity::prove_possession`]).
//! 4. Control verifies the proof, asks [`redeem`], sees that the node is declared as the token asks,
//!    keeps the record, and issues a certificate ([`Authority::issue_node`]).
//! 5. From then on the node shows it, trusts the authority itself ([`tls::Trust::Authority`]), and has
//!    the certificate renewed when [`renewal()`] says so.
//!
//! # Time
//! Certificates are verified at the clock's time, or at its floor if that is later ([`Clock`]): the
//! newest time that control has signed. One that the authority signed is never of the future, so a
//! clock that is behind its beginning is behind, and does no harm. A clock that is ahead by more
//! than a certificate's life does, and the error says so. Nodes that were off for long are taken for
//! a grace that control sets, to be given a new certificate and nothing else.
//!
//! # Keys
//! Secrets come from the system's randomness, are wiped when they are dropped, and are not shown by
//! `Debug`. The caller stores them with [`write_secret_file`], certificates
//! wherever it likes.
#![forbid(unsafe_code)]

pub mod authority;
pub mod certificate;
mod clock;
pub mod endorsement;
mod fabric_id;
pub mod identity;
mod key;
mod random;
pub mod redemption;
mod renewal;
mod secret_file;
pub mod tls;
pub mod token;

pub use authority::{Authority, ExtraName, IssueError, RestoreError};
pub use certificate::{AuthorityHash, Certificate, CertificateError, Subject, Validity};
pub use clock::{Clock, utc};
pub use endorsement::{Endorsement, EndorsementError};
pub use fabric_id::{FabricId, FabricIdError};
pub use identity::NodeKeys;
pub use key::{KeyError, PublicKey, SignatureError, SigningSecret, StoredKey, TlsKey};
pub use redemption::{Attempt, RedeemError, Redeemed, TokenRecord, redeem};
pub use renewal::{Renewal, renew_at, renewal};
pub use secret_file::write_secret_file;
pub use token::{Secret, Token, TokenError, TokenOrder};
