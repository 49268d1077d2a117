//! Sources in, a fabric's file and its account out.

use crate::account::{Account, Ledger};
use crate::desk::Desk;
use crate::document::{At, Document};
use crate::draft::Draft;
use crate::kind::Kind;
use crate::name::Names;
use crate::place::Placed;
use crate::{aws, blackroad, bolt, clusterdb, complete, compose, probes, read, text};

/// A file to be imported.
#[derive(Clone, Debug)]
pub struct Source {
    /// As the user named it.
    pub file: String,
    /// What is in it.
    pub bytes: Vec<u8>,
}

/// How sources are imported.
#[derive(Clone, Copy, Debug, Default)]
pub struct Import<'a> {
    /// What the sources are; told by what is in them if not given.
    pub kind: Option<Kind>,
    /// The fabric's name; made of the sources if not given.
    pub fabric: Option<&'a str>,
    /// Whether servers to try the policy with are added to each subnet.
    pub with_probes: bool,
}

/// What an import gives.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Imported {
    /// A fabric's file.
    pub yaml: String,
    /// What became of each key.
    pub account: Account,
    /// The sources and what they were taken for.
    pub kinds: Vec<(String, Kind)>,
}

/// Why nothing can be imported.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// No source was given.
    #[error("no file is given; name at least one")]
    Nothing,
    /// The source is larger than is read.
    #[error("{file} is larger than {bytes_max} bytes, the most that is read; split it")]
    TooLarge {
        /// The source.
        file: String,
        /// The limit.
        bytes_max: usize,
    },
    /// The sources hold more values than are read.
    #[error(
        "{file} brings the values to more than {values_max}, the most that are read; import fewer files at once"
    )]
    TooMany {
        /// The source.
        file: String,
        /// The limit.
        values_max: usize,
    },
    /// The source is no text.
    #[error("{file} is not UTF-8 text; is it the right file?")]
    NotText {
        /// The source.
        file: String,
    },
    /// The source breaks the grammar of what it is written in.
    #[error(
        "{file}:{line}: this is no {notation}: {cause}; is the file whole? Mend that line and import again"
    )]
    Syntax {
        /// The source.
        file: String,
        /// The line.
        line: u32,
        /// What it is written in.
        notation: &'static str,
        /// What is wrong there.
        cause: String,
    },
    /// The source has no keys.
    #[error("{file} holds {what} where keys and values are needed; is it the right file?")]
    NoKeys {
        /// The source.
        file: String,
        /// What it holds.
        what: &'static str,
    },
    /// The source needs no import.
    #[error("{file} is a fabric's file already: `netloom check` reads it as it is")]
    Ours {
        /// The source.
        file: String,
    },
    /// What the source is cannot be told.
    #[error(
        "{file} has none of the keys by which its kind is told; say it with --as, one of: {}",
        kinds()
    )]
    UnknownKind {
        /// The source.
        file: String,
    },
}

fn kinds() -> String {
    Kind::ALL.map(|(name, _)| name).join(", ")
}

impl Import<'_> {
    /// Imports sources, which together make one fabric.
    pub fn run(&self, sources: &[Source]) -> Result<Imported, Error> {
        let mut documents = Vec::new();
        let mut values = 0;
        for (number, source) in sources.iter().enumerate() {
            let document = read::document(number, source, self.kind)?;
            values += document.len();
            if values > read::VALUES_MAX {
                let file = source.file.clone();
                return Err(Error::TooMany { file, values_max: read::VALUES_MAX });
            }
            documents.push(document);
        }
        if documents.is_empty() {
            return Err(Error::Nothing);
        }
        let ledger = Ledger::new(&documents);
        let mut desk = Desk {
            ledger,
            draft: Draft::default(),
            names: Names::default(),
            placed: Placed::default(),
            prefixes_tried: 0,
        };
        desk.draft.name = self.fabric.and_then(crate::name::label);
        let of = |kind: Kind| -> Vec<At<'_>> {
            documents.iter().filter(|document| document.kind == kind).map(Document::root).collect()
        };
        // What others refer to comes first.
        of(Kind::VpcNetwork).into_iter().for_each(|root| clusterdb::network(&mut desk, root));
        of(Kind::RegionsNetwork).into_iter().for_each(|root| blackroad::network(&mut desk, root));
        aws::import(&mut desk, &of(Kind::Aws));
        of(Kind::Compose).into_iter().for_each(|root| compose::import(&mut desk, root));
        of(Kind::Security).into_iter().for_each(|root| clusterdb::security(&mut desk, root));
        of(Kind::Firewall).into_iter().for_each(|root| blackroad::firewall(&mut desk, root));
        of(Kind::Peering).into_iter().for_each(|root| blackroad::peering(&mut desk, root));
        of(Kind::Bolt).into_iter().for_each(|root| bolt::import(&mut desk, root));
        of(Kind::RegionsNetwork).into_iter().for_each(|root| blackroad::sites(&mut desk, root));
        complete::run(&mut desk);
        if self.with_probes {
            probes::add(&mut desk);
        }
        probes::tests(&mut desk);
        let files: Vec<String> = sources.iter().map(|source| source.file.clone()).collect();
        Ok(Imported {
            yaml: text::write(&desk.draft, &files),
            kinds: documents.iter().map(|one| (one.file.clone(), one.kind)).collect(),
            account: desk.ledger.settle(&documents),
        })
    }
}
