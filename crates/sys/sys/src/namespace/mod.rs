//! Namespaces: handles, those of our own kept as files, and programs started inside them.

mod child;
mod handle;
mod refusal;
mod registry;
mod spawn;

pub(crate) use handle::anonymous;
pub use handle::{NamespaceError, NamespaceHandle};
pub use refusal::UserNamespaceRefusal;
pub use registry::NamespaceRegistry;
pub use spawn::{
    Sandbox, SandboxOptions, SpawnError, SpawnOptions, spawn_beside, spawn_in, spawn_sandbox,
};
