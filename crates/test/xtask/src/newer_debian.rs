//! Programs of Debian's newest release, unpacked beside the host's own packages: they are run, and nothing is installed.

use crate::output;
use crate::peers;
use anyhow::{Context as _, ensure};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where each package arrives first.
const SUITE: &str = "sid";

/// A program of a package, as apt finds it in the newest release; fetched once, and checked by apt as any package.
pub(crate) fn program(
    package: &str,
    path_in_package: &str,
    only_present: bool,
) -> anyhow::Result<PathBuf> {
    let folder = peers::folder()?.join(format!("{package}-{SUITE}"));
    let program = folder.join("unpacked").join(path_in_package);
    if program.is_file() {
        return Ok(program);
    }
    ensure!(!only_present, "{package} of {SUITE} has not been fetched; leave out --no-install");
    output::progress(&format!("fetching {package} of Debian {SUITE}, once"));
    let site = site()?;
    let lists = folder.join("lists");
    std::fs::create_dir_all(lists.join("partial"))
        .with_context(|| format!("cannot make {}", lists.display()))?;
    let sources = folder.join("sources.list");
    std::fs::write(&sources, format!("deb {site} {SUITE} main\n"))?;
    let options = [
        format!("Dir::Etc::SourceList={}", sources.display()),
        "Dir::Etc::SourceParts=/dev/null".to_owned(),
        format!("Dir::State::Lists={}", lists.display()),
        format!("Dir::Cache={}", folder.display()),
        // The folder belongs to whoever builds.
        "APT::Sandbox::User=root".to_owned(),
    ];
    for words in [&["update"][..], &["download", package]] {
        let mut command = Command::new("apt-get");
        command.args(options.iter().flat_map(|option| ["-o", option])).args(words);
        run(command.current_dir(&folder))?;
    }
    let archive = std::fs::read_dir(&folder)?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .find(|path| path.extension().is_some_and(|extension| extension == "deb"))
        .with_context(|| format!("apt-get fetched no {package}"))?;
    run(Command::new("dpkg-deb").arg("--extract").arg(archive).arg(folder.join("unpacked")))?;
    let _ = std::fs::remove_dir_all(&lists);
    ensure!(program.is_file(), "{package} of {SUITE} has no {path_in_package}");
    Ok(program)
}

/// The mirror that this host gets Debian's packages from.
fn site() -> anyhow::Result<String> {
    let format = "$(SITE) $(ORIGIN) $(LABEL)";
    let mut command = Command::new("apt-get");
    command.args(["indextargets", "--format", format]);
    let output = command.output().context("cannot run apt-get: this is no Debian")?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let site = text.lines().find_map(|line| line.strip_suffix(" Debian Debian"));
    site.map(str::to_owned).context("apt-get knows no mirror of Debian; run `apt-get update`")
}

fn run(command: &mut Command) -> anyhow::Result<()> {
    let name = Path::new(command.get_program()).display().to_string();
    let output = command.output().with_context(|| format!("cannot run {name}"))?;
    let told = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{name} failed: {}", told.trim());
    Ok(())
}
