//! Several files into one fabric: includes followed, objects merged, everything checked, all errors kept.

use crate::check;
use crate::decode::policy::{PolicyTest, SecurityGroup};
use crate::decode::workload::Workload;
use crate::decode::{At, Decoder, objects};
use crate::diagnostic::{Diagnostic, Severity, code};
use crate::fabric::{Fabric, LabLink};
use crate::span::Span;
use crate::tree::{self, Key, Tree};
use std::collections::BTreeMap;

/// Most files that one fabric is read from.
pub const FILES_MAX: usize = 256;

/// What loading gave: the fabric if there is no error, all findings, and the texts they point into.
#[derive(Debug)]
pub struct Loaded {
    /// The fabric, unless there is an error.
    pub fabric: Option<Fabric>,
    /// Findings by place.
    pub diagnostics: Vec<Diagnostic>,
    /// Texts by file name.
    pub sources: BTreeMap<String, String>,
}

/// Objects by name, each with the place of its name.
pub type Named<T> = BTreeMap<String, At<T>>;

/// All files' objects, before references are resolved.
#[derive(Debug, Default)]
pub struct Declared {
    /// Format version.
    pub version: Option<At<String>>,
    /// Fabric's name.
    pub fabric: Option<At<String>>,
    /// Regions.
    pub regions: Named<objects::Region>,
    /// Networks.
    pub networks: Named<objects::Network>,
    /// Subnets.
    pub subnets: Named<objects::Subnet>,
    /// Nodes.
    pub nodes: Named<objects::Node>,
    /// Workloads.
    pub workloads: Named<Workload>,
    /// Security groups.
    pub security_groups: Named<SecurityGroup>,
    /// Services.
    pub services: Named<objects::Service>,
    /// Tests.
    pub tests: Vec<PolicyTest>,
    /// Lab links by region.
    pub lab_links: Named<LabLink>,
    /// Sections (`nodes`, …) in which something could not be read: what is missing there
    /// is no cause for further errors.
    pub broken: std::collections::BTreeSet<&'static str>,
}

/// Loads `files` and what they include. `read` gives a file's bytes, or why it cannot.
pub fn load(files: &[String], mut read: impl FnMut(&str) -> Result<Vec<u8>, String>) -> Loaded {
    let mut loader = Loader {
        decoder: Decoder::default(),
        declared: Declared::default(),
        sources: BTreeMap::new(),
        read: &mut read,
    };
    for file in files {
        let span = Span { file: file.as_str().into(), line: 1, column: 1 };
        loader.file(file, &span, &mut Vec::new());
    }
    let Loader { mut decoder, declared, sources, .. } = loader;
    let first = files.first().map_or("", String::as_str);
    let fabric = check::check(declared, first, &mut decoder);
    let mut diagnostics = decoder.diagnostics;
    diagnostics.sort_by(|a, b| (&a.span, a.code).cmp(&(&b.span, b.code)));
    diagnostics.dedup();
    let sound = diagnostics.iter().all(|found| found.severity == Severity::Warning);
    Loaded { fabric: fabric.filter(|_| sound), diagnostics, sources }
}

struct Loader<'a> {
    decoder: Decoder,
    declared: Declared,
    sources: BTreeMap<String, String>,
    read: &'a mut dyn FnMut(&str) -> Result<Vec<u8>, String>,
}

const KEYS: [&str; 12] = [
    "version",
    "fabric",
    "include",
    "regions",
    "networks",
    "subnets",
    "nodes",
    "workloads",
    "security_groups",
    "services",
    "tests",
    "lab",
];

