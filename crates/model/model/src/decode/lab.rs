//! How the lab emulates links, as declared.

use super::Decoder;
use crate::fabric::LabLink;
use crate::tree::Tree;

impl Decoder {
    /// How the lab emulates a region's link.
    pub fn lab_link(&mut self, tree: &Tree) -> Option<LabLink> {
        const KEYS: [&str; 5] = ["delay", "jitter", "loss", "reorder", "rate"];
        let fields = self.fields(tree, "a lab link", &KEYS)?;
        let mut time = |key| {
            let given = fields.optional(key).and_then(|tree| self.duration(tree));
            given.unwrap_or_default()
        };
        let (delay, jitter) = (time("delay"), time("jitter"));
        let mut share = |key| {
            let given = fields.optional(key).and_then(|tree| self.share(tree));
            given.unwrap_or_default()
        };
        let (loss_ppm, reorder_ppm) = (share("loss"), share("reorder"));
        let rate_bps = fields.optional("rate").and_then(|tree| self.rate(tree));
        Some(LabLink { delay, jitter, loss_ppm, reorder_ppm, rate_bps })
    }
}
