//! Rules of `nft add rule`, where they are of the usual shapes.

use super::{Meaning, Rule, ports, prefix, replies_only};

pub(super) fn nft(arguments: &[&str]) -> Result<Meaning, String> {
    let (verb, rest) = arguments.split_first().ok_or("it says nothing")?;
    let rest = match (*verb, rest) {
        ("add" | "insert", ["rule", rest @ ..]) => rest,
        ("delete" | "flush" | "destroy", _) => return Ok(Meaning::Undoing),
        _ => return Err("only rules of `nft add rule` are understood".to_owned()),
    };
    let families = ["ip", "ip6", "inet"];
    let (family, rest) = match rest {
        [family, rest @ ..] if families.contains(family) => (*family, rest),
        _ => ("ip", rest),
    };
    let [_table, chain, rest @ ..] = rest else { return Err("it names no chain".to_owned()) };
    let mut rule = Rule { ipv6: (family != "inet").then_some(family == "ip6"), ..Rule::default() };
    let mut words = rest.iter().copied();
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or_else(|| format!("`{word}` has no value"));
        match word {
            "iifname" | "iif" => rule.from_link = Some(value()?.to_owned()),
            "oifname" | "oif" => rule.to_link = Some(value()?.to_owned()),
            "ip" | "ip6" => match value()? {
                "saddr" => rule.source = Some(prefix(value()?)?),
                "daddr" => rule.destination = Some(prefix(value()?)?),
                other => return Err(format!("it matches by `{word} {other}`")),
            },
            "tcp" | "udp" => {
                rule.protocol = Some(word.to_owned());
                match value()? {
                    "dport" => rule.ports = ports(value()?)?,
                    other => return Err(format!("it matches by `{word} {other}`")),
                }
            }
            "ct" if value()? == "state" => {
                rule.replies_only = replies_only(&value()?.to_ascii_uppercase())?;
            }
            "counter" => {}
            "accept" => rule.accepts = true,
            "drop" | "reject" => rule.accepts = false,
            "masquerade" => return Ok(Meaning::Masquerade { link: rule.to_link }),
            _ => return Err(format!("`{word}` says something that Netloom does not know")),
        }
    }
    match chain.to_ascii_lowercase().as_str() {
        "forward" => Ok(Meaning::Forward(rule)),
        "input" => Ok(Meaning::Input(rule)),
        _ => Err(format!("the chain `{chain}` is somebody else's")),
    }
}
