//! Workloads that say what they were called before: that name is free, and one of them only has had it.

use crate::decode::Decoder;
use crate::diagnostic::code;
use crate::fabric::Attach;
use crate::load::Declared;
use crate::span::Span;
use crate::tree::Key;
use std::collections::BTreeMap;

/// Reports former names that something has still, or that two workloads claim.
pub(super) fn check(declared: &Declared, decoder: &mut Decoder) {
    let mut claimed: BTreeMap<&str, (&str, &Span)> = BTreeMap::new();
    for (name, entry) in &declared.workloads {
        let is_interface = matches!(entry.value.attach, Some(Attach::Interface { .. }));
        let Some(was) = entry.value.was.as_ref().filter(|_| !is_interface) else { continue };
        let span = was.span.clone();
        decoder.name(&Key { span, name: was.value.clone(), broken: false }, "a workload");
        if let Some(other) = declared.workloads.get(&was.value) {
            let (message, solution) = match was.value == *name {
                true => {
                    (format!("`{name}` was `{name}`: that is no other name"), "leave `was` out")
                }
                false => (
                    format!("`{name}` was `{}`, which is declared too", was.value),
                    "remove the former one, or leave `was` out",
                ),
            };
            decoder.error(
                code::CONFLICT,
                &was.span,
                message,
                format!(
                    "`was` hands on uid and addresses of a workload that is no more; it is at {}",
                    other.span
                ),
                solution,
            );
        } else if let Some((first, span)) = claimed.insert(&was.value, (name, &was.span)) {
            decoder.error(
                code::CONFLICT,
                &was.span,
                format!("`{first}` and `{name}` were both `{}`", was.value),
                format!("its uid and its addresses go to one; the other says so at {span}"),
                "leave `was` out at one of the two",
            );
        }
    }
}
