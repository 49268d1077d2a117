//! The checks between objects: references, prefixes, addresses, hosts; each runs as far as what it
//! needs is sound, so that no error hides another.

mod addresses;
mod attachments;
mod build;
mod hosts;
mod interfaces;
mod prefixes;
mod publish;
mod quotas;
mod references;
mod renamed;
mod rules;
mod special;
mod stock_peers;
mod usage;
mod ways;
mod zones;

use crate::decode::{At, Decoder, is_label};
use crate::diagnostic::{Diagnostic, code};
use crate::fabric::Fabric;
use crate::load::Declared;
use crate::span::Span;

/// Checks what was declared. All findings go to `decoder`; the fabric comes out if there was no error.
pub(crate) fn check(mut declared: Declared, first: &str, decoder: &mut Decoder) -> Option<Fabric> {
    let top = Span { file: first.into(), line: 1, column: 1 };
    version(&declared, &top, decoder);
    fabric_name(&declared, &top, decoder);
    interfaces::expand(&mut declared, decoder);
    references::check(&declared, decoder);
    zones::check(&declared, decoder);
    prefixes::check(&declared, decoder);
    special::check(&declared, decoder);
    addresses::check(&declared, decoder);
    hosts::check(&declared, decoder);
    attachments::check(&declared, decoder);
    stock_peers::check(&declared, decoder);
    ways::check(&declared, decoder);
    publish::check(&declared, decoder);
    renamed::check(&declared, decoder);
    quotas::check(&declared, decoder);
    usage::check(&declared, decoder);
    if decoder.errors() > 0 { None } else { build::fabric(declared) }
}

fn version(declared: &Declared, top: &Span, decoder: &mut Decoder) {
    match &declared.version {
        None if declared.broken.contains("version") => {}
        None => decoder.error(
            code::MISSING_KEY,
            top,
            "the file does not say which version of the format it is in",
            "without it, later versions of Netloom could not know how to read it",
            "begin it with `version: 1`",
        ),
        Some(version) if version.value != "1" => decoder.error(
            code::VERSION,
            &version.span,
            format!("version {} of the format is not known", version.value),
            "this Netloom reads version 1",
            "write `version: 1`, or use the Netloom that wrote the file",
        ),
        Some(_) => {}
    }
}

fn fabric_name(declared: &Declared, top: &Span, decoder: &mut Decoder) {
    match &declared.fabric {
        None if declared.broken.contains("fabric") => {}
        None => decoder.error(
            code::MISSING_KEY,
            top,
            "the fabric has no name",
            "interfaces, tables and names of the fabric carry it",
            "add `fabric: NAME`",
        ),
        Some(At { value, span }) => {
            let key = crate::tree::Key { span: span.clone(), name: value.clone(), broken: false };
            decoder.name(&key, "a fabric");
        }
    }
}

/// How many names or prefixes are listed in a finding.
const LISTED_MAX: usize = 8;

/// The nearest declared name as a guess for one that nothing has.
pub(crate) fn unknown<'a>(
    decoder: &mut Decoder,
    reference: &At<String>,
    what: &str,
    section: &str,
    names: impl Iterator<Item = &'a str> + Clone,
) {
    let known: Vec<&str> = names.clone().filter(|name| is_label(name)).take(LISTED_MAX).collect();
    let solution = if known.is_empty() {
        format!("declare it under `{section}`")
    } else {
        format!("declare it under `{section}`, or name one that is there: {}", known.join(", "))
    };
    let found = Diagnostic::error(
        code::UNKNOWN_REFERENCE,
        &reference.span,
        format!("there is no {what} `{}`", reference.value),
        format!("nothing under `{section}` has this name"),
        solution,
    );
    let guess = decoder.guess(&reference.value, names);
    decoder.push(found.meaning(guess));
}
