//! `netloom diff`: what the files of two revisions differ in, and what was declared over the API.

use super::place::Host;
use super::wait_for;
use crate::output;
use netloom::api::Sources;
use netloom_model::load::API_FILE;
use serde_json::json;
use std::process::ExitCode;

/// Shows what the files of two revisions differ in.
#[derive(Debug, clap::Args)]
pub(crate) struct Diff {
    #[command(flatten)]
    host: Host,
    /// The earlier revision.
    from: u64,
    /// The later revision.
    to: u64,
    /// Print it as JSON: for each file that differs, its name and the diff.
    #[arg(long)]
    json: bool,
}

pub(crate) fn diff(arguments: &Diff) -> anyhow::Result<ExitCode> {
    let client = arguments.host.chosen()?.client();
    let sources = |number| -> anyhow::Result<Sources> {
        let revision = wait_for(client.revision(number))?;
        let mut sources = revision.sources.unwrap_or_default();
        sources.texts.extend(revision.api.map(|text| (API_FILE.to_owned(), text)));
        Ok(sources)
    };
    let found = between(&sources(arguments.from)?, &sources(arguments.to)?);
    if arguments.json {
        let found = found.iter().map(|(name, text)| json!({ "file": name, "diff": text }));
        output::print(&format!("{:#}\n", serde_json::Value::Array(found.collect())));
    } else {
        output::print(&shown(arguments.from, arguments.to, &found));
    }
    Ok(ExitCode::SUCCESS)
}

/// The diffs; where there is none, that both revisions declare the same.
fn shown(from: u64, to: u64, found: &[(String, String)]) -> String {
    if found.is_empty() {
        return format!("revisions {from} and {to} declare the same\n");
    }
    found.iter().map(|(_, text)| text.as_str()).collect()
}

/// Files that differ, each with its unified diff. A single file that has another name now is the same one.
fn between(from: &Sources, to: &Sources) -> Vec<(String, String)> {
    let moved = match (&from.roots[..], &to.roots[..]) {
        ([was], [is]) if !to.texts.contains_key(was) && !from.texts.contains_key(is) => {
            Some((was, is))
        }
        _ => None,
    };
    let mut names: Vec<&String> = from.texts.keys().chain(to.texts.keys()).collect();
    names.retain(|name| moved.is_none_or(|(was, _)| *name != was));
    names.sort();
    names.dedup();
    let of =
        |sources: &Sources, name: &String| sources.texts.get(name).cloned().unwrap_or_default();
    let mut found = Vec::new();
    for name in names {
        let was = moved.filter(|(_, is)| *is == name).map_or(name, |(was, _)| was);
        let (before, after) = (of(from, was), of(to, name));
        if before != after {
            let lines = similar::TextDiff::from_lines(&before, &after);
            found.push((name.clone(), lines.unified_diff().header(was, name).to_string()));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_differs_is_shown() {
        let sources = |a: &str, b: &str| Sources {
            roots: vec!["a".to_owned()],
            texts: [("a".to_owned(), a.to_owned()), ("b".to_owned(), b.to_owned())].into(),
        };
        let found = between(&sources("1\n2\n", "same\n"), &sources("1\n3\n", "same\n"));
        assert_eq!(found.len(), 1);
        assert!(found[0].1.contains("-2\n+3\n"), "{}", found[0].1);
        assert_eq!(shown(1, 2, &found), found[0].1);
    }

    #[test]
    fn revisions_without_a_difference_are_said_to_declare_the_same() {
        let same =
            Sources { roots: Vec::new(), texts: [("a".to_owned(), "1\n".to_owned())].into() };
        let found = between(&same, &same);
        assert_eq!(shown(3, 7, &found), "revisions 3 and 7 declare the same\n");
    }

    #[test]
    fn a_file_that_was_moved_is_compared_with_what_it_was() {
        let sources = |name: &str, text: &str| Sources {
            roots: vec![name.to_owned()],
            texts: [(name.to_owned(), text.to_owned())].into(),
        };
        let found = between(&sources("/a.yaml", "1\n2\n"), &sources("/b.yaml", "1\n3\n"));
        let [(name, text)] = &found[..] else { panic!("one file, one diff: {found:?}") };
        assert_eq!(name, "/b.yaml");
        assert!(text.starts_with("--- /a.yaml\n+++ /b.yaml\n"), "{text}");
        assert!(text.contains(" 1\n-2\n+3\n"), "{text}");
        assert!(between(&sources("/a.yaml", "1\n"), &sources("/b.yaml", "1\n")).is_empty());
    }
}
