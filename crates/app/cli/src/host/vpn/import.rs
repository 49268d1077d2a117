//! `netloom vpn import`: a file of wg-quick as a part of a fabric's file.

use super::key_files::{KEYS_HELP, KeyFiles};
use super::new_file::NewFile;
use super::reading::{Reading, read};
use crate::output;
use anyhow::Context as _;
use std::path::PathBuf;
use std::process::ExitCode;

/// Mode of what is no secret, before the user's mask.
const MODE: u32 = 0o666;

/// Reads a wg-quick file and prints it as a network: prefixes, policy, the host, and every peer. Keys
/// that are secret are not printed: they go into files of the key folder, which only root reads, and
/// the network names those. Commands of the file are never run: those of firewalls become security
/// groups, all others are named and left out.
#[derive(Debug, clap::Args)]
#[command(after_help = KEYS_HELP)]
pub(crate) struct ImportFile {
    #[command(flatten)]
    reading: Reading,
    /// The file.
    file: PathBuf,
    /// Write the network to a new file instead of printing it.
    #[arg(long, value_name = "FILE")]
    into: Option<PathBuf>,
}

pub(crate) fn run(arguments: &ImportFile) -> anyhow::Result<ExitCode> {
    let read = read(&arguments.reading, &arguments.file)?;
    let into = arguments.into.as_deref();
    let file = into.map(|path| NewFile::make(path, MODE)).transpose()?;
    let keys = KeyFiles::write(&read)?;
    let yaml = &read.imported.yaml;
    match file {
        None => output::try_print(yaml)
            .context("cannot print the network, so its keys are not kept either")?,
        Some(mut file) => file.fill(yaml)?,
    }
    keys.keep();
    if let Some(path) = into {
        let path = path.display();
        output::error(&format!(
            "{path} is written; apply it together with the fabric's other files: netloom apply FILE {path}\n"
        ));
    }
    Ok(ExitCode::SUCCESS)
}
