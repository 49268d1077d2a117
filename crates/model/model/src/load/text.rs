//! Bytes into text: what is not UTF-8, or no character that a text can hold, is found line by line.

use crate::diagnostic::{Diagnostic, code};
use crate::span::Span;
use crate::tree::{FILE_BYTES_MAX, UNREADABLE};

/// Most lines that may hold bytes of no text; with more, another file was meant.
const BAD_LINES_MAX: usize = 16;

/// The text of a file. Where a byte is no text, [`UNREADABLE`] stands instead, and a finding says so;
/// `None` if nothing of it can be used.
pub(super) fn decode(file: &str, bytes: Vec<u8>, found: &mut Vec<Diagnostic>) -> Option<String> {
    if bytes.len() > FILE_BYTES_MAX {
        found.push(too_large(file));
        return None;
    }
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        let message = "the file is UTF-16, not UTF-8 text";
        found.push(finding(file, 1, 1, message, "its first two bytes are a UTF-16 mark".into()));
        return None;
    }
    let bytes = match bytes.strip_prefix(b"\xef\xbb\xbf") {
        Some(rest) => rest.to_vec(),
        None => bytes,
    };
    match String::from_utf8(bytes) {
        Ok(text) if text.bytes().all(|byte| byte >= b' ' && byte != 0x7f || byte == b'\n') => {
            Some(text)
        }
        Ok(text) => clean(file, text.as_bytes(), found),
        Err(error) => clean(file, error.as_bytes(), found),
    }
}

fn clean(file: &str, bytes: &[u8], found: &mut Vec<Diagnostic>) -> Option<String> {
    let mut cleaner = Cleaner { file, text: String::new(), line: 1, column: 1, bad: 0, found };
    let mut offset = 0;
    for chunk in bytes.utf8_chunks() {
        cleaner.valid(chunk.valid());
        offset += chunk.valid().len();
        if let Some(byte) = chunk.invalid().first() {
            let cause = format!("byte {byte:#04x} at offset {offset} begins no character");
            cleaner.unreadable("this is not UTF-8 text", cause);
            offset += chunk.invalid().len();
        }
        if cleaner.bad > BAD_LINES_MAX {
            return None;
        }
    }
    Some(cleaner.text)
}

struct Cleaner<'a> {
    file: &'a str,
    text: String,
    line: u32,
    column: u32,
    /// Lines with something unreadable.
    bad: usize,
    found: &'a mut Vec<Diagnostic>,
}

impl Cleaner<'_> {
    fn valid(&mut self, text: &str) {
        let mut chars = text.chars().peekable();
        while let Some(c) = chars.next() {
            match c {
                // A carriage return alone ended lines on machines of old, and does so in YAML.
                '\n' => self.end_line(),
                '\r' if chars.peek() != Some(&'\n') => self.end_line(),
                '\r' | '\t' => self.push(c),
                c if c.is_control() && c != '\u{85}' => {
                    let message = "a control character stands here";
                    let cause = format!("{c:?} is no character of a text");
                    self.unreadable(message, cause);
                    if self.bad > BAD_LINES_MAX {
                        return;
                    }
                }
                c => self.push(c),
            }
        }
    }

    fn push(&mut self, c: char) {
        self.text.push(c);
        self.column = self.column.saturating_add(1);
    }

    fn end_line(&mut self) {
        self.text.push('\n');
        self.line = self.line.saturating_add(1);
        self.column = 1;
    }

    /// One finding for a line says enough.
    fn unreadable(&mut self, message: &str, cause: String) {
        let last = self.found.last().map(|found| found.span.line);
        if last != Some(self.line) {
            self.bad += 1;
            self.found.push(finding(self.file, self.line, self.column, message, cause));
        }
        self.push(UNREADABLE);
    }
}

fn finding(file: &str, line: u32, column: u32, message: &str, cause: String) -> Diagnostic {
    let span = Span { file: file.into(), line, column };
    let solution = "save it as UTF-8; if it is no text at all, another file was meant";
    Diagnostic::error(code::UNREADABLE, &span, message, cause, solution)
}

fn too_large(file: &str) -> Diagnostic {
    let span = Span { file: file.into(), line: 1, column: 1 };
    Diagnostic::error(
        code::LIMIT,
        &span,
        format!("the file has more than {FILE_BYTES_MAX} bytes"),
        format!("a file may have at most {FILE_BYTES_MAX} bytes"),
        "split it: several files are merged, and `include` names further ones",
    )
}
