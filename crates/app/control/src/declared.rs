//! What has been declared, by file and by API: texts, and the fabric that they make.

use netloom_model::load::API_FILE;
use netloom_model::tree::Remembered;
use netloom_model::{Loaded, load_edited};
use std::collections::BTreeMap;

/// The texts of all owners. An apply replaces those of its own owner only.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Declared {
    /// The files that were named.
    pub roots: Vec<String>,
    /// Texts of these, and of what they include.
    pub texts: BTreeMap<String, String>,
    /// What was declared through the API.
    pub api: Option<String>,
}

impl Declared {
    /// Loads and checks all of it together: a name that two owners declare is an error.
    pub fn load(&self) -> Loaded {
        self.load_edited(&mut Remembered::default())
    }

    /// Loads as [`load`](Self::load) does, and parses only what was edited since `remembered` was used.
    pub fn load_edited(&self, remembered: &mut Remembered) -> Loaded {
        let mut roots = self.roots.clone();
        roots.extend(self.api.as_ref().map(|_| API_FILE.to_owned()));
        load_edited(remembered, &roots, |path| {
            let text = if path == API_FILE { self.api.as_ref() } else { self.texts.get(path) };
            let missing = || "it was not sent along: apply again from where the file is".to_owned();
            text.map(|text| text.clone().into_bytes()).ok_or_else(missing)
        })
    }
}
