//! Addresses that workloads ask for, and whether there are enough for all.

use crate::decode::Decoder;
use crate::diagnostic::{Diagnostic, code};
use crate::fabric::Fabric;
use crate::lease::{self, Leases, Unassigned};

/// Reports addresses that cannot be given.
pub(super) fn check(fabric: &Fabric, decoder: &mut Decoder) {
    let (_, refused) = lease::assign(fabric, &Leases::default());
    for (workload, reason) in refused {
        let span = &fabric.workloads[&workload].span;
        decoder.diagnostics.push(finding(span, &workload, &reason));
    }
}

fn finding(span: &crate::span::Span, workload: &str, reason: &Unassigned) -> Diagnostic {
    match reason {
        Unassigned::Outside { address, subnet } => Diagnostic::error(
            code::OUTSIDE,
            span,
            format!("`{workload}` asks for {address}, which is not in its subnet `{subnet}`"),
            "a workload's addresses come from its subnet",
            "ask for one that is, or for none to be given one",
        ),
        Unassigned::Reserved { address } => Diagnostic::error(
            code::ADDRESS_TAKEN,
            span,
            format!("`{workload}` asks for {address}, which is reserved"),
            "the first four addresses of a subnet and its last are kept: \
             network, gateway, DNS, future use, broadcast",
            "ask for another one",
        ),
        Unassigned::Taken { address, by } => Diagnostic::error(
            code::ADDRESS_TAKEN,
            span,
            format!("`{workload}` asks for {address}, which `{by}` has"),
            "an address belongs to one workload",
            "ask for another one, or for none to be given one",
        ),
        Unassigned::Exhausted { subnet } => Diagnostic::error(
            code::EXHAUSTED,
            span,
            format!("there is no address left for `{workload}` in `{subnet}`"),
            "every address of the subnet is taken or reserved",
            "make the subnet larger, or put the workload into another one",
        ),
    }
}
