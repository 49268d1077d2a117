//! The fabric that a lab's sources make: files, and what was declared over the API beside them.

use crate::LabError;
use crate::protocol::Sources;
use netloom_model::Fabric;
use netloom_model::load::API_FILE;

/// The checked fabric.
pub(crate) fn read(sources: &Sources) -> Result<Fabric, LabError> {
    let mut files = sources.files.clone();
    files.extend(sources.api.as_ref().map(|_| API_FILE.to_owned()));
    let loaded = netloom_model::load(&files, |path| {
        let text = if path == API_FILE { sources.api.as_ref() } else { sources.texts.get(path) };
        text.map(|text| text.clone().into_bytes()).ok_or_else(|| "it was not sent".to_owned())
    });
    loaded.fabric.ok_or_else(|| {
        LabError::Fabric(netloom_model::diagnostic::render(&loaded.diagnostics, &loaded.sources))
    })
}
