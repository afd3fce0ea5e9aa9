//! Secrets that are written out in a pipeline's text, and the text without them.
//!
//! The text may be broken YAML, so it is searched by its words: too much is hidden rather than too little.

use std::ops::Range;

use super::secret_name::is_secret_name;

/// Keys of maps with secrets in them: whoever writes a single value there writes a secret.
const SECRET_MAPS: &[&str] = &["security"];
/// Keys whose pairs are columns: a column `token` holds no secret.
const COLUMN_MAPS: &[&str] = &["schema", "derive", "aggregate", "route", "cases"];
/// Keys whose pairs are entries with names of their own.
const ENTRY_MAPS: &[&str] = &["sources", "operators", "sinks", "reports"];
/// How many lines are searched for the key above.
const LINES_MAX: usize = 200;
/// How many characters of a line are searched for the bracket before.
const REACH_MAX: usize = 4096;
/// What stands for a secret in examples.
const PLACEHOLDERS: &[&str] = &["…", "...", "password", "PASSWORD"];
/// Words of SQL that follow a column.
const SQL: &[&str] = &[
    "is", "in", "and", "or", "not", "like", "ilike", "between", "then", "when", "else", "end", "as", "asc", "desc",
    "from", "where",
];

/// The text with `*` in place of every byte of a secret, so that places stay right. Variables keep their names.
#[must_use]
pub fn mask_secrets(text: &str) -> String {
    let mut bytes = text.as_bytes().to_vec();
    for range in secrets(text) {
        for shown in hidden(text, range) {
            bytes[shown].fill(b'*');
        }
    }
    // Only whole characters were replaced, by ASCII.
    String::from_utf8(bytes).unwrap_or_else(|_| "*".repeat(text.len()))
}

/// Where values of secret keys, and passwords in URLs, stand.
fn secrets(text: &str) -> Vec<Range<usize>> {
    let mut found: Vec<Range<usize>> =
        text.match_indices("://").filter_map(|(at, _)| url_password(text, at + 3)).collect();
    let mut at = 0;
    while let Some(skip) = text[at..].find(is_word) {
        let start = at + skip;
        let end = text[start..].find(|c| !is_word(c)).map_or(text.len(), |length| start + length);
        let value = Some(start..end).filter(|word| is_secret(&text[word.clone()]));
        let value = value.and_then(|word| value_of(text, word.start, word.end));
        at = value.as_ref().map_or(end, |value| value.end);
        found.extend(value);
    }
    found
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '.' | '-')
}

fn is_secret(word: &str) -> bool {
    SECRET_MAPS.contains(&word) || is_secret_name(word)
}

/// Where the value of the key at these bytes stands, if it is a key.
fn value_of(text: &str, start: usize, end: usize) -> Option<Range<usize>> {
    let line = text[..start].rfind('\n').map_or(0, |newline| newline + 1);
    let before = text[line..start].trim_end_matches(['"', '\'']);
    let first = before.chars().all(|c| matches!(c, ' ' | '\t' | '-' | '?'));
    let after = text[end..].strip_prefix(['"', '\'']).unwrap_or(&text[end..]);
    let blanks = after.trim_start_matches([' ', '\t']);
    let at = text.len() - blanks.len();
    let begin = match blanks.chars().next()? {
        ':' if !blanks.starts_with("::") => at + 1,
        '=' if after.len() == blanks.len() && !blanks.starts_with("==") => {
            return Some(at + 1..assigned_end(text, at + 1));
        }
        c if after.len() > blanks.len()
            && (first || before.trim_end().ends_with(['{', ',']))
            && lacks_colon(blanks, c) =>
        {
            at
        }
        _ => return None,
    };
    let rest = text[begin..].trim_start_matches([' ', '\t']);
    let begin = text.len() - rest.len();
    if SECRET_MAPS.contains(&&text[start..end]) && (rest.is_empty() || rest.starts_with(['{', '\n', '\r', '#'])) {
        return None;
    }
    match parent(text, line, start, first) {
        Some(parent) if COLUMN_MAPS.contains(&parent) => return None,
        Some(parent) if ENTRY_MAPS.contains(&parent) && (rest.is_empty() || rest.starts_with(['{', '\n', '\r'])) => {
            return None;
        }
        _ => {}
    }
    let end = if first { block_end(text, begin, start - line) } else { flow_end(text, begin) };
    (begin < end).then_some(begin..end)
}

