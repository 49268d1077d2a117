//! Whether what was connected is there at all: its node says so soon after.

use netloom::api::Workload;
use netloom::{Client, ClientError};
use netloom_model::diagnostic::nearest;
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
            return Ok(lines(before, &now));
        }
        tokio::time::sleep(LOOK).await;
    }
    Ok(Vec::new())
}

fn lines(before: &BTreeMap<String, Workload>, new: &BTreeMap<String, Workload>) -> Vec<String> {
    let absent = new.iter().filter(|(_, workload)| workload.state == "absent");
    let line = |(name, workload): (&String, &Workload)| {
        let why = workload.detail.as_deref().unwrap_or("nobody says why");
        let near = nearest(name, before.keys().map(String::as_str));
        let near = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
        format!(
            "{name} is not there yet: {why}{near}; it is brought in as soon as it is, or taken back by \
             `netloom network disconnect {} {name}`",
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
        let named = |name: &str, state| (name.to_owned(), of(state));
        let new = [named("wbe", "absent"), named("box", "attached")].into();
        let told = lines(&[named("web", "attached")].into(), &new);
        assert_eq!(told.len(), 1);
        assert!(told[0].contains("did you mean `web`?"), "{}", told[0]);
        assert!(told[0].starts_with("wbe is not there yet: the container engine knows no"));
        assert!(told[0].ends_with("`netloom network disconnect app wbe`"));
    }
}
