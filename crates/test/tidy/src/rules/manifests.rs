//! Every member inherits lints, edition and licence, and takes dependencies from the workspace's table.

use crate::manifest::Crate;
use crate::{Finding, Repository};
use toml::Value;

/// Keys of `[package]` that come from the workspace.
const INHERITED: [&str; 5] = ["version", "edition", "rust-version", "license", "publish"];
/// Where a dependency comes from is said once, in the workspace's table.
const SAID_ONCE: [&str; 7] = ["version", "path", "git", "branch", "tag", "rev", "registry"];

/// Checks every member's manifest.
pub fn check(repository: &Repository) -> Vec<Finding> {
    let mut findings = Vec::new();
    for member in repository.crates() {
        match &member.manifest {
            Ok(_) => {
                inheritance(&member, &mut findings);
                sources(&member, &mut findings);
                name(&member, &mut findings);
            }
            Err(error) => {
                let why = format!("the manifest cannot be read: {error}");
                findings.push(Finding::new(member.manifest_path(), 1, why, "mend it"));
            }
        }
    }
    findings
}

fn is_inherited(value: Option<&Value>) -> bool {
    value.and_then(|value| value.get("workspace")?.as_bool()) == Some(true)
}

fn inheritance(member: &Crate<'_>, findings: &mut Vec<Finding>) {
    let Ok(manifest) = &member.manifest else { return };
    let mut report = |key: &str, line: usize| {
        let why = format!("`{key}` of `{}` is not the workspace's", member.name());
        let remedy = format!("write `{key}.workspace = true`");
        findings.push(Finding::new(member.manifest_path(), line, why, remedy));
    };
    let package = manifest.get("package");
    for key in INHERITED {
        if !is_inherited(package.and_then(|package| package.get(key))) {
            report(key, member.line_of(key));
        }
    }
    if !is_inherited(manifest.get("lints")) {
        report("lints", member.line_of("[lints"));
    }
    if package.and_then(|package| package.get("description")?.as_str()).is_none() {
        let why = format!("`{}` has no description", member.name());
        findings.push(Finding::new(member.manifest_path(), 1, why, "say in one line what it is"));
    }
}

fn sources(member: &Crate<'_>, findings: &mut Vec<Finding>) {
    for dependency in member.dependencies() {
        let own = SAID_ONCE.iter().find(|key| dependency.value.get(**key).is_some());
        if own.is_some() || !is_inherited(Some(&dependency.value)) {
            let why = format!("`{}` does not come from the workspace's table", dependency.name);
            let remedy =
                "put its version under [workspace.dependencies], and `workspace = true` here";
            let line = member.line_of(&dependency.name);
            findings.push(Finding::new(member.manifest_path(), line, why, remedy));
        }
    }
}

fn name(member: &Crate<'_>, findings: &mut Vec<Finding>) {
    let folder = member.folder.rsplit('/').next().unwrap_or_default();
    // The SDK is what others depend on, so its package has the project's name.
    let expected = match folder {
        "netloom" => folder.to_owned(),
        _ => format!("netloom-{folder}"),
    };
    if member.name() != expected {
        let why = format!("the package in folder `{folder}` is named `{}`", member.name());
        let given = member.name().strip_prefix("netloom-").unwrap_or("NAME");
        let remedy = format!("name the folder `{given}` or the package `{expected}`");
        findings.push(Finding::new(member.manifest_path(), member.line_of("name"), why, remedy));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str =
        "[package]\nname = \"netloom-a\"\ndescription = \"x\"\nversion.workspace = true
edition.workspace = true\nrust-version.workspace = true\nlicense.workspace = true
publish.workspace = true\n[dependencies]\nipnet.workspace = true
proptest = { workspace = true, features = [\"std\"] }\n[lints]\nworkspace = true\n";

    fn reasons(text: &str) -> Vec<String> {
        let found = check(&Repository::of(&[("crates/base/a/Cargo.toml", text)]));
        found.into_iter().map(|found| format!("{} {}", found.line, found.why)).collect()
    }

    #[test]
    fn a_good_manifest_passes_and_each_deviation_is_found() {
        assert_eq!(reasons(GOOD), [""; 0]);
        for (from, to, expected) in [
            ("edition.workspace = true", "edition = \"2024\"", "5 `edition` of `netloom-a`"),
            ("[lints]\nworkspace = true\n", "", "1 `lints`"),
            ("ipnet.workspace = true", "ipnet = \"2\"", "10 `ipnet`"),
            ("ipnet.workspace = true", "ipnet = { path = \"../b\" }", "10 `ipnet`"),
            ("netloom-a", "netloom-b", "2 the package in folder `a`"),
            ("description = \"x\"\n", "", "1 `netloom-a` has no description"),
            ("[lints]", "[lints", "1 the manifest cannot be read"),
        ] {
            let found = reasons(&GOOD.replace(from, to));
            assert_eq!(found.len(), 1, "{to}: {found:?}");
            assert!(found[0].starts_with(expected), "{to}: {found:?}");
        }
    }
}
