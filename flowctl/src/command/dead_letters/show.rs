//! `flowctl dead-letters show`: whole letters.

use std::fmt::Write;

use clap::{Args, ValueEnum};
use connectors::console::neutralise;
use connectors::format::json::encode_row;
use engine::connector::{ConnectorError, SinkMode};
use engine::dead_letter::{Letter, letter_schema, rows_of};

use crate::exit::{FAILED, Failure};
use crate::terminal::Terminal;

use super::Place;

/// Print dead letters with all that is known of them
#[derive(Args, Debug)]
pub(super) struct Show {
    #[command(flatten)]
    place: Place,
    /// Only letters whose id begins so
    #[arg(value_name = "ID-PREFIX", default_value = "")]
    id: String,
    /// Only letters of this source
    #[arg(long, value_name = "NAME")]
    source: Option<String>,
    /// How many letters at most
    #[arg(long, value_name = "N", default_value_t = 20)]
    limit: usize,
    /// How they are printed: for people, or as lines of JSON
    #[arg(long, value_name = "FORM", default_value = "table")]
    output: Form,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Form {
    /// A block of lines a letter
    Table,
    /// A JSON object a letter, as `replay --with` takes it
    Json,
}

impl Show {
    pub(super) fn run(self, terminal: &Terminal) -> Result<(), Failure> {
        let plan = self.place.plan(terminal)?;
        if let Some(name) = self.source.as_ref().filter(|name| plan.sources.iter().all(|source| source.name != **name))
        {
            let known = plan.sources.iter().map(|source| source.name.as_str()).collect::<Vec<_>>().join(", ");
            return Err(Failure::wrong(format!("no source is called `{name}`"), format!("sources: {known}")));
        }
        let (mut shown, mut more) = (0_usize, 0_u64);
        self.place.letters(&plan)?.read(self.source.as_deref(), &mut |letter| {
            if !letter.id.starts_with(&self.id) {
                return Ok(());
            }
            if shown == self.limit {
                more += 1;
                return Ok(());
            }
            shown += 1;
            let text = match self.output {
                Form::Table => block(&letter),
                Form::Json => json(&letter),
            };
            terminal.print(&text).map_err(|_| ConnectorError::unavailable("standard output is closed", ""))
        })?;
        if shown == 0 && !self.id.is_empty() {
            let hint = "`flowctl dead-letters show` without an id shows all";
            return Err(Failure::new(FAILED, format!("no dead letter's id begins with `{}`", self.id), hint));
        }
        if more > 0 {
            terminal.say(&format!("{more} more are not shown; raise --limit\n"));
        }
        Ok(())
    }
}

/// Everything that is known, a line each, harmless for a terminal.
fn block(letter: &Letter) -> String {
    let place = letter.partition.as_ref().zip(letter.offset);
    let fields: serde_json::Value = serde_json::from_str(&json(letter)).unwrap_or_default();
    let lines = [
        ("source", Some(letter.source.clone())),
        ("record", place.map(|(partition, offset)| format!("offset {offset} of partition {partition}"))),
        ("time", fields["time"].as_str().map(str::to_owned)),
        ("operator", Some(letter.operator.clone())),
        ("code", Some(letter.code.clone())),
        ("message", Some(letter.message.clone())),
        ("failed at", letter.failed_at.clone()),
        ("metadata", letter.metadata.clone()),
        ("header", letter.header.clone()),
        ("text", letter.text.clone()),
        ("base64", letter.base64.clone()),
        ("bytes", letter.bytes.map(|bytes| bytes.to_string())),
    ];
    let mut text = format!("{}\n", neutralise(&letter.id));
    for (name, value) in lines {
        if let Some(value) = value {
            // Writing into a string cannot fail.
            let _ = writeln!(text, "  {name:9} {}", neutralise(&value).replace('\n', "\\n"));
        }
    }
    text
}

fn json(letter: &Letter) -> String {
    let (rows, mut line) = (rows_of(&[letter], None), Vec::new());
    encode_row(&rows, 0, &letter_schema(SinkMode::Changes), &mut line);
    line.push(b'\n');
    String::from_utf8_lossy(&line).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_letter_is_harmless_for_people_and_whole_for_programs() {
        let letter = Letter {
            id: "12".into(),
            partition: Some("p".into()),
            offset: Some(3),
            text: Some("a\u{1b}[2J\nb".into()),
            ..Letter::default()
        };
        let shown = block(&letter);
        assert!(shown.contains("  record    offset 3 of partition p\n") && !shown.contains('\u{1b}'), "{shown}");
        let value: serde_json::Value = serde_json::from_str(&json(&letter)).unwrap();
        assert_eq!((&value["id"], &value["text"]), (&"12".into(), &"a\u{1b}[2J\nb".into()));
    }
}
