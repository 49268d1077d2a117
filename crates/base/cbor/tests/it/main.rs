//! Vectors of RFC 8949, hostile bytes, the rules of records, properties, and the corpus.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod corpus;
mod hostile;
mod properties;
mod records;
mod vectors;

fn bytes(hex: &str) -> Vec<u8> {
    let digits: String = hex.chars().filter(|c| !c.is_whitespace()).collect();
    assert!(digits.len().is_multiple_of(2), "{hex}");
    (0..digits.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap())
        .collect()
}
