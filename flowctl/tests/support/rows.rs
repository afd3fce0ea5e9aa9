//! Rows as JSON text, in a form in which equal rows are equal text.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::value::RawValue;
use serde_json::{Value, from_str};

/// Rows and how often each is there.
pub(crate) type Rows = BTreeMap<String, i64>;

/// An object's fields in the order written.
struct Fields(Vec<(String, Box<RawValue>)>);

impl<'de> serde::Deserialize<'de> for Fields {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> serde::de::Visitor<'de> for InOrder {
            type Value = Fields;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
                let mut fields = Vec::new();
                while let Some(field) = map.next_entry()? {
                    fields.push(field);
                }
                Ok(Fields(fields))
            }
        }
        deserializer.deserialize_map(InOrder)
    }
}

/// The form of a JSON value: no spaces, texts with the same escapes, numbers without trailing zeros but with all their digits.
pub(crate) fn canonical(json: &str) -> String {
    let json = json.trim();
    match json.as_bytes().first() {
        Some(b'{') => {
            let Fields(fields) = from_str(json).unwrap_or_else(|error| panic!("{error}: {json}"));
            let field = |(name, value): &(String, Box<RawValue>)| {
                format!("{}:{}", Value::from(name.as_str()), canonical(value.get()))
            };
            format!("{{{}}}", fields.iter().map(field).collect::<Vec<_>>().join(","))
        }
        Some(b'[') => {
            let elements: Vec<Box<RawValue>> = from_str(json).unwrap_or_else(|error| panic!("{error}: {json}"));
            format!("[{}]", elements.iter().map(|element| canonical(element.get())).collect::<Vec<_>>().join(","))
        }
        Some(b'-' | b'0'..=b'9') => number(json),
        _ => from_str::<Value>(json).unwrap_or_else(|error| panic!("{error}: {json}")).to_string(),
    }
}

/// An object without its nulls, in the order of names; any other text as it is.
pub(crate) fn without_nulls(text: &str) -> String {
    match from_str::<BTreeMap<String, Value>>(text) {
        Ok(mut fields) => {
            fields.retain(|_, value| !value.is_null());
            canonical(&Value::from_iter(fields).to_string())
        }
        Err(_) => text.to_owned(),
    }
}

fn number(digits: &str) -> String {
    if digits.contains(['e', 'E']) {
        return format!("{:e}", digits.parse::<f64>().expect("a JSON number"));
    }
    match digits.split_once('.') {
        Some((whole, fraction)) => match fraction.trim_end_matches('0') {
            "" => whole.to_owned(),
            fraction => format!("{whole}.{fraction}"),
        },
        None => digits.to_owned(),
    }
}

/// Adds `diff` times a row.
pub(crate) fn add(rows: &mut Rows, row: String, diff: i64) {
    let count = rows.entry(row).or_default();
    *count += diff;
    if *count == 0 {
        rows.retain(|_, count| *count != 0);
    }
}

/// The rows of JSON lines.
pub(crate) fn of_lines(text: &str) -> Rows {
    let mut rows = Rows::new();
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        add(&mut rows, canonical(line), 1);
    }
    rows
}

/// What is in one but not in the other, for people.
pub(crate) fn difference(found: &Rows, expected: &Rows) -> String {
    let mut text = String::new();
    for (row, count) in found.iter().filter(|(row, count)| expected.get(*row) != Some(count)) {
        text.push_str(&format!("  found    {count} × {row}\n"));
    }
    for (row, count) in expected.iter().filter(|(row, count)| found.get(*row) != Some(count)) {
        text.push_str(&format!("  expected {count} × {row}\n"));
    }
    text
}
