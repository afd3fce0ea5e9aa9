//! Changes as lines of JSON and CSV.

use serde_json::value::RawValue;

use super::cell::Cell;
use super::escape::{neutralise, neutralise_json};

/// One change, in the place that it has in the run.
pub(super) struct Change<'a> {
    /// The sink's name.
    pub(super) sink: &'a str,
    /// When.
    pub(super) epoch: u64,
    /// How often the row is added, or taken back.
    pub(super) diff: i64,
    /// The row's column names.
    pub(super) names: &'a [String],
    /// The row.
    pub(super) cells: &'a [Cell],
}

impl Change<'_> {
    /// `{"sink":…,"epoch":…,"diff":…,"row":{…}}` and a line end.
    pub(super) fn json_line(&self) -> String {
        let row: Vec<String> =
            self.names.iter().zip(self.cells).map(|(name, cell)| format!("{}:{}", string(name), value(cell))).collect();
        let (sink, row) = (string(self.sink), row.join(","));
        format!("{{\"sink\":{sink},\"epoch\":{},\"diff\":{},\"row\":{{{row}}}}}\n", self.epoch, self.diff)
    }

    /// Sink, epoch, diff, and the row's values.
    pub(super) fn csv_line(&self) -> String {
        let values = self.cells.iter().map(|cell| if *cell == Cell::Null { String::new() } else { cell.text() });
        let place = [neutralise(self.sink).into_owned(), self.epoch.to_string(), self.diff.to_string()];
        csv_record(place.into_iter().chain(values))
    }
}

/// The line that names what [`Change::csv_line`] holds.
pub(super) fn csv_header(names: &[String]) -> String {
    let place = ["sink", "epoch", "diff"].map(str::to_owned);
    csv_record(place.into_iter().chain(names.iter().map(|name| neutralise(name).into_owned())))
}

fn csv_record(values: impl Iterator<Item = String>) -> String {
    let quoted: Vec<String> = values
        .map(|value| {
            if value.contains([',', '"']) || value.trim() != value {
                format!("\"{}\"", value.replace('"', "\"\""))
            } else {
                value
            }
        })
        .collect();
    quoted.join(",") + "\n"
}

fn value(cell: &Cell) -> String {
    match cell {
        Cell::Null => "null".into(),
        Cell::Number(digits) => digits.clone(),
        Cell::Bool(value) => value.to_string(),
        Cell::Text(text) => string(text),
        Cell::Json(text) if serde_json::from_str::<&RawValue>(text).is_ok() => neutralise_json(text).into_owned(),
        Cell::Json(text) => string(text),
        Cell::List(cells) => format!("[{}]", cells.iter().map(value).collect::<Vec<_>>().join(",")),
    }
}

fn string(text: &str) -> String {
    neutralise_json(&serde_json::Value::from(text).to_string()).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(cells: &[Cell]) -> (String, String) {
        let names: Vec<String> = (0..cells.len()).map(|at| format!("c{at}")).collect();
        let change = Change { sink: "s", epoch: 7, diff: -1, names: &names, cells };
        (change.json_line(), change.csv_line())
    }

    #[test]
    fn hostile_text_stays_one_line_and_is_exact_in_json() {
        let text = "a\"b,\n\u{1b}[2J\u{9b}";
        let (json, csv) = lines(&[Cell::Text(text.into()), Cell::Null]);
        let read: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(read["row"]["c0"], text);
        assert!(read["row"]["c1"].is_null());
        assert_eq!(csv, "s,7,-1,\"a\"\"b,\\n\\u{1b}[2J\\u{9b}\",\n");
        assert_eq!(json.matches('\n').count(), 1);
        assert!(json.trim_end().chars().all(|c| !c.is_control()));
    }

    #[test]
    fn numbers_lists_and_json_are_themselves() {
        let cells = [
            Cell::Number("123456789012345678901.25".into()),
            Cell::List(vec![Cell::Bool(true), Cell::Text("x".into())]),
            Cell::Json("{\n\"k\": [1]}".into()),
            Cell::Json("not json".into()),
        ];
        let row = r#"{"c0":123456789012345678901.25,"c1":[true,"x"],"c2":{ "k": [1]},"c3":"not json"}"#;
        assert_eq!(lines(&cells).0, format!("{{\"sink\":\"s\",\"epoch\":7,\"diff\":-1,\"row\":{row}}}\n"));
        assert_eq!(csv_header(&["a,b".into()]), "sink,epoch,diff,\"a,b\"\n");
    }
}
