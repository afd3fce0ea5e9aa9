//! Which bytes of the text a part covers: the parser's spans leave out parentheses, signs and the words around arguments.

use std::ops::Range;

use datafusion_sql::sqlparser::ast::{CastKind, Expr as SqlExpr, Spanned as _};

use crate::expr::locate::bytes_of;

/// The bytes of a part, with its own parentheses, sign and leading word.
pub(super) fn extent(text: &str, sql: &SqlExpr) -> Range<usize> {
    let bytes = bytes_of(text, sql.span());
    let bytes = match sql {
        SqlExpr::Function(_) => with_empty_list(text, bytes),
        SqlExpr::CompoundFieldAccess { .. } | SqlExpr::Array(_) if text[bytes.end..].starts_with(']') => {
            bytes.start - usize::from(text[..bytes.start].ends_with('['))..bytes.end + 1
        }
        SqlExpr::UnaryOp { .. } => from_sign(text, bytes),
        SqlExpr::Cast { kind: CastKind::DoubleColon, .. } => bytes,
        SqlExpr::Cast { .. }
        | SqlExpr::Extract { .. }
        | SqlExpr::Floor { .. }
        | SqlExpr::Ceil { .. }
        | SqlExpr::Position { .. }
        | SqlExpr::Substring { .. }
        | SqlExpr::Trim { .. }
        | SqlExpr::Overlay { .. } => from_word(text, bytes),
        _ => bytes,
    };
    from_lead(text, balanced(text, bytes))
}

/// Goes back to the word that the first operand begins with, of which the parser knows no place: `interval '…'`, `cast(…)`.
fn from_lead(text: &str, bytes: Range<usize>) -> Range<usize> {
    let before = &text[..bytes.start];
    let called = text[bytes.start..].starts_with('(') && before.ends_with(|c: char| c.is_alphanumeric() || c == '_');
    let trimmed = before.trim_end();
    let start = trimmed
        .rfind(|c: char| !c.is_alphanumeric() && c != '_')
        .map_or(0, |at| at + trimmed[at..].chars().next().map_or(1, char::len_utf8));
    let interval = trimmed[start..].eq_ignore_ascii_case("interval") && text[bytes.start..].starts_with('\'');
    if called || interval { start..bytes.end } else { bytes }
}

/// Takes in the `(` of a call whose span is only its name.
fn with_empty_list(text: &str, bytes: Range<usize>) -> Range<usize> {
    let rest = &text[bytes.end..];
    let blanks = rest.len() - rest.trim_start().len();
    let opens = rest[blanks..].starts_with('(');
    bytes.start..if opens { bytes.end + blanks + 1 } else { bytes.end }
}

/// Goes back to the `-`, `+` or `not` before an operand.
fn from_sign(text: &str, bytes: Range<usize>) -> Range<usize> {
    let before = text[..bytes.start].trim_end_matches(|c: char| c == '(' || c.is_whitespace());
    let signed = ["-", "+", "not"].into_iter().find(|sign| {
        before
            .len()
            .checked_sub(sign.len())
            .and_then(|at| before.get(at..))
            .is_some_and(|end| end.eq_ignore_ascii_case(sign))
    });
    signed.map_or(bytes.clone(), |sign| before.len() - sign.len()..bytes.end)
}

/// Goes back to the word whose parenthesis the part stands in.
fn from_word(text: &str, bytes: Range<usize>) -> Range<usize> {
    let Some(open) = text[..bytes.start].rfind('(') else { return bytes };
    let before = text[..open].trim_end();
    let word = before.rfind(|c: char| !c.is_alphanumeric() && c != '_').map_or(0, |at| at + 1);
    if before.is_char_boundary(word) { word..bytes.end } else { bytes }
}

/// Widens until every parenthesis inside has its partner.
fn balanced(text: &str, bytes: Range<usize>) -> Range<usize> {
    let (mut depth, mut lowest, mut quoted) = (0_i32, 0_i32, false);
    for byte in text[bytes.clone()].bytes() {
        match byte {
            b'\'' => quoted = !quoted,
            b'(' if !quoted => depth += 1,
            b')' if !quoted => {
                depth -= 1;
                lowest = lowest.min(depth);
            }
            _ => {}
        }
    }
    let (mut start, mut end) = (bytes.start, bytes.end);
    for _ in lowest..0 {
        start = text[..start].rfind('(').unwrap_or(start);
    }
    for _ in 0..depth - lowest {
        end = text[end..].find(')').map_or(end, |at| end + at + 1);
    }
    start..end
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_have_their_parentheses() {
        let text = "f((a + b) * (c)) - g()";
        let found = |word: &str| {
            let start = text.find(word).expect("it is there");
            start..start + word.len()
        };
        assert_eq!(&text[balanced(text, found("a + b) * (c"))], "(a + b) * (c)");
        assert_eq!(&text[balanced(text, found("f((a + b) * (c"))], "f((a + b) * (c))");
        assert_eq!(&text[balanced(text, with_empty_list(text, found("g")))], "g()");
        let cast = "1 + cast(c as int)";
        assert_eq!(&cast[balanced(cast, from_word(cast, 9..10))], "cast(c as int)");
        let text = "a > interval '1 day'";
        assert_eq!(&text[from_lead(text, 13..20)], "interval '1 day'");
        let text = "x or NOT (a)";
        assert_eq!(&text[balanced(text, from_sign(text, 10..11))], "NOT (a)");
    }
}
