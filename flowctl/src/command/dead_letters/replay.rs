//! `flowctl dead-letters replay`: has records read again in the next run, as they were or corrected.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use clap::Args;
use connectors::console::{grouped, neutralise};
use engine::dead_letter::Letter;
use engine::runtime::Waiting;
use serde_json::Value;

use crate::exit::{FAILED, Failure};
use crate::terminal::Terminal;

use super::Place;

/// Have the records of dead letters read again in the next run: what is good now adds its rows and takes its letter back
#[derive(Args, Debug)]
pub(super) struct Replay {
    #[command(flatten)]
    place: Place,
    /// The letters whose ids begin so
    #[arg(value_name = "ID-PREFIX", required_unless_present_any = ["all", "with"])]
    ids: Vec<String>,
    /// All letters
    #[arg(long)]
    all: bool,
    /// Corrected records, a line each: {"id": …, "text": …} or {"id": …, "base64": …}
    #[arg(long, value_name = "CORRECTED.jsonl")]
    with: Option<PathBuf>,
}

impl Replay {
    pub(super) fn run(self, terminal: &Terminal) -> Result<(), Failure> {
        let plan = self.place.plan(terminal)?;
        let corrected = self.with.as_deref().map_or_else(|| Ok(BTreeMap::new()), read_corrected)?;
        let alone = self.ids.is_empty() && !self.all;
        let chosen = |letter: &Letter| {
            let named = self.all || self.ids.iter().any(|id| letter.id.starts_with(id));
            named || (alone && corrected.contains_key(&letter.id))
        };
        let waiting = self.place.letters(&plan)?.replay(&chosen, &corrected)?;
        terminal.print(&describe(&waiting, &self.place.file))?;
        if waiting.records + waiting.before == 0 {
            let hint = "`flowctl dead-letters ls` says which letters there are";
            return Err(Failure::new(FAILED, "there is no record to be read again", hint));
        }
        Ok(())
    }
}

fn describe(waiting: &Waiting, file: &Path) -> String {
    let Waiting { records, letters, before, refused } = waiting;
    let mut text = String::new();
    // Writing into a string cannot fail, here and below.
    for (id, why) in refused {
        let _ = writeln!(text, "{} is left as it is: {why}", neutralise(id));
    }
    if *before > 0 {
        let _ = writeln!(text, "{} records wait already", grouped(*before));
    }
    if *records > 0 {
        let (records, letters) = (grouped(*records), grouped(*letters));
        let _ = writeln!(text, "{records} records with {letters} letters will be read again");
    }
    if *records + *before > 0 {
        let _ = writeln!(text, "now run the pipeline: flowctl run {}", neutralise(&file.to_string_lossy()));
    }
    text
}

fn read_corrected(path: &Path) -> Result<BTreeMap<String, Vec<u8>>, Failure> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        Failure::wrong(format!("{} cannot be read: {error}", path.display()), "name a file of JSON lines")
    })?;
    let mut corrected = BTreeMap::new();
    for (at, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let (id, bytes) = parse(line).map_err(|what| {
            let hint = "write {\"id\": \"…\", \"text\": \"…\"}, as `flowctl dead-letters show --output json` prints it";
            Failure::wrong(format!("{}:{}: {what}", path.display(), at + 1), hint)
        })?;
        corrected.insert(id, bytes);
    }
    Ok(corrected)
}

/// A line's id and record; other fields, as those that `show --output json` prints, do not matter.
fn parse(line: &str) -> Result<(String, Vec<u8>), String> {
    let fields: Value = serde_json::from_str(line).map_err(|error| error.to_string())?;
    let id = fields["id"].as_str().ok_or("it has no `id`")?;
    let bytes = match (fields["text"].as_str(), fields["base64"].as_str()) {
        (Some(text), None) => text.as_bytes().to_vec(),
        (None, Some(base64)) => BASE64_STANDARD.decode(base64).map_err(|error| format!("`base64`: {error}"))?,
        (Some(_), Some(_)) => return Err("it has both `text` and `base64`".into()),
        (None, None) => return Err("it has neither `text` nor `base64`".into()),
    };
    Ok((id.to_owned(), bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn corrected_records_are_text_or_bytes() {
        assert_eq!(parse(r#"{"id":"1","text":"a","base64":null}"#), Ok(("1".into(), b"a".to_vec())));
        assert_eq!(parse(r#"{"id":"1","base64":"/w=="}"#), Ok(("1".into(), vec![0xff])));
        for wrong in [
            r#"{"id":"1"}"#,
            r#"{"id":"1","text":"","base64":""}"#,
            r#"{"text":"a"}"#,
            "{",
            r#"{"id":"1","base64":"?"}"#,
        ] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
