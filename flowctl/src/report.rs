//! Problems in files as pictures: the line, carets under the exact word, what is wrong and what would be right.

use std::collections::BTreeMap;
use std::ops::Range;

use annotate_snippets::{Annotation, AnnotationKind, Group, Level, Origin, Renderer, Snippet};
use engine::diagnostic::{Diagnostic, Diagnostics, FileId, Files, Severity, Span, mask_secrets};

/// Longer lines are cut to what fits, around the caret.
const WIDTH: usize = 140;
/// More pictures help nobody.
const PICTURES_MAX: usize = 100;

/// Every problem as a picture, in the order of files and lines, and a last line that counts them. Empty if there are none.
#[must_use]
pub(crate) fn report(diagnostics: &Diagnostics, files: &Files, color: bool) -> String {
    let found = diagnostics.sorted();
    if found.is_empty() {
        return String::new();
    }
    let renderer = if color { Renderer::styled() } else { Renderer::plain() }.term_width(WIDTH);
    let mut text = String::new();
    let mut masked = BTreeMap::new();
    for diagnostic in found.iter().take(PICTURES_MAX) {
        for file in files_of(diagnostic) {
            masked.entry(file).or_insert_with(|| mask_secrets(files.text(file)));
        }
        text.push_str(&picture(diagnostic, files, &masked, &renderer));
        text.push_str("\n\n");
    }
    if found.len() > PICTURES_MAX {
        text.push_str(&format!("{} more are not shown\n\n", found.len() - PICTURES_MAX));
    }
    text.push_str(&summary(&found));
    text.push('\n');
    text
}

fn summary(found: &[&Diagnostic]) -> String {
    let errors = found.iter().filter(|diagnostic| diagnostic.severity == Severity::Error).count();
    let count = |number: usize, word: &str| format!("{number} {word}{}", if number == 1 { "" } else { "s" });
    match (errors, found.len() - errors) {
        (errors, 0) => count(errors, "error"),
        (0, warnings) => count(warnings, "warning"),
        (errors, warnings) => format!("{}, {}", count(errors, "error"), count(warnings, "warning")),
    }
}

fn picture(diagnostic: &Diagnostic, files: &Files, masked: &BTreeMap<FileId, String>, renderer: &Renderer) -> String {
    let diagnostic = &diagnostic.concealed(files, masked.get(&diagnostic.span.file).map_or("", String::as_str));
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let title = level.primary_title(harmless(&diagnostic.message)).id(diagnostic.code.as_str());
    let mut group = Group::with_title(title);
    for (place, file) in files_of(diagnostic).into_iter().enumerate() {
        let path = harmless(&files.path(file).display().to_string());
        let text = masked.get(&file).map_or("", String::as_str);
        if text.is_empty() {
            group = group.element(Origin::path(path).line(1).char_column(1));
            continue;
        }
        let labels = diagnostic.labels.iter().filter(|label| label.span.file == file);
        let mut marks: Vec<(AnnotationKind, Range<usize>, &str)> = labels
            .map(|label| (AnnotationKind::Context, shown(text, files.source(label.span)), label.text.as_str()))
            .collect();
        if place == 0 {
            marks.insert(0, (AnnotationKind::Primary, shown(text, files.source(diagnostic.span)), ""));
        }
        group = group.element(snippet(text, &marks).path(path));
    }
    if let Some(hint) = &diagnostic.hint {
        group = group.element(Level::HELP.message(harmless(hint)));
    }
    renderer.render(&[group])
}

/// The lines from the first mark to the last.
fn snippet<'a>(text: &str, marks: &[(AnnotationKind, Range<usize>, &str)]) -> Snippet<'a, Annotation<'a>> {
    let first = marks.iter().map(|(_, range, _)| range.start).min().unwrap_or(0);
    let last = marks.iter().map(|(_, range, _)| range.end).max().unwrap_or(0);
    let start = text[..first].rfind('\n').map_or(0, |newline| newline + 1);
    let end = text[last..].find('\n').map_or(text.len(), |length| last + length + 1);
    let annotations = marks.iter().map(|(kind, range, label)| {
        let annotation = kind.span(range.start - start..range.end - start);
        if label.is_empty() { annotation } else { annotation.label(harmless(label)) }
    });
    Snippet::source(harmless(&text[start..end]))
        .line_start(text[..start].matches('\n').count() + 1)
        .annotations(annotations.collect::<Vec<_>>())
}

