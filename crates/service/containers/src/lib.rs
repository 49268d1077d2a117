//! Asks a container engine (Docker, or Podman's compatible service) where its containers are.
//!
//! Nothing is changed there: a container is found by name, and its network namespace is what
//! workloads are attached to.

#![forbid(unsafe_code)]

mod engine;
mod http;

pub use engine::{Container, Engine, EngineError};
