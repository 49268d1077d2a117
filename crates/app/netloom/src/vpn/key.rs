//! Key pairs, as `wg genkey` and `wg pubkey` make them.

use netloom_wireguard::PrivateKey;

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
