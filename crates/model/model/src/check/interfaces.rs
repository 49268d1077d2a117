//! Further interfaces of workloads, each as a workload of its own: `WORKLOAD-INTERFACE`.

use crate::decode::workload::{Interface, Workload};
use crate::decode::{At, Decoder};
use crate::diagnostic::code;
use crate::fabric::Attach;
use crate::load::{Declared, Entry};
use crate::span::Span;

/// Longest DNS label (RFC 1035 §2.3.4).
const NAME_CHARS_MAX: usize = 63;

/// Declares a workload for each further interface, in the place of the interface. All that is
/// checked of workloads is checked of interfaces then.
pub(super) fn expand(declared: &mut Declared, decoder: &mut Decoder) {
    let mut further: Vec<(String, Entry<Workload>)> = Vec::new();
    for (name, entry) in &mut declared.workloads {
        for (interface, wanted) in std::mem::take(&mut entry.value.interfaces) {
            let whole = format!("{name}-{}", interface.value);
            long_name(&whole, &interface.span, decoder);
            no_namespace(name, &entry.value, &interface.span, decoder);
            let value = of(name, entry, &interface.value, wanted);
            further.push((whole, Entry { value, span: interface.span, whole: entry.whole }));
        }
    }
    for (name, entry) in further {
        if let Some(other) = declared.workloads.get(&name) {
            decoder.error(
                code::DUPLICATE,
                &entry.span,
                format!("`{name}` is a workload and an interface of another"),
                format!("an interface has a name of its own; the workload is at {}", other.span),
                "rename one of the two",
            );
            continue;
        }
        declared.workloads.insert(name, entry);
    }
}

fn of(name: &str, entry: &Entry<Workload>, own: &str, interface: Interface) -> Workload {
    let was = entry.value.was.as_ref();
    Workload {
        was: was
            .map(|At { value, span }| At { value: format!("{value}-{own}"), span: span.clone() }),
        node: entry.value.node.clone(),
        subnet: interface.subnet,
        addresses: interface.addresses,
        security_groups: interface.security_groups,
        attach: Some(Attach::Interface { of: name.to_owned() }),
        ..Workload::default()
    }
}

fn long_name(name: &str, span: &Span, decoder: &mut Decoder) {
    if name.len() > NAME_CHARS_MAX {
        decoder.error(
            code::BAD_NAME,
            span,
            format!("`{name}` is longer than {NAME_CHARS_MAX} characters"),
            "an interface is known in DNS as WORKLOAD-INTERFACE, which is one label",
            "shorten one of the two names",
        );
    }
}

fn no_namespace(name: &str, workload: &Workload, span: &Span, decoder: &mut Decoder) {
    if let Some(Attach::Host | Attach::Wireguard(_)) = workload.attach {
        decoder.error(
            code::CONFLICT,
            span,
            format!("`{name}` cannot have further interfaces"),
            "only what has a network namespace of its own on the node can",
            "attach it as a container, process, namespace or server",
        );
    }
}