/// Whether what follows a key after blanks is its value, though no colon stands between.
fn lacks_colon(rest: &str, first: char) -> bool {
    let word = &rest[..rest.find(|c| !is_word(c)).unwrap_or(rest.len())];
    !matches!(
        first,
        ':' | '<' | '>' | '!' | ',' | ')' | '}' | ']' | '|' | '+' | '*' | '/' | '%' | '#' | '\n' | '\r' | '='
    ) && !SQL.contains(&word.to_lowercase().as_str())
}

/// The key whose map the word at a byte stands in.
fn parent(text: &str, line: usize, at: usize, first: bool) -> Option<&str> {
    let mut depth = 0;
    for (place, c) in text[line..at].char_indices().rev().take(REACH_MAX) {
        match c {
            '}' | ']' => depth += 1,
            '{' | '[' if depth > 0 => depth -= 1,
            '{' | '[' => return key_before(&text[line..line + place]),
            _ => {}
        }
    }
    let indent = |line: &str| line.len() - line.trim_start().len();
    let own = if first { at - line } else { indent(&text[line..at]) };
    let above = text[..line]
        .lines()
        .rev()
        .take(LINES_MAX)
        .find(|above| !matches!(above.trim_start().chars().next(), None | Some('#')) && indent(above) < own)?;
    key_before(above.trim_end().trim_end_matches('{'))
}

fn key_before(text: &str) -> Option<&str> {
    let text = text.trim_end().strip_suffix(':')?.trim_end_matches(['"', '\'']);
    let word =
        &text[text.rfind(|c| !is_word(c)).map_or(0, |at| at + text[at..].chars().next().map_or(1, char::len_utf8))..];
    (!word.is_empty()).then_some(word)
}

/// The end of a value whose key begins a line: it goes on in lines that are indented more than the key.
fn block_end(text: &str, begin: usize, indent: usize) -> usize {
    let mut end = line_end(text, begin);
    let empty = text[begin..end].trim().is_empty();
    let mut next = end;
    while next < text.len() {
        let stop = line_end(text, next + 1);
        let line = &text[next + 1..stop];
        let depth = line.len() - line.trim_start().len();
        // A tab, or a value below its key that is not set in, is a mistake, but the value is one all the same.
        let astray = line.trim_start_matches(' ').starts_with('\t') || (empty && !begins_with_pair(line));
        let inside = depth > indent || astray;
        if !line.trim().is_empty() {
            if !inside {
                break;
            }
            end = stop;
        }
        next = stop;
    }
    end
}

fn line_end(text: &str, at: usize) -> usize {
    text[at.min(text.len())..].find('\n').map_or(text.len(), |length| at + length)
}

/// The end of a value within braces: up to the next pair or the closing bracket.
fn flow_end(text: &str, begin: usize) -> usize {
    let (mut depth, mut quote, mut escaped) = (0_usize, None, false);
    let mut previous = ' ';
    for (at, c) in text[begin..].char_indices() {
        let rest = &text[begin + at + c.len_utf8()..];
        match (c, quote) {
            _ if escaped => escaped = false,
            ('\\', Some('"')) => escaped = true,
            (c, Some(open)) if c == open => quote = None,
            (_, Some(_)) => {}
            ('"' | '\'', None) if matches!(previous, ' ' | '{' | '[' | ',' | ':') && rest.contains(c) => {
                quote = Some(c)
            }
            ('{' | '[', None) if matches!(previous, ' ' | '{' | '[' | ',' | ':') => depth += 1,
            // The brace of a variable.
            ('{', None) if previous == '$' => depth += 1,
            ('}' | ']', None) if depth > 0 => depth -= 1,
            ('}' | ']', None) if rest.is_empty() || rest.starts_with([' ', ',', '}', ']', '\n', '\r', '#']) => {
                return begin + at;
            }
            (',', None) if depth == 0 && begins_with_pair(rest) => return begin + at,
            ('\n', None) if depth == 0 && begins_anew(rest) => return begin + at,
            _ => {}
        }
        previous = c;
    }
    if depth == 0 && quote.is_none() { text.len() } else { line_end(text, begin) }
}

