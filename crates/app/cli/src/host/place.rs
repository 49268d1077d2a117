//! Where a host keeps its fabrics.
//!
//! ```text
//! STATE/FABRIC/control   store, keys of the CA and of control          kept over restarts
//! STATE/FABRIC/node      the node's keys and what control sent last
//! STATE/FABRIC/log       of both
//! RUN/FABRIC             sockets, namespaces, the supervisor's process id   gone after a reboot
//! ```

use super::{membership, within_lab};
use anyhow::{Context as _, bail, ensure};
use netloom::Client;
use netloom_sys::unix_socket;
use std::path::{Path, PathBuf};

/// Where everybody has them.
const USUAL_STATE: &str = "/var/lib/netloom";
const USUAL_RUN: &str = "/run/netloom";

/// A folder of the environment. It is a default here, since what the library for arguments reads from
/// there itself is shown as if it had to be given, with each usage line.
fn folder(variable: &str, usual: &str) -> PathBuf {
    let given = std::env::var_os(variable).filter(|folder| !folder.is_empty());
    given.map_or_else(|| PathBuf::from(usual), PathBuf::from)
}

/// Where this host's fabrics are.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Host {
    /// Folder for what is kept over restarts; the one in NETLOOM_STATE if none is given and that is set.
    #[arg(long, default_value_os_t = folder("NETLOOM_STATE", USUAL_STATE), value_name = "FOLDER")]
    pub(crate) state: PathBuf,
    /// Folder for what exists only while it runs; the one in NETLOOM_RUN if none is given and that is set.
    #[arg(long, default_value_os_t = folder("NETLOOM_RUN", USUAL_RUN), value_name = "FOLDER")]
    pub(crate) run: PathBuf,
    /// Which fabric, where this host has several.
    #[arg(long, value_name = "NAME")]
    pub(crate) fabric: Option<String>,
}

/// One fabric's folders on this host.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) fabric: String,
    pub(crate) state_root: PathBuf,
    pub(crate) run_root: PathBuf,
}

impl Host {
    /// The arguments that say the same, where they are not what everybody has.
    pub(crate) fn words(&self) -> String {
        let mut words = String::new();
        for (flag, path, usual) in
            [("--state", &self.state, USUAL_STATE), ("--run", &self.run, USUAL_RUN)]
        {
            if path != Path::new(usual) {
                words.push_str(&format!(" {flag} {}", path.display()));
            }
        }
        if let Some(fabric) = &self.fabric {
            words.push_str(&format!(" --fabric {fabric}"));
        }
        words
    }

    /// The folders of a fabric.
    pub(crate) fn place(&self, fabric: &str) -> Place {
        Place {
            fabric: fabric.to_owned(),
            state_root: self.state.clone(),
            run_root: self.run.clone(),
        }
    }

    /// The fabric that is meant: the named one, or the only one here.
    pub(crate) fn chosen(&self) -> anyhow::Result<Place> {
        let mut found = self.fabrics();
        if let Some(fabric) = &self.fabric {
            // Who may not look into the folders may ask nevertheless, and hears why not.
            let may_look = !found.is_empty() || netloom_sys::process::effective_user() == 0;
            let has = if found.is_empty() { "none".to_owned() } else { found.join(", ") };
            ensure!(
                !may_look || found.contains(fabric),
                "this host has no fabric `{fabric}`; it has {has}"
            );
            return Ok(self.place(fabric));
        }
        match found.len() {
            1 => Ok(self.place(&found.remove(0))),
            0 => bail!(within_lab::whom_to_ask().unwrap_or_else(|| format!(
                "this host has no fabric in {} or {}; `netloom up FILE` begins one, \
                 `netloom join TOKEN` joins one",
                self.state.display(),
                self.run.display()
            ))),
            _ => bail!(
                "this host has several fabrics; say which with --fabric: {}",
                found.join(", ")
            ),
        }
    }

    /// The named fabric, whether or not it has a folder here, or else the only one.
    pub(crate) fn named(&self) -> anyhow::Result<Place> {
        self.fabric.as_ref().map_or_else(|| self.chosen(), |fabric| Ok(self.place(fabric)))
    }

    /// Names of fabrics that have a folder here.
    pub(crate) fn fabrics(&self) -> Vec<String> {
        let folders = |root: &Path| {
            let entries = std::fs::read_dir(root).into_iter().flatten().flatten();
            entries
                .filter(|entry| entry.path().is_dir())
                .filter_map(|entry| entry.file_name().into_string().ok())
                .collect::<Vec<String>>()
        };
        let mut found = folders(&self.state);
        found.extend(folders(&self.run));
        found.sort();
        found.dedup();
        found
    }
}

impl Place {
    /// The arguments of commands about it, where its folders are not those that everybody has.
    pub(crate) fn words(&self) -> String {
        let (state, run) = (self.state_root.clone(), self.run_root.clone());
        Host { state, run, fabric: None }.words()
    }

    pub(crate) fn state(&self) -> PathBuf {
        self.state_root.join(&self.fabric)
    }

    pub(crate) fn run(&self) -> PathBuf {
        self.run_root.join(&self.fabric)
    }

    pub(crate) fn control(&self) -> PathBuf {
        self.state().join("control")
    }

    pub(crate) fn node(&self) -> PathBuf {
        self.state().join("node")
    }

    pub(crate) fn log(&self, of: &str) -> PathBuf {
        self.state().join("log").join(format!("{of}.log"))
    }

    pub(crate) fn control_socket(&self) -> PathBuf {
        self.run().join("control.sock")
    }

    pub(crate) fn supervisor_id(&self) -> PathBuf {
        self.run().join("supervisor.pid")
    }

    /// Makes the folders, readable by their owner only.
    pub(crate) fn make(&self) -> anyhow::Result<()> {
        use std::os::unix::fs::DirBuilderExt as _;
        for folder in [self.state(), self.run(), self.state().join("log")] {
            std::fs::DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(&folder)
                .with_context(|| format!("cannot make {}; run as root", folder.display()))?;
        }
        Ok(())
    }

    /// Takes folders away that hold nothing.
    pub(crate) fn unmake(&self) {
        for folder in [self.node(), self.state().join("log"), self.state(), self.run()] {
            // One that holds something stays.
            let _ = std::fs::remove_dir(folder);
        }
    }

    /// Control's API on this host.
    pub(crate) fn client(&self) -> Client {
        let why = if self.has_control() { None } else { membership::absence_of_control(self) };
        Client::unix(self.control_socket()).with_absence(why)
    }

    /// Whether control answers here.
    pub(crate) fn has_control(&self) -> bool {
        unix_socket::connect(&self.control_socket()).is_ok()
    }
}
