//! Every rule holds on this repository: one test each.

use netloom_tidy::{Finding, Repository, rules};
use std::path::Path;
use std::sync::LazyLock;

static REPOSITORY: LazyLock<Repository> = LazyLock::new(|| {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..");
    Repository::read(&root).expect("the repository can be read")
});

fn hold(rule: fn(&Repository) -> Vec<Finding>) {
    let findings = rule(&REPOSITORY);
    let lines: Vec<String> = findings.iter().map(Finding::to_string).collect();
    assert!(lines.is_empty(), "{} findings:\n{}", lines.len(), lines.join("\n"));
}

macro_rules! rules_hold {
    ($($rule:ident),* $(,)?) => {
        const HELD: &[&str] = &[$(stringify!($rule)),*];
        $(
            #[test]
            fn $rule() {
                hold(rules::$rule::check);
            }
        )*
    };
}

rules_hold! {
    architecture,
    changelog,
    clauses,
    commands,
    decisions,
    dependencies,
    diagnostics,
    examples,
    fuzzing,
    ledger,
    leftovers,
    links,
    manifests,
    names,
    purity,
    safety,
    sizes,
    storeys,
}

#[test]
fn no_rule_is_left_out() {
    let folder = "crates/test/tidy/src/rules";
    let files: Vec<&str> = REPOSITORY
        .children(folder)
        .map(|path| path[folder.len() + 1..].trim_end_matches(".rs"))
        .collect();
    assert_eq!(files, HELD);
}
