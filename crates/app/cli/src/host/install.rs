//! `netloom install`: the fabric starts with the host, by systemd.

use super::place::{Host, Place};
use super::supervise;
use crate::output;
use anyhow::{Context as _, ensure};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

/// Exists where systemd runs (`sd_booted(3)`).
const SYSTEMD: &str = "/run/systemd/system";

/// Makes systemd start this host's part of the fabric with the host, and keep it running.
#[derive(Debug, clap::Args)]
pub(crate) struct Install {
    #[command(flatten)]
    host: Host,
    /// Folder of the unit.
    #[arg(long, default_value = "/etc/systemd/system", value_name = "FOLDER")]
    units: PathBuf,
    /// Only write the unit: for images, and for hosts that systemd does not run on now.
    #[arg(long)]
    write_only: bool,
    /// Remove the unit instead.
    #[arg(long)]
    remove: bool,
}

pub(crate) fn install(arguments: &Install) -> anyhow::Result<ExitCode> {
    let place = arguments.host.chosen()?;
    let name = unit_name(&place);
    let path = arguments.units.join(&name);
    let booted = Path::new(SYSTEMD).exists();
    if arguments.remove {
        remove(&place, &arguments.units)?;
        output::print(&format!("{} is gone\n", path.display()));
        return Ok(ExitCode::SUCCESS);
    }
    ensure!(
        booted || arguments.write_only,
        "systemd does not run here ({SYSTEMD} is missing); --write-only writes the unit for where it \
         does, and `netloom start` starts the fabric without it"
    );
    let executable = std::env::current_exe().context("cannot find the netloom executable")?;
    std::fs::write(&path, unit(&place, &executable))
        .with_context(|| format!("cannot write {}; run as root", path.display()))?;
    output::print(&format!("{} is written\n", path.display()));
    if booted && !arguments.write_only {
        systemctl(&["daemon-reload"])?;
        // What runs now goes on below systemd.
        supervise::end(&place)?;
        systemctl(&["enable", "--now", &name])?;
        output::print(&format!("it starts with this host; journalctl -u {name} shows its log\n"));
    }
    Ok(ExitCode::SUCCESS)
}

/// Takes the unit away, if there is one.
pub(super) fn remove(place: &Place, units: &Path) -> anyhow::Result<()> {
    let name = unit_name(place);
    let path = units.join(&name);
    if !path.exists() {
        return Ok(());
    }
    let booted = Path::new(SYSTEMD).exists();
    if booted {
        systemctl(&["disable", "--now", &name])?;
    }
    std::fs::remove_file(&path).with_context(|| format!("cannot remove {}", path.display()))?;
    if booted {
        systemctl(&["daemon-reload"])?;
    }
    Ok(())
}

fn unit_name(place: &Place) -> String {
    format!("netloom-{}.service", place.fabric)
}

fn unit(place: &Place, executable: &Path) -> String {
    let quoted = |path: &Path| format!("\"{}\"", path.display());
    format!(
        "[Unit]
Description=Netloom fabric {fabric}
Wants=network-online.target
After=network-online.target docker.service

[Service]
ExecStart={executable} supervise --state {state} --run {run} --fabric {fabric}
Restart=always
RestartSec=1
KillMode=mixed
TimeoutStopSec=30
LimitNOFILE=65536

[Install]
WantedBy=multi-user.target
",
        fabric = place.fabric,
        executable = quoted(executable),
        state = quoted(&place.state_root),
        run = quoted(&place.run_root),
    )
}

fn systemctl(arguments: &[&str]) -> anyhow::Result<()> {
    let output = Command::new("systemctl")
        .args(arguments)
        .output()
        .context("cannot run systemctl; is systemd installed?")?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.success(),
        "systemctl {} failed: {}; `systemctl status` tells more",
        arguments.join(" "),
        errors.trim()
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unit_names_the_hosts_own_folders() {
        let place = Place {
            fabric: "shop".into(),
            state_root: "/srv/my state".into(),
            run_root: "/run/netloom".into(),
        };
        let unit = unit(&place, Path::new("/usr/bin/netloom"));
        let line = "ExecStart=\"/usr/bin/netloom\" supervise --state \"/srv/my state\" \
                    --run \"/run/netloom\" --fabric shop\n";
        assert!(unit.contains(line), "{unit}");
        assert!(unit.contains("Restart=always") && unit.contains("WantedBy=multi-user.target"));
    }

    #[test]
    fn removing_what_is_not_there_is_no_error() {
        let place = Place {
            fabric: "none".into(),
            state_root: "/nowhere".into(),
            run_root: "/nowhere".into(),
        };
        assert!(remove(&place, Path::new("/nowhere")).is_ok());
    }
}