/// Whether a line within braces is none that an open value goes on in.
fn begins_anew(text: &str) -> bool {
    let line = text.lines().next().unwrap_or_default().trim_start();
    line.is_empty() || line.starts_with(['}', ']', '#']) || line.starts_with("- ") || begins_with_pair(line)
}

/// Whether a key and its colon come next.
fn begins_with_pair(text: &str) -> bool {
    let text = text.trim_start().trim_start_matches(['"', '\'']);
    let length = text.find(|c| !is_word(c)).unwrap_or(text.len());
    length > 0 && text[length..].trim_start_matches(['"', '\'']).starts_with(':')
}

/// The end of `NAME=value` within a text.
fn assigned_end(text: &str, begin: usize) -> usize {
    let rest = &text[begin..];
    match rest.chars().next().filter(|c| matches!(c, '"' | '\'')) {
        Some(quote) => rest[1..].find([quote, '\n']).map_or(text.len(), |length| begin + 1 + length + 1),
        None => rest
            .find(|c: char| c.is_whitespace() || "\"'&;,)}]".contains(c))
            .map_or(text.len(), |length| begin + length),
    }
    .min(text.len())
}

/// The password in the URL whose `://` ends at a byte.
fn url_password(text: &str, begin: usize) -> Option<Range<usize>> {
    let rest = &text[begin..line_end(text, begin)];
    let stop = ["\"", "'", ", ", " }", " #", "`"].iter().filter_map(|stop| rest.find(stop)).min().unwrap_or(rest.len());
    let at = rest[..stop].rfind('@')?;
    let colon = rest[..at].find(':')?;
    let password = &rest[colon + 1..at];
    (!PLACEHOLDERS.contains(&password)).then_some(begin + colon + 1..begin + at)
}

/// The parts of a secret that are hidden: not its quotes and brackets, not the blanks around its lines, not the names of variables.
fn hidden(text: &str, range: Range<usize>) -> Vec<Range<usize>> {
    let mut parts = Vec::new();
    let mut start = range.start;
    for line in text[range].split_inclusive('\n') {
        let inner = line.trim();
        let mut from = start + (line.len() - line.trim_start().len());
        start += line.len();
        let inner = bare(inner, &mut from);
        if PLACEHOLDERS.contains(&inner) && inner != "password" {
            continue;
        }
        let mut at = 0;
        while let Some(length) = inner[at..].find("${") {
            let name = at + length + 2;
            let end = inner[name..]
                .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
                .map_or(inner.len(), |length| name + length);
            let kept = match &inner[end..] {
                rest if rest.starts_with('}') => at + length..end + 1,
                rest if rest.starts_with(":-") && rest.contains('}') => at + length..end + 2,
                _ => name..name,
            };
            parts.push(from + at..from + kept.start);
            at = kept.end;
            if let Some(rest) = inner[..at].ends_with(":-").then(|| &inner[at..]) {
                let close = rest.find('}').unwrap_or(rest.len());
                parts.push(from + at..from + at + close);
                at += close + usize::from(close < rest.len());
            }
        }
        parts.push(from + at..from + inner.len());
    }
    parts
}

