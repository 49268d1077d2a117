//! The fabric that a question is about: of files, or what is in force as control on this host says.

use super::place::Host;
use super::wait_for;
use crate::{output, source};
use anyhow::Context as _;
use netloom::api;
use netloom_model::Fabric;
use netloom_model::lease::Leases;
use netloom_model::load::API_FILE;
use netloom_plan::assumed::Assumed;
use std::path::Path;

/// The file that is meant where none is named and this folder has it.
const USUAL_FILE: &str = "netloom.yaml";

/// A fabric, and what answers about it are made from.
#[derive(Debug)]
pub(crate) struct Known {
    pub(crate) fabric: Fabric,
    pub(crate) world: Assumed,
}

/// The fabric of `files`; where none are named, that of this folder's `netloom.yaml`, or else what is in force
/// here, with the addresses that workloads and nodes have.
pub(crate) fn known(host: &Host, files: &[String]) -> anyhow::Result<Known> {
    let usual = [USUAL_FILE.to_owned()];
    let files = match files {
        [] if Path::new(USUAL_FILE).exists() => &usual,
        files => files,
    };
    if files.is_empty() {
        return in_force(host).context(
            "there is no netloom.yaml in this folder, and what is in force is not known here; \
             name the fabric's files, or ask on a host of control",
        );
    }
    let fabric = source::fabric(files)?;
    let world = Assumed::of(&fabric);
    Ok(Known { fabric, world })
}

/// What is in force, with what was declared over the API.
pub(super) fn in_force(host: &Host) -> anyhow::Result<Known> {
    let client = host.chosen()?.client();
    let status = wait_for(client.status())?;
    let revision = wait_for(client.revision(status.revision))?;
    let mut sources = revision.sources.context("control does not say what is in force")?;
    if let Some(api) = revision.api {
        sources.roots.push(API_FILE.to_owned());
        sources.texts.insert(API_FILE.to_owned(), api);
    }
    let loaded = netloom_model::load(&sources.roots, |name| {
        let text = sources.texts.get(name);
        text.map(|text| text.clone().into_bytes()).ok_or_else(|| "is not there".to_owned())
    });
    let fabric = loaded
        .fabric
        .context("what is in force cannot be read by this version; name the fabric's files")?;
    output::error(&format!("of revision {}, which is in force:\n", status.revision));
    let addresses = status.workloads.into_iter().map(|(name, workload)| {
        (name, workload.addresses.iter().filter_map(|address| address.parse().ok()).collect())
    });
    let leases = Leases { workloads: addresses.collect(), ..Leases::default() };
    let id = u128::from_str_radix(&status.fabric_id, 16).unwrap_or_default();
    let endpoint = |(name, node): (String, api::Node)| Some((name, node.endpoint?.parse().ok()?));
    let endpoints = status.nodes.into_iter().filter_map(endpoint).collect();
    let world = Assumed::with(&fabric, leases).with_id(id).with_endpoints(&fabric, &endpoints);
    Ok(Known { fabric, world })
}
