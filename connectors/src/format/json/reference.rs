//! Tests: the decoder against an obvious slow one, written with `serde_json`.

use std::fmt;

use arrow::array::RecordBatch;
use engine::connector::{DecodeRequest, Decoder};
use engine::schema::{Column, ColumnType, Schema};
use proptest::prelude::*;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::super::given::records_behind;
use super::decoder::JsonDecoder;
use super::{decode_lines, encode_row};

/// The members of an object in their order, repeated keys included.
struct Members(Vec<(String, Box<RawValue>)>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct All;
        impl<'de> Visitor<'de> for All {
            type Value = Members;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(All)
    }
}

/// Whether a text is JSON, looked into recursively since `RawValue` does not judge the strings that it skips.
fn is_json(text: &str) -> bool {
    let Ok(raw) = serde_json::from_str::<&RawValue>(text) else { return false };
    match raw.get().as_bytes()[0] {
        b'"' => serde_json::from_str::<String>(raw.get()).is_ok(),
        b'[' => serde_json::from_str::<Vec<&RawValue>>(raw.get())
            .is_ok_and(|elements| elements.iter().all(|element| is_json(element.get()))),
        b'{' => serde_json::from_str::<Members>(raw.get())
            .is_ok_and(|Members(members)| members.iter().all(|(_, value)| is_json(value.get()))),
        _ => true,
    }
}

/// What is wrong with a value for a type; else what `encode_row` must say of it.
fn value(kind: &ColumnType, raw: &str) -> Result<String, &'static str> {
    let wrong = "json.wrong_type";
    let is_number = raw.starts_with(|c: char| c == '-' || c.is_ascii_digit());
    let string = || serde_json::from_str::<String>(raw).map_err(|_| wrong);
    if raw == "null" {
        return Err("json.null");
    }
    Ok(match kind {
        ColumnType::String => serde_json::to_string(&string()?).expect("strings are JSON"),
        ColumnType::Bool if raw == "true" || raw == "false" => raw.to_owned(),
        ColumnType::Int if is_number => match raw.parse::<i64>() {
            Ok(int) => int.to_string(),
            Err(_) if raw.contains(['.', 'e', 'E']) && fits_int(raw) => return Err(wrong),
            Err(_) => return Err("json.out_of_range"),
        },
        ColumnType::Float if is_number => match raw.parse::<f64>() {
            Ok(0.0) => "0.0".into(),
            Ok(float) if float.is_finite() => format!("{float:?}"),
            _ => return Err("json.out_of_range"),
        },
        ColumnType::Timestamp => {
            let text = string()?;
            let time = chrono::DateTime::parse_from_rfc3339(&text).map_err(|_| wrong)?;
            format!("{:?}", time.to_utc().format("%Y-%m-%dT%H:%M:%SZ").to_string())
        }
        ColumnType::Json => raw.replace(['\n', '\r'], " "),
        ColumnType::List(element) if raw.starts_with('[') => {
            let elements: Vec<&RawValue> = serde_json::from_str(raw).map_err(|_| wrong)?;
            let read: Result<Vec<_>, _> = elements.iter().map(|raw| value(element, raw.get())).collect();
            format!("[{}]", read?.join(","))
        }
        _ => return Err(wrong),
    })
}

/// Whether a number with fraction or exponent is a whole number of 64 bits; generated numbers are short enough for `f64`.
fn fits_int(raw: &str) -> bool {
    raw.parse::<f64>().is_ok_and(|float| float.fract() == 0.0 && float.abs() < 9e18)
}

/// The reference: the code of a bad record, or the row as JSON.
fn decode(schema: &Schema, record: &[u8]) -> Result<String, &'static str> {
    let text = std::str::from_utf8(record).map_err(|_| "json.not_utf8")?;
    if text.trim_matches([' ', '\t', '\n', '\r']).is_empty() {
        return Err("json.empty");
    }
    if !is_json(text) {
        return Err("json.syntax");
    }
    let Members(members) = serde_json::from_str(text).map_err(|_| "json.not_an_object")?;
    let mut found: Vec<Option<String>> = vec![None; schema.columns.len()];
    for (name, raw) in &members {
        let Some(column) = schema.index_of(name) else { continue };
        if found[column].is_some() {
            return Err("json.duplicate_field");
        }
        let Column { column_type, nullable, .. } = &schema.columns[column];
        found[column] = Some(match value(column_type, raw.get()) {
            Err("json.null") if *nullable && raw.get() == "null" => "null".into(),
            read => read?,
        });
    }
    let mut fields = Vec::new();
    for (column, found) in schema.columns.iter().zip(found) {
        let value = match found {
            Some(value) => value,
            None if column.nullable => "null".into(),
            None => return Err("json.missing_field"),
        };
        fields.push(format!("{}:{value}", serde_json::to_string(&column.name).expect("names are JSON")));
    }
    Ok(format!("{{{}}}", fields.join(",")))
}

