//! Commands as a shell takes them, for people to copy.

use std::borrow::Cow;

/// A word that a POSIX shell reads as it is: in quotes where it must be.
pub(crate) fn word(text: &str) -> Cow<'_, str> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:@%+=,".contains(c) || !c.is_ascii();
    if !text.is_empty() && text.chars().all(is_plain) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(format!("'{}'", text.replace('\'', "'\\''")))
}

/// Several words, with `between` between them.
pub(crate) fn words(texts: &[String], between: &str) -> String {
    texts.iter().map(|text| word(text)).collect::<Vec<_>>().join(between)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_shell_would_take_apart_is_quoted() {
        for (text, quoted) in [
            ("examples/shop.yaml", "examples/shop.yaml"),
            ("/home/käthe/shop.yaml", "/home/käthe/shop.yaml"),
            ("my files/shop.yaml", "'my files/shop.yaml'"),
            ("it's.yaml", "'it'\\''s.yaml'"),
            ("$(rm).yaml", "'$(rm).yaml'"),
            ("~x", "'~x'"),
            ("", "''"),
        ] {
            assert_eq!(word(text), quoted);
        }
        assert_eq!(words(&["a b".to_owned(), "c".to_owned()], " -f "), "'a b' -f c");
    }
}
