//! `netloom network plan-cidr`: subnets for zones and tiers, carved out of a network with room left.

use crate::{output, source};
use anyhow::Context as _;
use ipnet::IpNet;
use netloom_model::Severity;
use netloom_model::fabric::Fabric;
use netloom_model::words::counted;
use netloom_plan::address_plan::{self, Plan, Tier, Wanted};
use serde_json::json;
use std::collections::BTreeSet;
use std::process::ExitCode;

/// Proposes subnets; nothing is changed.
#[derive(Debug, clap::Args)]
pub(crate) struct PlanCidr {
    /// Prefixes of the network; those of `--network` if none are given.
    prefixes: Vec<IpNet>,
    /// Prefix of IPv6: each subnet gets a /64 of it.
    #[arg(long, value_name = "PREFIX")]
    ipv6: Option<IpNet>,
    /// How many zones, or their names.
    #[arg(long, value_name = "COUNT|NAMES", value_delimiter = ',')]
    zones: Vec<String>,
    /// Tiers; subnets of one that is called `public` are public.
    #[arg(long, value_delimiter = ',', default_value = "public,private")]
    tiers: Vec<String>,
    /// Workloads in each subnet: one number for all tiers, or one for each.
    #[arg(long, value_delimiter = ',')]
    hosts: Vec<u64>,
    /// File of a fabric beside whose subnets is planned.
    #[arg(long = "in", value_name = "FILE")]
    files: Vec<String>,
    /// The network.
    #[arg(long, default_value = "app")]
    network: String,
    /// Print the plan as JSON.
    #[arg(long, conflicts_with = "yaml")]
    json: bool,
    /// Print the plan as sections of a fabric's file.
    #[arg(long)]
    yaml: bool,
}

/// The letters of zones that are only counted.
const ZONES_MAX: usize = 26;

pub(crate) fn run(arguments: &PlanCidr) -> anyhow::Result<ExitCode> {
    let fabric = match arguments.files.as_slice() {
        [] => None,
        files => Some(source::fabric(files)?),
    };
    let wanted = wanted(arguments, fabric.as_ref())?;
    let plan = address_plan::plan(&wanted)?;
    if let Some(fabric) = &fabric {
        names_are_free(fabric, &plan)?;
    }
    let sections = sections(arguments, &wanted, &plan);
    passes(&arguments.files, &wanted.zones, &sections)?;
    output::print(&if arguments.json {
        as_json(&plan)
    } else if arguments.yaml {
        format!("# Its zones are declared with a region: {}\n{sections}", wanted.zones.join(", "))
    } else {
        as_table(&wanted, &plan)
    });
    Ok(ExitCode::SUCCESS)
}

fn wanted(arguments: &PlanCidr, fabric: Option<&Fabric>) -> anyhow::Result<Wanted> {
    let mut prefixes: Vec<IpNet> =
        arguments.prefixes.iter().chain(&arguments.ipv6).copied().collect();
    if let Some(bad) = prefixes.iter().find(|prefix| prefix.trunc() != **prefix) {
        anyhow::bail!("{bad} has bits set after its length; did you mean {}?", bad.trunc());
    }
    let mut taken = Vec::new();
    let mut declared_zones = Vec::new();
    if let Some(fabric) = fabric {
        let name = &arguments.network;
        let network = fabric
            .networks
            .get(name)
            .with_context(|| format!("there is no network `{name}` in the file"))?;
        let outside = |prefix: &&IpNet| !network.cidrs.iter().any(|cidr| cidr.contains(*prefix));
        if let Some(outside) = prefixes.iter().find(outside) {
            anyhow::bail!("{outside} is outside of the network `{name}`");
        }
        if prefixes.is_empty() {
            prefixes.clone_from(&network.cidrs);
        }
        let subnets = fabric.subnets.values().filter(|subnet| subnet.network == *name);
        taken.extend(subnets.flat_map(|subnet| subnet.cidrs.iter().copied()));
        declared_zones = zones_of(fabric, name);
        anyhow::ensure!(
            !declared_zones.is_empty(),
            "the network `{name}` can be in no zone, and each subnet of a plan is in one: add `zones: [a]` to its region"
        );
    }
    Ok(Wanted {
        prefixes,
        taken,
        zones: zones(arguments, declared_zones)?,
        tiers: tiers(arguments)?,
    })
}

/// The zones that a network's subnets may be in: its own, or those of its region, or of any.
fn zones_of(fabric: &Fabric, network: &str) -> Vec<String> {
    let Some(network) = fabric.networks.get(network) else { return Vec::new() };
    if !network.zones.is_empty() {
        return network.zones.iter().cloned().collect();
    }
    let of = |name: &&String| network.region.as_ref().is_none_or(|region| region == *name);
    let regions = fabric.regions.iter().filter(|(name, _)| of(name));
    let zones: BTreeSet<&String> = regions.flat_map(|(_, region)| &region.zones).collect();
    zones.into_iter().cloned().collect()
}

