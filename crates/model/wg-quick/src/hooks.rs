//! What the commands of a file mean, where they are of the usual shapes. None is ever run.

mod nft;

use ipnet::IpNet;
use nft::nft;
use std::net::IpAddr;

/// What a command means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// A rule of the chain that forwards.
    Forward(Rule),
    /// A rule of the chain of the host itself.
    Input(Rule),
    /// The source of what leaves by a link becomes the host's own.
    Masquerade {
        /// The link.
        link: Option<String>,
    },
    /// The host forwards packets.
    Forwarding,
    /// Takes back what another command has done.
    Undoing,
}

/// A rule that accepts or refuses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Rule {
    pub(crate) accepts: bool,
    pub(crate) from_link: Option<String>,
    pub(crate) to_link: Option<String>,
    pub(crate) source: Option<IpNet>,
    pub(crate) destination: Option<IpNet>,
    /// `tcp`, `udp`, `icmp`.
    pub(crate) protocol: Option<String>,
    pub(crate) ports: Vec<(u16, u16)>,
    /// Only packets of connections that are there.
    pub(crate) replies_only: bool,
    pub(crate) ipv6: Option<bool>,
}

/// The meanings of a line, command by command; what is not understood with the reason. `%i` is the
/// interface, as for wg-quick.
pub(crate) fn understand(line: &str, interface: &str) -> Vec<Result<Meaning, String>> {
    let line = line.replace("%i", interface);
    match words(&line) {
        Err(why) => vec![Err(why)],
        Ok(commands) => commands.iter().map(|words| command(words)).collect(),
    }
}

/// Commands, cut at `;` and `&&`, as words.
fn words(line: &str) -> Result<Vec<Vec<String>>, String> {
    let (mut commands, mut command, mut word) = (Vec::new(), Vec::new(), String::new());
    let mut quote = None;
    let mut characters = line.chars().peekable();
    while let Some(character) = characters.next() {
        match (quote, character) {
            (Some(open), _) if character == open => quote = None,
            (Some('"'), '$' | '`' | '\\') | (None, '$' | '`' | '\\' | '|' | '<' | '(' | ')') => {
                return Err(format!("it uses `{character}` of the shell"));
            }
            (Some(_), _) => word.push(character),
            (None, '\'' | '"') => quote = Some(character),
            (None, '&') if characters.peek() != Some(&'&') => {
                return Err("it runs something in the background".to_owned());
            }
            (None, ';' | '&') => {
                if character == '&' {
                    characters.next();
                }
                end_word(&mut word, &mut command);
                end_command(&mut command, &mut commands);
            }
            (None, _) if character.is_whitespace() => end_word(&mut word, &mut command),
            (None, '>') => {
                end_word(&mut word, &mut command);
                command.push(">".to_owned());
            }
            (None, _) => word.push(character),
        }
    }
    if quote.is_some() {
        return Err("a quote is not closed".to_owned());
    }
    end_word(&mut word, &mut command);
    end_command(&mut command, &mut commands);
    Ok(commands)
}

fn end_word(word: &mut String, command: &mut Vec<String>) {
    if !word.is_empty() {
        command.push(std::mem::take(word));
    }
}

fn end_command(command: &mut Vec<String>, commands: &mut Vec<Vec<String>>) {
    if !command.is_empty() {
        commands.push(std::mem::take(command));
    }
}

fn command(words: &[String]) -> Result<Meaning, String> {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let words = words.strip_prefix(&["sudo"]).unwrap_or(&words);
    let Some((program, arguments)) = words.split_first() else {
        return Err("it is empty".to_owned());
    };
    let name = program.rsplit('/').next().unwrap_or(program);
    match name {
        "iptables" | "iptables-nft" | "iptables-legacy" => iptables(arguments, false),
        "ip6tables" | "ip6tables-nft" | "ip6tables-legacy" => iptables(arguments, true),
        "nft" => nft(arguments),
        "sysctl" => sysctl(arguments),
        "echo" => echo(arguments),
        _ => Err(format!("`{name}` is no program whose effect Netloom knows")),
    }
}

/// The switches that make a host a router.
const FORWARDING: [&str; 4] = [
    "net.ipv4.ip_forward",
    "net.ipv4.conf.all.forwarding",
    "net.ipv6.conf.all.forwarding",
    "net.ipv6.conf.default.forwarding",
];

fn sysctl(arguments: &[&str]) -> Result<Meaning, String> {
    let settings: Vec<&&str> = arguments.iter().filter(|word| !word.starts_with('-')).collect();
    let joined: String = settings.into_iter().copied().collect();
    switch(&joined)
}

fn echo(arguments: &[&str]) -> Result<Meaning, String> {
    let [value, ">", path] = arguments else {
        return Err("it writes something that Netloom does not know".to_owned());
    };
    let path = path.strip_prefix("/proc/sys/").unwrap_or(path);
    switch(&format!("{}={value}", path.replace('/', ".")))
}

