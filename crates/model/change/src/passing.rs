//! What may pass between two ends, over IPv4 and over IPv6: one may be open where the other is closed.

use netloom_policy::{IntervalSet, words};

/// Protocols and destination ports, as numbers of [`netloom_policy::packet_set::transport`]; nothing for a family
/// of which the two ends have no addresses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Passing {
    /// Over IPv4.
    pub v4: Option<IntervalSet>,
    /// Over IPv6.
    pub v6: Option<IntervalSet>,
}

impl Passing {
    /// Two addresses of a family may exchange this, too.
    pub fn add(&mut self, is_ipv6: bool, transports: &IntervalSet) {
        let family = if is_ipv6 { &mut self.v6 } else { &mut self.v4 };
        *family = Some(family.take().unwrap_or_default().union(transports));
    }

    /// What passes here and not there, in words. The family is named where there are both and one alone differs.
    pub fn beyond(&self, other: &Self) -> Vec<String> {
        let v4 = difference(self.v4.as_ref(), other.v4.as_ref());
        let v6 = difference(self.v6.as_ref(), other.v6.as_ref());
        let (has_v4, has_v6) =
            (self.v4.is_some() || other.v4.is_some(), self.v6.is_some() || other.v6.is_some());
        if !(has_v4 && has_v6) {
            return words::words(&v4.union(&v6));
        }
        let over = |set: IntervalSet, family: &'static str| {
            words::words(&set).into_iter().map(move |word| format!("{word} over {family}"))
        };
        let mut all = words::words(&v4.intersection(&v6));
        all.extend(over(v4.difference(&v6), "IPv4"));
        all.extend(over(v6.difference(&v4), "IPv6"));
        all
    }
}

fn difference(here: Option<&IntervalSet>, there: Option<&IntervalSet>) -> IntervalSet {
    match (here, there) {
        (Some(here), Some(there)) => here.difference(there),
        (Some(here), None) => here.clone(),
        (None, _) => IntervalSet::EMPTY,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use netloom_policy::packet_set::transport;

    /// Open ports over IPv4 and IPv6.
    type Ports<'a> = (Option<&'a [u16]>, Option<&'a [u16]>);

    fn passing((v4, v6): Ports<'_>) -> Passing {
        let set = |ports: &[u16]| {
            ports.iter().map(|port| (transport(6, *port), transport(6, *port))).collect()
        };
        Passing { v4: v4.map(set), v6: v6.map(set) }
    }

    #[test]
    fn what_opens_over_one_family_is_told_though_the_other_was_open() {
        let cases: [(Ports<'_>, Ports<'_>, &str, &str); 7] = [
            ((Some(&[22]), None), (Some(&[22, 80]), None), "tcp 80", ""),
            ((Some(&[]), Some(&[22])), (Some(&[22]), Some(&[22])), "tcp 22 over IPv4", ""),
            ((Some(&[22]), Some(&[22])), (Some(&[22]), Some(&[])), "", "tcp 22 over IPv6"),
            ((Some(&[]), Some(&[])), (Some(&[22]), Some(&[22])), "tcp 22", ""),
            (
                (Some(&[]), Some(&[])),
                (Some(&[22, 80]), Some(&[22, 443])),
                "tcp 22; tcp 80 over IPv4; tcp 443 over IPv6",
                "",
            ),
            ((None, None), (Some(&[22]), None), "tcp 22", ""),
            ((Some(&[22]), Some(&[])), (None, None), "", "tcp 22 over IPv4"),
        ];
        for (was, is, opened, closed) in cases {
            let (was, is) = (passing(was), passing(is));
            assert_eq!(is.beyond(&was).join("; "), opened);
            assert_eq!(was.beyond(&is).join("; "), closed);
        }
    }
}
