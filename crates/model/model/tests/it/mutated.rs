//! A sound file with lines deleted, doubled, swapped, cut and indented: never a panic, and never a
//! fabric together with an error.

use crate::whole::WHOLE;
use netloom_model::fuzz;
use proptest::prelude::*;
use std::path::PathBuf;

fn quickstart() -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../examples/quickstart.yaml");
    std::fs::read_to_string(path).unwrap()
}

/// The example, or a file that has every section.
fn sound(with_everything: bool) -> String {
    if with_everything { WHOLE.to_owned() } else { quickstart() }
}

#[derive(Clone, Copy, Debug)]
enum Mutation {
    Delete,
    Double,
    SwapWithNext,
    CutInHalf,
    Indent,
    Outdent,
    Tab,
}

fn apply(lines: &mut Vec<String>, mutation: Mutation, at: usize) {
    let at = at % lines.len().max(1);
    let Some(line) = lines.get(at).cloned() else { return };
    match mutation {
        Mutation::Delete => drop(lines.remove(at)),
        Mutation::Double => lines.insert(at, line),
        Mutation::SwapWithNext if at + 1 < lines.len() => lines.swap(at, at + 1),
        Mutation::SwapWithNext => {}
        Mutation::CutInHalf => lines[at] = line.chars().take(line.chars().count() / 2).collect(),
        Mutation::Indent => lines[at] = format!("  {line}"),
        Mutation::Outdent => lines[at] = line.strip_prefix("  ").unwrap_or(&line).to_owned(),
        Mutation::Tab => lines[at] = line.replacen("  ", "\t", 1),
    }
}

fn mutation() -> impl Strategy<Value = Mutation> {
    prop::sample::select(vec![
        Mutation::Delete,
        Mutation::Double,
        Mutation::SwapWithNext,
        Mutation::CutInHalf,
        Mutation::Indent,
        Mutation::Outdent,
        Mutation::Tab,
    ])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn a_mutated_file_is_a_fabric_or_told(
        with_everything: bool,
        mutations in prop::collection::vec((mutation(), any::<usize>()), 1..6),
    ) {
        let mut lines: Vec<String> = sound(with_everything).lines().map(str::to_owned).collect();
        for (mutation, at) in mutations {
            apply(&mut lines, mutation, at);
        }
        fuzz::file(format!("0{}", lines.join("\n")).as_bytes());
    }

    #[test]
    fn a_file_with_other_bytes_is_a_fabric_or_told(
        with_everything: bool,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let mut bytes = format!("0{}", sound(with_everything)).into_bytes();
        for (index, byte) in changes {
            let at = index.index(bytes.len());
            bytes[at] = byte;
        }
        bytes[0] = b'0';
        fuzz::file(&bytes);
    }
}
