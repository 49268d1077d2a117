//! A plan as sections of a file, and whether the check of a file takes them.

use super::{Plan, Unplannable, Wanted};
use netloom_model::{Diagnostic, Severity};
use std::fmt::Write as _;

impl Wanted {
    /// The network as the section of a file.
    pub fn yaml(&self, network: &str) -> String {
        let cidrs: Vec<String> =
            self.prefixes.iter().map(|prefix| format!("\"{prefix}\"")).collect();
        format!("networks:\n  {network}: {{ cidr: [{}] }}\n", cidrs.join(", "))
    }
}

impl Plan {
    /// The plan as the sections of a file.
    pub fn yaml(&self, network: &str) -> String {
        let mut text = "subnets:\n".to_owned();
        for subnet in &self.subnets {
            let cidrs: Vec<String> =
                subnet.cidrs.iter().map(|cidr| format!("\"{cidr}\"")).collect();
            let public = if subnet.tier == "public" { ", public: true" } else { "" };
            let (tier, zone) = (scalar(&subnet.tier), scalar(&subnet.zone));
            // Writing to a String cannot fail.
            let _ = writeln!(
                text,
                "  {}: {{ network: {network}, cidr: [{}], zone: {zone}{public}, tags: {{ tier: {tier} }} }}",
                subnet.name(),
                cidrs.join(", ")
            );
        }
        text
    }
}

/// A name as YAML has it, quoted where it would be no text otherwise.
pub fn scalar(name: &str) -> String {
    let is_word =
        matches!(name, "null" | "true" | "false" | "yes" | "no" | "on" | "off" | "y" | "n");
    if is_word || name.starts_with(|first: char| first.is_ascii_digit()) {
        return format!("\"{name}\"");
    }
    name.to_owned()
}

/// Nothing is proposed that the check of a file refuses.
pub(super) fn loads(wanted: &Wanted, plan: &Plan) -> Result<(), Unplannable> {
    let zones: Vec<String> = wanted.zones.iter().map(|zone| scalar(zone)).collect();
    let text = format!(
        "version: 1\nfabric: planned\nregions: {{ planned: {{ zones: [{}] }} }}\n{}{}",
        zones.join(", "),
        wanted.yaml("planned"),
        plan.yaml("planned")
    );
    let loaded = netloom_model::load(&["planned".to_owned()], |_| Ok(text.clone().into_bytes()));
    match loaded.diagnostics.into_iter().find(|found| found.severity == Severity::Error) {
        None => Ok(()),
        Some(Diagnostic { message, cause, solution, .. }) => {
            Err(Unplannable::Refused { message, cause, solution })
        }
    }
}
