//! A small HTTP/1.1 server (RFC 9112): every GET and HEAD is told who answered whom.

use super::IDLE_TIMEOUT;
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};

/// Largest head of a request in bytes; longer ones get 431 (RFC 6585 §5).
const HEAD_BYTES_MAX: usize = 16 * 1024;
/// Requests of one connection before it is closed.
const REQUESTS_MAX: usize = 10_000;

/// What a request asks for.
#[derive(Debug, PartialEq, Eq)]
enum Request<'a> {
    Page { path: &'a str, head_only: bool, keep_alive: bool },
    Refused(Status),
}

/// A refusal, after which the connection is closed, since where the next request would begin
/// is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Status {
    BadRequest,
    MethodNotAllowed,
    HeadTooLarge,
    VersionNotSupported,
}

/// Answers the requests of a connection until it ends.
pub(super) fn serve(mut stream: &TcpStream, name: &str) -> io::Result<()> {
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(IDLE_TIMEOUT))?;
    stream.set_write_timeout(Some(IDLE_TIMEOUT))?;
    let (local, caller) = (canonical(stream.local_addr()?), canonical(stream.peer_addr()?));
    let mut buffer = Vec::new();
    for _ in 0..REQUESTS_MAX {
        let Some(end) = read_head(stream, &mut buffer)? else {
            if buffer.len() >= HEAD_BYTES_MAX {
                stream.write_all(&refusal(Status::HeadTooLarge))?;
                drain(stream);
            }
            return Ok(());
        };
        match parse(&buffer[..end]) {
            Request::Page { path, head_only, keep_alive } => {
                let body = format!("{name}\naddress {local}\ncaller {caller}\npath {path}\n");
                stream.write_all(&page(&body, head_only, keep_alive))?;
                if !keep_alive {
                    return Ok(());
                }
            }
            Request::Refused(status) => {
                stream.write_all(&refusal(status))?;
                drain(stream);
                return Ok(());
            }
        }
        buffer.drain(..end);
    }
    Ok(())
}

/// An IPv4 caller of a dual-stack socket, as IPv4.
fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

/// Reads until the head of a request is whole and gives its length; `None` when the connection
/// ends first, or the head is too large.
fn read_head(mut stream: &TcpStream, buffer: &mut Vec<u8>) -> io::Result<Option<usize>> {
    let mut chunk = [0; 4096];
    loop {
        if let Some(end) = head_end(buffer) {
            return Ok((end <= HEAD_BYTES_MAX).then_some(end));
        }
        if buffer.len() >= HEAD_BYTES_MAX {
            return Ok(None);
        }
        match stream.read(&mut chunk) {
            Ok(0) => return Ok(None),
            Ok(length) => buffer.extend_from_slice(&chunk[..length]),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// Length of the head with its empty line; a bare LF ends a line too (RFC 9112 §2.2).
fn head_end(buffer: &[u8]) -> Option<usize> {
    // Empty lines before a request are to be ignored (RFC 9112 §2.2).
    let start = buffer.iter().position(|byte| !matches!(byte, b'\r' | b'\n'))?;
    let rest = &buffer[start..];
    let line_ends = rest.iter().enumerate().filter(|(_, byte)| **byte == b'\n');
    line_ends.map(|(place, _)| place + 1).find_map(|next| match &rest[next..] {
        [b'\n', ..] => Some(start + next + 1),
        [b'\r', b'\n', ..] => Some(start + next + 2),
        _ => None,
    })
}

/// Reads what has already been sent, so that closing does not reset the answer away.
fn drain(mut stream: &TcpStream) {
    let mut chunk = [0; 4096];
    let _ = stream.shutdown(std::net::Shutdown::Write);
    let _ = stream.set_read_timeout(Some(std::time::Duration::from_millis(200)));
    for _ in 0..64 {
        if !matches!(stream.read(&mut chunk), Ok(length) if length > 0) {
            return;
        }
    }
}

fn parse(head: &[u8]) -> Request<'_> {
    let Ok(head) = str::from_utf8(head) else { return Request::Refused(Status::BadRequest) };
    let mut lines = head.trim_start_matches(['\r', '\n']).lines();
    let mut words = lines.next().unwrap_or_default().split(' ');
    let (Some(method), Some(path), Some(version), None) =
        (words.next(), words.next(), words.next(), words.next())
    else {
        return Request::Refused(Status::BadRequest);
    };
    let visible = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
    if !visible(method) || !visible(path) || !version.starts_with("HTTP/") {
        return Request::Refused(Status::BadRequest);
    }
    let keep_by_default = match version {
        "HTTP/1.1" => true,
        "HTTP/1.0" => false,
        _ => return Request::Refused(Status::VersionNotSupported),
    };
    let head_only = match method {
        "GET" => false,
        "HEAD" => true,
        _ => return Request::Refused(Status::MethodNotAllowed),
    };
    match fields(lines, keep_by_default) {
        Some(keep_alive) => Request::Page { path, head_only, keep_alive },
        None => Request::Refused(Status::BadRequest),
    }
}

/// Whether the connection is kept, from the header fields; `None` if they are malformed.
fn fields<'a>(lines: impl Iterator<Item = &'a str>, by_default: bool) -> Option<bool> {
    let (mut keep, mut hosts) = (by_default, 0);
    for line in lines.filter(|line| !line.is_empty()) {
        let (field, value) = line.split_once(':')?;
        if field.is_empty() || !field.bytes().all(|byte| byte.is_ascii_graphic()) {
            return None;
        }
        let value = value.trim();
        match field.to_ascii_lowercase().as_str() {
            "host" => hosts += 1,
            "connection" => {
                let mut options = value.split(',').map(str::trim);
                keep = match by_default {
                    true => !options.any(|option| option.eq_ignore_ascii_case("close")),
                    false => options.any(|option| option.eq_ignore_ascii_case("keep-alive")),
                };
            }
            // A body would be read as the next request; nobody needs one to ask for a page.
            "transfer-encoding" => return None,
            "content-length" if value != "0" => return None,
            _ => {}
        }
    }
    // Exactly one host in HTTP/1.1 (RFC 9112 §3.2).
    (hosts == 1 || (hosts == 0 && !by_default)).then_some(keep)
}

fn page(body: &str, head_only: bool, keep_alive: bool) -> Vec<u8> {
    let connection = if keep_alive { "keep-alive" } else { "close" };
    let length = body.len();
    let body = if head_only { "" } else { body };
    format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {length}\r\n\
         Cache-Control: no-store\r\nConnection: {connection}\r\n\r\n{body}"
    )
    .into_bytes()
}

