//! A host that systemd runs: the unit of `netloom install`, through a crash and a reboot.

mod systemd;

use crate::ground::wait_until;
use crate::say;
use std::path::Path;
use systemd::{FABRIC, Machine, UNIT};

/// A host that systemd has booted, in namespaces: install, crash, reboot, remove.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// How often the host is booted again.
    #[arg(long, default_value_t = 2)]
    reboots: usize,
}

pub(crate) fn run(netloom: &Path, options: &Options) -> anyhow::Result<bool> {
    say::progress("booting systemd in namespaces of its own");
    let mut machine = Machine::boot(netloom)?;
    let mut good = say::step("the fabric begins on a host that systemd runs", begin(&machine));
    if !good {
        return Ok(false);
    }
    good &= say::step("the unit is installed and takes over", install(&machine));
    good &= say::step("systemd starts again what was killed", crash(&machine));
    let reboots = (0..options.reboots).try_for_each(|_| reboot(&mut machine));
    good &= say::step("after a reboot everything is back", reboots);
    good &= say::step("the unit is removed", remove(&machine));
    let gone =
        machine.reboot().map_err(|error| format!("{error:#}")).and_then(|()| absent(&machine));
    good &= say::step("after that nothing comes back", gone);
    Ok(good)
}

fn begin(machine: &Machine) -> Result<(), String> {
    machine.run(&["netloom", "up", "/run/trial/fabric.yaml", "--name", "alpha", "--wait", "10"])?;
    serves(machine)
}

/// The workload runs, and answers for the fabric's own address.
fn serves(machine: &Machine) -> Result<(), String> {
    wait_until("the workload runs", || {
        let status = machine.run(&["netloom", "status"])?;
        let whole = status.contains("alpha  connected") && status.contains("a  running");
        if whole { Ok(()) } else { Err(status) }
    })
    .map(drop)?;
    wait_until("the workload is in its namespace", || {
        let netns = format!("/run/netloom/{FABRIC}/netns/workload-a");
        machine
            .run(&["nsenter", &format!("--net={netns}"), "netloom", "connect", "10.1.1.4:80"])
            .map(drop)
    })
    .map(drop)
}

fn install(machine: &Machine) -> Result<(), String> {
    let said = machine.run(&["netloom", "install"])?;
    if !said.contains("it starts with this host") {
        return Err(said);
    }
    is_active(machine)?;
    machine.run(&["systemctl", "is-enabled", UNIT])?;
    machine.run(&["systemd-analyze", "verify", &format!("/etc/systemd/system/{UNIT}")])?;
    serves(machine)
}

fn is_active(machine: &Machine) -> Result<(), String> {
    wait_until("the unit is active", || machine.run(&["systemctl", "is-active", UNIT]).map(drop))
        .map(drop)
}

fn main_process(machine: &Machine) -> Result<String, String> {
    let id = machine.run(&["systemctl", "show", "--property=MainPID", "--value", UNIT])?;
    Ok(id.trim().to_owned())
}

fn crash(machine: &Machine) -> Result<(), String> {
    let before = main_process(machine)?;
    machine.run(&["kill", "-9", &before])?;
    wait_until("another process supervises", || {
        let now = main_process(machine)?;
        if now != "0" && now != before { Ok(()) } else { Err(format!("process {now}")) }
    })?;
    is_active(machine)?;
    serves(machine)
}

fn reboot(machine: &mut Machine) -> Result<(), String> {
    machine.reboot().map_err(|error| format!("{error:#}"))?;
    is_active(machine)?;
    serves(machine)
}

fn remove(machine: &Machine) -> Result<(), String> {
    machine.run(&["netloom", "install", "--remove"])?;
    absent(machine)
}

fn absent(machine: &Machine) -> Result<(), String> {
    match machine.run(&["systemctl", "is-active", UNIT]) {
        Ok(said) => Err(format!("{UNIT} is {}", said.trim())),
        Err(_) => Ok(()),
    }
}
