//! What this host is in a fabric: a node, a member of control, both; and why control does not answer here.

use super::place::{Host, Place};
use anyhow::bail;
use netloom_agent::joined::{JOINED, JoinedFacts};

/// What the node that this host is was told when it joined.
pub(super) fn joined(place: &Place) -> Option<JoinedFacts> {
    let text = std::fs::read_to_string(place.node().join(JOINED)).ok()?;
    serde_json::from_str(&text).ok()
}

/// The node that this host is, if it has joined.
pub(super) fn own_node(place: &Place) -> Option<String> {
    joined(place).map(|facts| facts.node)
}

/// Whether this host has what a member of control needs.
fn keeps_control(place: &Place) -> bool {
    // The certificate of the authority comes last.
    place.control().join("ca.crt").exists()
}

/// Refuses to begin a fabric where this host is a node of one of that name: commands would ask the
/// new one from then on, while the node goes on to belong to the other.
///
/// # Errors
/// This host is such a node.
pub(super) fn refuse_second_fabric(place: &Place) -> anyhow::Result<()> {
    if keeps_control(place) || !place.node().join(JOINED).exists() {
        return Ok(());
    }
    let (fabric, words) = (&place.fabric, place.words());
    match joined(place) {
        Some(facts) => bail!(
            "this host is node `{}` of fabric `{fabric}` already, whose control is at {}; apply the file \
             there (`netloom apply FILE`), or leave that fabric first: netloom down{words}",
            facts.node,
            facts.control.join(", ")
        ),
        None => bail!(
            "this host is a node of a fabric `{fabric}` already, and {} is damaged; leave that fabric \
             first: netloom down{words}",
            place.node().join(JOINED).display()
        ),
    }
}

/// Refuses to join where this host is another node already: its agent would go on as the one, with
/// the identity of the other.
///
/// # Errors
/// This host has another name there, or is of another fabric that has the same name.
pub(super) fn refuse_other_node(place: &Place, fabric_id: &str, name: &str) -> anyhow::Result<()> {
    // What is damaged is written anew.
    let Some(own) = joined(place) else { return Ok(()) };
    let (fabric, words) = (&place.fabric, place.words());
    if own.fabric_id != fabric_id {
        bail!(
            "this host is node `{}` of another fabric that is called `{fabric}` too (its id is {}, the \
             token's {fabric_id}); leave that one first: netloom down{words}",
            own.node,
            own.fabric_id
        );
    }
    if own.node != name {
        bail!(
            "this host is node `{}` of fabric `{fabric}` already, and would be `{name}`; leave the fabric \
             first: netloom down{words}",
            own.node
        );
    }
    Ok(())
}

/// Whether this host has a part of the fabric, and nothing of it runs since `netloom stop`, or since the
/// host was restarted.
pub(super) fn is_stopped(place: &Place) -> bool {
    let is_kept = keeps_control(place) || place.node().join(JOINED).exists();
    // What may not be seen does not count.
    is_kept && matches!(place.run().try_exists(), Ok(false))
}

/// That it is so, in words, and what to do.
pub(super) fn stopped_words(place: &Place) -> String {
    let (fabric, words) = (&place.fabric, place.words());
    format!("fabric `{fabric}` is stopped on this host; start it with: netloom start{words}")
}

/// Why the node's agent does not answer on this host, and what to do.
pub(super) fn absence_of_agent(place: &Place) -> String {
    if is_stopped(place) {
        return stopped_words(place);
    }
    let log = place.state().join("log");
    if keeps_control(place) || joined(place).is_some() {
        return format!(
            "neither control nor a node of `{}` runs here; {} tells why it ended, and this starts it: \
             netloom start{}",
            place.fabric,
            log.display(),
            place.words()
        );
    }
    format!(
        "neither control nor a node of `{}` runs here; `netloom up FILE` or `netloom join TOKEN` \
         starts one, and {} tells why it ended",
        place.fabric,
        log.display()
    )
}

/// Why control does not answer on this host, and what to do, where that can be seen.
pub(super) fn absence_of_control(place: &Place) -> Option<String> {
    if keeps_control(place) {
        return is_stopped(place).then(|| stopped_words(place));
    }
    let Some(facts) = joined(place) else {
        // Fabrics that are asked for by name are known to be here: this one's name is from a file.
        let found =
            Host { state: place.state_root.clone(), run: place.run_root.clone(), fabric: None };
        let found = found.fabrics();
        let is_other = !found.is_empty() && !found.contains(&place.fabric);
        return is_other.then(|| {
            format!(
                "this host has fabric `{}`, and the file is of `{}`; name that fabric's file, or run the \
                 command on a host of control of `{}`",
                found.join("`, `"),
                place.fabric,
                place.fabric
            )
        });
    };
    Some(format!(
        "this host is node `{}` of fabric `{}`, and control is at {}; run the command on that host",
        facts.node,
        place.fabric,
        facts.control.join(", ")
    ))
}

#[cfg(test)]
mod tests;
