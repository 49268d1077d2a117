//! Expressions: literals, lists, dicts and calls as values; all else as its text.

use super::tokens::Token;
use super::{Entries, Place, split, words};
use crate::read::{Broken, DEPTH_MAX};
use netloom_model::tree::{Tree, Value};

/// The value of an expression.
pub(super) fn expression(place: &Place, tokens: &[Token], depth: usize) -> Result<Tree, Broken> {
    let tokens = match tokens.first() {
        Some(first) if first.is("await") => tokens.get(1..).unwrap_or(&[]),
        _ => tokens,
    };
    let (Some(first), Some(last)) = (tokens.first(), tokens.last()) else {
        return Ok(place.tree(1, Value::Null));
    };
    let line = first.line;
    if depth > DEPTH_MAX {
        return Err(Broken::new(line, format!("it is nested more than {DEPTH_MAX} deep")));
    }
    let inner = tokens.get(1..tokens.len().saturating_sub(1)).unwrap_or(&[]);
    // Whether the bracket in front is closed by the last token.
    let wraps = first.opens() && last.closes() && closing(tokens, 0) == tokens.len().checked_sub(1);
    let value = if tokens.iter().all(|token| token.is_string) {
        let text = tokens.iter().map(|token| token.text.as_str()).collect();
        Value::Scalar { text, quoted: true }
    } else if wraps && first.is("{") && split(inner, ":").len() > 1 {
        Value::Map(dict(place, inner, depth)?.into())
    } else if wraps && first.is("(") && split(inner, ",").len() == 1 {
        return expression(place, inner, depth + 1);
    } else if wraps {
        let parts = split(inner, ",").into_iter().filter(|part| !part.is_empty());
        let items: Result<Vec<Tree>, Broken> =
            parts.map(|part| expression(place, part, depth + 1)).collect();
        Value::List(items?.into())
    } else if let Some((name, arguments)) = call(tokens) {
        let arguments = Value::Map(self::arguments(place, arguments, depth)?.into());
        let name = place.key(line, format!("{name}()"));
        Value::Map(vec![(name, place.tree(line, arguments))].into())
    } else {
        Value::Scalar { text: words(tokens), quoted: false }
    };
    Ok(place.tree(line, value))
}

/// Where the bracket at `open` is closed.
fn closing(tokens: &[Token], open: usize) -> Option<usize> {
    let mut depth = 0_usize;
    for (index, token) in tokens.iter().enumerate().skip(open) {
        if token.opens() {
            depth += 1;
        } else if token.closes() {
            depth = depth.checked_sub(1)?;
            if depth == 0 {
                return Some(index);
            }
        }
    }
    None
}

/// The name and the arguments of a call, where the tokens are one.
fn call(tokens: &[Token]) -> Option<(&str, &[Token])> {
    let [name, open, .., close] = tokens else { return None };
    let is_name = !name.is_string && name.text.starts_with(|c: char| c.is_alphabetic() || c == '_');
    let is_call = is_name && open.is("(") && close.is(")");
    if !is_call || closing(tokens, 1) != tokens.len().checked_sub(1) {
        return None;
    }
    Some((&name.text, tokens.get(2..tokens.len().checked_sub(1)?)?))
}

fn arguments(place: &Place, tokens: &[Token], depth: usize) -> Result<Entries, Broken> {
    let mut entries = Entries::new();
    for (index, part) in split(tokens, ",").into_iter().filter(|part| !part.is_empty()).enumerate()
    {
        let Some(first) = part.first() else { continue };
        let named = part.get(1).is_some_and(|mark| mark.is("="));
        let (name, value) = if named && !first.is_string {
            (first.text.clone(), part.get(2..).unwrap_or(&[]))
        } else {
            (index.to_string(), part)
        };
        let line = first.line;
        entries.push((place.key(line, name), expression(place, value, depth + 1)?));
    }
    Ok(entries)
}

fn dict(place: &Place, tokens: &[Token], depth: usize) -> Result<Entries, Broken> {
    let mut entries = Entries::new();
    for part in split(tokens, ",").into_iter().filter(|part| !part.is_empty()) {
        let Some(first) = part.first() else { continue };
        let mut sides = split(part, ":").into_iter();
        let key = sides.next().unwrap_or(&[]);
        let name = match key {
            [only] if only.is_string => only.text.clone(),
            other => words(other),
        };
        let value = sides.next().unwrap_or(&[]);
        entries.push((place.key(first.line, name), expression(place, value, depth + 1)?));
    }
    Ok(entries)
}