fn schema() -> Schema {
    let list = ColumnType::List(Box::new(ColumnType::Int));
    Schema::new(vec![
        Column::new("name", ColumnType::String),
        Column::new("count", ColumnType::Int),
        Column::nullable("ratio", ColumnType::Float),
        Column::nullable("at", ColumnType::Timestamp),
        Column::nullable("ok", ColumnType::Bool),
        Column::nullable("tags", list),
        Column::nullable("more", ColumnType::Json),
    ])
}

fn any_value() -> impl Strategy<Value = String> {
    let string = prop_oneof![
        any::<String>().prop_map(|text| serde_json::to_string(&text).expect("strings are JSON")),
        r#""([ -!#-\[\]-~]|\\["\\/bfnrt]|\\u00[0-9a-f]{2}|\\ud83d\\ude0[0-9a-f]){0,20}""#,
    ];
    let time = r#""20[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](Z|[+-](0[0-9]|1[0-4]):[0-5][0-9])""#;
    let leaf = prop_oneof![
        string,
        time,
        any::<i64>().prop_map(|int| int.to_string()),
        any::<f64>()
            .prop_filter("JSON has finite numbers only", |f| f.is_finite())
            .prop_map(|float| format!("{float:?}")),
        "-?(0|[1-9][0-9]{0,4})(\\.[0-9]{1,3})?([eE][+-]?[0-9]{1,3})?",
        "true|false|null",
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        let elements = prop::collection::vec(inner.clone(), 0..4).prop_map(|all| format!("[{}]", all.join(",")));
        let member = ("[a-c]{0,2}", inner).prop_map(|(key, value)| format!("\"{key}\":{value}"));
        let members = prop::collection::vec(member, 0..4).prop_map(|all| format!("{{{}}}", all.join(",")));
        prop_oneof![elements, members]
    })
}

/// Values that the column takes, most of the time.
fn likely_value(name: &'static str) -> BoxedStrategy<String> {
    match name {
        "name" => r#""([ -!#-\[\]-~]|\\["\\/bfnrt]|\\u00[0-9a-f]{2}|ä|😀){0,20}""#.boxed(),
        "count" => any::<i64>().prop_map(|int| int.to_string()).boxed(),
        "ratio" => any::<f32>().prop_filter("finite", |f| f.is_finite()).prop_map(|f| format!("{f:?}")).boxed(),
        "at" => r#""2026-01-0[1-3]T[01][0-9]:[0-5][0-9]:[0-5][0-9]Z""#.boxed(),
        "ok" => "true|false|null".boxed(),
        "tags" => "\\[\\]|\\[-?[1-9][0-9]?(,[1-9][0-9]{0,3}){0,3}\\]".boxed(),
        _ => any_value().boxed(),
    }
}

/// An object with the declared fields in any order, some missing, some undeclared, with spaces anywhere.
fn any_object() -> impl Strategy<Value = String> {
    let names = prop::sample::subsequence(
        vec!["name", "count", "ratio", "at", "ok", "tags", "more", "extra", "n\\u0061me"],
        0..=9,
    );
    let names =
        prop_oneof![1 => names, 4 => Just(vec!["name", "count", "ratio", "at", "ok", "tags", "more"])].prop_shuffle();
    let member = |name: &'static str| {
        let value = prop_oneof![1 => any_value().boxed(), 15 => likely_value(name)];
        ("[ \t]{0,2}", value, "[ \r\n]{0,1}")
            .prop_map(move |(before, value, after)| format!("{before}\"{name}\"{before}:{after}{value}{after}"))
    };
    names
        .prop_flat_map(move |names| names.into_iter().map(member).collect::<Vec<_>>())
        .prop_map(|members| format!("{{{}}}", members.join(",")))
}

