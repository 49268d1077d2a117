//! What goes into a fabric's file as text, so that it reads back as what it was.

/// A text in quotes, as YAML and JSON read it.
pub(crate) fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for character in text.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            control if control.is_control() => quoted.push(' '),
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    quoted
}

/// A DNS label from any text; none where nothing of it is left.
pub(crate) fn label(text: &str) -> Option<String> {
    let mut label = String::new();
    for character in text.chars() {
        if character.is_ascii_alphanumeric() {
            label.push(character.to_ascii_lowercase());
        } else if !label.is_empty() && !label.ends_with('-') {
            label.push('-');
        }
        // Room is left for a number.
        if label.len() >= 56 {
            break;
        }
    }
    let label = label.trim_end_matches('-');
    (!label.is_empty()).then(|| label.to_owned())
}

/// The name that a comment gives a peer: `Edge device: lucidia`, `Name = lucidia`, `Client lucidia`.
pub(crate) fn named_by(comment: &str) -> Option<String> {
    let last = comment.rsplit([':', '=']).next().unwrap_or(comment).trim();
    let words = ["client", "peer", "begin_peer", "user", "device"];
    let name = match last.split_once(char::is_whitespace) {
        Some((first, rest)) if words.contains(&first.to_ascii_lowercase().as_str()) => rest,
        Some(_) | None => last,
    };
    label(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_name_peers() {
        for (comment, name) in [
            ("Edge device: lucidia", Some("lucidia")),
            ("friendly_name = Bob's phone", Some("bob-s-phone")),
            ("Client laptop", Some("laptop")),
            ("blackroad-pi", Some("blackroad-pi")),
            ("***", None),
        ] {
            assert_eq!(named_by(comment).as_deref(), name, "{comment}");
        }
        assert!(label(&"x".repeat(200)).unwrap().len() <= 56);
    }
}
