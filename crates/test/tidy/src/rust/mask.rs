//! Blanks comments and literals, so that what is left of a source is code, each part where it was.

/// `text` with blanks in place of comments, strings and characters; lines and columns stay.
pub fn mask(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut at = 0;
    while let Some(first) = text[at..].chars().next() {
        let after_word = code.ends_with(|c: char| c.is_alphanumeric() || c == '_');
        let length = opaque_length(&text[at..], after_word);
        if length == 0 {
            code.push(first);
            at += first.len_utf8();
        } else {
            let blank = |c: char| if c == '\n' { '\n' } else { ' ' };
            code.extend(text[at..at + length].chars().map(blank));
            at += length;
        }
    }
    code
}

/// Bytes of the comment or literal that `rest` begins with; zero if it begins with code.
fn opaque_length(rest: &str, after_word: bool) -> usize {
    if rest.starts_with("//") {
        return rest.find('\n').unwrap_or(rest.len());
    }
    if rest.starts_with("/*") {
        return block_comment_length(rest);
    }
    if rest.starts_with('\'') {
        return character_length(rest);
    }
    if after_word && !rest.starts_with('"') {
        return 0;
    }
    string_length(rest)
}

fn block_comment_length(rest: &str) -> usize {
    let (mut depth, mut at) = (0usize, 0);
    while at < rest.len() {
        if rest[at..].starts_with("/*") {
            depth += 1;
            at += 2;
        } else if rest[at..].starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += rest[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    rest.len()
}

/// Of a character; a lifetime, which begins alike, is code.
fn character_length(rest: &str) -> usize {
    let mut chars = rest.char_indices().skip(1);
    match chars.next() {
        Some((_, '\\')) => {
            // What is escaped may itself be a quote.
            chars.next();
            chars.find(|(_, c)| *c == '\'').map_or(rest.len(), |(at, _)| at + 1)
        }
        Some(_) => match chars.next() {
            Some((at, '\'')) => at + 1,
            _ => 0,
        },
        None => 0,
    }
}

fn string_length(rest: &str) -> usize {
    let prefix = rest.find(|c| !matches!(c, 'b' | 'c' | 'r')).unwrap_or(rest.len());
    let (letters, after) = rest.split_at(prefix);
    if !matches!(letters, "" | "b" | "c" | "r" | "br" | "cr") {
        return 0;
    }
    let hashes = after.len() - after.trim_start_matches('#').len();
    let raw = letters.ends_with('r');
    let body = &after[hashes..];
    if !body.starts_with('"') || (hashes > 0 && !raw) {
        return 0;
    }
    let start = prefix + hashes + 1;
    if raw {
        let end = format!("\"{}", "#".repeat(hashes));
        return rest[start..].find(&end).map_or(rest.len(), |at| start + at + end.len());
    }
    let mut escaped = false;
    for (at, c) in rest[start..].char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return start + at + 1,
            _ => {}
        }
    }
    rest.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_literals_go_and_code_stays() {
        // In the second column, `.` stands for a blank put in place.
        for (text, code) in [
            ("a // b\nc", "a ....\nc"),
            ("a /* b /* c */ d */ e", "a ................. e"),
            (r#"f("x\"y", z)"#, "f(......, z)"),
            ("r#\"a\"b\"# c", "........ c"),
            ("br\"a\" b", "..... b"),
            ("'a' 'b", "... 'b"),
            (r"'\'' x '\u{41}' y", ".... x ........ y"),
            ("<'a>(x: &'a str)", "<'a>(x: &'a str)"),
            ("r#type b\"x\" bar", "r#type .... bar"),
            ("'é' x", "... x"),
        ] {
            assert_eq!(mask(text), code.replace('.', " "), "{text}");
        }
    }
}
