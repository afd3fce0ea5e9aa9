//! What the folder of a scenario says: a pipeline, its input, and what must be there in the end.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::outcome::Outcome;
use crate::support::rows::{Rows, difference, of_lines};

/// In how many pieces live input comes.
const PIECES: usize = 4;

/// What comes at once: more of each input.
pub(crate) type Piece = Vec<(String, Vec<u8>)>;

/// A pipeline, its input and what must come of it.
pub(crate) struct Case {
    /// `pipeline.yaml`, and what it includes.
    pub(crate) files: Vec<(String, String)>,
    pub(crate) pipeline: String,
    pub(crate) inputs: Piece,
    pub(crate) expected: BTreeMap<String, Rows>,
    dead_letters: Rows,
    ledger: Option<Value>,
    failure: Option<String>,
}

impl Case {
    pub(crate) fn read(folder: &Path) -> Self {
        let mut case = Self {
            files: Vec::new(),
            pipeline: fs::read_to_string(folder.join("pipeline.yaml")).unwrap(),
            inputs: Vec::new(),
            expected: BTreeMap::new(),
            dead_letters: Rows::new(),
            ledger: None,
            failure: None,
        };
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            let text = || fs::read_to_string(&path).unwrap();
            match name.strip_prefix("expected.") {
                Some("dead_letters.jsonl") => {
                    let sorted = |line: &str| serde_json::from_str::<Value>(line).unwrap().to_string() + "\n";
                    case.dead_letters = of_lines(&text().lines().map(sorted).collect::<String>());
                }
                Some("ledger.json") => case.ledger = Some(serde_json::from_str(&text()).unwrap()),
                Some("failure.txt") => case.failure = Some(text()),
                Some(sink) => {
                    let sink = sink.strip_suffix(".jsonl").unwrap_or_else(|| panic!("what is {name}?"));
                    case.expected.insert(sink.to_owned(), of_lines(&text()));
                }
                None if name.starts_with("in.") => case.inputs.push((name, fs::read(&path).unwrap())),
                None if name.ends_with(".yaml") => case.files.push((name, text())),
                None => panic!("what is {name}?"),
            }
        }
        assert!(case.failure.is_some() || !case.expected.is_empty(), "{} expects nothing", folder.display());
        case.inputs.sort();
        case
    }

    /// Pieces of all inputs, each cut behind a line end.
    pub(crate) fn pieces(&self) -> Vec<Piece> {
        let part = |(name, bytes): &'_ (String, Vec<u8>), at: usize| {
            let border = |at: usize| match bytes.len() * at / PIECES {
                0 => 0,
                place => {
                    bytes[place - 1..].iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |more| place + more)
                }
            };
            (name.clone(), bytes[border(at)..border(at + 1)].to_vec())
        };
        (0..PIECES).map(|at| self.inputs.iter().map(|input| part(input, at)).collect()).collect()
    }

    /// Compares all that a run has left with all that is expected.
    pub(crate) fn judge(&self, outcome: &Outcome, what: &str) {
        if let Some(words) = &self.failure {
            let said = outcome.failure.as_ref().unwrap_or_else(|| panic!("{what}: it did not fail"));
            for word in words.lines() {
                assert!(said.contains(word), "{what}: it does not say {word:?}: {said}");
            }
        } else {
            assert_eq!(outcome.failure, None, "{what}");
        }
        let none = Rows::new();
        for (sink, expected) in &self.expected {
            let found = outcome.sinks.get(sink).unwrap_or(&none);
            assert!(found == expected, "{what}, sink {sink}:\n{}", difference(found, expected));
        }
        for sink in outcome.sinks.keys() {
            assert!(self.expected.contains_key(sink), "{what}: nothing is said of sink {sink}");
        }
        let (found, expected) = (&outcome.dead_letters, &self.dead_letters);
        assert!(found == expected, "{what}, dead letters:\n{}", difference(found, expected));
        if self.failure.is_none() {
            self.judge_ledgers(&outcome.ledgers, what);
        }
    }

    /// Every record is in one column of the ledger.
    fn judge_ledgers(&self, ledgers: &Value, what: &str) {
        let mut read = 0;
        for (source, ledger) in ledgers.as_object().unwrap() {
            let count = |column: &str| ledger[column].as_u64().unwrap();
            let sum: u64 = ["used", "filtered", "late", "dead_letter", "duplicate"].map(count).iter().sum();
            assert_eq!(count("read"), sum, "{what}, ledger of {source}: {ledger}");
            read += sum;
        }
        assert_eq!(read, self.records(), "{what}: records read, of all that are there");
        for (source, expected) in self.ledger.iter().flat_map(|ledger| ledger.as_object().unwrap()) {
            for (column, count) in expected.as_object().unwrap() {
                assert_eq!(&ledgers[source][column], count, "{what}, {column} of {source}: {ledgers}");
            }
        }
    }

    /// How many records the inputs hold: lines that are not empty; of CSV all but the header.
    pub(crate) fn records(&self) -> u64 {
        let count = |(name, bytes): &(String, Vec<u8>)| {
            let lines =
                bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty() && *line != b"\r").count() as u64;
            if name.ends_with(".csv") { lines.saturating_sub(1) } else { lines }
        };
        self.inputs.iter().map(count).sum()
    }
}
