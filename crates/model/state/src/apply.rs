//! What operations do to a host state, as a model of the kernel.
