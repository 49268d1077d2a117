//! Names of objects: DNS labels made of what sources call things, each given once in its section.

use std::collections::{BTreeMap, BTreeSet};

/// Longest label that is made, so that a number fits behind it.
const LABEL_CHARS_MAX: usize = 52;

/// A DNS label from any text; none where nothing of it is left.
pub(crate) fn label(text: &str) -> Option<String> {
    let mut label = String::new();
    for character in text.chars() {
        if character.is_ascii_alphanumeric() {
            label.push(character.to_ascii_lowercase());
        } else if !label.is_empty() && !label.ends_with('-') {
            label.push('-');
        }
        if label.len() >= LABEL_CHARS_MAX {
            break;
        }
    }
    let label = label.trim_end_matches('-');
    (!label.is_empty()).then(|| label.to_owned())
}

/// Names that are given already.
#[derive(Debug, Default)]
pub(crate) struct Names {
    taken: BTreeMap<&'static str, BTreeSet<String>>,
    /// How far the numbers behind a name have come.
    numbers: BTreeMap<(&'static str, String), u32>,
}

impl Names {
    /// Whether nothing of a section has this name yet; it has from now on.
    pub(crate) fn take(&mut self, section: &'static str, name: &str) -> bool {
        self.taken.entry(section).or_default().insert(name.to_owned())
    }

    /// A label of a section that nothing else has: of the first text that gives one.
    pub(crate) fn claim(&mut self, section: &'static str, wanted: &[&str]) -> String {
        let base = wanted.iter().find_map(|text| label(text));
        let base = base.unwrap_or_else(|| "unnamed".to_owned());
        let taken = self.taken.entry(section).or_default();
        if taken.insert(base.clone()) {
            return base;
        }
        let number = self.numbers.entry((section, base.clone())).or_insert(1);
        loop {
            *number += 1;
            let name = format!("{base}-{number}");
            if taken.insert(name.clone()) {
                return name;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_labels_and_given_once() {
        let mut names = Names::default();
        assert_eq!(names.claim("networks", &["", "Shop VPC (prod)"]), "shop-vpc-prod");
        assert_eq!(names.claim("networks", &["shop vpc prod"]), "shop-vpc-prod-2");
        assert_eq!(names.claim("subnets", &["Shop VPC prod!"]), "shop-vpc-prod");
        assert_eq!(names.claim("networks", &["***"]), "unnamed");
        assert!(label(&"x.".repeat(200)).is_some_and(|label| label.len() <= LABEL_CHARS_MAX));
    }
}
