//! What README tells users to run exists, and the build server runs the same test command.

use crate::table::fenced;
use crate::{Finding, Repository};

const README: &str = "README.md";
const CI: &str = ".ci/run";
const ALIASES: &str = ".cargo/config.toml";
/// How the test command begins.
const TEST_COMMAND: &str = "cargo xtask test";

/// Compares README with `.ci/run`, and the files it names with those that exist.
pub fn check(repository: &Repository) -> Vec<Finding> {
    let mut findings = Vec::new();
    let readme = repository.text(README).unwrap_or("");
    let commands: Vec<(usize, &str)> =
        fenced(readme).into_iter().filter(|(_, line)| line.starts_with("cargo ")).collect();
    for (line, command) in &commands {
        let files = command.split_whitespace().filter(|word| word.starts_with("examples/"));
        for file in files.filter(|file| !repository.exists(file)) {
            let why = format!("`{command}` names a file that does not exist");
            findings.push(Finding::new(README, *line, why, format!("add {file}, or correct it")));
        }
    }
    let test = commands.iter().find(|(_, command)| command.starts_with(TEST_COMMAND));
    match test {
        None => {
            let why = format!("no code block holds `{TEST_COMMAND}`");
            findings.push(Finding::new(README, 1, why, "say how all tests are run"));
        }
        Some((_, command)) => build_server(repository, command, &mut findings),
    }
    if !repository.text(ALIASES).unwrap_or("").contains("xtask") {
        let why = "cargo does not know `xtask`";
        findings.push(Finding::new(ALIASES, 1, why, "define the alias"));
    }
    findings
}

fn build_server(repository: &Repository, command: &str, findings: &mut Vec<Finding>) {
    let script = repository.text(CI).unwrap_or("");
    let commands: Vec<&str> = script
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .collect();
    if commands.last().is_none_or(|last| last.trim_start_matches("exec ") != command) {
        let why = format!("its last command is not `{command}`, which README names");
        let remedy = "run what users run, last, so that its counts end the log";
        findings.push(Finding::new(CI, script.lines().count().max(1), why, remedy));
    }
    if !repository.is_executable(CI) {
        findings.push(Finding::new(CI, 1, "it cannot be executed", "set its executable bit"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(readme: &str, script: &str, aliases: &str) -> usize {
        let files = [(README, readme), (CI, script), (ALIASES, aliases), ("examples/a.yaml", "")];
        check(&Repository::of(&files)).len()
    }

    #[test]
    fn readme_and_the_build_server_agree() {
        let readme = "```sh\ncargo run -- lab up examples/a.yaml\ncargo xtask test\n```\n";
        let script = "#!/bin/bash\n# All.\ncargo fmt\ncargo xtask test\n";
        let aliases = "xtask = \"run\"";
        assert_eq!(count(readme, script, aliases), 0);
        assert_eq!(count(&readme.replace("a.yaml", "b.yaml"), script, aliases), 1);
        assert_eq!(count("`cargo xtask test`", script, aliases), 1);
        assert_eq!(count(readme, &script.replace("xtask test", "test"), aliases), 1);
        assert_eq!(count(readme, &format!("{script}echo done\n"), aliases), 1);
        assert_eq!(count(readme, &script.replace("#!/bin/bash\n", ""), aliases), 1);
        assert_eq!(count(readme, script, ""), 1);
    }
}