/// The text within its quotes or brackets.
fn bare<'t>(text: &'t str, from: &mut usize) -> &'t str {
    let Some(first) = text.chars().next().filter(|c| matches!(c, '"' | '\'' | '[' | '{')) else { return text };
    let close = match first {
        '[' => ']',
        '{' => '}',
        quote => quote,
    };
    *from += 1;
    let inner = &text[1..];
    inner.strip_suffix(close).unwrap_or(inner)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Each `hunter…` is hidden, and what is named stays.
    fn hides(text: &str, stays: &[&str]) {
        let masked = mask_secrets(text);
        assert_eq!(masked.len(), text.len(), "{text}");
        assert!(!masked.contains("hunter"), "{text}\n{masked}");
        for word in stays {
            assert!(masked.contains(word), "{word}: {text}\n{masked}");
        }
    }

    #[test]
    fn values_of_secret_keys_are_hidden() {
        assert_eq!(
            mask_secrets("password: \"hunter2\" # x\n"),
            "password: \"****************\n".replace("****************", "************")
        );
        assert_eq!(mask_secrets("{ password: hunter2, tpic: b }"), "{ password: *******, tpic: b }");
        hides("{ password: hunter2 hunter3 } }", &["password: ", " } }"]);
        hides("{ password: hunter2, hunter3 }", &[]);
        hides("{ password: hun}hunter2, tpic: b }", &["tpic: b }"]);
        hides("security: { password: [hunter2], username: u }", &["[*******]", "username: u"]);
        hides("client_secret: { x: hunter2 }", &["client_secret: {", "}"]);
        hides("a: { client_secret: { x: hunter2, y: [hunter3] }, b: c }", &["b: c"]);
        hides("    client_secrt: hunter2\n      hunter3: x\n    every: 5", &["every: 5"]);
        hides("  passwrd: >\n    hunter2\n\n    hunter3\n  b: c", &["b: c"]);
        hides("  token:\n  - hunter2\n  - hunter3\n  b: c", &["b: c"]);
        hides("  - clientsecret: hunter2\n    b: c", &["b: c"]);
        hides("options: { a: \"1\", \"sasl.password\": \"hunter2\", sasl.jaas: hunter3, c: d }", &["a: \"1\"", "c: d"]);
        hides("{ api_key: \"hunter2, a: b\", c: d }", &["c: d"]);
        hides("password:hunter2\nb: c", &["b: c"]);
        hides("  password hunter2\nb: c", &["b: c"]);
        hides("url: https://x/?a=b&password=hunter2&c=d", &["a=b", "c=d"]);
        hides("{ password: \"hunter2, b: c }", &[]);
        hides("security: { password:\n  hunter2, b: c }", &["b: c }"]);
        hides("security: { password: hunter2\n  hunter3, b: c }", &["b: c }"]);
        hides("  password:\n\thunter2\n  b: c", &["b: c"]);
        hides("  password:\n  hunter2\n  b: c", &["b: c"]);
        hides("{ \"password\" : \"hunter2\", \"client secret\": hunter3 }", &[]);
        hides("{ topic: a, security: hunter2, b: c }", &["b: c"]);
        hides("password: ä hunter2 ö", &[]);
    }

    #[test]
    fn passwords_in_urls_are_hidden() {
        assert_eq!(mask_secrets("url: mysql://u:hunter2@h/d"), "url: mysql://u:*******@h/d");
        hides("{ url: \"mysql://u:hunter2@h/d, table: q }", &["@h/d, table: q"]);
        hides("url: mysql://root:p@ss#hunter5@localhost/db", &["@localhost/db"]);
        hides("url: \"${URL:-postgres://u:hunter2@h}\"", &["${URL:-postgres://u:", "@h}"]);
        hides("url: mysql://u:a${PW}hunter@h", &["${PW}"]);
        assert_eq!(
            mask_secrets("write mysql://user:password@host:3306/db"),
            "write mysql://user:password@host:3306/db"
        );
    }

    #[test]
    fn variables_keep_their_names_and_lose_their_defaults() {
        assert_eq!(mask_secrets("{ password: \"${PW}\", a: b }"), "{ password: \"${PW}\", a: b }");
        assert_eq!(mask_secrets("{ password: ${PW:-hunter2}, a: b }"), "{ password: ${PW:-*******}, a: b }");
        hides("password: ${hunter2 x", &[]);
    }

    #[test]
    fn columns_and_entries_are_no_secrets() {
        for text in [
            "x: { from: s, derive: { token: uper(a) } }",
            "schema:\n  a: int\n  password: strng\n",
            "operators:\n  tokens:\n    from: s\n",
            "operators:\n  tokens: { from: s }\n",
            "filter: token is null",
            "select: [a, token, b]",
            "group_by:\n  - token\n  - b\n",
            "filter: token::int > 5",
            "a: { password: }\nb: c",
            "security: { username: u, mechanism: plain }",
            "  security:\n    username: u\n",
            "names `client_secret` and `password`",
        ] {
            assert_eq!(mask_secrets(text), text);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn places_stay_right_whatever_stands_there(
            parts in proptest::collection::vec("password|token|://|:|@|=|[ -]|\n|[{}\\[\\],]|[\"'\\\\#]|\\$\\{|:-|[aä]", 0..30),
        ) {
            let text = parts.concat();
            let masked = mask_secrets(&text);
            prop_assert_eq!(masked.len(), text.len());
            prop_assert_eq!(masked.matches('\n').count(), text.matches('\n').count());
        }
    }
}
