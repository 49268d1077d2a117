//! The document that lists the behaviours, made from their table.

use super::Case;
use super::cases::CHAPTERS;
use std::fmt::Write as _;

/// Every case with its number, from 1, and its chapter.
pub fn titles() -> impl Iterator<Item = (usize, &'static str, &'static Case)> {
    let all = CHAPTERS
        .iter()
        .flat_map(|chapter| chapter.cases.iter().map(move |case| (chapter.title, case)));
    (1..).zip(all).map(|(number, (title, case))| (number, title, case))
}

/// The text of `docs/aws.md`.
pub fn document() -> String {
    String::new()
}