fn refusal(status: Status) -> Vec<u8> {
    let (line, allow) = match status {
        Status::BadRequest => ("400 Bad Request", ""),
        Status::MethodNotAllowed => ("405 Method Not Allowed", "Allow: GET, HEAD\r\n"),
        Status::HeadTooLarge => ("431 Request Header Fields Too Large", ""),
        Status::VersionNotSupported => ("505 HTTP Version Not Supported", ""),
    };
    format!("HTTP/1.1 {line}\r\n{allow}Content-Length: 0\r\nConnection: close\r\n\r\n").into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_told_apart() {
        let page = |head_only, keep_alive| Request::Page { path: "/a", head_only, keep_alive };
        let refused = Request::Refused;
        let cases: [(&str, Request<'_>); 12] = [
            ("GET /a HTTP/1.1\r\nHost: x\r\n\r\n", page(false, true)),
            ("\r\nHEAD /a HTTP/1.1\r\nhost: x\r\nConnection: close\r\n\r\n", page(true, false)),
            ("GET /a HTTP/1.0\n\n", page(false, false)),
            ("GET /a HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", page(false, true)),
            ("POST /a HTTP/1.1\r\nHost: x\r\n\r\n", refused(Status::MethodNotAllowed)),
            ("GET /a HTTP/1.1\r\n\r\n", refused(Status::BadRequest)),
            ("GET /a HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", refused(Status::BadRequest)),
            ("GET /a HTTP/1.1\r\nHost : x\r\n\r\n", refused(Status::BadRequest)),
            ("GET  /a HTTP/1.1\r\nHost: x\r\n\r\n", refused(Status::BadRequest)),
            ("GET /a HTTP/2.0\r\nHost: x\r\n\r\n", refused(Status::VersionNotSupported)),
            (
                "GET /a HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n",
                refused(Status::BadRequest),
            ),
            ("\u{1}\u{2}\r\n\r\n", refused(Status::BadRequest)),
        ];
        for (head, expected) in cases {
            let end = head_end(head.as_bytes()).unwrap();
            assert_eq!(end, head.len(), "{head:?}");
            assert_eq!(parse(head.as_bytes()), expected, "{head:?}");
        }
    }

    #[test]
    fn a_head_ends_at_its_empty_line() {
        assert_eq!(head_end(b"GET / HTTP/1.1\r\nHost: x\r\n"), None);
        assert_eq!(head_end(b"A\r\n\r\nB"), Some(5));
        assert_eq!(head_end(b"\r\n\r\n"), None);
    }
}
