//! Whether what was connected is there at all: its node says so soon after.

use netloom::api::Workload;
use netloom::{Client, ClientError};
use std::collections::BTreeMap;
use std::time::Duration;

/// How often the node's word is looked for, and how many times.
const LOOK: Duration = Duration::from_millis(100);
const LOOKS_MAX: usize = 30;

/// What is told of workloads that were not declared `before`: nothing of those that are there.
pub(super) async fn told(
    client: &Client,
    before: &BTreeMap<String, Workload>,
) -> Result<Vec<String>, ClientError> {
    for _ in 0..LOOKS_MAX {
        let mut now = client.status().await?.workloads;
        now.retain(|name, _| !before.contains_key(name));
        if now.values().all(|workload| workload.state != "unknown") {
            return Ok(lines(&now));
        }
        tokio::time::sleep(LOOK).await;
    }
    Ok(Vec::new())
}

fn lines(new: &BTreeMap<String, Workload>) -> Vec<String> {
    let absent = new.iter().filter(|(_, workload)| workload.state == "absent");
    let line = |(name, workload): (&String, &Workload)| {
        let why = workload.detail.as_deref().unwrap_or("nobody says why");
        format!(
            "{name} is not there yet: {why}; it is brought in as soon as it is, or taken back by \
             `netloom network disconnect {} {name}`\n",
            workload.network
        )
    };
    absent.map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_absent_is_told_with_its_reason() {
        let of = |state: &str| Workload {
            network: "app".to_owned(),
            state: state.to_owned(),
            detail: Some("the container engine knows no container `wbe`".to_owned()),
            ..Workload::default()
        };
        let new = [("wbe", of("absent")), ("web", of("attached"))];
        let new = new.map(|(name, workload)| (name.to_owned(), workload)).into();
        let told = lines(&new);
        assert_eq!(told.len(), 1);
        assert!(told[0].starts_with("wbe is not there yet: the container engine knows no"));
        assert!(told[0].ends_with("`netloom network disconnect app wbe`\n"));
    }
}
