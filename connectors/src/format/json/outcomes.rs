//! Tests: every stated outcome, and the shapes of JSONTestSuite.

use arrow::array::{Array, AsArray};
use arrow::buffer::Buffer;
use arrow::datatypes::{Float64Type, Int64Type, TimestampMicrosecondType};
use engine::connector::{DecodeRequest, Decoder, Verdicts};
use engine::schema::{Column, ColumnType, Schema};

use super::super::given::records_at;
use super::decode_lines;
use super::decoder::JsonDecoder;

fn schema(columns: &[&str]) -> Schema {
    let column = |text: &&str| {
        let (name, kind) = text.split_once(": ").expect("name: type");
        match kind.strip_suffix('?') {
            Some(kind) => Column::nullable(name, ColumnType::parse(kind).expect(kind)),
            None => Column::new(name, ColumnType::parse(kind).expect(kind)),
        }
    };
    Schema::new(columns.iter().map(column).collect())
}

/// Judges one record that may hold anything, line ends included.
fn judge(schema: &Schema, record: Option<&[u8]>) -> Result<(), (&'static str, String)> {
    let bytes = record.unwrap_or_default();
    let records = records_at(bytes.into(), vec![record.map(|_| 0..bytes.len() as u32)]);
    let wanted = vec![true; schema.columns.len()];
    let Verdicts { good, bad } =
        JsonDecoder::new(&DecodeRequest { schema: schema.clone(), wanted }).scan(&records, &records.spans());
    match (good.as_slice(), bad.as_slice()) {
        ([0], []) => Ok(()),
        ([], [bad]) => Err((bad.code, bad.message.clone())),
        other => panic!("one record has one verdict: {other:?}"),
    }
}

fn code(schema: &Schema, record: impl AsRef<[u8]>) -> &'static str {
    judge(schema, Some(record.as_ref())).map_or_else(|(code, _)| code, |()| "good")
}

