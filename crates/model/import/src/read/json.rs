//! JSON into a tree with places (RFC 8259), however deep and broken it comes.

use super::{Broken, DEPTH_MAX, VALUES_MAX};
use netloom_model::span::Span;
use netloom_model::tree::{Key, Tree, Value};
use std::iter::Peekable;
use std::str::Chars;
use std::sync::Arc;

/// Reads a text.
pub(super) fn read(file: &str, text: &str) -> Result<Tree, Broken> {
    let mut reader =
        Reader { chars: text.chars().peekable(), file: file.into(), line: 1, column: 1, values: 0 };
    reader.blank();
    let tree = reader.value(0)?;
    reader.blank();
    match reader.chars.peek() {
        None => Ok(tree),
        Some(_) => Err(reader.broken("something follows after the end")),
    }
}

struct Reader<'a> {
    chars: Peekable<Chars<'a>>,
    file: Arc<str>,
    line: u32,
    column: u32,
    values: usize,
}

impl Reader<'_> {
    fn broken(&self, cause: impl Into<String>) -> Broken {
        Broken::new(self.line, cause)
    }

    fn span(&self) -> Span {
        Span { file: Arc::clone(&self.file), line: self.line, column: self.column }
    }

    fn next(&mut self) -> Option<char> {
        let next = self.chars.next()?;
        if next == '\n' {
            self.line = self.line.saturating_add(1);
            self.column = 1;
        } else {
            self.column = self.column.saturating_add(1);
        }
        Some(next)
    }

    fn blank(&mut self) {
        while self.chars.peek().is_some_and(|c| matches!(c, ' ' | '\t' | '\r' | '\n')) {
            self.next();
        }
    }

    fn expect(&mut self, wanted: char) -> Result<(), Broken> {
        match self.chars.peek() {
            Some(found) if *found == wanted => {
                self.next();
                Ok(())
            }
            Some(found) => {
                let cause = format!("`{wanted}` is missing before `{found}`");
                Err(self.broken(cause))
            }
            None => Err(self.broken(format!("the text ends where `{wanted}` is missing"))),
        }
    }

    fn value(&mut self, depth: usize) -> Result<Tree, Broken> {
        if depth > DEPTH_MAX {
            return Err(self.broken(format!("it is nested more than {DEPTH_MAX} deep")));
        }
        self.values += 1;
        if self.values > VALUES_MAX {
            return Err(self.broken(format!("it holds more than {VALUES_MAX} values")));
        }
        let span = self.span();
        let value = match self.chars.peek() {
            None => return Err(self.broken("the text ends where a value is missing")),
            Some('{') => self.map(depth)?,
            Some('[') => self.list(depth)?,
            Some('"') => Value::Scalar { text: self.string()?, quoted: true },
            Some(_) => self.word()?,
        };
        Ok(Tree { span, value })
    }

    fn map(&mut self, depth: usize) -> Result<Value, Broken> {
        self.next();
        let mut entries = Vec::new();
        self.blank();
        if self.chars.peek() == Some(&'}') {
            self.next();
            return Ok(Value::Map(entries.into()));
        }
        loop {
            self.blank();
            let span = self.span();
            if self.chars.peek() != Some(&'"') {
                return Err(self.broken("a key in quotes is missing"));
            }
            let name = self.string()?;
            self.blank();
            self.expect(':')?;
            self.blank();
            let value = self.value(depth + 1)?;
            entries.push((Key { span, name, broken: false }, value));
            self.blank();
            if self.chars.peek() == Some(&',') {
                self.next();
                continue;
            }
            self.expect('}')?;
            return Ok(Value::Map(entries.into()));
        }
    }

    fn list(&mut self, depth: usize) -> Result<Value, Broken> {
        self.next();
        let mut items = Vec::new();
        self.blank();
        if self.chars.peek() == Some(&']') {
            self.next();
            return Ok(Value::List(items.into()));
        }
        loop {
            self.blank();
            items.push(self.value(depth + 1)?);
            self.blank();
            if self.chars.peek() == Some(&',') {
                self.next();
                continue;
            }
            self.expect(']')?;
            return Ok(Value::List(items.into()));
        }
    }

    fn word(&mut self) -> Result<Value, Broken> {
        let mut text = String::new();
        while let Some(c) = self.chars.peek().copied() {
            if !(c.is_ascii_alphanumeric() || "+-.".contains(c)) {
                break;
            }
            text.push(c);
            self.next();
        }
        match text.as_str() {
            "null" => Ok(Value::Null),
            "true" | "false" => Ok(Value::Scalar { text, quoted: false }),
            number if number.parse::<f64>().is_ok_and(f64::is_finite) => {
                Ok(Value::Scalar { text, quoted: false })
            }
            other => {
                let cause = format!("`{}` is no value", crate::scalar::short(other));
                Err(self.broken(cause))
            }
        }
    }

    fn string(&mut self) -> Result<String, Broken> {
        let begin = self.line;
        self.next();
        let mut text = String::new();
        loop {
            match self.next() {
                None | Some('\n') => return Err(Broken::new(begin, "a string is not closed")),
                Some('"') => return Ok(text),
                Some('\\') => text.push(self.escape()?),
                Some(other) => text.push(other),
            }
        }
    }

    fn escape(&mut self) -> Result<char, Broken> {
        Ok(match self.next() {
            Some(same @ ('"' | '\\' | '/')) => same,
            Some('b') => '\u{8}',
            Some('f') => '\u{c}',
            Some('n') => '\n',
            Some('r') => '\r',
            Some('t') => '\t',
            Some('u') => self.code_point()?,
            Some(_) | None => return Err(self.broken("an escape that JSON does not know")),
        })
    }

    fn code_point(&mut self) -> Result<char, Broken> {
        let first = self.four_digits()?;
        if !(0xd800..0xdc00).contains(&first) {
            return Ok(char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER));
        }
        if self.next() != Some('\\') || self.next() != Some('u') {
            return Err(self.broken("half a character is escaped"));
        }
        let second = self.four_digits()?;
        let low = second.checked_sub(0xdc00).filter(|low| *low < 0x400);
        let whole = low.and_then(|low| char::from_u32(0x10000 + ((first - 0xd800) << 10) + low));
        Ok(whole.unwrap_or(char::REPLACEMENT_CHARACTER))
    }

    fn four_digits(&mut self) -> Result<u32, Broken> {
        let mut number = 0;
        for _ in 0..4 {
            let digit = self.next().and_then(|c| c.to_digit(16));
            let digit = digit.ok_or_else(|| self.broken("four digits are missing behind \\u"))?;
            number = number * 16 + digit;
        }
        Ok(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_have_the_line_of_their_key_and_escapes_are_undone() {
        let tree = read(
            "a.json",
            "{\n \"a\": [1, -2.5e3, true, null],\n \"\\u0062\": \"\\ud83d\\ude00\\n\"\n}\n",
        );
        let tree = tree.unwrap();
        let Value::Map(entries) = tree.value else { panic!() };
        assert_eq!((entries[0].0.span.line, entries[1].0.span.line), (2, 3));
        assert_eq!(entries[1].0.name, "b");
        assert_eq!(entries[1].1.value, Value::Scalar { text: "\u{1f600}\n".into(), quoted: true });
    }

    #[test]
    fn what_is_broken_is_told_with_its_line() {
        for (text, line) in [
            ("{\n\"a\": 1,\n", 3),
            ("{\n\"a\" 1}", 2),
            ("[1, 2", 1),
            ("{\"a\": nul}", 1),
            ("{\"a\": \"x\n\"}", 1),
            ("{} {}", 1),
            ("{\"a\": \"\\ud800x\"}", 1),
            ("", 1),
        ] {
            let broken = read("a.json", text).unwrap_err();
            assert_eq!(broken.line, line, "{text}: {}", broken.cause);
        }
        assert!(read("a.json", &"[".repeat(100_000)).is_err());
    }
}
