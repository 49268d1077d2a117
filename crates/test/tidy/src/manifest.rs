//! A crate's manifest: its storey, which the folder says, its name, and what it depends on.

use toml::{Table, Value};

/// The storeys, from the ground up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Storey {
    /// Time, seeds, packets.
    Base,
    /// What users declare, and what is computed from it.
    Model,
    /// One protocol machine each.
    Proto,
    /// Machines put together for a role.
    Engine,
    /// The operating system.
    Sys,
    /// One capability each.
    Service,
    /// What is run.
    App,
    /// What only tests and developers use.
    Test,
}

impl Storey {
    /// By the folder's name.
    pub fn of_folder(folder: &str) -> Option<Self> {
        Some(match folder {
            "base" => Self::Base,
            "model" => Self::Model,
            "proto" => Self::Proto,
            "engine" => Self::Engine,
            "sys" => Self::Sys,
            "service" => Self::Service,
            "app" => Self::App,
            "test" => Self::Test,
            _ => return None,
        })
    }

    /// The folder's name.
    pub fn folder(self) -> &'static str {
        match self {
            Self::Base => "base",
            Self::Model => "model",
            Self::Proto => "proto",
            Self::Engine => "engine",
            Self::Sys => "sys",
            Self::Service => "service",
            Self::App => "app",
            Self::Test => "test",
        }
    }

    /// Whether its crates compute only: no I/O, no clocks, no runtime.
    pub fn is_pure(self) -> bool {
        matches!(self, Self::Base | Self::Model | Self::Proto | Self::Engine)
    }

    /// The storey of the crate that a file belongs to.
    pub fn of_path(path: &str) -> Option<Self> {
        Self::of_folder(path.strip_prefix("crates/")?.split('/').next()?)
    }
}

/// What a dependency is needed for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// The crate itself.
    Normal,
    /// Its build script.
    Build,
    /// Its tests.
    Dev,
}

/// One dependency of a crate.
#[derive(Clone, Debug)]
pub struct Dependency {
    /// Name of the package.
    pub name: String,
    /// What for.
    pub need: Need,
    /// What the manifest says of it.
    pub value: Value,
}

/// A member of the workspace.
#[derive(Clone, Debug)]
pub struct Crate<'a> {
    /// `crates/STOREY/CRATE`.
    pub folder: &'a str,
    /// Folder's name of the storey.
    pub storey_folder: &'a str,
    /// Its manifest's text.
    pub text: &'a str,
    /// The manifest, or why it cannot be read.
    pub manifest: Result<Table, String>,
}

impl<'a> Crate<'a> {
    /// The crate of a manifest at `path`, if that is where crates are.
    pub fn parse(path: &'a str, text: &'a str) -> Option<Self> {
        let folder = path.strip_suffix("/Cargo.toml")?;
        let parts: Vec<&str> = folder.split('/').collect();
        let ["crates", storey_folder, _] = parts.as_slice() else { return None };
        let manifest = text.parse::<Table>().map_err(|error| error.message().to_owned());
        Some(Self { folder, storey_folder, text, manifest })
    }

    /// Where its manifest is.
    pub fn manifest_path(&self) -> String {
        format!("{}/Cargo.toml", self.folder)
    }

    /// Its storey, if the folder names one.
    pub fn storey(&self) -> Option<Storey> {
        Storey::of_folder(self.storey_folder)
    }

    /// The name of its package.
    pub fn name(&self) -> &str {
        let package = self.manifest.as_ref().ok().and_then(|manifest| manifest.get("package"));
        package.and_then(|package| package.get("name")?.as_str()).unwrap_or("")
    }

    /// The line of the manifest that begins with `key`, or the first.
    pub fn line_of(&self, key: &str) -> usize {
        let begins = |line: &str| {
            let rest = line.trim_start().trim_start_matches('"').strip_prefix(key);
            rest.is_some_and(|rest| rest.starts_with(['.', ' ', '=', '"', ']']))
        };
        self.text.lines().position(begins).map_or(1, |index| index + 1)
    }

    /// All dependencies, those of single targets too.
    pub fn dependencies(&self) -> Vec<Dependency> {
        let Ok(manifest) = &self.manifest else { return Vec::new() };
        let mut all = Vec::new();
        add_dependencies(manifest, &mut all);
        for target in manifest.get("target").and_then(Value::as_table).into_iter().flatten() {
            if let Some(table) = target.1.as_table() {
                add_dependencies(table, &mut all);
            }
        }
        all
    }
}

fn add_dependencies(table: &Table, all: &mut Vec<Dependency>) {
    let kinds = [
        ("dependencies", Need::Normal),
        ("build-dependencies", Need::Build),
        ("dev-dependencies", Need::Dev),
    ];
    for (key, need) in kinds {
        for (name, value) in table.get(key).and_then(Value::as_table).into_iter().flatten() {
            let package = value.get("package").and_then(Value::as_str).unwrap_or(name);
            all.push(Dependency { name: package.to_owned(), need, value: value.clone() });
        }
    }
}