fn zones(arguments: &PlanCidr, declared: Vec<String>) -> anyhow::Result<Vec<String>> {
    let count = match arguments.zones.as_slice() {
        [] if declared.is_empty() => 1,
        [] => declared.len(),
        [count] if count.parse::<usize>().is_ok() => count.parse()?,
        names => {
            let unknown = |name: &&String| !declared.is_empty() && !declared.contains(name);
            if let Some(name) = names.iter().find(unknown) {
                let all = declared.join(", ");
                anyhow::bail!("the network has no zone `{name}`: its zones are {all}");
            }
            return Ok(names.to_vec());
        }
    };
    if !declared.is_empty() {
        let there = declared.len();
        anyhow::ensure!(
            count <= there,
            "the network has {}: {}",
            counted(there, "zone"),
            declared.join(", ")
        );
        return Ok(declared.into_iter().take(count).collect());
    }
    anyhow::ensure!(count <= ZONES_MAX, "at most {ZONES_MAX} zones can be counted; name them");
    Ok(('a'..='z').take(count).map(String::from).collect())
}

fn tiers(arguments: &PlanCidr) -> anyhow::Result<Vec<Tier>> {
    let (tiers, hosts) = (&arguments.tiers, &arguments.hosts);
    anyhow::ensure!(
        hosts.len() <= 1 || hosts.len() == tiers.len(),
        "{} of hosts for {}: give one for all, or one for each",
        counted(hosts.len(), "number"),
        counted(tiers.len(), "tier")
    );
    let of = |index: usize| hosts.get(index).or_else(|| hosts.first()).copied();
    let tier = |(index, name): (usize, &String)| Tier { name: name.clone(), hosts: of(index) };
    Ok(tiers.iter().enumerate().map(tier).collect())
}

fn names_are_free(fabric: &Fabric, plan: &Plan) -> anyhow::Result<()> {
    for name in plan.subnets.iter().map(address_plan::Planned::name) {
        if let Some(there) = fabric.subnets.get(&name) {
            anyhow::bail!(
                "there is a subnet `{name}` already, at {}: call the tier otherwise",
                there.span
            );
        }
    }
    Ok(())
}

fn as_json(plan: &Plan) -> String {
    let texts = |cidrs: &[IpNet]| cidrs.iter().map(IpNet::to_string).collect::<Vec<_>>();
    let subnets: Vec<_> = plan
        .subnets
        .iter()
        .map(|subnet| {
            json!({ "name": subnet.name(), "tier": subnet.tier, "zone": subnet.zone,
                    "cidrs": texts(&subnet.cidrs), "hosts": subnet.hosts() })
        })
        .collect();
    format!("{:#}\n", json!({ "subnets": subnets, "free": texts(&plan.free) }))
}

/// What is proposed, as sections of a file.
fn sections(arguments: &PlanCidr, wanted: &Wanted, plan: &Plan) -> String {
    let network = &arguments.network;
    let own = if arguments.files.is_empty() { wanted.yaml(network) } else { String::new() };
    format!("{own}{}", plan.yaml(network))
}

/// Refuses what `netloom check` would, beside the files or with a region of its own.
fn passes(files: &[String], zones: &[String], sections: &str) -> anyhow::Result<()> {
    const PLANNED: &str = "(planned)";
    let head = match files {
        [] => format!(
            "version: 1\nfabric: planned\nregions: {{ planned: {{ zones: [{}] }} }}\n",
            zones.iter().map(|zone| address_plan::scalar(zone)).collect::<Vec<_>>().join(", ")
        ),
        _ => String::new(),
    };
    let all: Vec<String> = files.iter().cloned().chain([PLANNED.to_owned()]).collect();
    let loaded = netloom_model::load(&all, |path| match path {
        PLANNED => Ok(format!("{head}{sections}").into_bytes()),
        path => source::from_disk(path),
    });
    let error = loaded.diagnostics.iter().find(|found| found.severity == Severity::Error);
    error.map_or(Ok(()), |found| {
        anyhow::bail!("{}: {}; {}", found.message, found.cause, found.solution)
    })
}

