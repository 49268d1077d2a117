//! The tests of a fabric's file, asked of its plan.

use crate::assumed::Assumed;
use crate::reach::{self, Answer, Flow};
use netloom_model::Span;
use netloom_model::fabric::{Expectation, Fabric};

/// A test of the file that the fabric does not keep.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// Where the test stands.
    pub span: Span,
    /// What should be, and why it is not.
    pub text: String,
}

/// The tests that do not hold.
pub fn broken(fabric: &Fabric, assumed: &Assumed) -> Vec<Broken> {
    let input = assumed.input(fabric);
    let tests = fabric.tests.iter();
    tests
        .filter_map(|test| {
            let (from, to) = (test.from.clone(), test.to.clone());
            let flow = Flow { from, to, protocol: test.protocol, port: test.port };
            let answers = reach::reach(&input, &flow).unwrap_or_default();
            let passes = answers.iter().any(Answer::passes);
            if passes == (test.expect == Expectation::Allow) {
                return None;
            }
            let why = answers
                .iter()
                .find_map(Answer::obstacle)
                .map_or_else(|| "every step lets it pass".to_owned(), |step| step.finding.clone());
            let wanted = match test.expect {
                Expectation::Allow => "should pass, and does not",
                Expectation::Deny => "should not pass, and does",
            };
            let text = format!("test {}: {wanted}: {why}", test.span);
            Some(Broken { span: test.span.clone(), text })
        })
        .collect()
}
