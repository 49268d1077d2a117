//! Python as far as it declares things: classes, fields, parameters, literals and calls, as a tree.
//! Nothing of it is run, and what is no literal stays the text that it is.

mod expression;
mod tokens;

use super::{Broken, DEPTH_MAX, VALUES_MAX};
use expression::expression;
use netloom_model::span::Span;
use netloom_model::tree::{Key, Tree, Value};
use std::sync::Arc;
use tokens::{Statement, Token, statements};

/// Reads a text.
pub(super) fn read(file: &str, text: &str) -> Result<Tree, Broken> {
    let statements = statements(text)?;
    let mut reader = Reader { file: file.into(), statements: &statements, at: 0 };
    let entries = reader.block(0, 0)?;
    let span = Span { file: Arc::clone(&reader.file), line: 1, column: 1 };
    Ok(Tree { span, value: Value::Map(entries.into()) })
}

/// Goes through the statements of a file.
struct Reader<'a> {
    file: Arc<str>,
    statements: &'a [Statement],
    at: usize,
}

/// Where in a file things stand.
#[derive(Clone)]
struct Place {
    file: Arc<str>,
}

impl Place {
    fn tree(&self, line: u32, value: Value) -> Tree {
        Tree { span: self.span(line), value }
    }

    fn key(&self, line: u32, name: String) -> Key {
        Key { span: self.span(line), name, broken: false }
    }

    fn span(&self, line: u32) -> Span {
        Span { file: Arc::clone(&self.file), line, column: 1 }
    }
}

type Entries = Vec<(Key, Tree)>;

impl Reader<'_> {
    /// The statements that are indented at least so far.
    fn block(&mut self, indent: usize, depth: usize) -> Result<Entries, Broken> {
        let mut entries = Entries::new();
        let place = Place { file: Arc::clone(&self.file) };
        while let Some(statement) = self.statements.get(self.at) {
            if statement.indent < indent {
                break;
            }
            if depth > DEPTH_MAX {
                let cause = format!("it is nested more than {DEPTH_MAX} deep");
                return Err(Broken::new(statement.line, cause));
            }
            if self.at > VALUES_MAX {
                return Err(Broken::new(statement.line, "it has too many statements"));
            }
            self.at += 1;
            let tokens = &statement.tokens;
            let opens = tokens.last().is_some_and(|token| token.is(":"));
            let inner = match self.statements.get(self.at) {
                Some(next) if opens && next.indent > statement.indent => next.indent,
                Some(_) | None => {
                    simple(&place, statement, &mut entries)?;
                    continue;
                }
            };
            let (name, mut own) = header(&place, statement)?;
            own.extend(self.block(inner, depth + 1)?);
            let value = place.tree(statement.line, Value::Map(own.into()));
            entries.push((place.key(statement.line, name), value));
        }
        Ok(entries)
    }
}

/// What a block is called, and the parameters of a function.
fn header(place: &Place, statement: &Statement) -> Result<(String, Entries), Broken> {
    let tokens: Vec<&Token> = statement.tokens.iter().filter(|token| !token.is("async")).collect();
    let first = tokens.first().map_or("", |token| token.text.as_str());
    let name = tokens.get(1).map_or("", |token| token.text.as_str()).to_owned();
    match first {
        "class" => Ok((name, Entries::new())),
        "def" => {
            let mut parameters = Entries::new();
            let open = tokens.iter().position(|token| token.is("("));
            let close = tokens.iter().rposition(|token| token.is(")"));
            if let (Some(open), Some(close)) = (open, close)
                && open < close
            {
                let inner: Vec<Token> = tokens
                    .get(open + 1..close)
                    .unwrap_or(&[])
                    .iter()
                    .map(|t| (*t).clone())
                    .collect();
                for part in split(&inner, ",") {
                    declared(place, part, &mut parameters)?;
                }
            }
            Ok((format!("{name}()"), parameters))
        }
        _ => Ok((words(&statement.tokens), Entries::new())),
    }
}

/// `name`, `name: Type`, `name: Type = value` or `name = value`.
fn declared(place: &Place, tokens: &[Token], entries: &mut Entries) -> Result<(), Broken> {
    let Some(first) = tokens.first() else { return Ok(()) };
    let mut parts = split(tokens, "=").into_iter();
    let left = parts.next().unwrap_or(&[]);
    let value = parts.next().filter(|right| !right.is_empty());
    let mut named = split(left, ":").into_iter();
    let name = words(named.next().unwrap_or(&[]));
    let kind = named.next().unwrap_or(&[]);
    let tree = match value {
        Some(value) => expression(place, value, 0)?,
        None if kind.is_empty() => place.tree(first.line, Value::Null),
        None => place.tree(first.line, Value::Scalar { text: words(kind), quoted: false }),
    };
    entries.push((place.key(first.line, name), tree));
    Ok(())
}

