//! The file in which a host names its resolvers: `resolv.conf(5)`.

use crate::name::Name;
use std::net::IpAddr;
use std::time::Duration;

/// Name servers used; the C library uses as many.
pub const NAMESERVERS_MAX: usize = 3;
/// Domains of the search list used.
pub const SEARCH_MAX: usize = 6;
/// Most dots, seconds and attempts that options may ask for.
const NDOTS_MAX: u8 = 15;
const TIMEOUT_SECONDS_MAX: u64 = 30;
const ATTEMPTS_MAX: u32 = 5;

/// What the file says; what it does not is as in the C library.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResolvConf {
    /// Resolvers, in order. Those with a scope (`fe80::1%eth0`) are left out.
    pub nameservers: Vec<IpAddr>,
    /// Domains below which short names are looked for.
    pub search: Vec<Name>,
    /// Names with fewer dots are looked for below those domains first.
    pub ndots: u8,
    /// For how long a resolver is waited for.
    pub timeout: Duration,
    /// How often each is asked.
    pub attempts: u32,
}

impl ResolvConf {
    /// Reads the file's text; lines that mean nothing are skipped, as the C library does.
    pub fn parse(text: &str) -> Self {
        let mut conf = Self {
            nameservers: Vec::new(),
            search: Vec::new(),
            ndots: 1,
            timeout: Duration::from_secs(5),
            attempts: 2,
        };
        for line in text.lines() {
            let line = line.split(['#', ';']).next().unwrap_or_default();
            let mut words = line.split_ascii_whitespace();
            match words.next() {
                Some("nameserver") => conf
                    .nameservers
                    .extend(words.next().and_then(|word| word.parse::<IpAddr>().ok())),
                // The last one counts.
                Some("search" | "domain") => {
                    conf.search = words.filter_map(|word| word.parse().ok()).collect();
                }
                Some("options") => words.for_each(|option| conf.option(option)),
                _ => {}
            }
        }
        conf.nameservers.truncate(NAMESERVERS_MAX);
        conf.search.truncate(SEARCH_MAX);
        conf
    }

    fn option(&mut self, option: &str) {
        let Some((key, value)) = option.split_once(':') else { return };
        let Ok(value) = value.parse::<u64>() else { return };
        match key {
            "ndots" => self.ndots = u8::try_from(value).unwrap_or(NDOTS_MAX).min(NDOTS_MAX),
            "timeout" => {
                self.timeout = Duration::from_secs(value.clamp(1, TIMEOUT_SECONDS_MAX));
            }
            "attempts" => {
                self.attempts = u32::try_from(value).unwrap_or(ATTEMPTS_MAX).clamp(1, ATTEMPTS_MAX);
            }
            _ => {}
        }
    }

    /// The whole names that a name may stand for, in the order in which they are looked up: one
    /// that ends with a dot only for itself; one with dots enough for itself first.
    pub fn candidates(&self, text: &str) -> Vec<String> {
        if text.ends_with('.') {
            return vec![text.to_owned()];
        }
        let mut names: Vec<String> = self
            .search
            .iter()
            .filter(|domain| !domain.is_root())
            .map(|domain| format!("{text}.{domain}"))
            .collect();
        let dots = text.bytes().filter(|byte| *byte == b'.').count();
        let place = if dots >= usize::from(self.ndots) { 0 } else { names.len() };
        names.insert(place, text.to_owned());
        names
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_read_as_the_c_library_does() {
        let conf = ResolvConf::parse(
            "# made by hand\nnameserver 10.0.0.2 # ours\n nameserver fd00::2\n\
             nameserver fe80::1%eth0\ndomain old\nsearch app.internal nodes.app.internal .\n\
             options ndots:2 timeout:900 rotate attempts:0\nnonsense\n",
        );
        let nameservers: [IpAddr; 2] = ["10.0.0.2", "fd00::2"].map(|text| text.parse().unwrap());
        assert_eq!(conf.nameservers, nameservers);
        assert_eq!((conf.ndots, conf.timeout.as_secs(), conf.attempts), (2, 30, 1));
        assert_eq!(
            conf.candidates("web-1"),
            ["web-1.app.internal", "web-1.nodes.app.internal", "web-1"]
        );
        assert_eq!(conf.candidates("a.b.c")[0], "a.b.c");
        assert_eq!(conf.candidates("web-1."), ["web-1."]);
        assert_eq!(ResolvConf::parse("").candidates("a.b"), ["a.b"]);
    }
}