impl Loader<'_> {
    /// Reads one file, named at `span`, on the way of includes `path`.
    fn file(&mut self, file: &str, span: &Span, path: &mut Vec<String>) {
        if path.iter().any(|name| name == file) {
            self.decoder.error(
                code::INCLUDE_LOOP,
                span,
                format!("`{file}` includes itself"),
                format!("the way is {} -> {file}", path.join(" -> ")),
                "remove one of these includes",
            );
            return;
        }
        if self.sources.contains_key(file) {
            return;
        }
        if self.sources.len() == FILES_MAX {
            self.decoder.error(
                code::LIMIT,
                span,
                format!("more than {FILES_MAX} files are included"),
                "so many files are rather a mistake than a fabric",
                "merge some of them",
            );
            return;
        }
        let Some(text) = self.text(file, span) else { return };
        let tree = tree::read(file, &text, &mut self.decoder.diagnostics);
        self.sources.insert(file.to_owned(), text);
        path.push(file.to_owned());
        if let Some(tree) = tree {
            self.document(&tree, file, path);
        }
        path.pop();
    }

    fn text(&mut self, file: &str, span: &Span) -> Option<String> {
        let bytes = match (self.read)(file) {
            Ok(bytes) => bytes,
            Err(cause) => {
                self.decoder.error(
                    code::UNREADABLE,
                    span,
                    format!("`{file}` cannot be read"),
                    cause,
                    "check the path and who may read the file",
                );
                return None;
            }
        };
        String::from_utf8(bytes)
            .map_err(|error| {
                let valid = &error.as_bytes()[..error.utf8_error().valid_up_to()];
                self.decoder.diagnostics.push(not_utf8(file, valid, error.as_bytes()));
            })
            .ok()
    }

    fn document(&mut self, tree: &Tree, file: &str, path: &mut Vec<String>) {
        let Some(fields) = self.decoder.fields(tree, "a fabric's file", &KEYS) else { return };
        for (key, value) in fields.present() {
            self.section(key, value, file, path);
        }
    }

    fn section(&mut self, key: &Key, tree: &Tree, file: &str, path: &mut Vec<String>) {
        let Self { decoder, declared, .. } = self;
        let broken = &mut declared.broken;
        match key.name.as_str() {
            "version" => single(decoder, &mut declared.version, key, tree),
            "fabric" => single(decoder, &mut declared.fabric, key, tree),
            "include" => self.include(tree, file, path),
            "regions" => {
                named(
                    decoder,
                    &mut declared.regions,
                    broken,
                    ("regions", "a region"),
                    tree,
                    Decoder::region,
                );
            }
            "networks" => {
                named(
                    decoder,
                    &mut declared.networks,
                    broken,
                    ("networks", "a network"),
                    tree,
                    Decoder::network,
                );
            }
            "subnets" => {
                named(
                    decoder,
                    &mut declared.subnets,
                    broken,
                    ("subnets", "a subnet"),
                    tree,
                    Decoder::subnet,
                );
            }
            "nodes" => {
                named(
                    decoder,
                    &mut declared.nodes,
                    broken,
                    ("nodes", "a node"),
                    tree,
                    Decoder::node,
                );
            }
            "workloads" => {
                named(
                    decoder,
                    &mut declared.workloads,
                    broken,
                    ("workloads", "a workload"),
                    tree,
                    Decoder::workload,
                );
            }
            "security_groups" => {
                let section = ("security_groups", "a security group");
                named(
                    decoder,
                    &mut declared.security_groups,
                    broken,
                    section,
                    tree,
                    Decoder::security_group,
                );
            }
            "services" => {
                named(
                    decoder,
                    &mut declared.services,
                    broken,
                    ("services", "a service"),
                    tree,
                    Decoder::service,
                );
            }
            "lab" => {
                let Some(fields) = decoder.fields(tree, "`lab`", &["links"]) else { return };
                if let Some(links) = fields.optional("links") {
                    named(
                        decoder,
                        &mut declared.lab_links,
                        broken,
                        ("links", "a region"),
                        links,
                        Decoder::lab_link,
                    );
                }
            }
            _ => {
                let items = decoder.list(tree, "`tests`");
                let tests = items.iter().filter_map(|test| decoder.policy_test(test));
                declared.tests.extend(tests);
            }
        }
    }

    fn include(&mut self, tree: &Tree, file: &str, path: &mut Vec<String>) {
        for name in self.decoder.references(tree) {
            let included = match file.rsplit_once('/') {
                Some((folder, _)) if !name.value.starts_with('/') => {
                    format!("{folder}/{}", name.value)
                }
                Some(_) | None => name.value.clone(),
            };
            self.file(&included, &name.span, path);
        }
    }
}

fn not_utf8(file: &str, valid: &[u8], all: &[u8]) -> Diagnostic {
    let text = String::from_utf8_lossy(valid);
    let line = text.matches('\n').count() + 1;
    let column = text.rsplit('\n').next().map_or(0, |last| last.chars().count()) + 1;
    let number = |value: usize| u32::try_from(value).unwrap_or(u32::MAX);
    let span = Span { file: file.into(), line: number(line), column: number(column) };
    let byte = all.get(valid.len()).copied().unwrap_or_default();
    Diagnostic::error(
        code::UNREADABLE,
        &span,
        "the file is not UTF-8 text",
        format!("byte {byte:#04x} at offset {} begins no character", valid.len()),
        "save it as UTF-8; if it is no text at all, another file was meant",
    )
}

/// A value that all files must agree on.
fn single(decoder: &mut Decoder, slot: &mut Option<At<String>>, key: &Key, tree: &Tree) {
    let Some(text) = decoder.text(tree, "a single value is needed") else { return };
    match slot {
        Some(first) if first.value != text => {
            decoder.duplicate(key, "key", Some(&first.span.clone()));
        }
        Some(_) => {}
        None => *slot = Some(At { value: text.to_owned(), span: tree.span.clone() }),
    }
}

/// Reads a section of objects by name. An object that cannot be read marks its section broken.
fn named<T>(
    decoder: &mut Decoder,
    into: &mut Named<T>,
    broken: &mut std::collections::BTreeSet<&'static str>,
    (section, what): (&'static str, &'static str),
    tree: &Tree,
    read: impl Fn(&mut Decoder, &Tree) -> Option<T>,
) {
    let Some(entries) = decoder.map(tree, &format!("`{section}`")) else {
        broken.insert(section);
        return;
    };
    for (key, value) in entries {
        let name = decoder.name(key, what);
        let object = read(decoder, value);
        let (Some(name), Some(object)) = (name, object) else {
            broken.insert(section);
            continue;
        };
        if let Some(first) = into.get(&name) {
            decoder.duplicate(key, what.trim_start_matches("a "), Some(&first.span.clone()));
            continue;
        }
        into.insert(name, At { value: object, span: key.span.clone() });
    }
}