/// The files that a problem shows: that of the problem first.
fn files_of(diagnostic: &Diagnostic) -> Vec<FileId> {
    let mut files = vec![diagnostic.span.file];
    for label in &diagnostic.labels {
        if !files.contains(&label.span.file) {
            files.push(label.span.file);
        }
    }
    files
}

/// The bytes to underline: of a span over several lines, its first line only.
fn shown(text: &str, span: Span) -> Range<usize> {
    let border = |mut at: usize| {
        while !text.is_char_boundary(at) {
            at -= 1;
        }
        at
    };
    let start = border(span.start.min(text.len()));
    let end = border(span.end.clamp(start, text.len()));
    let first = text[start..end].find('\n').map_or(end, |length| start + length);
    let trimmed = text[start..first].trim_end().len();
    start..start + trimmed
}

/// Text without the control characters by which a terminal could be misled. Keeps the length in bytes, so that places stay right.
fn harmless(text: &str) -> String {
    text.chars()
        .flat_map(|c| {
            let bad = (c.is_control() && c != '\n') || is_bidirectional(c);
            let times = if bad { c.len_utf8() } else { 1 };
            let shown = match c {
                '\t' | '\r' => ' ',
                _ if bad => '?',
                c => c,
            };
            std::iter::repeat_n(shown, times)
        })
        .collect()
}

/// Characters that turn the direction of what follows.
fn is_bidirectional(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use engine::diagnostic::Code;

    use super::*;

    fn pictured(text: &str, word: &str, message: &str) -> String {
        let mut files = Files::default();
        let file = files.add("a.yaml", text);
        let start = text.find(word).expect("the word is in the text");
        let mut diagnostics = Diagnostics::default();
        diagnostics.error(Code::UnknownColumn, Span { file, start, end: start + word.len() }, message);
        report(&diagnostics, &files, false)
    }

    #[test]
    fn the_caret_stands_under_the_word_and_the_summary_counts() {
        let picture = pictured("a: 1\nö: wrong\n", "wrong", "unknown column `wrong`");
        assert!(picture.contains("error[F302]: unknown column `wrong`"), "{picture}");
        assert!(picture.contains("--> a.yaml:2:4"), "{picture}");
        assert!(picture.contains("| ö: wrong\n  |    ^^^^^"), "{picture}");
        assert!(picture.ends_with("\n\n1 error\n"), "{picture}");
    }

    #[test]
    fn secrets_are_not_pictured_and_the_caret_stays_right() {
        let picture = pictured("a: { password: hase12, tpic: x }\n", "tpic", "unknown key `tpic`");
        assert!(picture.contains("a: { password: ******, tpic: x }\n  |                        ^^^^"), "{picture}");
        let picture = pictured("a: { password: hunter2, hunter3 }\n", "hunter3", "unknown key `hunter3`");
        assert!(!picture.contains("hunter"), "{picture}");
    }

    #[test]
    fn terminal_escapes_do_not_reach_the_terminal() {
        let picture = pictured("a: \u{1b}[31mred\u{202e}\u{9b}1m word\n", "word", "bad \u{1b}]0;title\u{7}");
        assert!(picture.chars().all(|c| c == '\n' || (!c.is_control() && c != '\u{202e}')), "{picture:?}");
    }

    #[test]
    fn long_lines_are_cut_around_the_caret() {
        let text = format!("a: {} word {}\n", "x ".repeat(5_000), "y ".repeat(5_000));
        let picture = pictured(&text, "word", "odd");
        assert!(picture.lines().all(|line| line.chars().count() <= WIDTH + 20), "{picture}");
        assert!(picture.contains(" word ") && picture.contains("^^^^"), "{picture}");
    }

    #[test]
    fn only_colour_is_styled() {
        let mut files = Files::default();
        let file = files.add("a.yaml", "a: 1\n");
        let mut diagnostics = Diagnostics::default();
        diagnostics.warning(Code::Unused, Span { file, start: 0, end: 1 }, "nothing uses `a`");
        assert!(report(&diagnostics, &files, true).contains('\u{1b}'));
        assert!(!report(&diagnostics, &files, false).contains('\u{1b}'));
        assert!(report(&diagnostics, &files, false).ends_with("1 warning\n"));
        assert_eq!(report(&Diagnostics::default(), &files, false), "");
    }
}
