//! The words of a Python text, put together to logical lines.

use crate::read::{Broken, VALUES_MAX};

/// A word, a mark, or a string.
#[derive(Clone, Debug)]
pub(super) struct Token {
    pub(super) line: u32,
    pub(super) text: String,
    pub(super) is_string: bool,
}

impl Token {
    pub(super) fn is(&self, mark: &str) -> bool {
        !self.is_string && self.text == mark
    }

    pub(super) fn opens(&self) -> bool {
        self.is("(") || self.is("[") || self.is("{")
    }

    pub(super) fn closes(&self) -> bool {
        self.is(")") || self.is("]") || self.is("}")
    }
}

/// A logical line: how far it is indented, and its tokens.
#[derive(Debug)]
pub(super) struct Statement {
    pub(super) line: u32,
    pub(super) indent: usize,
    pub(super) tokens: Vec<Token>,
}

/// Marks of two or three characters.
const LONG_MARKS: [&str; 14] =
    ["**=", "//=", "->", "==", "!=", "<=", ">=", ":=", "+=", "-=", "*=", "/=", "**", "//"];

/// All logical lines.
pub(super) fn statements(text: &str) -> Result<Vec<Statement>, Broken> {
    let mut reader =
        Reader { rest: text, line: 1, open: Vec::new(), statements: Vec::new(), count: 0 };
    while !reader.rest.is_empty() {
        reader.line()?;
    }
    match reader.open.first() {
        Some(line) => Err(Broken::new(*line, "a bracket is not closed")),
        None => Ok(reader.statements),
    }
}

struct Reader<'a> {
    rest: &'a str,
    line: u32,
    /// Lines of the brackets that are open.
    open: Vec<u32>,
    statements: Vec<Statement>,
    count: usize,
}

impl Reader<'_> {
    fn step(&mut self, bytes: usize) -> &str {
        let (taken, rest) = self.rest.split_at(bytes.min(self.rest.len()));
        self.rest = rest;
        let lines = taken.bytes().filter(|byte| *byte == b'\n').count();
        self.line = self.line.saturating_add(u32::try_from(lines).unwrap_or(u32::MAX));
        taken
    }

    /// One logical line.
    fn line(&mut self) -> Result<(), Broken> {
        let blank = |c: char| c == ' ' || c == '\t';
        let indent = self.rest.len() - self.rest.trim_start_matches(blank).len();
        let mut statement = Statement { line: self.line, indent, tokens: Vec::new() };
        while let Some(next) = self.rest.chars().next() {
            match next {
                '\n' => {
                    self.step(1);
                    if self.open.is_empty() {
                        break;
                    }
                }
                '#' => {
                    let end = self.rest.find('\n').unwrap_or(self.rest.len());
                    self.step(end);
                }
                '\\' if self.rest.starts_with("\\\n") => drop(self.step(2)),
                ';' if self.open.is_empty() => {
                    self.step(1);
                    break;
                }
                c if c.is_whitespace() => drop(self.step(c.len_utf8())),
                _ => {
                    let token = self.token(next)?;
                    if token.opens() {
                        self.open.push(token.line);
                    } else if token.closes() && self.open.pop().is_none() {
                        return Err(Broken::new(
                            token.line,
                            "a bracket closes that was not opened",
                        ));
                    }
                    self.count += 1;
                    if self.count > VALUES_MAX {
                        return Err(Broken::new(self.line, "it has too many words"));
                    }
                    statement.tokens.push(token);
                }
            }
        }
        if let Some(first) = statement.tokens.first() {
            statement.line = first.line;
            self.statements.push(statement);
        }
        Ok(())
    }

    fn token(&mut self, next: char) -> Result<Token, Broken> {
        let line = self.line;
        if let Some(length) = self.prefix() {
            self.step(length);
            let text = self.string()?;
            return Ok(Token { line, text, is_string: true });
        }
        let word = |c: char| c.is_alphanumeric() || c == '_' || c == '.';
        let length = if next.is_alphanumeric() || next == '_' {
            self.rest.find(|c| !word(c)).unwrap_or(self.rest.len())
        } else if let Some(mark) = LONG_MARKS.iter().find(|mark| self.rest.starts_with(**mark)) {
            mark.len()
        } else {
            next.len_utf8()
        };
        let text = self.step(length).to_owned();
        Ok(Token { line, text, is_string: false })
    }

    /// How long the letters before a string are, if one begins here.
    fn prefix(&self) -> Option<usize> {
        let letters = self.rest.find(|c: char| !"rRbBuUfF".contains(c))?;
        let quote = self.rest.get(letters..)?.starts_with(['"', '\'']);
        (letters <= 2 && quote).then_some(letters)
    }

    /// A string with its quotes in front.
    fn string(&mut self) -> Result<String, Broken> {
        let begin = self.line;
        let broken = || Broken::new(begin, "a string is not closed");
        let quote = self.rest.chars().next().unwrap_or('"');
        let triple: String = [quote; 3].iter().collect();
        let (mark, multiline) = if self.rest.starts_with(&triple) {
            (triple, true)
        } else {
            (quote.to_string(), false)
        };
        self.step(mark.len());
        let mut text = String::new();
        loop {
            if self.rest.starts_with(&mark) {
                self.step(mark.len());
                return Ok(text);
            }
            let next = self.rest.chars().next().ok_or_else(broken)?;
            self.step(next.len_utf8());
            match next {
                '\n' if !multiline => return Err(broken()),
                '\\' => {
                    let escaped = self.rest.chars().next().ok_or_else(broken)?;
                    self.step(escaped.len_utf8());
                    text.push(match escaped {
                        'n' => '\n',
                        't' => '\t',
                        other => other,
                    });
                }
                other => text.push(other),
            }
        }
    }
}