fn as_table(wanted: &Wanted, plan: &Plan) -> String {
    let head = ["subnet", "zone", "prefixes", "workloads"].map(str::to_owned).to_vec();
    let row = |subnet: &address_plan::Planned| {
        let cidrs: Vec<String> = subnet.cidrs.iter().map(IpNet::to_string).collect();
        let hosts = subnet.hosts().map(|hosts| hosts.to_string()).unwrap_or_default();
        vec![subnet.name(), subnet.zone.clone(), cidrs.join(" "), hosts]
    };
    let rows: Vec<Vec<String>> =
        std::iter::once(head).chain(plan.subnets.iter().map(row)).collect();
    let (v4, v6): (Vec<&IpNet>, Vec<&IpNet>) =
        plan.free.iter().partition(|prefix| prefix.addr().is_ipv4());
    let listed = |free: &[&IpNet]| match free {
        [] => "nothing".to_owned(),
        free => free.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "),
    };
    let mut text = format!("{}\n{}\n", output::table(&rows), plan.bars(wanted));
    if wanted.prefixes.iter().any(|prefix| prefix.addr().is_ipv4()) {
        text.push_str(&format!("  free: {}\n", listed(&v4)));
    }
    if let Some(largest) = v6.iter().min_by_key(|prefix| prefix.prefix_len()) {
        text.push_str(&format!(
            "  free of IPv6: {}, the largest is {largest}\n",
            counted(v6.len(), "part")
        ));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser as _;

    #[derive(Debug, clap::Parser)]
    struct Line {
        #[command(flatten)]
        arguments: PlanCidr,
    }

    fn asked(line: &str, fabric: Option<&Fabric>) -> anyhow::Result<Wanted> {
        let line = Line::try_parse_from(std::iter::once("plan-cidr").chain(line.split(' ')))?;
        wanted(&line.arguments, fabric)
    }

    #[test]
    fn zones_are_counted_named_or_those_of_the_network() {
        let fabric = netloom_testkit::fabric(
            "version: 1\nfabric: f\nregions: { r: { zones: [r-1, r-2] } }
networks: { n: { cidr: 10.0.0.0/16, region: r } }
subnets: { s: { network: n, cidr: 10.0.0.0/20 } }\n",
        );
        let zones = |line: &str, fabric| asked(line, fabric).unwrap().zones;
        assert_eq!(zones("10.0.0.0/16 --zones 3", None), ["a", "b", "c"]);
        assert_eq!(zones("10.0.0.0/16 --zones x,y", None), ["x", "y"]);
        assert_eq!(zones("10.0.0.0/16", None), ["a"]);
        assert_eq!(zones("--network n", Some(&fabric)), ["r-1", "r-2"]);
        assert_eq!(zones("--network n --zones 1", Some(&fabric)), ["r-1"]);
        assert!(asked("--network n --zones 3", Some(&fabric)).is_err());
        let beside = asked("--network n", Some(&fabric)).unwrap();
        assert_eq!(beside.taken, ["10.0.0.0/20".parse().unwrap()]);
        assert!(asked("10.1.0.0/16 --network n", Some(&fabric)).is_err());
        assert!(asked("10.0.0.1/16", None).is_err());
    }

    #[test]
    fn hosts_are_for_all_tiers_or_one_number_for_each() {
        let hosts = |line: &str| -> Vec<Option<u64>> {
            let wanted = asked(&format!("10.0.0.0/16 --tiers a,b {line}"), None).unwrap();
            wanted.tiers.into_iter().map(|tier| tier.hosts).collect()
        };
        assert_eq!(hosts("--zones 2"), [None, None]);
        assert_eq!(hosts("--hosts 20"), [Some(20), Some(20)]);
        assert_eq!(hosts("--hosts 20,30"), [Some(20), Some(30)]);
        assert!(asked("10.0.0.0/16 --tiers a,b --hosts 1,2,3", None).is_err());
    }

    #[test]
    fn what_is_proposed_passes_the_check_or_is_refused_with_cause_and_solution() {
        let proposed = |line: &str| -> anyhow::Result<()> {
            let parsed = Line::try_parse_from(std::iter::once("plan-cidr").chain(line.split(' ')))?;
            let wanted = wanted(&parsed.arguments, None)?;
            let plan = address_plan::plan(&wanted)?;
            passes(&[], &wanted.zones, &sections(&parsed.arguments, &wanted, &plan))
        };
        for good in [
            "10.0.0.0/24 --zones 16",
            "10.0.0.0/16 --zones 1",
            "10.0.0.0/16 --zones no,1 --tiers null,0x1",
            "10.0.0.0/16 --ipv6 fd00:10::/48 --zones 3",
            "--ipv6 fd00:10::/56 --zones 4 --tiers public,data",
        ] {
            assert!(proposed(good).is_ok(), "{good}: {:#}", proposed(good).unwrap_err());
        }
        for (bad, why) in [
            ("10.0.0.0/24 --zones 17", "do not fit"),
            ("fd00:10::/65 --zones 1", "1 subnet of /64 for `public` does not fit"),
            ("0.0.0.0/0 --zones 1", "cannot be a network"),
            ("10.0.0.0/16 10.0.0.0/17", "overlaps"),
            ("127.0.0.0/8", "127.0.0.0/8"),
            ("10.0.0.0/16 --network App", "`App`"),
        ] {
            let refused = format!("{:#}", proposed(bad).unwrap_err());
            assert!(refused.contains(why) && refused.contains("; "), "{bad}: {refused}");
        }
        let fabric = netloom_testkit::fabric(
            "version: 1\nfabric: f\nregions: { r: { zones: [z] } }\nnetworks: { n: { cidr: 10.0.0.0/16 } }\n",
        );
        assert_eq!(asked("--network n", Some(&fabric)).unwrap().zones, ["z"]);
        let unknown = asked("--network n --zones x,y", Some(&fabric)).unwrap_err();
        assert!(unknown.to_string().contains("no zone `x`"), "{unknown}");
    }
}
