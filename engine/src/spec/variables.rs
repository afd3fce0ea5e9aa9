//! `${NAME}` and `${NAME:-default}` inside scalars, and values that must never be shown.

use std::collections::BTreeMap;
use std::fmt;

/// A variable that has neither a value nor a default.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("variable `{0}` is not set and has no default")]
pub struct MissingVariable(pub String);

/// The values of variables: the command line's first, then the environment's.
#[derive(Clone, Default)]
pub struct Variables {
    values: BTreeMap<String, String>,
}

impl Variables {
    /// Variables from pairs; later ones win.
    pub fn new(pairs: impl IntoIterator<Item = (String, String)>) -> Self {
        Self { values: pairs.into_iter().collect() }
    }

    /// These, with `pairs` winning over them.
    #[must_use]
    pub fn with(&self, pairs: impl IntoIterator<Item = (String, String)>) -> Self {
        let mut values = self.values.clone();
        values.extend(pairs);
        Self { values }
    }

    /// The value of a variable; an empty value counts as none, as in a shell's `:-`.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }
}

/// Shows no values: they may be secrets.
impl fmt::Debug for Variables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Variables({} names)", self.values.len())
    }
}

/// A scalar's text in which variables may stand. It is resolved when it is needed, not when it is read.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Text {
    pieces: Vec<Piece>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Piece {
    Literal(String),
    Variable { name: String, default: Option<String> },
}

impl Text {
    /// Text without variables.
    pub fn literal(text: impl Into<String>) -> Self {
        Self { pieces: vec![Piece::Literal(text.into())] }
    }

    /// Reads a scalar. `$$` is a dollar sign; a dollar sign before anything but `{` or `$` is itself.
    ///
    /// # Errors
    /// Byte offset and length of the wrong part, and what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, (usize, usize, String)> {
        let mut pieces = Vec::new();
        let mut literal = String::new();
        let mut at = 0;
        while let Some(found) = text[at..].find('$') {
            let dollar = at + found;
            literal.push_str(&text[at..dollar]);
            let rest = &text[dollar + 1..];
            if rest.starts_with('$') {
                literal.push('$');
                at = dollar + 2;
            } else if let Some(inner) = rest.strip_prefix('{') {
                let Some(length) = inner.find('}') else {
                    return Err((dollar, text.len() - dollar, "`${` lacks its closing brace".into()));
                };
                let (name, default) = match inner[..length].split_once(":-") {
                    Some((name, default)) => (name, Some(default.to_owned())),
                    None => (&inner[..length], None),
                };
                if !is_name(name) {
                    let message = format!("`{name}` is not a variable's name: letters, digits and `_`, no digit first");
                    return Err((dollar, length + 3, message));
                }
                if !literal.is_empty() {
                    pieces.push(Piece::Literal(std::mem::take(&mut literal)));
                }
                pieces.push(Piece::Variable { name: name.to_owned(), default });
                at = dollar + 2 + length + 1;
            } else {
                literal.push('$');
                at = dollar + 1;
            }
        }
        literal.push_str(&text[at..]);
        if !literal.is_empty() || pieces.is_empty() {
            pieces.push(Piece::Literal(literal));
        }
        Ok(Self { pieces })
    }

    /// Whether a variable stands in it.
    #[must_use]
    pub fn has_variables(&self) -> bool {
        self.pieces.iter().any(|piece| matches!(piece, Piece::Variable { .. }))
    }

    /// The text with every variable replaced by its value, or else its default. Values are not searched for variables again.
    ///
    /// # Errors
    /// The first variable that has neither.
    pub fn resolve(&self, variables: &Variables) -> Result<String, MissingVariable> {
        let mut resolved = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Literal(text) => resolved.push_str(text),
                Piece::Variable { name, default } => match (variables.get(name), default) {
                    (Some(value), _) => resolved.push_str(value),
                    (None, Some(default)) => resolved.push_str(default),
                    (None, None) => return Err(MissingVariable(name.clone())),
                },
            }
        }
        Ok(resolved)
    }
}

/// As written: variables are shown by name, never by value.
impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for piece in &self.pieces {
            match piece {
                Piece::Literal(text) => f.write_str(text)?,
                Piece::Variable { name, default: Some(default) } => write!(f, "${{{name}:-{default}}}")?,
                Piece::Variable { name, default: None } => write!(f, "${{{name}}}")?,
            }
        }
        Ok(())
    }
}

fn is_name(name: &str) -> bool {
    let mut characters = name.chars();
    characters.next().is_some_and(|first| first.is_ascii_alphabetic() || first == '_')
        && characters.all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// A text whose value is secret: it can be resolved, but neither shown nor compared.
#[derive(Clone)]
pub struct Secret(Text);

impl Secret {
    /// Wraps a text.
    #[must_use]
    pub fn new(text: Text) -> Self {
        Self(text)
    }

    /// The value, for the one call that needs it.
    ///
    /// # Errors
    /// The first variable without value and default.
    pub fn reveal(&self, variables: &Variables) -> Result<String, MissingVariable> {
        self.0.resolve(variables)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables() -> Variables {
        Variables::new([("A".into(), "1".into()), ("EMPTY".into(), String::new()), ("NESTED".into(), "${A}".into())])
    }

    #[test]
    fn values_defaults_and_dollars() {
        for (text, expected) in [
            ("plain", "plain"),
            ("x${A}y", "x1y"),
            ("${B:-two}", "two"),
            ("${EMPTY:-two}", "two"),
            ("${NESTED}", "${A}"),
            ("$$5 and $6", "$5 and $6"),
            ("${B:-}", ""),
            ("", ""),
        ] {
            let parsed = Text::parse(text).expect(text);
            assert_eq!(parsed.resolve(&variables()), Ok(expected.to_owned()), "{text}");
        }
        let missing = Text::parse("${B}").expect("well formed").resolve(&variables());
        assert_eq!(missing, Err(MissingVariable("B".into())));
    }

    #[test]
    fn malformed_references_are_located() {
        assert_eq!(Text::parse("ab${C").expect_err("no brace").0, 2);
        assert!(Text::parse("${1A}").expect_err("digit first").2.contains("`1A`"));
    }

    #[test]
    fn secrets_do_not_show() {
        assert_eq!(format!("{:?}", Secret::new(Text::literal("hunter2"))), "(secret)");
    }
}
