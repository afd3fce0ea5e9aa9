//! A record's headers as one JSON object.

use serde_json::{Map, Value};

/// Headers as text by name. Of a name that repeats, the last counts; a value that is not UTF-8, or absent, is null.
pub(super) fn encode_headers<'a>(headers: impl IntoIterator<Item = (&'a str, Option<&'a [u8]>)>) -> String {
    let object: Map<String, Value> = headers
        .into_iter()
        .map(|(name, value)| {
            (name.to_owned(), value.and_then(|value| std::str::from_utf8(value).ok()).map_or(Value::Null, Value::from))
        })
        .collect();
    Value::Object(object).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_text_is_null() {
        let headers = [("a", Some(&b"1"[..])), ("b", Some(&b"\xff"[..])), ("c", None), ("a", Some(&b"\"2\""[..]))];
        assert_eq!(encode_headers(headers), r#"{"a":"\"2\"","b":null,"c":null}"#);
        assert_eq!(encode_headers([]), "{}");
    }
}
