//! Warnings about a fabric that is sound: rules that never decide, ways that lead nowhere, answers that
//! are lost.
//!
//! ```text
//! Fabric ─ rules   ─► group and ACL rules that others cover
//!        ├ answers ─► ACLs that let packets through, and their answers not
//!        ├ routes  ─► routes that nothing comes through
//!        ├ published ─► ports that nobody outside can call
//!        ├ loops   ─► routes that lead in a circle
//!        ├ egress  ─► subnets that may call the internet and cannot
//!        ├ zones   ─► tiers in one zone
//!        └ resolvers ─► resolvers inside of the fabric that nodes do not reach
//! ```
//! What is found depends on the fabric alone, so that a check on a desk says the same as an apply.

mod answers;
mod egress;
mod loops;
mod published;
mod resolvers;
mod routes;
mod rules;
mod zones;

use netloom_model::diagnostic::Code;
use netloom_model::fabric::Fabric;
use netloom_model::{Diagnostic, Span};

/// All of them, in the order of the file.
pub fn findings(fabric: &Fabric) -> Vec<Diagnostic> {
    let mut found = rules::find(fabric);
    found.extend(answers::find(fabric));
    found.extend(routes::find(fabric));
    found.extend(published::find(fabric));
    found.extend(loops::find(fabric));
    found.extend(egress::find(fabric));
    found.extend(zones::find(fabric));
    found.extend(resolvers::find(fabric));
    found.sort_by(|a, b| (&a.span, a.code).cmp(&(&b.span, b.code)));
    found
}

/// What is wrong with something, why, and what to do.
struct Words {
    message: String,
    cause: String,
    solution: String,
}

fn warning(code: Code, span: &Span, words: Words) -> Diagnostic {
    let Words { message, cause, solution } = words;
    Diagnostic::error(code, span, message, cause, solution).into_warning()
}

/// How many lines are named in a finding.
const LISTED_MAX: usize = 3;

/// Lines, as few as say what is meant.
fn lines<'a>(spans: impl Iterator<Item = &'a Span>) -> String {
    let mut all: Vec<String> = spans.map(Span::to_string).collect();
    let more = all.len().saturating_sub(LISTED_MAX);
    all.truncate(LISTED_MAX);
    let listed = all.join(", ");
    if more > 0 { format!("{listed} and {more} more") } else { listed }
}
