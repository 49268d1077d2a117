//! Other implementations that are built from the registry: they are run, and are no part of anything here.

use crate::cargo::{cargo, root};
use crate::output;
use anyhow::{Context as _, ensure};
use std::path::{Path, PathBuf};
use std::process::Command;

/// A program of the registry.
pub(crate) struct Built {
    package: &'static str,
    version: &'static str,
    program: &'static str,
}

/// gotatun (MPL-2.0).
pub(crate) const GOTATUN: Built =
    Built { package: "gotatun-cli", version: "0.10.2", program: "gotatun" };
/// boringtun (BSD-3-Clause).
pub(crate) const BORINGTUN: Built =
    Built { package: "boringtun-cli", version: "0.7.1", program: "boringtun-cli" };

impl Built {
    /// Its program, built once.
    pub(crate) fn built(&self, only_present: bool) -> anyhow::Result<PathBuf> {
        let Self { package, version, program } = self;
        let folder = folder()?;
        let path = folder.join("bin").join(program);
        if told_version(&path).is_some_and(|told| told.ends_with(version)) {
            return Ok(path);
        }
        ensure!(!only_present, "{program} {version} has not been built; leave out --no-install");
        output::progress(&format!("building {package} {version}, once, some minutes"));
        let mut command = cargo(&["install", package, "--locked", "--force"])?;
        command.args(["--version", &format!("={version}")]).arg("--root").arg(&folder);
        command.env("CARGO_TARGET_DIR", folder.join("build"));
        let status = command.status().context("cannot run cargo")?;
        ensure!(status.success(), "{package} cannot be built; is the registry reachable?");
        // Hundreds of megabytes that nothing needs any more.
        let _ = std::fs::remove_dir_all(folder.join("build"));
        Ok(path)
    }
}

/// Where programs of others are built.
pub(crate) fn folder() -> anyhow::Result<PathBuf> {
    let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    Ok(target.map_or_else(|| root().map(|root| root.join("target")), Ok)?.join("peers"))
}

fn told_version(program: &Path) -> Option<String> {
    let output = Command::new(program).arg("--version").output().ok()?;
    Some(String::from_utf8_lossy(&output.stdout).lines().next()?.trim().to_owned())
}
