//! Pure storeys depend on nothing that does I/O, runs tasks or reads the system; anyhow stays at the top.

use crate::manifest::{Dependency, Need, Storey};
use crate::{Finding, Repository};
use toml::{Table, Value};

/// What crates of pure storeys may not depend on, and why. A `*` at the end stands for any rest.
const FORBIDDEN_IN_PURE: [(&str, &str); 21] = [
    ("tokio*", "it is a runtime"),
    ("mio", "it waits for the system"),
    ("async-*", "it needs a runtime"),
    ("futures*", "it needs a runtime"),
    ("smol", "it is a runtime"),
    ("socket2", "it opens sockets"),
    ("libc", "it calls the system"),
    ("nix", "it calls the system"),
    ("rustix", "it calls the system"),
    ("netlink-*", "it calls the system"),
    ("hyper*", "it does I/O"),
    ("reqwest", "it does I/O"),
    ("clap", "arguments are read by apps"),
    ("anyhow", "callers need errors that they can tell apart: use thiserror"),
    ("eyre", "callers need errors that they can tell apart: use thiserror"),
    ("tracing-subscriber", "where logs go is decided by apps"),
    ("serde*", "what is written down or sent has types of its own, at the edge"),
    ("rand", "its generators draw from the system: take a seed"),
    ("getrandom", "it draws from the system: take a seed"),
    ("fastrand", "it draws from the system: take a seed"),
    ("uuid", "it draws from the system: take a seed"),
];

/// Features that bring in the system's randomness.
const FORBIDDEN_FEATURES: [&str; 4] = ["os_rng", "thread_rng", "getrandom", "sys_rng"];

/// Checks what crates depend on.
pub fn check(repository: &Repository) -> Vec<Finding> {
    let mut findings = Vec::new();
    let root = repository.text("Cargo.toml").and_then(|text| text.parse::<Table>().ok());
    let shared = root.as_ref().and_then(|root| root.get("workspace")?.get("dependencies"));
    for member in repository.crates() {
        let Some(storey) = member.storey() else { continue };
        for dependency in member.dependencies() {
            if let Some((why, remedy)) = breach(storey, &dependency, shared) {
                let why = format!("`{}` may not use `{}`: {why}", member.name(), dependency.name);
                let line = member.line_of(&dependency.name);
                findings.push(Finding::new(member.manifest_path(), line, why, remedy));
            }
        }
    }
    findings
}

/// Why a crate of `storey` may not have a dependency, and what to do; `shared` is the workspace's table.
fn breach(
    storey: Storey,
    dependency: &Dependency,
    shared: Option<&Value>,
) -> Option<(String, &'static str)> {
    if dependency.need == Need::Dev {
        return None;
    }
    if storey.is_pure() {
        let remedy = "move what needs it to sys, service or app";
        let known = FORBIDDEN_IN_PURE.iter().find(|(pattern, _)| fits(pattern, &dependency.name));
        if let Some((_, why)) = known {
            return Some(((*why).to_owned(), remedy));
        }
        let own = [Some(&dependency.value), shared.and_then(|table| table.get(&dependency.name))];
        let lists = own.into_iter().flatten().filter_map(|value| value.get("features")?.as_array());
        let random = lists
            .flatten()
            .filter_map(Value::as_str)
            .find(|name| FORBIDDEN_FEATURES.contains(name));
        return random.map(|name| (format!("feature `{name}` draws from the system"), remedy));
    }
    let top = matches!(storey, Storey::App | Storey::Test);
    (dependency.name == "anyhow" && !top).then(|| {
        let why = "callers must be able to tell its errors apart".to_owned();
        (why, "use an enum with thiserror; anyhow is for apps")
    })
}

fn fits(pattern: &str, name: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(start) => name.starts_with(start),
        None => name == pattern,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(storey: &str, lines: &str) -> usize {
        let path = format!("crates/{storey}/user/Cargo.toml");
        let text = format!("[package]\nname = \"netloom-user\"\n{lines}\n");
        check(&Repository::of(&[(&path, &text)])).len()
    }

    #[test]
    fn pure_storeys_do_without_the_system() {
        for name in ["tokio", "tokio-util", "async-trait", "libc", "serde_json", "anyhow", "rand"] {
            let line = format!("[dependencies]\n{name}.workspace = true");
            for storey in ["base", "model", "proto", "engine"] {
                assert_eq!(findings(storey, &line), 1, "{storey} with {name}");
            }
            let expected = usize::from(name == "anyhow");
            assert_eq!(findings("sys", &line), expected, "sys with {name}");
            assert_eq!(findings("app", &line), 0, "app with {name}");
        }
        assert_eq!(findings("proto", "[dependencies]\nthiserror.workspace = true"), 0);
        assert_eq!(findings("proto", "[build-dependencies]\nlibc.workspace = true"), 1);
        assert_eq!(findings("proto", "[dev-dependencies]\nrand.workspace = true"), 0);
    }

    #[test]
    fn randomness_of_the_system_is_found_behind_a_feature() {
        let line = "[dependencies]\nrand_core = { workspace = true, features = [\"os_rng\"] }";
        assert_eq!(findings("proto", line), 1);
        assert_eq!(findings("service", line), 0);
        let root =
            "[workspace.dependencies]\nrand_core = { version = \"1\", features = [\"os_rng\"] }";
        let member = "[package]\nname = \"netloom-a\"\n[dependencies]\nrand_core.workspace = true";
        let repository =
            Repository::of(&[("Cargo.toml", root), ("crates/proto/a/Cargo.toml", member)]);
        assert_eq!(check(&repository).len(), 1);
    }
}
