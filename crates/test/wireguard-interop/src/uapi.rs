//! The configuration protocol of userspace WireGuard: `set=1` and `get=1` over a Unix socket.
//!
//! Source: <https://www.wireguard.com/xplatform/>, "Configuration Protocol".

use anyhow::{Context as _, bail, ensure};
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Where the sockets are, by name of the device.
pub const FOLDER: &str = "/var/run/wireguard";

const PATIENCE: Duration = Duration::from_secs(5);

/// The socket of one device.
#[derive(Clone, Debug)]
pub struct Uapi {
    path: PathBuf,
}

impl Uapi {
    /// The socket of device `name`, which need not exist yet.
    pub fn of(name: &str) -> Self {
        Self { path: Path::new(FOLDER).join(format!("{name}.sock")) }
    }

    /// Changes what the lines `key=value` say.
    ///
    /// # Errors
    /// The device refuses, or does not answer.
    pub fn set(&self, lines: &str) -> anyhow::Result<()> {
        self.ask(&format!("set=1\n{}\n\n", lines.trim_end())).map(drop)
    }

    /// All that the device tells, line by line.
    ///
    /// # Errors
    /// The device refuses, or does not answer.
    pub fn get(&self) -> anyhow::Result<Vec<(String, String)>> {
        self.ask("get=1\n\n")
    }

    fn ask(&self, request: &str) -> anyhow::Result<Vec<(String, String)>> {
        let stream = UnixStream::connect(&self.path)
            .with_context(|| format!("no answer at {}", self.path.display()))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        (&stream).write_all(request.as_bytes())?;
        let mut pairs = Vec::new();
        for line in BufReader::new(&stream).lines() {
            let line = line.context("the answer ends early")?;
            if line.is_empty() {
                break;
            }
            let Some((key, value)) = line.split_once('=') else { bail!("not a pair: {line:?}") };
            pairs.push((key.to_owned(), value.to_owned()));
        }
        let errno = pairs.pop().context("an empty answer")?;
        ensure!(errno.0 == "errno", "the answer ends with {errno:?}");
        ensure!(errno.1 == "0", "refused with error number {}", errno.1);
        Ok(pairs)
    }
}

/// Bytes as the protocol writes keys.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn keys_are_written_with_leading_zeros() {
        assert_eq!(super::hex(&[0, 0xa, 0xff]), "000aff");
    }
}
