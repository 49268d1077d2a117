//! Nodes that cannot put a change in force, and nodes that cannot keep it.

use super::disk::SmallDisk;
use super::expect_not;
use super::fabric::{FABRIC, Trial, expect};
use crate::ground::{Host, ip, wait_until};

/// Two of three nodes refuse a change: it goes back everywhere, and a later one is not their hostage.
pub(super) fn half_of_the_nodes(trial: &Trial) -> Result<(), String> {
    let before = trial.revision()?;
    let files = [trial.write(40_000)?, trial.write_more(40_000)?];
    trial.hosts[0].succeed(&["apply", &files[0]])?;
    let link = trial.link_of("more")?;
    for host in &trial.hosts[1..] {
        // Somebody else has a link of that very name.
        ip_in(host, &["link", "add", &link, "type", "veth", "peer", "name", "other"])?;
    }
    let said = trial.hosts[0].fail(&["apply", &files[1]])?;
    for wanted in ["beta", "gamma", &link] {
        expect(&said, wanted)?;
    }
    // Forward and back are two revisions; what is declared is what was.
    trial.is_at(before + 3)?;
    expect_not(&trial.hosts[0].succeed(&["plan", &files[0]])?, "more")?;
    for host in &trial.hosts {
        let namespace = host.run().join(FABRIC).join("netns/network-more");
        wait_until("the network is gone again", || {
            if namespace.exists() { Err(namespace.display().to_string()) } else { Ok(()) }
        })?;
    }
    trial.hosts[1].succeed(&["status"])?;
    trial.answers(&trial.hosts[1], "b", "g")?;
    // Kept although refused, it is refused still, which must not take a later change back.
    trial.hosts[0].output(&["apply", "--keep-refused", &files[1]])?;
    let kept = trial.revision()?;
    let said = trial.hosts[0].fail(&["apply", &trial.write_more(40_001)?])?;
    expect(&said, "is in force")?;
    trial.is_at(kept + 1)?;
    // A node that restarts goes on with what it could put in force.
    let host = &trial.hosts[1];
    host.succeed(&["stop"])?;
    host.succeed(&["start"])?;
    trial.answers(host, "b", "g")?;
    wait_until("it says what it refuses", || expect(&host.succeed(&["status"])?, &link))?;
    for host in &trial.hosts[1..] {
        ip_in(host, &["link", "del", &link])?;
    }
    for host in &trial.hosts {
        let namespace = host.run().join(FABRIC).join("netns/network-more");
        wait_until("what hindered is gone, and the network comes", || {
            if namespace.exists() { Ok(()) } else { Err(namespace.display().to_string()) }
        })?;
    }
    trial.hosts[0].succeed(&["apply", &files[0]]).map(drop)
}

/// A node whose disk is full puts changes in force, says that a restart would lose them, and mends it.
pub(super) fn full_disk(trial: &Trial) -> Result<(), String> {
    let host = &trial.hosts[1];
    let folder = host.state().join(FABRIC).join("node");
    host.succeed(&["stop"])?;
    let disk = SmallDisk::below(&folder, 4)?;
    host.succeed(&["start"])?;
    trial.all_connected()?;
    disk.fill();
    trial.hosts[0].succeed(&["apply", &trial.write(50_000)?])?;
    wait_until("the node says that it cannot keep it", || {
        expect(&host.succeed(&["status"])?, "No space left on device")
    })?;
    trial.answers(host, "b", "g")?;
    disk.make_room()?;
    trial.hosts[0].succeed(&["apply", &trial.write(50_001)?])?;
    wait_until("the node has kept it", || {
        expect_not(&host.succeed(&["status"])?, "No space left on device")
    })?;
    host.succeed(&["stop"])?;
    host.succeed(&["start"])?;
    trial.all_connected()?;
    host.succeed(&["stop"])?;
    disk.take_away()?;
    host.succeed(&["start"])?;
    trial.all_connected()
}

impl Trial {
    /// The name of the hosts' own links to a network, made as those to the network they are in.
    fn link_of(&self, network: &str) -> Result<String, String> {
        let links = ip_in(&self.hosts[1], &["-o", "link"])?;
        let names = links.lines().filter_map(|line| line.split(": ").nth(1)?.split('@').next());
        let mut prefixes = names.filter_map(|name| name.strip_suffix("-app"));
        let prefix = prefixes.next().ok_or_else(|| format!("no link of `app`: {links}"))?;
        Ok(format!("{prefix}-{network}"))
    }
}

fn ip_in(host: &Host, arguments: &[&str]) -> Result<String, String> {
    ip(&[&["-n", host.namespace.as_str()][..], arguments].concat())
        .map_err(|error| error.to_string())
}
