//! Diagnostics: what is wrong, where, why, and what to do, the same for people and for programs.

use crate::api_place::ApiPlaces;
use crate::load::API_FILE;
use crate::span::Span;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

/// A stable code of a kind of finding: `N` and four digits. Codes are never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Code(pub &'static str);

/// The codes, by what they are about.
pub mod code {
    use super::Code;

    /// The file cannot be read.
    pub const UNREADABLE: Code = Code("N0001");
    /// The text is not YAML or TOML.
    pub const SYNTAX: Code = Code("N0002");
    /// A limit on size, depth or number is exceeded.
    pub const LIMIT: Code = Code("N0003");
    /// A file includes itself, directly or not.
    pub const INCLUDE_LOOP: Code = Code("N0004");
    /// An alias names an anchor that does not exist, or the object it stands in.
    pub const ALIAS: Code = Code("N0005");
    /// A key that has no meaning here.
    pub const UNKNOWN_KEY: Code = Code("N0101");
    /// A value of another type than is needed.
    pub const WRONG_TYPE: Code = Code("N0102");
    /// A key that must be there is not.
    pub const MISSING_KEY: Code = Code("N0103");
    /// A key or name that is there twice.
    pub const DUPLICATE: Code = Code("N0104");
    /// A value of the right type that means nothing here.
    pub const BAD_VALUE: Code = Code("N0105");
    /// A name that is not a DNS label.
    pub const BAD_NAME: Code = Code("N0106");
    /// A version of the file format that is not known.
    pub const VERSION: Code = Code("N0107");
    /// A name that nothing has.
    pub const UNKNOWN_REFERENCE: Code = Code("N0201");
    /// A malformed address or prefix.
    pub const BAD_ADDRESS: Code = Code("N0301");
    /// A prefix with bits set outside its length.
    pub const HOST_BITS: Code = Code("N0302");
    /// Two prefixes that overlap where they must not.
    pub const OVERLAP: Code = Code("N0303");
    /// A prefix or address outside the one it must be in.
    pub const OUTSIDE: Code = Code("N0304");
    /// An address that two objects claim, or that is reserved.
    pub const ADDRESS_TAKEN: Code = Code("N0305");
    /// More workloads than addresses.
    pub const EXHAUSTED: Code = Code("N0306");
    /// A prefix length that cannot be used here.
    pub const PREFIX_LENGTH: Code = Code("N0307");
    /// An address or prefix that Linux leads to nobody: loopback, multicast, link-local.
    pub const SPECIAL_ADDRESS: Code = Code("N0308");
    /// Two things on one port.
    pub const PORT_TAKEN: Code = Code("N0401");
    /// A combination that contradicts itself.
    pub const CONFLICT: Code = Code("N0402");
    /// A workload on a node's own stack, in a network that overlaps with one the stack is in.
    pub const HOST_OVERLAP: Code = Code("N0403");
    /// One container or namespace that two workloads bring into the same network.
    pub const ATTACHED_TWICE: Code = Code("N0404");
    /// One public key that two stock peers of a network have.
    pub const KEY_TAKEN: Code = Code("N0405");
    /// A route inside of the network's own prefixes, which are local.
    pub const LOCAL_ROUTE: Code = Code("N0501");
    /// Two routes to one destination in a table.
    pub const TWO_ROUTES: Code = Code("N0502");
    /// A gateway on no node.
    pub const NO_GATEWAY: Code = Code("N0503");
    /// An object of another network than the one that is needed.
    pub const OTHER_NETWORK: Code = Code("N0504");
    /// More of something than there may be.
    pub const QUOTA: Code = Code("N0505");
    /// Warning: a workload without security group is cut off.
    pub const NO_GROUP: Code = Code("N0901");
    /// Warning: nothing uses this object.
    pub const UNUSED: Code = Code("N0902");
    /// Warning: a service or an end of a test that selects nothing.
    pub const SELECTS_NOTHING: Code = Code("N0903");
    /// Warning: two nodes that both sit behind address translators cannot reach each other yet.
    pub const NO_PATH: Code = Code("N0904");
    /// Warning: a node's own stack stays out of a network that overlaps with one it is in.
    pub const HOST_LEFT_OUT: Code = Code("N0905");
    /// Warning: a stock peer without public key cannot connect.
    pub const NO_KEY: Code = Code("N0907");
    /// Warning: more of something than AWS grants without being asked.
    pub const QUOTA_USUAL: Code = Code("N0908");
    /// Warning: a route that leads nowhere.
    pub const NOWHERE: Code = Code("N0909");
    /// Warning: a rule that never decides, since others before it match all that it does.
    pub const SHADOWED: Code = Code("N0910");
    /// Warning: a subnet whose workloads are allowed to call the internet, and have no way there.
    pub const NO_EGRESS: Code = Code("N0911");
    /// Warning: a subnet in one zone only, where others of the same kind are in several.
    pub const ONE_ZONE: Code = Code("N0912");
    /// Warning: a network ACL lets packets through, and their answers not.
    pub const ANSWERS_LOST: Code = Code("N0913");
    /// Warning: routes by which workloads hand packets on in a circle.
    pub const ROUTING_LOOP: Code = Code("N0914");
    /// Warning: a resolver of a network is inside of the fabric, and a node does not reach it.
    pub const RESOLVER_UNREACHED: Code = Code("N0915");
    /// Warning: a new workload that was nobody who is in force.
    pub const WAS_NOBODY: Code = Code("N0916");
}

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The fabric cannot be used.
    Error,
    /// It can, but probably does not do what is meant.
    Warning,
}

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Its kind.
    pub code: Code,
    /// How bad it is.
    pub severity: Severity,
    /// Where.
    pub span: Span,
    /// What is wrong.
    pub message: String,
    /// Why that is wrong.
    pub cause: String,
    /// What to do.
    pub solution: String,
    /// What was probably meant.
    pub did_you_mean: Option<String>,
}