/// Records of a batch: objects, each several times over, so that the layout of the one before is met; some with a byte changed, removed or
/// doubled, so that it is missed by little.
fn any_records() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let change = prop::option::weighted(0.4, (any::<prop::sample::Index>(), any::<u8>(), 0..3));
    let copies = (any_object(), prop::collection::vec(change, 1..5)).prop_map(|(object, changes)| {
        changes.into_iter().map(|change| changed(object.as_bytes(), change)).collect::<Vec<_>>()
    });
    prop::collection::vec(copies, 1..4).prop_map(|all| all.concat())
}

fn changed(object: &[u8], change: Option<(prop::sample::Index, u8, i32)>) -> Vec<u8> {
    let mut bytes = object.to_vec();
    if let Some((place, byte, how)) = change {
        let at = place.index(bytes.len());
        match how {
            0 => bytes[at] = byte,
            1 => drop(bytes.remove(at)),
            _ => bytes.insert(at, bytes[at]),
        }
    }
    bytes
}

/// Decodes records as one batch, each as the reference says it.
fn decode_all(schema: &Schema, all: &[Vec<u8>]) -> Vec<Result<String, &'static str>> {
    let records = records_behind(b"\x80 no part of any record", all);
    let wanted = vec![true; schema.columns.len()];
    let mut decoder = JsonDecoder::new(&DecodeRequest { schema: schema.clone(), wanted });
    let verdicts = decoder.scan(&records, &records.spans());
    let columns = (0..schema.columns.len()).map(|column| decoder.column(column, &verdicts.good)).collect();
    let batch = RecordBatch::try_new(schema.arrow(), columns).expect("columns of the schema");
    let mut found = vec![Err("no verdict"); all.len()];
    for bad in &verdicts.bad {
        found[bad.row as usize] = Err(bad.code);
    }
    for (row, record) in verdicts.good.iter().enumerate() {
        let mut text = Vec::new();
        encode_row(&batch, row, schema, &mut text);
        found[*record as usize] = Ok(String::from_utf8(text).expect("encoded text is UTF-8"));
    }
    found
}

/// JSON texts are equal if they say the same; escapes may be written differently.
fn normal(read: &Result<String, &'static str>) -> Result<serde_json::Value, String> {
    match read {
        Ok(text) => Ok(serde_json::from_str(text).unwrap_or_else(|_| text.clone().into())),
        Err(code) => Err((*code).to_owned()),
    }
}

proptest! {
    #[test]
    fn verdicts_and_values_are_those_of_the_reference(all in any_records()) {
        let schema = schema();
        for (record, found) in all.iter().zip(decode_all(&schema, &all)) {
            let expected = decode(&schema, record);
            // The reference says a time that no clock shows like one without the form.
            let blurred = |read: &Result<String, &'static str>| match read {
                Err("json.out_of_range") if String::from_utf8_lossy(record).contains('T') => Err("json.wrong_type".to_owned()),
                read => normal(read),
            };
            prop_assert_eq!(blurred(&found), blurred(&expected), "{}", String::from_utf8_lossy(record));
        }
    }

    #[test]
    fn no_bytes_make_it_panic(all in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..60), 0..8)) {
        decode_all(&schema(), &all);
    }

    #[test]
    fn no_likely_bytes_make_it_panic(text in "[\\[\\]{}:,\"\\\\/untrfalse0-9.eE+-a \n]{0,80}") {
        let (batch, bad) = decode_lines(&schema(), &text);
        let lines = text.split('\n').filter(|line| !line.is_empty()).count();
        prop_assert_eq!(batch.num_rows() + bad.len(), lines);
    }

    #[test]
    fn what_is_encoded_decodes_equal(objects in prop::collection::vec(any_object(), 1..4)) {
        let schema = schema();
        let all: Vec<Vec<u8>> = objects.into_iter().map(String::into_bytes).collect();
        let rows: Vec<Vec<u8>> = decode_all(&schema, &all).into_iter().flatten().map(String::into_bytes).collect();
        let again = decode_all(&schema, &rows);
        let expected: Vec<_> = rows.iter().map(|row| Ok(String::from_utf8_lossy(row).into_owned())).collect();
        prop_assert_eq!(again, expected);
    }
}
