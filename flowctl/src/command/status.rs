//! `flowctl status`: what a pipeline's state says about its run, now or last.

use std::fmt::Write;
use std::fs;
use std::io::ErrorKind;
use std::path::PathBuf;

use clap::Args;
use connectors::console::{grouped, neutralise};
use engine::spec::load;
use serde_json::{Map, Value};

use crate::exit::{FAILED, Failure, WRONG};
use crate::pipeline::{Settings, StateFolder};
use crate::report::report;
use crate::terminal::Terminal;

/// Show how a pipeline's run is doing, or how it ended
#[derive(Args, Debug)]
pub(crate) struct Status {
    /// The pipeline's YAML file
    file: PathBuf,
    #[command(flatten)]
    settings: Settings,
    #[command(flatten)]
    state: StateFolder,
}

impl Status {
    /// Prints the status file as indented lines.
    pub(crate) fn run(self, terminal: &Terminal) -> Result<(), Failure> {
        let loaded = load(&self.file, &|path| fs::read(path), &self.settings.variables());
        let Some(spec) = loaded.spec else {
            terminal.say(&report(&loaded.diagnostics, &loaded.files, terminal.color));
            return Err(Failure::new(WRONG, "", ""));
        };
        let path = self.state.root.join(&spec.name.value).join("status.json");
        let shown = path.display();
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let what = format!("pipeline `{}` has no state: `{shown}` does not exist", spec.name.value);
                return Err(Failure::new(FAILED, what, "run it, or name its state folder with --state"));
            }
            Err(error) => return Err(Failure::new(FAILED, format!("cannot read `{shown}`: {error}"), "")),
        };
        let Ok(Value::Object(status)) = serde_json::from_slice(&bytes) else {
            let hint = "it is written anew by the next run";
            return Err(Failure::new(FAILED, format!("`{shown}` is not a status file"), hint));
        };
        let mut text = String::new();
        lines(&mut text, &status, 0);
        terminal.print(&text)
    }
}

/// One line a value; objects below their name, those of nothing but numbers in one line.
fn lines(text: &mut String, object: &Map<String, Value>, depth: usize) {
    let indent = "  ".repeat(depth);
    let width = object.keys().map(|name| name.chars().count()).max().unwrap_or(0) + 1;
    for (name, value) in object {
        let name = format!("{}:", neutralise(name));
        // Writing into a string cannot fail.
        let _ = match value {
            Value::Object(inner) if inner.values().all(Value::is_number) => {
                let counts: Vec<String> =
                    inner.iter().map(|(name, value)| format!("{name} {}", scalar(value))).collect();
                writeln!(text, "{indent}{name:width$} {}", neutralise(&counts.join(", ")))
            }
            Value::Object(inner) => {
                let _ = writeln!(text, "{indent}{name}");
                lines(text, inner, depth + 1);
                continue;
            }
            value => writeln!(text, "{indent}{name:width$} {}", scalar(value)),
        };
    }
}

fn scalar(value: &Value) -> String {
    match value {
        Value::String(text) => neutralise(text).into_owned(),
        Value::Number(number) => number.as_u64().map_or_else(|| number.to_string(), grouped),
        other => neutralise(&other.to_string()).into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_aligned_lines() {
        let status = serde_json::json!({
            "pipeline": "p\u{1b}[2J", "epoch": 1234, "running": true,
            "sources": { "streams": { "read": 1500, "used": 2 } },
        });
        let mut text = String::new();
        lines(&mut text, status.as_object().unwrap(), 0);
        assert_eq!(
            text,
            "epoch:    1,234\npipeline: p\\u{1b}[2J\nrunning:  true\nsources:\n  streams: read 1,500, used 2\n"
        );
    }
}
