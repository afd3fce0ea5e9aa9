//! What a problem says, without secrets: neither those of the file nor the values of variables.

use super::{Diagnostic, Diagnostics, Files, Span, mask_secrets};

/// Shorter values are replaced only where a message quotes them.
const PROSE_MIN: usize = 4;

impl Diagnostics {
    /// Puts `${NAME}` in place of a variable's value, wherever a problem at a place that names the variable repeats it.
    pub fn conceal_values<'v>(&mut self, files: &Files, value: impl Fn(&str) -> Option<&'v str>) {
        for diagnostic in self.iter_mut() {
            for name in variables(files.slice(diagnostic.span)) {
                if let Some(value) = value(name) {
                    let shown = format!("${{{name}}}");
                    rewrite(diagnostic, |text| replace(text, value, &shown));
                }
            }
        }
    }
}

impl Diagnostic {
    /// The problem as it may be shown: what it repeats of a secret in its file is hidden. `masked` is the file's text without secrets.
    #[must_use]
    pub fn concealed(&self, files: &Files, masked: &str) -> Self {
        let mut shown = self.clone();
        rewrite(&mut shown, mask_message);
        for secret in secrets_at(files, masked, self.span) {
            rewrite(&mut shown, |text| replace(text, &secret, "***"));
        }
        shown
    }
}

fn rewrite(diagnostic: &mut Diagnostic, change: impl Fn(&str) -> String) {
    diagnostic.message = change(&diagnostic.message);
    diagnostic.hint = diagnostic.hint.as_deref().map(&change);
    for label in &mut diagnostic.labels {
        label.text = change(&label.text);
    }
}

/// The words of secrets that a span touches.
fn secrets_at(files: &Files, masked: &str, span: Span) -> Vec<String> {
    let (text, span) = (files.text(span.file), files.source(span));
    let hidden = |at: usize| text.as_bytes().get(at) != masked.as_bytes().get(at);
    let bytes = span.start..span.end.min(text.len());
    if !bytes.clone().any(hidden) {
        return Vec::new();
    }
    let before = (0..bytes.start).rev().take_while(|at| hidden(*at)).last().unwrap_or(bytes.start);
    let after = (bytes.end..text.len()).take_while(|at| hidden(*at)).last().map_or(bytes.end, |at| at + 1);
    let mut words: Vec<String> = Vec::new();
    for at in before..after {
        match (hidden(at), at > before && hidden(at - 1)) {
            (true, false) => words.push(String::new()),
            (false, _) => continue,
            _ => {}
        }
        if text.is_char_boundary(at)
            && let (Some(word), Some(c)) = (words.last_mut(), text[at..].chars().next())
        {
            word.push(c);
        }
    }
    let parts: Vec<String> = words.iter().flat_map(|word| word.split([' ', ',', '\n']).map(str::to_owned)).collect();
    words.extend(parts);
    words.retain(|word| !word.trim().is_empty());
    words.sort_by_key(|word| std::cmp::Reverse(word.len()));
    words
}

/// A message whose quoted words, and URLs, hold no secret.
fn mask_message(text: &str) -> String {
    let quoted =
        text.split('`').enumerate().map(|(place, part)| if place % 2 == 1 { mask_secrets(part) } else { part.into() });
    quoted.collect::<Vec<_>>().join("`")
}

/// The names of variables in a text.
fn variables(text: &str) -> Vec<&str> {
    let name = |(at, _): (usize, &str)| {
        let rest = &text[at + 2..];
        rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').map(|length| &rest[..length])
    };
    text.match_indices("${").filter_map(name).filter(|name| !name.is_empty()).collect()
}

/// A message with a word replaced: wherever it is quoted, and elsewhere if it is long enough to be no other word.
fn replace(text: &str, word: &str, by: &str) -> String {
    let is_part = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    let mut replaced = String::new();
    let mut at = 0;
    for (start, _) in text.match_indices(word) {
        let quoted = text[..start].matches('`').count() % 2 == 1;
        let (before, after) = (text[..start].chars().next_back(), text[start + word.len()..].chars().next());
        let inside =
            (is_part(before) && is_part(word.chars().next())) || (is_part(after) && is_part(word.chars().next_back()));
        if start < at || inside || !(quoted || word.len() >= PROSE_MIN) {
            continue;
        }
        replaced.push_str(&text[at..start]);
        replaced.push_str(by);
        at = start + word.len();
    }
    replaced + &text[at..]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::Code;

    fn said(text: &str, at: &str, message: &str, hint: &str) -> (String, String) {
        let mut files = Files::default();
        let file = files.add("a.yaml", text);
        let start = text.find(at).expect("the text has it");
        let mut diagnostics = Diagnostics::default();
        diagnostics.error(Code::BadValue, Span { file, start, end: start + at.len() }, message).hint(hint);
        diagnostics.conceal_values(&files, |name| (name == "PW").then_some("hunter5"));
        let shown = diagnostics.sorted()[0].concealed(&files, &mask_secrets(text));
        (shown.message, shown.hint.unwrap_or_default())
    }

    #[test]
    fn values_of_variables_are_not_repeated() {
        let (message, hint) =
            said("rows: \"${PW}\"", "\"${PW}\"", "expected a number, found `hunter5`", "not hunter5 but x");
        assert_eq!((message.as_str(), hint.as_str()), ("expected a number, found `${PW}`", "not ${PW} but x"));
        assert_eq!(said("rows: hunter5 # ${PW}", "hunter5", "found `hunter5`", "").0, "found `hunter5`");
    }

    #[test]
    fn secrets_of_the_file_are_not_repeated() {
        assert_eq!(
            said("{ password: hunter2, hunter3 }", "hunter3", "unknown key `hunter3`", "").0,
            "unknown key `***`"
        );
        assert_eq!(said("mechanism: plain", "plain", "found `plain`", "").0, "found `plain`");
        let (message, hint) =
            said("password hunter2", "password", "unknown key `password hunter2`", "write `password: hunter2`");
        assert!(!message.contains("hunter2") && !hint.contains("hunter2"), "{message}\n{hint}");
        let (_, hint) =
            said("url: x", "x", "odd", "write `{ url: mysql://u:hunter2@h }`, or mysql://user:password@host");
        assert_eq!(hint, "write `{ url: mysql://u:*******@h }`, or mysql://user:password@host");
    }

    #[test]
    fn short_words_are_replaced_only_where_they_are_quoted() {
        assert_eq!(replace("a list, found `a`", "a", "${X}"), "a list, found `${X}`");
        assert_eq!(replace("found `ab`", "a", "${X}"), "found `ab`");
    }
}
