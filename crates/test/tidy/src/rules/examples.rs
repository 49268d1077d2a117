//! Every fabric in examples/ loads without error, and with no warning but those that it announces.

use crate::{Finding, Repository};
use netloom_model::Severity;
use std::collections::BTreeSet;

const FOLDER: &str = "examples/";
/// A comment that announces a warning: the code follows.
const ANNOUNCEMENT: &str = "# expect warning:";

/// Loads every YAML and TOML file of the examples.
pub fn check(repository: &Repository) -> Vec<Finding> {
    let endings = [".yaml", ".yml", ".toml"];
    let files = endings.iter().flat_map(|ending| repository.ending(ending));
    let is_fabric = |path: &str| path.starts_with(FOLDER) && !path.ends_with("/Cargo.toml");
    let examples: Vec<_> = files.filter(|(path, _)| is_fabric(path)).collect();
    let mut findings = Vec::new();
    if examples.is_empty() {
        let why = "there is no example";
        findings.push(Finding::new(FOLDER, 1, why, "add the one that README names"));
    }
    for (path, text) in examples {
        example(repository, path, text, &mut findings);
    }
    findings
}

fn example(repository: &Repository, path: &str, text: &str, findings: &mut Vec<Finding>) {
    let loaded = netloom_model::load(&[path.to_owned()], |name| {
        let found = repository.text(name).map(|text| text.as_bytes().to_vec());
        found.ok_or_else(|| "there is no such file".to_owned())
    });
    let announced: BTreeSet<&str> = announced(text).map(|(_, code)| code).collect();
    let mut seen = BTreeSet::new();
    for found in &loaded.diagnostics {
        let code = found.code.0;
        if found.severity == Severity::Warning && announced.contains(code) {
            seen.insert(code);
            continue;
        }
        let why = format!("{code}: {}", found.message);
        let remedy = match found.severity {
            Severity::Error => found.solution.clone(),
            Severity::Warning => {
                format!("{}; or announce it: `{ANNOUNCEMENT} {code}`", found.solution)
            }
        };
        findings.push(Finding::new(&*found.span.file, found.span.line as usize, why, remedy));
    }
    for (line, code) in announced_lines(text, &seen) {
        let why = format!("announces {code}, which it does not give");
        findings.push(Finding::new(path, line, why, "remove the comment"));
    }
}

fn announced(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines().enumerate().filter_map(|(index, line)| {
        Some((index + 1, line.trim().strip_prefix(ANNOUNCEMENT)?.trim()))
    })
}

fn announced_lines<'a>(text: &'a str, seen: &BTreeSet<&str>) -> Vec<(usize, &'a str)> {
    announced(text).filter(|(_, code)| !seen.contains(code)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "version: 1\nfabric: shop\nregions: { home: { zones: [a] } }
networks: { app: { cidr: 10.0.0.0/16 } }\nsubnets: { web: { network: app, cidr: 10.0.1.0/24 } }
nodes: { alpha: { region: home } }\nsecurity_groups: { web: { egress: [{ to: all }] } }
workloads:\n  web-1: { node: alpha, subnet: web, security_groups: [web], attach: { serve: { http: 80 } } }\n";

    fn reasons(text: &str) -> Vec<String> {
        let found = check(&Repository::of(&[("examples/a.yaml", text)]));
        found.into_iter().map(|found| format!("{} {}", found.line, found.why)).collect()
    }

    #[test]
    fn examples_load_and_warnings_are_announced() {
        assert_eq!(reasons(GOOD), [""; 0]);
        assert!(reasons(&GOOD.replace("node: alpha", "node: beta"))[0].starts_with("9 N0201"));
        let warned = GOOD.replace("security_groups: [web], ", "");
        let unannounced = reasons(&warned);
        assert!(unannounced.iter().any(|why| why.contains("N0901")), "{unannounced:?}");
        let announced = format!("{ANNOUNCEMENT} N0901\n{ANNOUNCEMENT} N0902\n{warned}");
        assert_eq!(reasons(&announced), [""; 0]);
        let idle = format!("{ANNOUNCEMENT} N0901\n{GOOD}");
        assert_eq!(reasons(&idle), ["1 announces N0901, which it does not give"]);
    }

    #[test]
    fn a_repository_without_examples_is_found() {
        assert_eq!(check(&Repository::of(&[])).len(), 1);
    }
}
