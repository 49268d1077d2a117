//! The SDK: an asynchronous client of control, and what is said over its API.
//!
//! ```text
//! let client = netloom::Client::local("shop")?;       // on the host of control, as root
//! let plan = client.plan(&netloom::api::Plan { sources }).await?;
//! ```
//! It needs a tokio runtime.
#![forbid(unsafe_code)]

mod client;

pub use client::{Client, ClientError, default_state};
pub use netloom_api as api;
