//! What may be stored: the form of names, and limits.

use thiserror::Error;

/// Longest name, in bytes.
pub const NAME_BYTES_MAX: usize = 512;
/// Longest section, in bytes.
pub const SECTION_BYTES_MAX: usize = 64;
/// Most sections. All of them stand in the root, which each commit writes.
pub const SECTIONS_MAX: usize = 1024;
/// Longest value, in bytes.
pub const VALUE_BYTES_MAX: usize = 64 * 1024 * 1024;

/// A change that cannot be stored.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum InputError {
    /// The name has not the form `section/name`.
    #[error("`{name}` cannot be stored: {why}; a name is `section/name`")]
    Name {
        /// The name, shortened where it is too long.
        name: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The value is too large.
    #[error(
        "`{name}` cannot be stored: its value has {bytes} bytes, and {VALUE_BYTES_MAX} are allowed; divide it"
    )]
    ValueTooLarge {
        /// The name.
        name: String,
        /// The value's length.
        bytes: usize,
    },
    /// There would be more sections than [`SECTIONS_MAX`].
    #[error(
        "section `{section}` would be one more than {SECTIONS_MAX}; put the values into sections that exist"
    )]
    TooManySections {
        /// The one too many.
        section: String,
    },
}

/// The section of a name, and the rest.
pub(crate) fn parts(name: &str) -> Result<(&str, &str), InputError> {
    let wrong = |why| {
        let shown = name.chars().take(80).collect();
        Err(InputError::Name { name: shown, why })
    };
    if name.len() > NAME_BYTES_MAX {
        return wrong("it is longer than 512 bytes");
    }
    let Some((section, rest)) = name.split_once('/') else {
        return wrong("it has no `/`");
    };
    match () {
        () if section.is_empty() => wrong("nothing stands before the `/`"),
        () if rest.is_empty() => wrong("nothing stands after the `/`"),
        () if section.len() > SECTION_BYTES_MAX => wrong("its section is longer than 64 bytes"),
        () if name.contains('\0') => wrong("it contains a NUL character"),
        () => Ok((section, rest)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_a_section_and_a_rest() {
        assert_eq!(parts("a/b"), Ok(("a", "b")));
        assert_eq!(parts("a/b/c"), Ok(("a", "b/c")));
        assert_eq!(parts("ä/ö"), Ok(("ä", "ö")));
        let longest = format!("{}/{}", "s".repeat(64), "n".repeat(447));
        assert_eq!(longest.len(), NAME_BYTES_MAX);
        assert!(parts(&longest).is_ok());
        let long_section = format!("{}/n", "s".repeat(65));
        for name in ["", "a", "/", "/a", "a/", "a/\0", &long_section, &format!("{longest}n")] {
            assert!(matches!(parts(name), Err(InputError::Name { .. })), "{name}");
        }
    }

    #[test]
    fn a_long_name_is_shown_short() {
        let text = parts(&"ü".repeat(600)).unwrap_err().to_string();
        assert!(text.len() < 300 && text.contains("longer than 512"), "{text}");
    }
}
