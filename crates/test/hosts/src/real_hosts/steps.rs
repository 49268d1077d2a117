//! The steps of the trial, each as a user does it.

mod networks;
mod reach;

use super::fabric::{FABRIC, Variant, text};
use crate::docker::Docker;
use crate::ground::{Host, wait_until};
use crate::{flows, say};
use serde_json::Value;
use std::net::SocketAddr;
use std::path::PathBuf;

type Step = Result<(), String>;

/// What the steps are played with.
pub(super) struct Scene<'a> {
    pub(super) hosts: &'a [Host],
    pub(super) docker: Option<&'a Docker>,
    pub(super) foreign: String,
    pub(super) file: PathBuf,
    pub(super) netloom: PathBuf,
}

impl Scene<'_> {
    /// All steps but the last; gives whether all hold. Each rests on those before.
    pub(super) fn play(&self, applies: u32) -> bool {
        let steps: [(&str, &dyn Fn() -> Step); 12] = [
            ("up on the first host", &|| self.up()),
            ("wrong tokens are refused", &|| self.wrong_tokens()),
            ("the others join", &|| self.join()),
            ("everything attached answers", &|| self.all_answer(true)),
            ("packets do as explain says", &|| self.packets_agree()),
            ("unrelated applies lose nothing", &|| self.flows(applies)),
            ("plan, apply, rollback", &|| self.change_and_go_back()),
            ("a wrong apply changes nothing", &|| self.wrong_apply()),
            ("networks made, joined and left", &|| self.networks()),
            ("a container that vanishes and comes back", &|| self.vanish()),
            ("reboot", &|| self.reboot()),
            ("control gone, nodes go on", &|| self.without_control()),
        ];
        steps.iter().all(|(name, step)| {
            say::progress(name);
            say::step(name, step())
        })
    }

    fn write(&self, variant: Variant) -> Result<String, String> {
        let text = text(&self.netloom, &self.foreign, self.docker.is_some(), variant);
        std::fs::write(&self.file, text).map_err(|error| error.to_string())?;
        Ok(self.file.to_string_lossy().into_owned())
    }

    fn control(&self) -> &Host {
        &self.hosts[0]
    }

    fn up(&self) -> Step {
        let file = self.write(Variant::FIRST)?;
        let text = self.control().succeed(&["up", &file])?;
        expect(&text, "revision 1 is in force")?;
        expect(&text, "netloom token create --node beta")
    }

    fn token(&self, arguments: &[&str]) -> Result<String, String> {
        let text = self.control().succeed(&[&["token", "create"][..], arguments].concat())?;
        Ok(text.trim().to_owned())
    }

    fn wrong_tokens(&self) -> Step {
        let beta = &self.hosts[1];
        let for_gamma = self.token(&["--node", "gamma"])?;
        let error = beta.fail(&["join", &for_gamma, "--name", "beta"])?;
        expect(&error, "for node `gamma`")?;
        let mistyped = format!("{}x", &for_gamma[..for_gamma.len() - 1]);
        expect(&beta.fail(&["join", &mistyped])?, "copied badly")?;
        expect(&beta.fail(&["join", "hello"])?, "no join token")?;
        let short = self.token(&["--node", "beta", "--expires", "1s"])?;
        std::thread::sleep(std::time::Duration::from_secs(2));
        expect(&beta.fail(&["join", &short])?, "expired")?;
        let revoked = self.token(&["--node", "beta"])?;
        let listed = self.control().succeed(&["token", "ls", "--json"])?;
        let listed: Value = serde_json::from_str(&listed).map_err(|error| error.to_string())?;
        for token in listed.as_array().into_iter().flatten() {
            let id = token["id"].as_str().unwrap_or_default();
            self.control().succeed(&["token", "revoke", id])?;
        }
        expect(&beta.fail(&["join", &revoked])?, "taken back")
    }

    fn join(&self) -> Step {
        for (host, name) in self.hosts[1..].iter().zip(["beta", "gamma"]) {
            let token = self.token(&["--node", name])?;
            expect(&host.succeed(&["join", &token])?, "has joined")?;
            let other = &self.hosts[if name == "beta" { 2 } else { 1 }];
            if !other.state().join(FABRIC).join("node").join("joined.json").exists() {
                // The same token again, on another host with another key.
                expect(&other.fail(&["join", &token])?, "used by node")?;
            }
        }
        self.all_current()
    }

    /// Waits until every node is connected and holds what it shall hold.
    fn all_current(&self) -> Step {
        wait_until("all nodes are up to date", || {
            let status = self.control().status()?;
            for name in ["alpha", "beta", "gamma"] {
                let node = &status["nodes"][name];
                let good = node["state"] == "connected" && node["current"] == true;
                if !good || !node["error"].is_null() {
                    return Err(format!("{name}: {node}"));
                }
            }
            Ok(())
        })
        .map(drop)
    }

    fn flows(&self, applies: u32) -> Step {
        let inside =
            || self.control().inside(FABRIC, "workload-echo-1").map_err(|error| error.to_string());
        let to = |ipv6| Ok::<_, String>(SocketAddr::new(self.address("echo-2", ipv6)?, 7));
        let stream = flows::tcp(inside()?, to(false)?);
        let packets = [flows::udp(inside()?, to(false)?), flows::udp(inside()?, to(true)?)];
        for number in 1..=applies {
            let extra = (number % 2 == 1).then_some(number);
            let file = self.write(Variant { extra, ..Variant::FIRST })?;
            let text = self.control().succeed(&["apply", &file])?;
            for name in ["alpha", "beta", "gamma"] {
                expect(&text, &format!("{name} holds it"))?;
            }
        }
        let file = self.write(Variant::FIRST)?;
        self.control().succeed(&["apply", &file])?;
        let bytes = stream.finish()?;
        let (mut sent, mut returned) = (0, 0);
        for flow in packets {
            let seen = flow.finish()?;
            (sent, returned) = (sent + seen.sent, returned + seen.returned);
        }
        say::figure("applies meanwhile", applies);
        say::figure("bytes of the stream echoed", bytes);
        say::figure("packets sent", sent);
        say::figure("packets lost", sent - returned);
        match (bytes, sent - returned) {
            (0, _) => Err("the stream carried nothing".to_owned()),
            (_, 0) => Ok(()),
            (_, lost) => Err(format!("{lost} of {sent} packets were lost")),
        }
    }

    fn change_and_go_back(&self) -> Step {
        let before = self.revision()?;
        let file = self.write(Variant { http: false, ..Variant::FIRST })?;
        let plan = self.control().succeed(&["plan", &file])?;
        expect(&plan, "-> db-1: tcp 80, 8080")?;
        if plan.contains("starts workload") || plan.contains("veth") {
            return Err(format!("a change of a group does more than that:\n{plan}"));
        }
        self.control().succeed(&[
            "apply",
            "--expect",
            &before.to_string(),
            "-m",
            "close",
            &file,
        ])?;
        self.all_answer(false)?;
        expect(&self.control().succeed(&["history"])?, "close")?;
        let diff =
            self.control().succeed(&["diff", &before.to_string(), &(before + 1).to_string()])?;
        expect(&diff, "ports: [81]")?;
        let explained = self.control().fail(&["explain", "echo-1", "db-1:80/tcp", "-f", &file]);
        explained?;
        self.control().succeed(&["rollback", &before.to_string()])?;
        self.all_answer(true)
    }

    fn revision(&self) -> Result<u64, String> {
        self.control().status()?["revision"].as_u64().ok_or_else(|| "no revision".to_owned())
    }

    fn wrong_apply(&self) -> Step {
        let before = self.revision()?;
        let file = self.write(Variant::FIRST)?;
        let good = std::fs::read_to_string(&file).map_err(|error| error.to_string())?;
        for (from, to, word) in [
            ("expect: allow", "expect: deny", "do not hold"),
            ("node: beta", "node: bteta", "did you mean"),
        ] {
            std::fs::write(&file, good.replace(from, to)).map_err(|error| error.to_string())?;
            expect(&self.control().fail(&["apply", &file])?, word)?;
        }
        std::fs::write(&file, good).map_err(|error| error.to_string())?;
        let stale = (before - 1).to_string();
        expect(&self.control().fail(&["apply", "--expect", &stale, &file])?, "plan again")?;
        match self.revision()? {
            after if after == before => self.all_answer(true),
            after => Err(format!("revision {after} instead of {before}")),
        }
    }

    fn vanish(&self) -> Step {
        let Some(docker) = self.docker else { return Ok(()) };
        let state = |wanted: &str| {
            wait_until(wanted, || {
                let status = self.control().status()?;
                let found = status["workloads"]["db-1"].to_string();
                if found.contains(wanted) { Ok(()) } else { Err(found) }
            })
        };
        docker.run(&["rm", "--force", "db"])?;
        state("absent")?;
        docker.serve("db")?;
        state("attached")?;
        self.all_answer(true)
    }

    fn reboot(&self) -> Step {
        for host in self.hosts {
            for kind in ["supervise", "control", "node"] {
                if host.kill(kind) == 0 && (kind != "control" || host.address.ends_with(".1")) {
                    return Err(format!("no {kind} ran on {}", host.address));
                }
            }
        }
        // What a boot does: nothing of the run folder is there, and systemd starts the supervisor.
        for host in self.hosts {
            host.succeed(&["start"])?;
        }
        self.all_current()?;
        self.all_answer(true)
    }

    fn without_control(&self) -> Step {
        let control = self.control();
        if control.kill("supervise") == 0 || control.kill("control") == 0 {
            return Err("control did not run".to_owned());
        }
        // A node that starts anew while control is away goes on with what it holds.
        let gamma = &self.hosts[2];
        gamma.kill("node");
        let to = self.hosts[2].state();
        wait_until("gamma's agent is back", || {
            let text = gamma.succeed(&["status"])?;
            expect(&text, "host-3")
        })
        .map_err(|why| format!("{why} ({})", to.display()))?;
        control.succeed(&["start"])?;
        self.all_current()?;
        self.all_answer(true)
    }

    /// Takes all of it down: with its state, and without.
    pub(super) fn down(&self) -> Step {
        expect(&self.hosts[2].succeed(&["down", "--yes"])?, "is gone")?;
        for host in [&self.hosts[1], self.control()] {
            std::fs::remove_dir_all(host.state()).map_err(|error| error.to_string())?;
            host.succeed(&["down", "--yes"])?;
        }
        Ok(())
    }
}

fn expect(text: &str, word: &str) -> Step {
    if text.contains(word) { Ok(()) } else { Err(format!("`{word}` is not in:\n{text}")) }
}
