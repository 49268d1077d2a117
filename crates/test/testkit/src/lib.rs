//! Random fabrics by seed, and fabrics from text, for the tests of every storey.
#![forbid(unsafe_code)]

pub mod other_resolver;
pub mod random_fabric;
pub mod random_networks;

use netloom_model::{Fabric, Severity};

/// The fabric of a text, which must be free of errors.
///
/// # Panics
/// With the rendered findings, if it is not.
pub fn fabric(text: &str) -> Fabric {
    let loaded = netloom_model::load(&["test.yaml".to_owned()], |_| Ok(text.as_bytes().to_vec()));
    let errors: Vec<_> = loaded
        .diagnostics
        .iter()
        .filter(|found| found.severity == Severity::Error)
        .cloned()
        .collect();
    let rendered = netloom_model::diagnostic::render(&errors, &loaded.sources);
    loaded.fabric.unwrap_or_else(|| panic!("the text has errors:\n{rendered}"))
}
