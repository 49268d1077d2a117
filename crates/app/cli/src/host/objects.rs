//! `netloom objects`: all that is declared, and who each object is.

use super::place::Host;
use super::wait_for;
use crate::output;
use anyhow::ensure;
use netloom::api::Object;
use std::collections::BTreeMap;
use std::process::ExitCode;

/// Lists the objects of the fabric: the revision that made each, and its uid.
///
/// A uid stays while an object is changed, or renamed with `was`. What is removed and declared again is
/// another object, of the same name.
#[derive(Debug, clap::Args)]
pub(crate) struct Objects {
    #[command(flatten)]
    host: Host,
    /// Only this section, such as `workloads`.
    section: Option<String>,
    /// Print them as JSON.
    #[arg(long)]
    json: bool,
}

pub(crate) fn objects(arguments: &Objects) -> anyhow::Result<ExitCode> {
    let mut found = wait_for(arguments.host.chosen()?.client().objects())?;
    if let Some(section) = &arguments.section {
        let known: Vec<String> = found.objects.keys().cloned().collect();
        found.objects.retain(|name, _| name == section);
        ensure!(
            !found.objects.is_empty(),
            "nothing is declared under `{section}`; there is something under {}",
            known.join(", ")
        );
    }
    if arguments.json {
        output::print(&format!("{}\n", serde_json::to_string_pretty(&found)?));
    } else {
        output::print(&output::table(&rows(&found.objects)));
    }
    Ok(ExitCode::SUCCESS)
}

fn rows(sections: &BTreeMap<String, BTreeMap<String, Object>>) -> Vec<Vec<String>> {
    let head = ["SECTION", "NAME", "SINCE", "UID"].map(str::to_owned).to_vec();
    let row = |section: &str, name: &str, object: &Object| {
        let since = match object.since {
            0 => "before uids".to_owned(),
            revision => format!("revision {revision}"),
        };
        vec![section.to_owned(), name.to_owned(), since, object.uid.clone()]
    };
    let all = sections.iter().flat_map(|(section, objects)| {
        objects.iter().map(move |(name, object)| row(section, name, object))
    });
    std::iter::once(head).chain(all).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_is_listed_with_who_made_it() {
        let object = |since| Object { uid: "b1-c2".to_owned(), since };
        let nodes = BTreeMap::from([("n1".to_owned(), object(0)), ("n2".to_owned(), object(7))]);
        let rows = rows(&BTreeMap::from([("nodes".to_owned(), nodes)]));
        assert_eq!(rows[1], ["nodes", "n1", "before uids", "b1-c2"]);
        assert_eq!(rows[2], ["nodes", "n2", "revision 7", "b1-c2"]);
    }
}
