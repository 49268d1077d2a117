//! One HTTP/1.0 request over a Unix socket: the engine closes the connection after its answer.

use std::io::{self, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

/// Longest wait for an engine.
const TIMEOUT: Duration = Duration::from_secs(2);
/// Longest answer that is read.
const ANSWER_BYTES_MAX: u64 = 4 << 20;

/// Status code and body of `GET target`.
pub(crate) fn get(socket: &Path, target: &str) -> io::Result<(u16, Vec<u8>)> {
    let mut stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    stream.write_all(format!("GET {target} HTTP/1.0\r\nHost: localhost\r\n\r\n").as_bytes())?;
    let mut answer = Vec::new();
    stream.take(ANSWER_BYTES_MAX).read_to_end(&mut answer)?;
    parse(&answer).ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "not an HTTP answer"))
}

/// Status code and body of a whole answer.
fn parse(answer: &[u8]) -> Option<(u16, Vec<u8>)> {
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&answer[..end]).ok()?;
    let status_line = head.lines().next()?;
    let code = status_line.strip_prefix("HTTP/1.")?.split(' ').nth(1)?.parse().ok()?;
    Some((code, answer[end + 4..].to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_taken_apart() {
        let answer = b"HTTP/1.0 404 Not Found\r\nContent-Type: x\r\n\r\n{\"message\":\"no\"}";
        assert_eq!(parse(answer), Some((404, b"{\"message\":\"no\"}".to_vec())));
        assert_eq!(parse(b"HTTP/1.1 200 OK\r\n"), None, "cut off");
        assert_eq!(parse(b"SSH-2.0-x\r\n\r\n"), None);
    }
}
