//! `netloom network matrix`: who reaches whom, drawn with a letter for each thing that passes.

use crate::host::{self, Host, Known};
use crate::output;
use netloom_model::fabric::Name;
use netloom_plan::reach::matrix::{self, Cell, Class, Kind, OTHERS_MAX};
use netloom_policy::{IntervalSet, words};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::process::ExitCode;

/// Shows who reaches whom.
#[derive(Debug, clap::Args)]
pub(crate) struct Matrix {
    /// Files of the fabric; if none are named, `netloom.yaml` in this folder, or else what is in force, as
    /// control on this host says.
    files: Vec<String>,
    #[command(flatten)]
    host: Host,
    /// Only workloads of this network, and what they reach or are reached by.
    #[arg(long)]
    network: Option<Name>,
    /// Print it as JSON.
    #[arg(long)]
    json: bool,
}

/// Columns of a drawing; more come below.
const COLUMNS_MAX: usize = 40;
/// How many members of a class are named.
const NAMED_MAX: usize = 3;

pub(crate) fn run(arguments: &Matrix) -> anyhow::Result<ExitCode> {
    let Known { fabric, world } = host::known(&arguments.host, &arguments.files)?;
    let mut found = matrix::matrix(&world.input(&fabric));
    if let Some(network) = &arguments.network {
        anyhow::ensure!(
            fabric.networks.contains_key(network),
            "there is no network `{network}` in the fabric"
        );
        found = only(found, network);
    }
    output::print(&if arguments.json { as_json(&found) } else { drawn(&found) });
    Ok(ExitCode::SUCCESS)
}

/// The classes of a network's workloads, those of others than workloads between which and them anything
/// passes, and their cells.
fn only(found: matrix::Matrix, network: &Name) -> matrix::Matrix {
    let is_own = |at: usize| found.classes[at].network.as_ref() == Some(network);
    let open = found.cells.iter().filter(|(_, cell)| cell.is_open()).map(|(at, _)| *at);
    let meets: BTreeSet<usize> = open
        .filter(|(row, column)| is_own(*row) || is_own(*column))
        .flat_map(|(row, column)| [row, column])
        .collect();
    let is_kept = |at: &usize| {
        is_own(*at) || found.classes[*at].kind != Kind::Workloads && meets.contains(at)
    };
    let kept: Vec<usize> = (0..found.classes.len()).filter(is_kept).collect();
    let places: BTreeMap<usize, usize> =
        kept.iter().enumerate().map(|(new, old)| (*old, new)).collect();
    let cells = found.cells.iter().filter_map(|((row, column), cell)| {
        Some(((*places.get(row)?, *places.get(column)?), cell.clone()))
    });
    let classes = kept.iter().map(|at| found.classes[*at].clone()).collect();
    matrix::Matrix { classes, cells: cells.collect(), left_out: found.left_out }
}

/// What passes, in words: once if it is the same over both families.
fn passing(cell: &Cell) -> String {
    let of = |set: &Option<IntervalSet>| {
        set.as_ref().map(|set| match words::words(set) {
            words if words.is_empty() => "nothing".to_owned(),
            words => words.join("; "),
        })
    };
    match (of(&cell.v4), of(&cell.v6)) {
        (Some(v4), Some(v6)) if v4 != v6 => {
            format!("IPv4: {v4}, IPv6: {v6}")
        }
        (Some(one), _) | (None, Some(one)) => one,
        (None, None) => "nothing: no address of a common family".to_owned(),
    }
}

/// The signs of what passes: in the order in which it is met.
struct Signs {
    by_words: BTreeMap<String, char>,
    order: Vec<(char, String)>,
}

impl Signs {
    fn sign(&mut self, words: String) -> char {
        match words.as_str() {
            "everything" => return '█',
            words if words.starts_with("nothing") => return '·',
            _ => {}
        }
        if let Some(sign) = self.by_words.get(&words) {
            return *sign;
        }
        let letters = ('a'..='z').chain('A'..='Z').chain('0'..='9');
        let sign = letters.chain('α'..='ω').nth(self.order.len()).unwrap_or('+');
        self.order.push((sign, words.clone()));
        self.by_words.insert(words, sign);
        sign
    }
}

