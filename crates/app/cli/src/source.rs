//! Loading the files that the user names, and showing what is wrong with them.

use crate::output;
use anyhow::Context as _;
use netloom_model::load::API_FILE;
use netloom_model::{Diagnostic, Fabric, Loaded, Severity, diagnostic};
use std::collections::BTreeMap;
use std::io::Read as _;

/// Most findings that are shown; the number of all is always told.
const FINDINGS_SHOWN_MAX: usize = 100;

/// Loads files from disk, with what they include.
pub(crate) fn load(files: &[String]) -> Loaded {
    netloom_model::load(files, from_disk)
}

/// A file's bytes.
pub(crate) fn from_disk(path: &str) -> Result<Vec<u8>, String> {
    let limit = netloom_model::tree::FILE_BYTES_MAX as u64 + 1;
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(|error| error.to_string())?;
    file.take(limit).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    Ok(bytes)
}

/// The fabric of `files`, or all that is wrong with them as an error that has been shown.
pub(crate) fn fabric(files: &[String]) -> anyhow::Result<Fabric> {
    let mut loaded = load(files);
    sound(loaded.fabric.take(), &loaded, files)
}

fn sound(fabric: Option<Fabric>, loaded: &Loaded, files: &[String]) -> anyhow::Result<Fabric> {
    fabric.with_context(|| {
        output::error(&report(loaded));
        format!("{} cannot be used: see the errors above", files.join(", "))
    })
}

/// Files that have been checked, as they are sent.
pub(crate) struct Files {
    /// What they declare, with what was declared over the API where they need it.
    pub(crate) fabric: Fabric,
    /// The files that were named, with absolute paths.
    pub(crate) roots: Vec<String>,
    /// Texts of these and of what they include.
    pub(crate) texts: BTreeMap<String, String>,
}

/// Reads files and checks them here and now. Those that are not enough by themselves are checked beside
/// what has been declared over the API, which `api` gives for the fabric's name.
pub(crate) fn read(
    files: &[String],
    api: impl FnOnce(&str) -> Option<String>,
) -> anyhow::Result<Files> {
    let files: Vec<String> = files
        .iter()
        .map(|file| {
            let path = std::fs::canonicalize(file)
                .with_context(|| format!("cannot read {file}; check the path"))?;
            Ok(path.to_string_lossy().into_owned())
        })
        .collect::<anyhow::Result<_>>()?;
    let mut loaded = load(&files);
    if loaded.fabric.is_none()
        && let Some(api) = loaded.name.as_deref().and_then(api)
    {
        let whole: Vec<String> = files.iter().cloned().chain([API_FILE.to_owned()]).collect();
        loaded = netloom_model::load(&whole, |path| match path {
            API_FILE => Ok(api.clone().into_bytes()),
            path => from_disk(path),
        });
    }
    let fabric = sound(loaded.fabric.take(), &loaded, &files)?;
    loaded.sources.remove(API_FILE);
    Ok(Files { fabric, roots: files, texts: loaded.sources })
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
