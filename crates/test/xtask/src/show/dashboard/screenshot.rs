//! Pictures of the page, as the browser sends them, in files.

use anyhow::Context as _;
use std::path::Path;

/// Writes a picture to a file.
pub(super) fn save(base64: &str, path: &Path) -> anyhow::Result<()> {
    let bytes = decoded(base64).context("the picture is damaged")?;
    std::fs::write(path, bytes).with_context(|| format!("cannot write {}", path.display()))
}

/// Base64 (RFC 4648 §4).
fn decoded(text: &str) -> Option<Vec<u8>> {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let (mut bits, mut count) = (0_u32, 0);
    for letter in text.trim_end_matches('=').bytes() {
        let value = ALPHABET.iter().position(|known| *known == letter)?;
        bits = (bits << 6) | u32::try_from(value).ok()?;
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push(u8::try_from((bits >> count) & 0xff).ok()?);
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::decoded;

    #[test]
    fn pictures_are_decoded() {
        assert_eq!(decoded("aGVsbG8="), Some(b"hello".to_vec()));
        assert_eq!(decoded("/+8A"), Some(vec![0xff, 0xef, 0]));
        assert_eq!(decoded("not base64!"), None);
    }
}
