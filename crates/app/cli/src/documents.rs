//! `netloom completions` and `netloom man`: what shells and people are told of the commands.

use crate::command::Arguments;
use crate::output;
use anyhow::Context as _;
use clap::CommandFactory as _;
use std::path::PathBuf;
use std::process::ExitCode;

/// Prints completions for a shell.
///
/// For bash: netloom completions bash > /etc/bash_completion.d/netloom
#[derive(Debug, clap::Args)]
pub(crate) struct Completions {
    /// The shell.
    shell: clap_complete::Shell,
}

/// Prints the manual's first page; with a folder, writes a page for each command to it.
///
/// For all users: netloom man /usr/local/share/man/man1
#[derive(Debug, clap::Args)]
pub(crate) struct Man {
    /// Where the pages go.
    folder: Option<PathBuf>,
}

pub(crate) fn completions(arguments: &Completions) -> ExitCode {
    let mut text = Vec::new();
    clap_complete::generate(arguments.shell, &mut Arguments::command(), "netloom", &mut text);
    output::print(&String::from_utf8_lossy(&text));
    ExitCode::SUCCESS
}

pub(crate) fn man(arguments: &Man) -> anyhow::Result<ExitCode> {
    let mut command = Arguments::command();
    command.build();
    let Some(folder) = &arguments.folder else {
        output::print(&page(command)?);
        return Ok(ExitCode::SUCCESS);
    };
    std::fs::create_dir_all(folder)
        .with_context(|| format!("cannot make {}; choose another folder", folder.display()))?;
    let mut count = 0;
    for (name, text) in pages(command)? {
        let path = folder.join(format!("{name}.1"));
        std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
        count += 1;
    }
    output::print(&format!("{count} pages are in {}; try: man netloom\n", folder.display()));
    Ok(ExitCode::SUCCESS)
}

/// A page for a command, and for each below it that is not hidden.
fn pages(command: clap::Command) -> anyhow::Result<Vec<(String, String)>> {
    let below = command.get_subcommands().filter(|one| !one.is_hide_set()).cloned();
    let below: Vec<clap::Command> = below.filter(|one| one.get_name() != "help").collect();
    let name =
        command.get_display_name().map_or_else(|| command.get_name().to_owned(), str::to_owned);
    let mut found = vec![(name, page(command)?)];
    for one in below {
        found.extend(pages(one)?);
    }
    Ok(found)
}

fn page(command: clap::Command) -> anyhow::Result<String> {
    let mut text = Vec::new();
    clap_mangen::Man::new(command).render(&mut text).context("cannot write the page")?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_command_has_a_page_and_can_be_completed() {
        Arguments::command().debug_assert();
        let mut command = Arguments::command();
        command.build();
        let pages = pages(command.clone()).unwrap();
        let names: BTreeSet<&str> = pages.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names.len(), pages.len(), "a page is there twice");
        for name in ["netloom", "netloom-up", "netloom-lab-up", "netloom-access-create"] {
            assert!(names.contains(name), "{name} is not among {names:?}");
        }
        assert!(!names.iter().any(|name| name.contains("supervisor")), "hidden ones are not told");
        for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
            let shell: clap_complete::Shell = shell.parse().unwrap();
            let mut text = Vec::new();
            clap_complete::generate(shell, &mut command.clone(), "netloom", &mut text);
            assert!(String::from_utf8(text).unwrap().contains("rollback"), "{shell}");
        }
    }
}
