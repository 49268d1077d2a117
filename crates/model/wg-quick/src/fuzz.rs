//! Entry point for fuzzing: whatever the bytes are, nothing panics, and what is imported has no keys.

use crate::{Import, parse};

/// Reads a file and imports it.
pub fn file(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let (file, _) = parse(text);
    let import =
        Import { interface: "wg0", network: "wg0", node: "alpha", key_folder: "/etc/netloom/wg0" };
    let imported = import.run(&file);
    let is_public = |key: &str| {
        file.peers
            .iter()
            .any(|peer| peer.public_key.as_ref().and_then(|key| key.known()) == Some(key))
    };
    for secret in imported.key_files.iter().filter(|secret| !is_public(&secret.key)) {
        assert!(!imported.yaml.contains(&secret.key), "a key stands in the file");
    }
}
