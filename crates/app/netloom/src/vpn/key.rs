//! Key pairs, as `wg genkey` and `wg pubkey` make them.

use super::refused;
use crate::network::NetworkError;
use netloom_wireguard::PrivateKey;
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;

/// A new private key in base64.
///
/// # Errors
/// The kernel gives no randomness.
pub fn generate_private_key() -> std::io::Result<String> {
    let mut seed = [0; 32];
    netloom_sys::process::random(&mut seed)?;
    Ok(PrivateKey::from_seed(netloom_base::Seed(seed)).to_base64().to_string())
}

/// The public key of a private one, both in base64.
///
/// # Errors
/// The text is no key.
pub fn public_key(private_key: &str) -> Result<String, netloom_wireguard::KeyParseError> {
    Ok(private_key.trim().parse::<PrivateKey>()?.public().to_string())
}

/// Writes a private key to a new file in a folder, for its owner alone; gives the file.
pub(super) fn keep(folder: &Path, key: &str) -> Result<String, NetworkError> {
    public_key(key).map_err(|error| refused("private key", &error.to_string()))?;
    let path = folder.join("private.key");
    let write = || -> std::io::Result<()> {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        let mut options = std::fs::File::options();
        let mut file = options.write(true).create_new(true).mode(0o600).open(&path)?;
        file.write_all(format!("{}\n", key.trim()).as_bytes())
    };
    write().map_err(|error| refused("key file", &format!("{}: {error}", path.display())))?;
    Ok(path.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_made_and_known_by_their_public_half() {
        let (one, two) = (generate_private_key().unwrap(), generate_private_key().unwrap());
        assert_ne!(public_key(&one).unwrap(), public_key(&two).unwrap());
        assert!(public_key("no key").is_err());
    }
}
