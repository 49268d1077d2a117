//! The SDK: an asynchronous client of control, what is said over its API, and networks as programs declare them.
//!
//! ```no_run
//! # async fn example(sources: netloom::api::Sources) -> Result<(), netloom::ClientError> {
//! let client = netloom::Client::local("shop"); // on the host of control, as root
//! let proposed = client.plan(&netloom::api::Plan { sources, ..Default::default() }).await?;
//! println!("{} flows open or close", proposed.flows.len());
//! # Ok(())
//! # }
//! ```
//! It needs a tokio runtime. [`network`] has types and builders; `examples/guides` has programs.
#![forbid(unsafe_code)]

mod client;
pub mod network;
pub mod vpn;

pub use client::{Client, ClientError, default_run};
pub use netloom_api as api;
