//! Places in what was declared over the API, in the words of its objects: nobody has written its lines.

use crate::diagnostic::Diagnostic;
use crate::load::API_FILE;
use crate::span::Span;
use crate::tree::{self, Tree, Value};
use std::fmt;

/// Sections that the API may declare objects of, and what one is called.
const SECTIONS: [(&str, &str); 13] = [
    ("networks", "network"),
    ("subnets", "subnet"),
    ("security_groups", "security group"),
    ("nodes", "node"),
    ("workloads", "workload"),
    ("services", "service"),
    ("route_tables", "route table"),
    ("nat_gateways", "NAT gateway"),
    ("internet_gateways", "internet gateway"),
    ("peerings", "peering"),
    ("prefix_lists", "prefix list"),
    ("network_acls", "network ACL"),
    ("ports", "service port"),
];

/// What an object of a section is called, if the API may declare such.
pub fn word_of(section: &str) -> Option<&'static str> {
    SECTIONS.iter().find(|(name, _)| *name == section).map(|(_, word)| *word)
}

/// An object that was declared over the API, and a field of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiPlace {
    /// Its section.
    pub section: String,
    /// Its name.
    pub name: String,
    /// The field, such as `cidr[0]` or `attach.container`; empty for the object itself.
    pub field: String,
}

impl fmt::Display for ApiPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = word_of(&self.section).unwrap_or(&self.section);
        write!(f, "{word} `{}`", self.name)?;
        if !self.field.is_empty() {
            write!(f, ", field `{}`", self.field)?;
        }
        write!(f, ", as declared over the API")
    }
}

/// All places of what was declared over the API.
#[derive(Clone, Debug, Default)]
pub struct ApiPlaces {
    /// Where each begins, in order.
    places: Vec<((u32, u32), ApiPlace)>,
}

impl ApiPlaces {
    /// The places of `text`, the API's document, if findings are in it or speak of it.
    pub fn of(findings: &[Diagnostic], text: Option<&str>) -> Self {
        let speaks = |found: &Diagnostic| {
            let texts = [&found.message, &found.cause, &found.solution];
            &*found.span.file == API_FILE || texts.iter().any(|text| text.contains(API_FILE))
        };
        match text.filter(|_| findings.iter().any(speaks)) {
            Some(text) => Self::read(text),
            None => Self::default(),
        }
    }

    fn read(text: &str) -> Self {
        let mut places = Self::default();
        let tree = tree::yaml::read(API_FILE, text, &mut Vec::new());
        for (section, objects) in tree.iter().flat_map(entries) {
            for (name, object) in entries(objects) {
                let field = String::new();
                let place =
                    ApiPlace { section: section.name.clone(), name: name.name.clone(), field };
                places.push(&name.span, &place);
                places.walk(object, &place);
            }
        }
        places
    }

    fn push(&mut self, span: &Span, place: &ApiPlace) {
        self.places.push(((span.line, span.column), place.clone()));
    }

    fn walk(&mut self, tree: &Tree, place: &ApiPlace) {
        for (key, value) in entries(tree) {
            let dot = if place.field.is_empty() { "" } else { "." };
            let field = format!("{}{dot}{}", place.field, key.name);
            let place = ApiPlace { field, ..place.clone() };
            self.push(&key.span, &place);
            self.walk(value, &place);
        }
        if let Value::List(items) = &tree.value {
            for (number, item) in items.iter().enumerate() {
                let field = format!("{}[{number}]", place.field);
                let place = ApiPlace { field, ..place.clone() };
                self.push(&item.span, &place);
                self.walk(item, &place);
            }
        }
    }

    /// What stands at a place of the API's document; nothing for one of a file.
    pub fn find(&self, span: &Span) -> Option<&ApiPlace> {
        if &*span.file != API_FILE {
            return None;
        }
        self.at(span.line, span.column)
    }

    fn at(&self, line: u32, column: u32) -> Option<&ApiPlace> {
        let after = self.places.partition_point(|(start, _)| *start <= (line, column));
        Some(&self.places.get(after.checked_sub(1)?)?.1)
    }

    /// A text with objects in place of lines of the API's document.
    pub fn reworded(&self, text: &str) -> String {
        let named = format!("{API_FILE}:");
        let mut parts = text.split(&named);
        let mut reworded = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let line = digits(part);
            let rest = part[line.len()..].strip_prefix(':').unwrap_or_default();
            let column = digits(rest);
            let place = match (line.parse(), column.parse()) {
                (Ok(line), Ok(column)) => self.at(line, column),
                _ => None,
            };
            match place {
                Some(place) => {
                    reworded.push_str(&format!("{place}{}", &rest[column.len()..]));
                }
                None => reworded.push_str(&format!("{named}{part}")),
            }
        }
        reworded
    }
}

fn digits(text: &str) -> &str {
    &text[..text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len()]
}

fn entries(tree: &Tree) -> &[(tree::Key, Tree)] {
    match &tree.value {
        Value::Map(entries) => entries,
        Value::Null | Value::Scalar { .. } | Value::List(_) | Value::Broken => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"{
  "networks": {
    "made": {
      "cidr": [
        "10.7.0.0/16",
        "10.8.0.1/16"
      ],
      "dns": { "domain": "made.internal" }
    }
  },
  "workloads": { "box": { "node": "alpha" } }
}"#;

    fn span(line: u32, column: u32) -> Span {
        Span { file: API_FILE.into(), line, column }
    }

    #[test]
    fn a_place_is_an_object_and_its_field() {
        let places = ApiPlaces::read(TEXT);
        for (line, column, said) in [
            (3, 5, "network `made`, as declared over the API"),
            (4, 7, "network `made`, field `cidr`, as declared over the API"),
            (6, 9, "network `made`, field `cidr[1]`, as declared over the API"),
            (8, 26, "network `made`, field `dns.domain`, as declared over the API"),
            (11, 27, "workload `box`, field `node`, as declared over the API"),
        ] {
            let found = places.find(&span(line, column)).map(ToString::to_string);
            assert_eq!(found.as_deref(), Some(said), "{line}:{column}");
        }
        assert_eq!(places.find(&span(1, 1)), None);
        let of_file = Span { file: "shop.yaml".into(), ..span(3, 5) };
        assert_eq!(places.find(&of_file), None);
    }

    #[test]
    fn texts_name_objects_and_keep_what_is_of_files() {
        let places = ApiPlaces::read(TEXT);
        let said = places.reworded("it is at (api):6:9, and at shop.yaml:6:9; (api): and (api):x");
        let wanted = "it is at network `made`, field `cidr[1]`, as declared over the API, and at shop.yaml:6:9; \
                      (api): and (api):x";
        assert_eq!(said, wanted);
    }

    #[test]
    fn what_is_broken_has_no_places() {
        assert!(ApiPlaces::read("{ \"networks\": [").find(&span(1, 3)).is_none());
    }
}