#[test]
fn every_outcome_is_as_stated() {
    let one = schema(&["a: int", "b: string?"]);
    assert_eq!(judge(&one, None).expect_err("no value").0, "json.tombstone");
    for (record, expected) in [
        ("", "json.empty"),
        (" \t\r\n", "json.empty"),
        ("{\"a\":1,\"b\":\"\u{e4}\"}", "good"),
        (" { \"b\" : null , \"a\" : 1 } ", "good"),
        (r#"{"a":1,"x":{"a":2,"a":3},"y":[1,{}]}"#, "good"),
        (r#"{"a":1,"x":1,"x":2}"#, "good"),
        (r#"{"\u0061":1}"#, "good"),
        (r#"{"a":1}{"a":1}"#, "json.syntax"),
        (r#"{"a":1} x"#, "json.syntax"),
        (r#"{"a":1"#, "json.syntax"),
        (r#"{"a":1,}"#, "json.syntax"),
        (r#"{"a":NaN}"#, "json.syntax"),
        (r#"{"a":Infinity}"#, "json.syntax"),
        (r#"{"a":-Infinity}"#, "json.syntax"),
        (r#"{"a":01}"#, "json.syntax"),
        (r#"{"a":+1}"#, "json.syntax"),
        (r#"{"a":1,"b":"\ud800"}"#, "json.syntax"),
        ("{\"a\":1,\"b\":\"\u{1}\"}", "json.syntax"),
        ("\u{feff}{\"a\":1}", "json.syntax"),
        ("[1,2]", "json.not_an_object"),
        ("null", "json.not_an_object"),
        ("5", "json.not_an_object"),
        ("5 6", "json.syntax"),
        ("nul", "json.syntax"),
        (r#"{"a":1,"a":2}"#, "json.duplicate_field"),
        (r#"{"a":1,"\u0061":2}"#, "json.duplicate_field"),
        (r#"{"a":null}"#, "json.null"),
        (r#"{"a":"1"}"#, "json.wrong_type"),
        (r#"{"a":true}"#, "json.wrong_type"),
        (r#"{"a":{}}"#, "json.wrong_type"),
        (r#"{"a":1.0}"#, "json.wrong_type"),
        (r#"{"a":1e3}"#, "json.wrong_type"),
        (r#"{"a":1.5}"#, "json.out_of_range"),
        (r#"{"a":1e400}"#, "json.out_of_range"),
        (r#"{"a":9223372036854775807}"#, "good"),
        (r#"{"a":-9223372036854775808}"#, "good"),
        (r#"{"a":9223372036854775808}"#, "json.out_of_range"),
        (r#"{"a":-9223372036854775809}"#, "json.out_of_range"),
        (r#"{"a":99999999999999999999999}"#, "json.out_of_range"),
        (r#"{"a":1,"b":2}"#, "json.wrong_type"),
        (r#"{"b":"x"}"#, "json.missing_field"),
        ("{}", "json.missing_field"),
        (r#"{"test":"Kafka connection"}"#, "json.missing_field"),
        // Grammar comes before fields, and wrong fields before missing ones.
        (r#"{"a":"1","b":}"#, "json.syntax"),
        (r#"{"b":1}"#, "json.wrong_type"),
    ] {
        assert_eq!(code(&one, record), expected, "{record}");
    }
    assert_eq!(code(&one, b"{\"a\":1,\"x\":\"\xff\"}"), "json.not_utf8");
    assert_eq!(code(&one, b"{\"a\":1,\"x\":\"\xed\xa0\x80\"}"), "json.not_utf8");
}

#[test]
fn other_types_have_their_outcomes() {
    let types =
        schema(&["f: float?", "d: decimal(5,2)?", "t: timestamp?", "day: date?", "l: list(list(int))?", "j: json?"]);
    for (record, expected) in [
        (r#"{"f":1}"#, "good"),
        (r#"{"f":1e400}"#, "json.out_of_range"),
        (r#"{"f":1e-400}"#, "good"),
        (r#"{"f":"1"}"#, "json.wrong_type"),
        (r#"{"d":999.99}"#, "good"),
        (r#"{"d":1e2}"#, "good"),
        (r#"{"d":1000}"#, "json.out_of_range"),
        (r#"{"d":0.001}"#, "json.out_of_range"),
        (r#"{"t":"2026-01-05T00:00:00+01:00"}"#, "good"),
        (r#"{"t":"2026-01-05T00:00:00\u005a"}"#, "good"),
        (r#"{"t":"2026-01-05"}"#, "json.wrong_type"),
        (r#"{"t":1767571200000}"#, "json.wrong_type"),
        (r#"{"t":"2026-02-30T00:00:00Z"}"#, "json.out_of_range"),
        (r#"{"t":"2026-01-05T00:00:00.0000001Z"}"#, "json.out_of_range"),
        (r#"{"day":"2026-01-05"}"#, "good"),
        (r#"{"day":"05.01.2026"}"#, "json.wrong_type"),
        (r#"{"day":"2026-13-05"}"#, "json.out_of_range"),
        (r#"{"l":[[1],[],[2, 3]]}"#, "good"),
        (r#"{"l":[[1],[null]]}"#, "json.null"),
        (r#"{"l":[1]}"#, "json.wrong_type"),
        (r#"{"l":[[1.5]]}"#, "json.out_of_range"),
        (r#"{"l":[[1],]}"#, "json.syntax"),
        (r#"{"j":{"a":[1,"x",null]}}"#, "good"),
        (r#"{"j":null}"#, "good"),
        ("{\"t\":\"\0\0\0\0\0\0\0\0\0\0T00:00:00Z\"}", "json.syntax"),
    ] {
        assert_eq!(code(&types, record), expected, "{record}");
    }
}

#[test]
fn nesting_ends_at_64_levels() {
    let one = schema(&["a: json"]);
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        let nested = |levels: usize| format!("{{\"a\":{}1{}}}", open.repeat(levels), close.repeat(levels));
        assert_eq!(code(&one, nested(63)), "good");
        assert_eq!(code(&one, nested(64)), "json.too_deep");
        assert_eq!(code(&one, open.repeat(100_000)), "json.too_deep");
    }
}

#[test]
fn messages_name_the_field_and_show_little() {
    let one = schema(&["viewer_count: int"]);
    let message = |record: &str| judge(&one, Some(record.as_bytes())).expect_err(record).1;
    assert_eq!(message(r#"{"test":"Kafka connection"}"#), "field `viewer_count` is missing");
    assert_eq!(
        message(&format!(r#"{{"viewer_count":"{}"}}"#, "x`\u{7f}".repeat(1000))),
        "field `viewer_count` must be a whole number, found the string `\"x'\\u{7f}x'\\u{7f}x'\\u{7f}x'\\u{7f}x'\\u{7f}x'\\u{7f}x'\\u{7f}x'\\u{7f}x'\\u{7f}x'\\u{7f}x…`"
    );
    assert_eq!(
        message(r#"{"viewer_count":1.5}"#),
        "field `viewer_count`: the number `1.5` is not a whole number of 64 bits"
    );
    assert_eq!(message(r#"{"viewer_count":1"#), "not JSON at byte 17: expected `,` or `}`, found the end");
}

#[test]
fn values_come_out_as_they_went_in() {
    let types = schema(&[
        "s: string",
        "i: int",
        "f: float?",
        "d: decimal(6,2)?",
        "t: timestamp?",
        "b: bool?",
        "l: list(string)?",
        "j: json?",
    ]);
    let text = concat!(
        r#"{"s":"a text longer than twelve bytes","i":1,"f":-0.0,"d":12.3,"t":"1970-01-01T00:00:01.5Z","b":true,"l":["x","a \"quoted\" longer text"],"j":{"k": [1]}}"#,
        "\n",
        r#"{"s":"esc\u00e4ped\nand long enough to be kept apart","i":-5}"#,
        "\n",
        "not json\n",
        r#"{"i":7,"s":"","l":[]}"#,
    );
    let (batch, bad) = decode_lines(&types, text);
    assert_eq!(bad.iter().map(|bad| (bad.row, bad.code)).collect::<Vec<_>>(), [(2, "json.syntax")]);
    let texts: Vec<_> = batch.column(0).as_string_view().iter().flatten().collect();
    assert_eq!(texts, ["a text longer than twelve bytes", "escäped\nand long enough to be kept apart", ""]);
    assert_eq!(batch.column(1).as_primitive::<Int64Type>().values(), &[1, -5, 7]);
    assert!(batch.column(2).as_primitive::<Float64Type>().value(0).is_sign_positive());
    assert_eq!(batch.column(3).as_primitive::<arrow::datatypes::Decimal128Type>().value(0), 1230);
    assert_eq!(batch.column(4).as_primitive::<TimestampMicrosecondType>().value(0), 1_500_000);
    let lists = batch.column(6).as_list::<i32>();
    assert_eq!(lists.value(0).as_string_view().value(1), "a \"quoted\" longer text");
    assert!(lists.is_null(1) && lists.is_valid(2) && lists.value(2).is_empty());
    assert_eq!(batch.column(7).as_string_view().value(0), r#"{"k": [1]}"#);
    assert_eq!(batch.column(7).null_count(), 2);
}

#[test]
fn long_texts_are_not_copied() {
    let text = r#"{"s":"a text that is longer than twelve bytes"}"#;
    let payload = Buffer::from(text.as_bytes());
    let records = records_at(payload.clone(), vec![Some(0..text.len() as u32)]);
    let mut decoder = JsonDecoder::new(&DecodeRequest { schema: schema(&["s: string"]), wanted: vec![true] });
    decoder.scan(&records, &records.spans());
    let column = decoder.column(0, &[0]);
    assert_eq!(column.as_string_view().data_buffers()[0].as_ptr(), payload.as_ptr());
}

/// Shapes as in JSONTestSuite (N. Seriot, "Parsing JSON is a Minefield"): `y` must be read, `n` must be refused.
#[test]
fn the_minefield() {
    let any = schema(&["a: json"]);
    let good = [
        "0",
        "-0",
        "0e1",
        "0e+1",
        "1E22",
        "1E-2",
        "123.456e78",
        "1.0",
        "-1",
        "20e1",
        "true",
        "\"\"",
        "[]",
        "{}",
        "[[] ]",
        "[null, 1, \"1\", {}]",
        "{\"\":0}",
        "{\"a\":\"b\",\"a\":\"c\"}",
        "{\"foo\\u0000bar\": 42}",
        "\"\\u0060\\u012a\\u12AB\"",
        "\"\\uD801\\udc37\"",
        "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"",
        "\"a/*b*/c\"",
        "\"\u{7f}\"",
        "\"\u{2028}\"",
        "\"\u{10ffff}\"",
        "\"\\uFFFF\"",
        "\"€𝄞\"",
        "[1\n,\t2]",
        "\"asd \"",
        "-0.0",
    ];
    let bad = [
        "",
        "-",
        "+1",
        "1.",
        ".5",
        "-.5",
        "1e",
        "1e+",
        "1eE2",
        "0x42",
        "012",
        "-01",
        "1 000",
        "1_000",
        "Inf",
        "NaN",
        "-NaN",
        "--1",
        "1.2.3",
        "0.e1",
        "2.e3",
        "１",
        "tru",
        "True",
        "nulll",
        "undefined",
        "'a'",
        "\"a",
        "\"\\\"",
        "\"\\",
        "\"\\a\"",
        "\"\\x00\"",
        "\"\\u00A\"",
        "\"\\u\"",
        "\"\\uD834\\uDd\"",
        "\"\\uD800\\\"",
        "\"\\uD800\"",
        "\"\\uDC00\"",
        "\"\\uD800\\uD800\"",
        "\"\n\"",
        "\"\t\"",
        "\"\u{0}\"",
        "[1,]",
        "[,1]",
        "[1 2]",
        "[1,,2]",
        "[",
        "]",
        "[1",
        "[\"a",
        "[1}",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{,\"a\":1}",
        "{a:1}",
        "{'a':1}",
        "{1:1}",
        "{\"a\" 1}",
        "{\"a\"::1}",
        "{\"a\":1 \"b\":2}",
        "{\"a\":1]",
        "{\"a\":/*c*/1}",
        "1 // c",
        "# 1",
        "\u{a0}1",
        "\u{c}1",
        "\u{2060}",
        "*",
        "{\"a\":1}}",
        "1]",
    ];
    for value in good {
        assert_eq!(code(&any, format!("{{\"a\":{value}}}")), "good", "{value}");
    }
    for value in bad {
        assert_eq!(code(&any, format!("{{\"a\":{value}}}")), "json.syntax", "{value}");
    }
}