fn switch(setting: &str) -> Result<Meaning, String> {
    let (key, value) = setting.split_once('=').unwrap_or((setting, ""));
    match (FORWARDING.contains(&key), value) {
        (true, "1") => Ok(Meaning::Forwarding),
        (true, "0") => Ok(Meaning::Undoing),
        _ => Err(format!("it sets `{key}`, which Netloom leaves alone")),
    }
}

// === iptables ===

/// What is put together from the options of an iptables command.
#[derive(Default)]
struct Options {
    table: Option<String>,
    chain: Option<String>,
    is_removal: bool,
    target: Option<String>,
    rule: Rule,
}

fn iptables(arguments: &[&str], ipv6: bool) -> Result<Meaning, String> {
    let mut options = Options::default();
    options.rule.ipv6 = Some(ipv6);
    let mut words = arguments.iter().copied().peekable();
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or_else(|| format!("`{word}` has no value"));
        match word {
            "-w" | "--wait" => {}
            "-t" | "--table" => options.table = Some(value()?.to_owned()),
            "-A" | "--append" | "-I" | "--insert" => {
                options.chain = Some(value()?.to_owned());
                words.next_if(|next| next.parse::<u32>().is_ok());
            }
            "-D" | "--delete" => {
                options.chain = Some(value()?.to_owned());
                options.is_removal = true;
            }
            "-i" | "--in-interface" => options.rule.from_link = Some(value()?.to_owned()),
            "-o" | "--out-interface" => options.rule.to_link = Some(value()?.to_owned()),
            "-s" | "--source" | "--src" => options.rule.source = Some(prefix(value()?)?),
            "-d" | "--destination" | "--dst" => options.rule.destination = Some(prefix(value()?)?),
            "-p" | "--protocol" => options.rule.protocol = protocol(value()?)?,
            "--dport" | "--destination-port" | "--dports" | "--destination-ports" => {
                options.rule.ports = ports(value()?)?;
            }
            "-m" | "--match" => module(value()?)?,
            "--state" | "--ctstate" => options.rule.replies_only = replies_only(value()?)?,
            "--comment" => drop(value()?),
            "-j" | "--jump" => options.target = Some(value()?.to_owned()),
            "--reject-with" => drop(value()?),
            _ => return Err(format!("`{word}` says something that Netloom does not know")),
        }
    }
    options.meaning()
}

impl Options {
    fn meaning(self) -> Result<Meaning, String> {
        if self.is_removal {
            return Ok(Meaning::Undoing);
        }
        let chain = self.chain.ok_or("it names no chain")?;
        let target = self.target.ok_or("it names no target")?;
        let table = self.table.as_deref().unwrap_or("filter");
        let accepts = match (table, chain.as_str(), target.as_str()) {
            ("nat", "POSTROUTING", "MASQUERADE" | "SNAT") => {
                return Ok(Meaning::Masquerade { link: self.rule.to_link });
            }
            ("filter", _, "ACCEPT") => true,
            ("filter", _, "DROP" | "REJECT") => false,
            _ => return Err(format!("`-t {table} {chain} -j {target}` is no rule that it knows")),
        };
        let rule = Rule { accepts, ..self.rule };
        match chain.as_str() {
            "FORWARD" => Ok(Meaning::Forward(rule)),
            "INPUT" => Ok(Meaning::Input(rule)),
            _ => Err(format!("the chain `{chain}` is somebody else's")),
        }
    }
}

fn module(name: &str) -> Result<(), String> {
    const KNOWN: [&str; 8] =
        ["tcp", "udp", "icmp", "icmp6", "multiport", "state", "conntrack", "comment"];
    if KNOWN.contains(&name) { Ok(()) } else { Err(format!("it matches by `{name}`")) }
}

fn prefix(text: &str) -> Result<IpNet, String> {
    let whole = || text.parse::<IpAddr>().map(IpNet::from);
    let prefix = text.parse::<IpNet>().or_else(|_| whole());
    prefix.map(|prefix| prefix.trunc()).map_err(|_| format!("`{text}` is not a prefix"))
}

fn protocol(text: &str) -> Result<Option<String>, String> {
    match text {
        "all" | "0" => Ok(None),
        "tcp" | "udp" | "icmp" => Ok(Some(text.to_owned())),
        "icmpv6" | "ipv6-icmp" => Ok(Some("icmp".to_owned())),
        _ => Err(format!("the protocol `{text}` has no word in policy")),
    }
}

fn ports(text: &str) -> Result<Vec<(u16, u16)>, String> {
    let range = |part: &str| {
        let (first, last) = part.split_once([':', '-']).unwrap_or((part, part));
        let (first, last): (u16, u16) = (first.parse().ok()?, last.parse().ok()?);
        (first > 0 && first <= last).then_some((first, last))
    };
    let parts = text.split(',').map(str::trim);
    let ranges = parts.map(|part| range(part).ok_or_else(|| format!("`{part}` is not a port")));
    ranges.collect()
}

fn replies_only(text: &str) -> Result<bool, String> {
    let states: Vec<&str> = text.split(',').collect();
    if states.iter().all(|state| ["RELATED", "ESTABLISHED"].contains(state)) {
        return Ok(true);
    }
    if states.contains(&"NEW") { Ok(false) } else { Err(format!("the state `{text}`")) }
}
