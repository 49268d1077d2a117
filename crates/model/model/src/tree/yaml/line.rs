//! What a line of YAML looks like, to a reader who cannot parse it.

pub(super) fn is_content(line: &str) -> bool {
    let line = line.trim();
    !line.is_empty() && !line.starts_with('#')
}

pub(super) fn indentation(line: &str) -> usize {
    line.len() - line.trim_start_matches(' ').len()
}

/// Tabs among the blanks before the text.
pub(super) fn tabs(line: &str) -> usize {
    line.chars().take_while(|c| matches!(c, ' ' | '\t')).filter(|c| *c == '\t').count()
}

/// Whether a line ends or begins a document, or instructs the parser.
pub(super) fn is_marker(line: &str) -> bool {
    line.starts_with("---") || line.starts_with("...") || line.starts_with('%')
}

/// Whether what is indented under a line are entries or items of it.
pub(super) fn opens_a_block(line: &str) -> bool {
    let text = line.split(" #").next().unwrap_or_default().trim();
    let flow = text.contains(['{', '[', '"', '\'']);
    text.ends_with(':') || (text.starts_with('-') && !flow && !text.ends_with(['|', '>']))
}

/// The word that an entry begins with, if it can be a key.
pub(super) fn key(entry: &str) -> Option<&str> {
    let is_name = |c: char| c.is_alphanumeric() || "_-.".contains(c);
    let end = entry.find(|c| !is_name(c)).unwrap_or(entry.len());
    let (word, rest) = entry.split_at(end);
    let separate = rest.is_empty() || rest.starts_with([' ', ':', '=', '{', '[', '\t']);
    (!word.is_empty() && !word.starts_with('-') && separate).then_some(word)
}
