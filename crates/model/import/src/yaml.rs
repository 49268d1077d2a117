//! Values of the file that is made, and how they are written so that they read back as they were.

/// Longest line before an object is written over several.
const LINE_CHARS_AIM: usize = 100;

/// A value to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Yaml {
    /// A text, in quotes where it needs them.
    Text(String),
    List(Vec<Self>),
    Map(Vec<(String, Self)>),
    /// A value with a comment behind it.
    Noted(Box<Self>, String),
}

impl Yaml {
    pub(crate) fn text(text: impl ToString) -> Self {
        Self::Text(text.to_string())
    }

    pub(crate) fn texts<T: ToString>(items: impl IntoIterator<Item = T>) -> Self {
        Self::List(items.into_iter().map(Self::text).collect())
    }

    pub(crate) fn map<K: ToString>(entries: impl IntoIterator<Item = (K, Self)>) -> Self {
        Self::Map(entries.into_iter().map(|(key, value)| (key.to_string(), value)).collect())
    }

    /// Whether a comment is in it, which ends its line.
    fn is_noted(&self) -> bool {
        match self {
            Self::Text(_) => false,
            Self::List(items) => items.iter().any(Self::is_noted),
            Self::Map(entries) => entries.iter().any(|(_, value)| value.is_noted()),
            Self::Noted(..) => true,
        }
    }

    /// The value in one line, without comments.
    pub(crate) fn flow(&self) -> String {
        match self {
            Self::Text(text) => scalar(text),
            Self::List(items) => {
                let items: Vec<String> = items.iter().map(Self::flow).collect();
                format!("[{}]", items.join(", "))
            }
            Self::Map(entries) if entries.is_empty() => "{}".to_owned(),
            Self::Map(entries) => {
                let entries = entries.iter();
                let entries =
                    entries.map(|(key, value)| format!("{}: {}", scalar(key), value.flow()));
                format!("{{ {} }}", entries.collect::<Vec<_>>().join(", "))
            }
            Self::Noted(value, _) => value.flow(),
        }
    }

    /// The value behind a key, `indent` columns from the left.
    pub(crate) fn write(&self, key: &str, indent: usize, out: &mut String) {
        let margin = " ".repeat(indent);
        let flow = self.flow();
        let length = indent + key.chars().count() + 2 + flow.chars().count();
        let short = length <= LINE_CHARS_AIM && !self.is_noted();
        match self {
            Self::Map(entries) if !short && !entries.is_empty() => {
                out.push_str(&format!("{margin}{}:\n", scalar(key)));
                for (key, value) in entries {
                    value.write(key, indent + 2, out);
                }
            }
            Self::List(items) if !short && !items.is_empty() => {
                out.push_str(&format!("{margin}{}:\n", scalar(key)));
                for item in items {
                    out.push_str(&format!("{margin}  - {}{}\n", item.flow(), item.note()));
                }
            }
            Self::Text(_) | Self::List(_) | Self::Map(_) | Self::Noted(..) => {
                out.push_str(&format!("{margin}{}: {flow}{}\n", scalar(key), self.note()));
            }
        }
    }

    /// The comment behind it.
    fn note(&self) -> String {
        match self {
            Self::Noted(_, note) => format!("  # {}", crate::scalar::short(note)),
            Self::Text(_) | Self::List(_) | Self::Map(_) => String::new(),
        }
    }
}

/// A text as a scalar: in quotes, unless it is a plain word.
fn scalar(text: &str) -> String {
    let inner = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
    let plain = text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.chars().all(inner)
        && text != "null";
    if plain { text.to_owned() } else { quoted(text) }
}

/// A text in quotes, as YAML reads it.
pub(crate) fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for character in text.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            '\n' => quoted.push_str("\\n"),
            // Controls, and characters that end a line or are none to YAML.
            other
                if other.is_control()
                    || matches!(other, '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffd}'..) =>
            {
                quoted.push(' ');
            }
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_objects_are_one_line_and_comments_end_theirs() {
        let mut out = String::new();
        let rule = Yaml::map([("to", Yaml::text("::/0"))]);
        Yaml::map([("a", rule.clone())]).write("x", 2, &mut out);
        let noted = Yaml::Noted(Box::new(rule), "why\nnot".into());
        Yaml::map([("b", Yaml::List(vec![noted]))]).write("y", 2, &mut out);
        let expected =
            "  x: { a: { to: \"::/0\" } }\n  y:\n    b:\n      - { to: \"::/0\" }  # why not\n";
        assert_eq!(out, expected);
        assert_eq!(scalar("null"), "\"null\"");
        assert_eq!(quoted("a\"\\\n\u{7}"), "\"a\\\"\\\\\\n \"");
    }
}
