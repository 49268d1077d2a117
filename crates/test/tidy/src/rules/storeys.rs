//! A crate uses only what its storey may use; the folder says the storey.

use crate::manifest::{Crate, Dependency, Need, Storey};
use crate::{Finding, Repository};
use std::collections::BTreeMap;

/// The one crate of the model that sys executes.
const OPERATION_TYPES: &str = "netloom-state";
/// The one crate of sys that protocols use: instructions of the processor, and nothing of the system.
const CIPHER: &str = "netloom-aead";

/// Checks every edge between crates of the workspace.
pub fn check(repository: &Repository) -> Vec<Finding> {
    let crates = repository.crates();
    let storeys: BTreeMap<&str, Storey> =
        crates.iter().filter_map(|member| Some((member.name(), member.storey()?))).collect();
    let mut findings = Vec::new();
    for member in &crates {
        let Some(storey) = member.storey() else {
            let why = format!("`{}` is no storey", member.storey_folder);
            let remedy = "move the crate to base, model, proto, engine, sys, service, app or test";
            findings.push(Finding::new(member.manifest_path(), 1, why, remedy));
            continue;
        };
        for dependency in member.dependencies() {
            if let Some(target) = storeys.get(dependency.name.as_str())
                && !may_use(storey, &dependency, *target)
            {
                findings.push(forbidden(member, storey, &dependency.name, *target));
            }
        }
    }
    findings
}

fn may_use(from: Storey, dependency: &Dependency, to: Storey) -> bool {
    if to == Storey::Test {
        return from == Storey::Test || dependency.need == Need::Dev;
    }
    match from {
        Storey::Base => false,
        Storey::Model => matches!(to, Storey::Base | Storey::Model),
        Storey::Proto => to == Storey::Base || dependency.name == CIPHER,
        Storey::Engine => matches!(to, Storey::Base | Storey::Model | Storey::Proto),
        Storey::Sys => to == Storey::Base || dependency.name == OPERATION_TYPES,
        Storey::Service => to < Storey::Service,
        Storey::App | Storey::Test => true,
    }
}

fn forbidden(member: &Crate<'_>, from: Storey, name: &str, to: Storey) -> Finding {
    let why =
        format!("`{}` ({}) may not use `{name}` ({})", member.name(), from.folder(), to.folder());
    let remedy = match (from, to) {
        (_, Storey::Test) => "make it a dev-dependency; nothing that ships may need test crates",
        (Storey::Service, Storey::Service) => {
            "services do not know each other: let an app connect them, or move what both need down"
        }
        (Storey::Proto, Storey::Proto) => {
            "protocols do not know each other: compose them in an engine"
        }
        (Storey::Sys, _) => "sys executes operations and decides nothing: pass plain data in",
        _ => "an edge goes down only: move what is needed to a lower storey",
    };
    Finding::new(member.manifest_path(), member.line_of(name), why, remedy)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The number of findings where a crate of one storey uses one of another.
    fn edge(from: &str, table: &str, to: &str, to_name: &str) -> usize {
        let user =
            format!("[package]\nname = \"netloom-user\"\n[{table}]\n{to_name}.workspace = true\n");
        let used = format!("[package]\nname = \"{to_name}\"\n");
        let (user_path, used_path) =
            (format!("crates/{from}/user/Cargo.toml"), format!("crates/{to}/used/Cargo.toml"));
        check(&Repository::of(&[(&user_path, &user), (&used_path, &used)])).len()
    }

    #[test]
    fn edges_go_down_only() {
        for (from, to, findings) in [
            ("base", "base", 1),
            ("base", "model", 1),
            ("model", "model", 0),
            ("model", "proto", 1),
            ("model", "sys", 1),
            ("proto", "base", 0),
            ("proto", "proto", 1),
            ("proto", "model", 1),
            ("engine", "proto", 0),
            ("engine", "engine", 1),
            ("engine", "sys", 1),
            ("sys", "base", 0),
            ("sys", "model", 1),
            ("sys", "proto", 1),
            ("service", "engine", 0),
            ("service", "sys", 0),
            ("service", "service", 1),
            ("service", "app", 1),
            ("app", "service", 0),
            ("app", "app", 0),
            ("app", "test", 1),
            ("test", "app", 0),
            ("cellar", "base", 1),
        ] {
            let found = edge(from, "dependencies", to, "netloom-used");
            assert_eq!(found, findings, "{from} uses {to}");
        }
    }

    #[test]
    fn tests_may_use_test_crates_sys_the_operation_types_and_protocols_the_cipher() {
        assert_eq!(edge("model", "dev-dependencies", "test", "netloom-used"), 0);
        assert_eq!(edge("model", "dev-dependencies", "sys", "netloom-used"), 1);
        assert_eq!(edge("model", "target.'cfg(unix)'.dependencies", "sys", "netloom-used"), 1);
        assert_eq!(edge("sys", "dependencies", "model", OPERATION_TYPES), 0);
        assert_eq!(edge("proto", "dependencies", "sys", CIPHER), 0);
        assert_eq!(edge("engine", "dependencies", "sys", CIPHER), 1);
    }

    #[test]
    fn a_finding_names_the_line() {
        let user =
            "[package]\nname = \"netloom-a\"\n\n[dependencies]\nnetloom-b.workspace = true\n";
        let repository = Repository::of(&[
            ("crates/base/a/Cargo.toml", user),
            ("crates/sys/b/Cargo.toml", "[package]\nname = \"netloom-b\"\n"),
        ]);
        let text = check(&repository)[0].to_string();
        assert!(text.starts_with("crates/base/a/Cargo.toml:5: `netloom-a` (base)"), "{text}");
    }
}
