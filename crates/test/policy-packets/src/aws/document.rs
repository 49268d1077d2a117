//! The document that lists the behaviours, made from their table.

use super::cases::CHAPTERS;
use super::{Case, Proof};
use std::fmt::Write as _;

const HEAD: &str = "# What AWS documents, and what Netloom does

Whoever moves a network from AWS relies on what its groups, ACLs, tables, gateways and peerings do there. Each behaviour below is tried
by `cargo xtask show aws-semantics`: with single real packets between workloads on two nodes, of which is seen whether they arrive and
whether their answers come back, and by asking the engine behind `netloom explain`. Packets, engine and this page must agree. What AWS
does not let one declare must be refused here too, with the code of [diagnostics](diagnostics.md) that stands beside it; quotas that AWS raises on
request are warnings (`N0908`) up to what it grants at most (`N0505`).

This page is made from the table of the show (`cargo xtask show aws-semantics --write`); a test compares the two.
";

/// Every case with its number, from 1, and its chapter.
pub fn titles() -> impl Iterator<Item = (usize, &'static str, &'static Case)> {
    let all = CHAPTERS
        .iter()
        .flat_map(|chapter| chapter.cases.iter().map(move |case| (chapter.title, case)));
    (1..).zip(all).map(|(number, (title, case))| (number, title, case))
}

/// The text of `docs/aws.md`.
pub fn document() -> String {
    let mut text = HEAD.to_owned();
    let mut last = "";
    for (number, title, case) in titles().filter(|(_, _, case)| case.differs.is_none()) {
        if title != last {
            last = title;
            // Writing to a String cannot fail.
            let _ = write!(
                text,
                "\n## {title}\n\n| | behaviour | documented in | tried |\n|---|---|---|---|\n"
            );
        }
        let (behaviour, page) = (case.behaviour, case.page);
        let _ = writeln!(text, "| {number} | {behaviour} | {page} | {} |", tried(case));
    }
    text.push_str(
        "\n## What differs on purpose\n\n| | AWS | Netloom, and why | documented in | tried |\n|---|---|---|---|---|\n",
    );
    for (number, _, case) in titles() {
        if let Some(instead) = case.differs {
            let (behaviour, page) = (case.behaviour, case.page);
            let _ =
                writeln!(text, "| {number} | {behaviour} | {instead} | {page} | {} |", tried(case));
        }
    }
    text
}

fn tried(case: &Case) -> String {
    match case.proof {
        Proof::Packets([_]) => "1 packet".to_owned(),
        Proof::Packets(attempts) => format!("{} packets", attempts.len()),
        Proof::Refused(texts) => {
            let mut codes: Vec<String> =
                texts.iter().map(|(_, code)| format!("`{code}`")).collect();
            codes.dedup();
            codes.join(", ")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_lists_exactly_the_cases() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../docs/aws.md");
        let text = std::fs::read_to_string(path).unwrap_or_default();
        assert!(text == document(), "docs/aws.md: run `cargo xtask show aws-semantics --write`");
    }

    #[test]
    fn there_are_enough_behaviours_each_told_once() {
        assert!(titles().filter(|(_, _, case)| case.differs.is_none()).count() >= 60);
        for (number, title, case) in titles() {
            let same = |other: &(usize, &str, &Case)| {
                other.1 == title && other.2.behaviour == case.behaviour
            };
            assert_eq!(titles().find(same).map(|(first, ..)| first), Some(number));
            assert!(case.page.contains("Guide: "), "{}", case.page);
        }
    }
}
