//! The engine as a whole: nodes in memory, other implementations, and replayed bytes.

mod pair;
mod world;
