//! Loading the files that the user names, and showing what is wrong with them.

use crate::output;
use anyhow::Context as _;
use netloom_model::{Diagnostic, Fabric, Loaded, Severity, diagnostic};
use std::collections::BTreeMap;
use std::io::Read as _;

/// Most findings that are shown; the number of all is always told.
const FINDINGS_SHOWN_MAX: usize = 100;

/// Loads files from disk, with what they include.
pub(crate) fn load(files: &[String]) -> Loaded {
    netloom_model::load(files, |path| {
        let limit = netloom_model::tree::FILE_BYTES_MAX as u64 + 1;
        let mut bytes = Vec::new();
        let file = std::fs::File::open(path).map_err(|error| error.to_string())?;
        file.take(limit).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
        Ok(bytes)
    })
}

/// The fabric of `files`, or all that is wrong with them as an error that has been shown.
pub(crate) fn fabric(files: &[String]) -> anyhow::Result<Fabric> {
    let mut loaded = load(files);
    match loaded.fabric.take() {
        Some(fabric) => Ok(fabric),
        None => {
            output::error(&report(&loaded));
            anyhow::bail!("{} cannot be used: see the errors above", files.join(", "));
        }
    }
}

/// A fabric's name, its files with absolute paths, and their texts, after a check here and now.
pub(crate) fn read(
    files: &[String],
) -> anyhow::Result<(String, Vec<String>, BTreeMap<String, String>)> {
    let files: Vec<String> = files
        .iter()
        .map(|file| {
            let path = std::fs::canonicalize(file)
                .with_context(|| format!("cannot read {file}; check the path"))?;
            Ok(path.to_string_lossy().into_owned())
        })
        .collect::<anyhow::Result<_>>()?;
    let fabric = fabric(&files)?;
    let texts = load(&files).sources;
    Ok((fabric.name, files, texts))
}

/// The findings as text, errors before warnings.
pub(crate) fn report(loaded: &Loaded) -> String {
    let mut findings: Vec<&Diagnostic> = loaded.diagnostics.iter().collect();
    findings.sort_by_key(|found| found.severity);
    let shown: Vec<Diagnostic> =
        findings.iter().take(FINDINGS_SHOWN_MAX).map(|found| (*found).clone()).collect();
    let mut text = diagnostic::render(&shown, &loaded.sources);
    if findings.len() > shown.len() {
        text.push_str(&format!("… and {} more\n", findings.len() - shown.len()));
    }
    text
}

/// How many errors and warnings there are.
pub(crate) fn counts(loaded: &Loaded) -> (usize, usize) {
    let errors =
        loaded.diagnostics.iter().filter(|found| found.severity == Severity::Error).count();
    (errors, loaded.diagnostics.len() - errors)
}
