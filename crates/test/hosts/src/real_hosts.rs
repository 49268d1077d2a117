//! Three hosts through all that users do, from the first `up` to the last `down`.

mod fabric;
mod steps;

use crate::docker::Docker;
use crate::ground::{Ground, Host, ip};
use crate::{dump, say};
use anyhow::Context as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use steps::Scene;

/// Three hosts: up, token, join, edit, plan, apply, explain, rollback, reboot, down.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Applies that do not concern the flows which run meanwhile.
    #[arg(long, default_value_t = 20)]
    applies: u32,
    /// Leave out the real Docker container.
    #[arg(long)]
    no_docker: bool,
}

pub(crate) fn run(netloom: &Path, options: &Options) -> anyhow::Result<bool> {
    say::progress("making three hosts");
    let mut ground = Ground::make(netloom, 3)?;
    let docker = if options.no_docker {
        None
    } else {
        say::progress("starting Docker in the second one");
        Some(Docker::start(&ground.hosts[1], &ground.folder.join("docker"))?)
    };
    if let Some(docker) = &docker {
        let address = docker.address();
        ground.hosts[1].environment.push(("DOCKER_HOST".to_owned(), address));
    }
    if let Some(docker) = &docker {
        // The bridge of an engine changes for good with the first container.
        docker.serve_and_dump()?;
        docker.remove()?;
    }
    let foreign = Foreign::make(&ground)?;
    let before = dumps(&ground.hosts)?;
    let container = docker.as_ref().map(Docker::serve_and_dump).transpose()?;
    let scene = Scene {
        hosts: &ground.hosts,
        docker: docker.as_ref(),
        foreign: foreign.namespace.clone(),
        file: ground.folder.join("shop.yaml"),
        netloom: netloom.to_owned(),
    };
    let mut good = scene.play(options.applies);
    say::progress("taking all of it down, two hosts without their state");
    good &= say::step("down", scene.down());
    if let (Some(docker), Some(before)) = (&docker, container) {
        let after = docker.dump()?;
        let lines = dump::differences(&before, &after).join("\n");
        let result = if lines.is_empty() { Ok(()) } else { Err(lines) };
        good &= say::step("the container is as it was", result);
        docker.remove()?;
    }
    let after = dumps(&ground.hosts)?;
    for (number, (before, after)) in before.iter().zip(&after).enumerate() {
        let differences = dump::differences(before, after);
        let lines = differences.iter().take(20).cloned().collect::<Vec<_>>().join("\n");
        let result = if differences.is_empty() { Ok(()) } else { Err(lines) };
        good &= say::step(&format!("host {} is as it was", number + 1), result);
    }
    say::figure("lines compared", before.iter().map(|dump| dump.lines().count()).sum::<usize>());
    Ok(good)
}

fn dumps(hosts: &[Host]) -> anyhow::Result<Vec<String>> {
    hosts.iter().map(dump::of).collect()
}

/// What others have made: a namespace with a server, and a server on the third host's own stack.
struct Foreign {
    namespace: String,
    servers: Vec<Child>,
}

impl Foreign {
    fn make(ground: &Ground) -> anyhow::Result<Self> {
        let namespace = format!("nlt{}-blue", std::process::id());
        ip(&["netns", "add", &namespace])?;
        let mut foreign = Self { namespace: namespace.clone(), servers: Vec::new() };
        let host = &ground.hosts[2];
        for (inside, name) in [(&namespace, "blue"), (&host.namespace, "host")] {
            let mut command = Command::new("nsenter");
            command.arg(format!("--net=/run/netns/{inside}")).arg(&host.netloom);
            command.args(["serve", "--name", name, "--http", "8080"]);
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
            foreign.servers.push(command.spawn().context("cannot start a server")?);
        }
        Ok(foreign)
    }
}

impl Drop for Foreign {
    fn drop(&mut self) {
        for server in &mut self.servers {
            let _ = server.kill();
            let _ = server.wait();
        }
        let _ = ip(&["netns", "del", &self.namespace]);
    }
}

/// The path of a foreign namespace.
fn netns_path(name: &str) -> PathBuf {
    Path::new("/run/netns").join(name)
}
