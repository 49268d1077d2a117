//! What must be found in a broken file: an explicit list, so that no golden can bless a lost error.

use netloom_model::{Diagnostic, Loaded, Severity};
use std::collections::BTreeMap;

/// How a comment begins that says what must be found: `CODE@LINE`, or `CODE@FILE:LINE` in another file.
pub(crate) const ANNOUNCEMENT: &str = "# expect: ";

/// Errors by code, file and line, each with how often it is there.
pub(crate) type Errors = BTreeMap<(String, String, u32), usize>;

/// The errors that a comment announces for `file`.
pub(crate) fn announced(file: &str, list: &str) -> Errors {
    let mut errors = Errors::new();
    for word in list.split_whitespace() {
        let (code, place) = word.split_once('@').unwrap();
        let place_of = |folder: &str| match place.rsplit_once(':') {
            Some((part, line)) => (format!("{folder}{part}"), line.parse().unwrap()),
            None => (file.to_owned(), place.parse().unwrap()),
        };
        let folder =
            file.rsplit_once('/').map_or(String::new(), |(folder, _)| format!("{folder}/"));
        let (file, line) = place_of(&folder);
        *errors.entry((code.to_owned(), file, line)).or_default() += 1;
    }
    errors
}

/// The errors that were found.
pub(crate) fn found(loaded: &Loaded) -> Errors {
    let mut errors = Errors::new();
    for found in loaded.diagnostics.iter().filter(|found| found.severity == Severity::Error) {
        let key = (found.code.0.to_owned(), found.span.file.to_string(), found.span.line);
        *errors.entry(key).or_default() += 1;
    }
    errors
}

/// Compares the two, and whether every error says why and what to do. Gives what is wrong.
pub(crate) fn compare(name: &str, expected: &Errors, loaded: &Loaded) -> Vec<String> {
    let found = found(loaded);
    let mut wrong = Vec::new();
    let less = |a: &Errors, b: &Errors, word: &str, wrong: &mut Vec<String>| {
        for ((code, file, line), count) in a {
            let other = b.get(&(code.clone(), file.clone(), *line)).copied().unwrap_or(0);
            if other < *count {
                wrong.push(format!("{name}: {word} {}x {code} at {file}:{line}", count - other));
            }
        }
    };
    less(expected, &found, "MISSING", &mut wrong);
    less(&found, expected, "UNEXPECTED", &mut wrong);
    if expected.values().sum::<usize>() < 2 {
        wrong.push(format!("{name}: announces fewer than two errors"));
    }
    if loaded.fabric.is_some() {
        wrong.push(format!("{name}: gives a fabric"));
    }
    let empty = |found: &&Diagnostic| found.cause.is_empty() || found.solution.is_empty();
    for found in loaded.diagnostics.iter().filter(empty) {
        wrong.push(format!("{name}: no cause or no solution: {found:?}"));
    }
    // The show reads this line.
    let sum = |errors: &Errors| errors.values().sum::<usize>();
    #[expect(clippy::print_stdout, reason = "for the show, which counts")]
    {
        println!("broken {name}: {} errors expected, {} found", sum(expected), sum(&found));
    }
    wrong
}
