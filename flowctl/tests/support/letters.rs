//! Dead letters as flowctl shows them, and corrections of their records.

use serde_json::Value;

use super::stage::Stage;

/// Has the records that are corrected in `fix.jsonl` read again by the next run.
pub(crate) const REPLAY: [&str; 5] = ["dead-letters", "replay", "p.yaml", "--with", "fix.jsonl"];

impl Stage {
    /// The letters that stand.
    pub(crate) fn letters(&self) -> Vec<Value> {
        let (shown, _) = self.shows(&["dead-letters", "show", "p.yaml", "--output", "json"]);
        shown.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Corrects the records of the letters with these texts in `fix.jsonl`.
    pub(crate) fn correct(&self, pairs: &[(&str, &str)]) {
        let letters = self.letters();
        let line = |(text, corrected): &(&str, &str)| {
            let letter = letters.iter().find(|letter| letter["text"] == *text).unwrap_or_else(|| panic!("{letters:?}"));
            serde_json::json!({ "id": letter["id"], "text": corrected }).to_string() + "\n"
        };
        self.write("fix.jsonl", &pairs.iter().map(line).collect::<String>());
    }
}
