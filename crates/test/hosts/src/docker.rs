//! A Docker engine of the trial's own, inside a host, with an image made of one static program.

use crate::ground::{Host, wait_until};
use anyhow::{Context as _, ensure};
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// The image.
const IMAGE: &str = "netloom-trial:latest";
/// What the container serves.
pub(crate) const GREETING: &str = "from a real container";

/// An engine, ended with its containers.
pub(crate) struct Docker {
    engine: Child,
    folder: PathBuf,
}

impl Docker {
    /// Starts an engine inside a host.
    pub(crate) fn start(host: &Host, folder: &Path) -> anyhow::Result<Self> {
        std::fs::create_dir_all(folder)?;
        let log = std::fs::File::create(folder.join("log"))?;
        let mut command = host.command("dockerd");
        command.arg("--data-root").arg(folder.join("data"));
        command.arg("--exec-root").arg(folder.join("exec"));
        command.arg("--pidfile").arg(folder.join("docker.pid"));
        command.arg("--host").arg(format!("unix://{}", folder.join("docker.sock").display()));
        command.args(["--storage-driver", "vfs", "--iptables=true"]);
        command.stdout(log.try_clone()?).stderr(log);
        let engine = command.spawn().context("cannot start dockerd (Debian package docker.io)")?;
        let docker = Self { engine, folder: folder.to_owned() };
        wait_until("the engine answers", || docker.run(&["version"]).map(drop))
            .map_err(|why| anyhow::anyhow!("{why}; see {}", folder.join("log").display()))?;
        docker.import()?;
        Ok(docker)
    }

    /// The value of `DOCKER_HOST`.
    pub(crate) fn address(&self) -> String {
        format!("unix://{}", self.folder.join("docker.sock").display())
    }

    /// An image of one static program, and what it serves.
    fn import(&self) -> anyhow::Result<()> {
        let root = self.folder.join("root");
        for folder in ["bin", "www", "etc"] {
            std::fs::create_dir_all(root.join(folder))?;
        }
        let program = Path::new("/bin/busybox");
        ensure!(
            program.exists(),
            "{} is missing (Debian package busybox-static)",
            program.display()
        );
        // A program with an interpreter, as in the package `busybox`, does not start where there is none.
        let bytes = std::fs::read(program)?;
        ensure!(
            !bytes.windows(9).take(4096).any(|part| part == b"/ld-linux"),
            "{} is no static program (Debian package busybox-static)",
            program.display()
        );
        std::fs::write(root.join("bin/busybox"), bytes)?;
        std::fs::set_permissions(root.join("bin/busybox"), Permissions::from_mode(0o755))?;
        std::fs::write(root.join("www/index.html"), format!("{GREETING}\n"))?;
        let tar = self.folder.join("root.tar");
        let packed =
            Command::new("tar").arg("-C").arg(&root).arg("-cf").arg(&tar).arg(".").status()?;
        ensure!(packed.success(), "tar failed");
        let tar = tar.to_string_lossy().into_owned();
        self.run(&["import", &tar, IMAGE]).map_err(|why| anyhow::anyhow!(why))?;
        Ok(())
    }

    /// Runs a container that serves a page on port 80.
    pub(crate) fn serve(&self, name: &str) -> Result<(), String> {
        let program = ["/bin/busybox", "httpd", "-f", "-p", "80", "-h", "/www"];
        self.run(&[&["run", "--detach", "--name", name, IMAGE][..], &program].concat()).map(drop)
    }

    /// Runs the container `db`, and gives what is in its network namespace.
    pub(crate) fn serve_and_dump(&self) -> anyhow::Result<String> {
        self.serve("db").map_err(|why| anyhow::anyhow!(why))?;
        self.dump()
    }

    /// Addresses and routes of the container `db`.
    pub(crate) fn dump(&self) -> anyhow::Result<String> {
        let format = "{{.NetworkSettings.SandboxKey}}";
        let path = self.run(&["inspect", "--format", format, "db"]);
        crate::dump::inside(path.map_err(|why| anyhow::anyhow!(why))?.trim())
    }

    /// Removes the container `db`.
    pub(crate) fn remove(&self) -> anyhow::Result<()> {
        self.run(&["rm", "--force", "db"]).map(drop).map_err(|why| anyhow::anyhow!(why))
    }

    /// Runs the client.
    pub(crate) fn run(&self, arguments: &[&str]) -> Result<String, String> {
        let output = Command::new("docker")
            .args(arguments)
            .env("DOCKER_HOST", self.address())
            .stdin(Stdio::null())
            .output()
            .map_err(|error| format!("cannot run docker: {error}"))?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

impl Drop for Docker {
    fn drop(&mut self) {
        if let Ok(names) = self.run(&["ps", "--all", "--quiet"]) {
            for name in names.split_whitespace() {
                let _ = self.run(&["rm", "--force", name]);
            }
        }
        let id = self.engine.id().to_string();
        let _ = Command::new("kill").arg(&id).status();
        let _ = self.engine.wait();
    }
}