fn drawn(found: &matrix::Matrix) -> String {
    if found.classes.is_empty() {
        return "no workloads, and no nodes in networks\n".to_owned();
    }
    let mut signs = Signs { by_words: BTreeMap::new(), order: Vec::new() };
    let columns: Vec<usize> = (0..found.classes.len()).collect();
    let mut text = String::new();
    for columns in columns.chunks(COLUMNS_MAX) {
        let mut rows = vec![vec![String::new(), "from \\ to".to_owned(), heads(columns)]];
        for (row, class) in found.classes.iter().enumerate() {
            let cells: Vec<String> = columns
                .iter()
                .map(|column| match found.cells.get(&(row, *column)) {
                    Some(cell) => format!("{:>2}", signs.sign(passing(cell))),
                    None => " -".to_owned(),
                })
                .collect();
            rows.push(vec![(row + 1).to_string(), name(class), cells.join(" ")]);
        }
        text.push_str(&output::table(&rows));
        text.push('\n');
    }
    text.push_str("  · nothing   █ everything   - itself, or both outside\n");
    for (sign, words) in signs.order {
        text.push_str(&format!("  {sign} {words}\n"));
    }
    text.push_str(&obstacles(found));
    if found.left_out > 0 {
        let left_out = found.left_out;
        text.push_str(&format!(
            "\n  {left_out} more kinds of nodes and of prefixes behind nodes are left out: {OTHERS_MAX} are asked about\n"
        ));
    }
    text
}

fn heads(columns: &[usize]) -> String {
    columns.iter().map(|column| format!("{:>2}", column + 1)).collect::<Vec<_>>().join(" ")
}

/// Why nothing passes, where policy is not the reason: how often, and one example.
fn obstacles(found: &matrix::Matrix) -> String {
    let mut blocked =
        found.cells.iter().filter_map(|(at, cell)| Some((at, cell.obstacle.as_ref()?)));
    let count = blocked.clone().count();
    let Some(((row, column), first)) = blocked.next() else { return String::new() };
    format!(
        "\n  {count} of the cells have no way, whatever policy says; such as {} -> {}: {first}\n",
        row + 1,
        column + 1
    )
}

fn name(class: &Class) -> String {
    let named: Vec<&str> = class.members.iter().take(NAMED_MAX).map(String::as_str).collect();
    let more = class.members.len() - named.len();
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let place = class.subnet.as_deref().unwrap_or_else(|| class.kind.word());
    match class.kind {
        Kind::Internet => named.join(", "),
        _ => format!("{}{more} ({place})", named.join(", ")),
    }
}

fn as_json(found: &matrix::Matrix) -> String {
    let classes: Vec<_> = found
        .classes
        .iter()
        .map(|class| {
            json!({ "kind": class.kind.word(), "members": class.members, "network": class.network,
                    "subnet": class.subnet, "security_groups": class.groups })
        })
        .collect();
    let set = |set: &Option<IntervalSet>| set.as_ref().map(words::words);
    let cells: Vec<_> = found
        .cells
        .iter()
        .map(|((from, to), cell)| {
            json!({ "from": from, "to": to, "ipv4": set(&cell.v4), "ipv6": set(&cell.v6),
                    "obstacle": cell.obstacle })
        })
        .collect();
    format!("{:#}\n", json!({ "classes": classes, "cells": cells, "left_out": found.left_out }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use netloom_plan::assumed::Assumed;

    #[test]
    fn a_matrix_has_a_sign_for_each_thing_that_passes() {
        let text = include_str!("../../../../examples/quickstart.yaml");
        let fabric = netloom_testkit::fabric(text);
        let world = Assumed::of(&fabric);
        let found = matrix::matrix(&world.input(&fabric));
        let text = drawn(&found);
        let row = text.lines().find(|line| line.contains("api-1 (data)")).unwrap();
        let signs: Vec<&str> = row.split_once(") ").unwrap().1.split_whitespace().collect();
        assert_eq!(signs.len(), found.classes.len());
        assert!(signs.contains(&"-") && signs.contains(&"·"), "{text}");
        assert!(text.lines().any(|line| line.trim_start().ends_with("tcp 5432")), "{text}");
        let is_ops = |class: &Class| class.network.as_ref().is_none_or(|one| one == "ops");
        let ops = only(found, &"ops".to_owned());
        assert!(ops.classes.iter().all(is_ops) && !ops.cells.is_empty());
    }

    #[test]
    fn a_matrix_has_the_internet_nodes_and_what_is_behind_them() {
        let text = include_str!("../../../../examples/architecture.yaml");
        let fabric = netloom_testkit::fabric(text);
        let found = matrix::matrix(&Assumed::of(&fabric).input(&fabric));
        let place = |first: &str| {
            let is_it = |class: &Class| class.members.first().is_some_and(|name| name == first);
            found.classes.iter().position(is_it).unwrap()
        };
        let words = |from, to| passing(&found.cells[&(place(from), place(to))]);
        assert_eq!(words("internet", "cdn"), "tcp 80");
        let text = drawn(&found);
        for row in [" internet ", "(nodes)", "(behind a node)"] {
            assert!(text.contains(row), "{row}: {text}");
        }
    }
}