impl Diagnostic {
    /// An error at `span`.
    pub fn error(
        code: Code,
        span: &Span,
        message: impl Into<String>,
        cause: impl Into<String>,
        solution: impl Into<String>,
    ) -> Self {
        Self {
            code,
            severity: Severity::Error,
            span: span.clone(),
            message: message.into(),
            cause: cause.into(),
            solution: solution.into(),
            did_you_mean: None,
        }
    }

    /// The same as a warning.
    pub fn into_warning(self) -> Self {
        Self { severity: Severity::Warning, ..self }
    }

    /// With a guess at what was meant.
    pub fn meaning(self, guess: Option<String>) -> Self {
        Self { did_you_mean: guess, ..self }
    }
}

/// Longest text whose meaning is guessed: no name is longer.
const GUESS_CHARS_MAX: usize = 253;

/// The candidate at the smallest edit distance from `given`, if that is at most a third of its length.
pub fn nearest<'a>(given: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let length = given.chars().count();
    let limit = length.div_ceil(3).max(1);
    // Any two single letters are one edit apart, which says nothing.
    if !(2..=GUESS_CHARS_MAX).contains(&length) {
        return None;
    }
    candidates
        .into_iter()
        .filter(|candidate| candidate.len() <= 4 * (length + limit))
        .map(|candidate| (edit_distance(given, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= limit && *candidate != given)
        .min()
        .map(|(_, candidate)| candidate.to_owned())
}

/// Damerau's edit distance, restricted to neighbours: insert, delete, replace, swap.
fn edit_distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let replaced = last[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = replaced.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(before_last[j - 2] + 1);
            }
            row.push(best);
        }
        before_last = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

/// Findings as text for a terminal, each with its line of source. `sources` maps file names to texts.
pub fn render(diagnostics: &[Diagnostic], sources: &BTreeMap<String, String>) -> String {
    let mut text = String::new();
    let named: BTreeSet<&str> = diagnostics.iter().map(|found| &*found.span.file).collect();
    let lines: Lines<'_> = named
        .into_iter()
        .filter_map(|file| Some((file, sources.get(file)?.lines().collect())))
        .collect();
    let api = ApiPlaces::of(diagnostics, sources.get(API_FILE).map(String::as_str));
    for diagnostic in diagnostics {
        render_one(&mut text, diagnostic, &lines, &api);
    }
    text
}

/// The lines of each file that a finding is in: cut once, as there may be many findings.
type Lines<'a> = BTreeMap<&'a str, Vec<&'a str>>;

fn render_one(text: &mut String, diagnostic: &Diagnostic, lines: &Lines<'_>, api: &ApiPlaces) {
    let kind = match diagnostic.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    let Code(code) = diagnostic.code;
    let span = &diagnostic.span;
    // Writing to a String cannot fail.
    let _ = writeln!(text, "{kind}[{code}]: {}", api.reworded(&diagnostic.message));
    let place = api.find(span);
    let _ = match place {
        Some(place) => writeln!(text, "  --> {place}"),
        None => writeln!(text, "  --> {span}"),
    };
    let lines = lines.get(&*span.file).filter(|_| place.is_none());
    let line = lines.and_then(|lines| lines.get((span.line as usize).saturating_sub(1)));
    if let Some((shown, caret)) = line.and_then(|line| excerpt(line, span.column as usize)) {
        let number = span.line.to_string();
        let _ = writeln!(text, "{number:>4} | {shown}");
        let _ = writeln!(text, "     | {}^", " ".repeat(caret));
    }
    let _ = writeln!(text, "   cause: {}", api.reworded(&diagnostic.cause));
    let _ = writeln!(text, "   solution: {}", api.reworded(&diagnostic.solution));
    if let Some(guess) = &diagnostic.did_you_mean {
        let _ = writeln!(text, "   did you mean `{guess}`?");
    }
    text.push('\n');
}

/// At most so many characters of a line are shown around the place.
const EXCERPT_CHARS_MAX: usize = 96;

/// The part of `line` around `column` (from 1) without control characters, and the caret's offset.
fn excerpt(line: &str, column: usize) -> Option<(String, usize)> {
    let chars: Vec<char> = line.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let at = column.checked_sub(1)?.min(chars.len());
    let start = at.saturating_sub(EXCERPT_CHARS_MAX / 2);
    let end = (start + EXCERPT_CHARS_MAX).min(chars.len());
    Some((chars[start..end].iter().collect(), at - start))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names_are_guessed_and_far_ones_are_not() {
        let nodes = ["alpha", "beta", "gamma"];
        for (given, guess) in [
            ("alpa", Some("alpha")),
            ("aplha", Some("alpha")),
            ("betaa", Some("beta")),
            ("delta", Some("beta")),
            ("zzz", None),
            ("alpha", None),
        ] {
            assert_eq!(nearest(given, nodes).as_deref(), guess, "{given}");
        }
    }

    #[test]
    fn edit_distance_counts_each_kind_of_edit_once() {
        for (a, b, distance) in
            [("", "ab", 2), ("ab", "ba", 1), ("abc", "adc", 1), ("abc", "abc", 0)]
        {
            assert_eq!(edit_distance(a, b), distance, "{a} {b}");
        }
    }
}