/// A statement of one logical line.
fn simple(place: &Place, statement: &Statement, entries: &mut Entries) -> Result<(), Broken> {
    let tokens = &statement.tokens;
    let Some(first) = tokens.first() else { return Ok(()) };
    // A text that stands alone describes what is around it.
    if first.is_string && tokens.len() == 1 {
        return Ok(());
    }
    let word = first.text.as_str();
    if matches!(word, "import" | "from" | "@" | "pass" | "return" | "raise" | "global" | "del") {
        let rest = tokens.get(1..).unwrap_or(&[]);
        let value = match word {
            "return" if !rest.is_empty() => expression(place, rest, 0)?,
            _ => place.tree(first.line, Value::Scalar { text: words(rest), quoted: false }),
        };
        entries.push((place.key(first.line, word.to_owned()), value));
        return Ok(());
    }
    let assigned = split(tokens, "=").len() > 1 || split(tokens, ":").len() > 1;
    if assigned {
        return declared(place, tokens, entries);
    }
    let tree = expression(place, tokens, 0)?;
    match tree.value {
        // A call is an entry of its own: its name, and its arguments.
        Value::Map(inner) => entries.extend(Arc::unwrap_or_clone(inner)),
        value => {
            let name = words(tokens);
            entries.push((place.key(first.line, name), place.tree(first.line, value)));
        }
    }
    Ok(())
}

/// Parts between marks that stand outside of brackets.
fn split<'a>(tokens: &'a [Token], mark: &str) -> Vec<&'a [Token]> {
    let (mut parts, mut begin, mut depth) = (Vec::new(), 0, 0_usize);
    for (index, token) in tokens.iter().enumerate() {
        if token.opens() {
            depth += 1;
        } else if token.closes() {
            depth = depth.saturating_sub(1);
        } else if depth == 0 && token.is(mark) {
            parts.push(tokens.get(begin..index).unwrap_or(&[]));
            begin = index + 1;
        }
    }
    parts.push(tokens.get(begin..).unwrap_or(&[]));
    parts
}

/// Tokens as text again.
fn words(tokens: &[Token]) -> String {
    let mut text = String::new();
    let mut glued = true;
    for token in tokens {
        let word =
            token.is_string || token.text.starts_with(|c: char| c.is_alphanumeric() || c == '_');
        if word && !glued {
            text.push(' ');
        }
        text.push_str(&token.text);
        glued = !word;
        if text.len() > 200 {
            break;
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::Document;
    use crate::kind::Kind;

    fn paths(text: &str) -> Vec<String> {
        let tree = read("a.py", text).map_err(|broken| broken.cause).unwrap();
        let document = Document::new(0, "a.py", Kind::Peering, tree);
        let show =
            |at: crate::document::At<'_>| format!("{}={}", at.path(), at.text().unwrap_or(""));
        document.all().map(show).collect()
    }

    #[test]
    fn classes_functions_calls_and_literals_are_keys() {
        let found = paths(
            "import os\n@dataclass\nclass A:\n    \"\"\"Doc\n    more\"\"\"\n    id: str\n    n: int = 3\n\n\
             async def f(self, x: str) -> A:\n    y = await g(x, kind='a', n=[1, -2])  # note\n    \
             return y\nP = [{'a': 'b', \"c\": True}]\n",
        );
        let expected = [
            "import=os",
            "\"@\"=dataclass",
            "A=",
            "A.id=str",
            "A.n=3",
            "f()=",
            "f().self=",
            "f().x=str",
            "f().y=",
            "f().y.g()=",
            "f().y.g().0=x",
            "f().y.g().kind=a",
            "f().y.g().n=",
            "f().y.g().n[0]=1",
            "f().y.g().n[1]=-2",
            "f().return=y",
            "P=",
            "P[0]=",
            "P[0].a=b",
            "P[0].c=True",
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn what_is_not_closed_is_told_with_its_line() {
        for (text, line) in
            [("a = [1,\n 2", 1), ("x\ny = 'abc\n", 2), ("a = \"\"\"\nb", 1), ("a = )", 1)]
        {
            assert_eq!(read("a.py", text).unwrap_err().line, line, "{text}");
        }
        assert!(read("a.py", &"(".repeat(50_000)).is_err());
        let deep = format!("a = {}1{}", "[".repeat(5_000), "]".repeat(5_000));
        assert!(read("a.py", &deep).is_err());
    }
}
