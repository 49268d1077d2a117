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
            let message = match was.value == *name {
                true => format!("`{name}` was `{name}`: that is no other name"),
                false => format!("`{name}` was `{}`, which is declared too", was.value),
            };
            let before = other.value.was.as_ref().map(|before| before.value.as_str());
            let solution = solution(name, &was.value, before);
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

/// What to do where `name` was `was`, which is declared too and was `before`, if it says so.
fn solution(name: &str, was: &str, before: Option<&str>) -> String {
    match before {
        _ if was == name => "leave `was` out".to_owned(),
        // A name that is declared again was nobody's before.
        Some(before) if before == name => format!(
            "two names are swapped by way of a third one, in three applies: NAME with `was: {name}` in place of \
             `{name}`; then `{name}` with `was: {was}` in place of `{was}`, and NAME without `was`; then `{was}` \
             with `was: NAME` in place of NAME, and `{name}` without `was`"
        ),
        Some(before) if before != was => format!(
            "apply this one first, with `{before}` as it is and without `{was}`; then `{was}` with \
             `was: {before}` in place of `{before}`, and `{name}` without `was`"
        ),
        _ => "remove the former one, or leave `was` out".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use crate::{Loaded, load};
    use std::collections::BTreeMap;

    fn loaded(workloads: &str) -> Loaded {
        let mut text = "version: 1\nfabric: shop\nregions: { home: {} }\nnodes: { n: { region: home } }\n\
                        networks: { app: { cidr: 10.0.0.0/16 } }\n\
                        subnets: { s: { network: app, cidr: 10.0.1.0/24 } }\n\
                        security_groups: { g: { ingress: [{ from: all }], egress: [{ to: all }] } }\n\
                        workloads:\n"
            .to_owned();
        for one in workloads.split(' ') {
            let (name, was) = one.split_once('<').map_or((one, None), |(a, b)| (a, Some(b)));
            let was = was.map(|was| format!("was: {was}, ")).unwrap_or_default();
            text.push_str(&format!(
                "  {name}: {{ {was}node: n, subnet: s, security_groups: [g], attach: {{ serve: {{ tcp: 80 }} }} }}\n"
            ));
        }
        load(&["shop.yaml".to_owned()], |_| Ok(text.clone().into_bytes()))
    }

    /// What the solutions say is done, step by step, and hands the names on as was meant.
    fn follow(steps: &[&str], hands_on: &[&[(&str, &str)]]) {
        let fabrics = steps.iter().map(|step| {
            let loaded = loaded(step);
            loaded.fabric.unwrap_or_else(|| panic!("{step}: {:?}", loaded.diagnostics))
        });
        let fabrics: Vec<_> = fabrics.collect();
        for (pair, wanted) in fabrics.windows(2).zip(hands_on) {
            let renamed: BTreeMap<&str, &str> = pair[0].renamed(&pair[1]);
            assert_eq!(renamed, wanted.iter().copied().collect());
        }
    }

    #[test]
    fn a_swap_of_two_names_is_refused_with_the_way_that_works() {
        let found = loaded("a<b b<a").diagnostics;
        assert_eq!(found.len(), 2, "{found:?}");
        let solution = "two names are swapped by way of a third one, in three applies: NAME with `was: a` in \
                        place of `a`; then `a` with `was: b` in place of `b`, and NAME without `was`; then `b` \
                        with `was: NAME` in place of NAME, and `a` without `was`";
        assert_eq!(found[0].solution, solution);
        let steps = ["a b", "third<a b", "a<b third", "a b<third"];
        follow(&steps, &[&[("third", "a")], &[("a", "b")], &[("b", "third")]]);
    }

    #[test]
    fn names_that_are_handed_on_in_a_row_are_refused_with_the_way_that_works() {
        let found = loaded("a<b b<c").diagnostics;
        assert_eq!(found.len(), 1, "{found:?}");
        let solution = "apply this one first, with `c` as it is and without `b`; then `b` with `was: c` in place \
                        of `c`, and `a` without `was`";
        assert_eq!(found[0].solution, solution);
        follow(&["b c", "a<b c", "a b<c"], &[&[("a", "b")], &[("b", "c")]]);
    }
}
