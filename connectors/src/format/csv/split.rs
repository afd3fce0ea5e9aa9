//! Where CSV records end, and where the fields of one lie.

use std::ops::Range;

/// Where a record ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordEnd {
    /// At the line end at this position.
    At(usize),
    /// Not within these bytes.
    Beyond,
}

/// The end of the record that begins at `start`: the first line end outside of quotes. A quote opens only at the beginning of a field, so
/// that one stray quote does not swallow the lines after it.
#[must_use]
pub fn end_of_record(bytes: &[u8], start: usize) -> RecordEnd {
    let mut quoted = false;
    let mut at = start;
    while let Some(found) = bytes.get(at..).and_then(|rest| memchr::memchr2(b'"', b'\n', rest)) {
        let place = at + found;
        at = place + 1;
        match (bytes[place], quoted) {
            (b'\n', false) => return RecordEnd::At(place),
            (b'"', false) => quoted = place == start || bytes[place - 1] == b',',
            // A doubled quote closes and, standing where no field begins, must open again.
            (b'"', true) if bytes.get(at) == Some(&b'"') => at += 1,
            (b'"', true) => quoted = false,
            _ => {}
        }
    }
    RecordEnd::Beyond
}

/// Where a field lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Field {
    /// Its bytes, without quotes around them.
    pub(super) place: Range<usize>,
    /// Whether quotes stood around it.
    pub(super) quoted: bool,
    /// Whether doubled quotes stand in it.
    pub(super) escaped: bool,
}

/// Why a record is not CSV.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SplitFault {
    /// A quote opens here and is not closed.
    OpenQuote(usize),
    /// A quote stands where none may.
    StrayQuote(usize),
    /// A closing quote before this position ends no field.
    TextAfterQuote(usize),
}

/// Finds the fields of the record at `record`.
///
/// # Errors
/// The first fault.
pub(super) fn split(bytes: &[u8], record: Range<usize>, fields: &mut Vec<Field>) -> Result<(), SplitFault> {
    fields.clear();
    let bytes = &bytes[..record.end];
    let mut at = record.start;
    loop {
        let (field, end) = if bytes.get(at) == Some(&b'"') { quoted(bytes, at)? } else { plain(bytes, at)? };
        fields.push(field);
        match bytes.get(end) {
            None => return Ok(()),
            Some(b',') => at = end + 1,
            Some(_) => return Err(SplitFault::TextAfterQuote(end)),
        }
    }
}

fn plain(bytes: &[u8], start: usize) -> Result<(Field, usize), SplitFault> {
    let rest = &bytes[start..];
    match memchr::memchr2(b',', b'"', rest) {
        Some(found) if rest[found] == b'"' => Err(SplitFault::StrayQuote(start + found)),
        found => {
            let end = start + found.unwrap_or(rest.len());
            Ok((Field { place: start..end, quoted: false, escaped: false }, end))
        }
    }
}

fn quoted(bytes: &[u8], open: usize) -> Result<(Field, usize), SplitFault> {
    let start = open + 1;
    let mut at = start;
    let mut escaped = false;
    loop {
        let Some(found) = memchr::memchr(b'"', &bytes[at..]) else { return Err(SplitFault::OpenQuote(open)) };
        let quote = at + found;
        if bytes.get(quote + 1) != Some(&b'"') {
            return Ok((Field { place: start..quote, quoted: true, escaped }, quote + 1));
        }
        escaped = true;
        at = quote + 2;
    }
}

/// Appends the text of a field with doubled quotes.
pub(super) fn unescape(written: &[u8], text: &mut Vec<u8>) {
    let mut rest = written;
    while let Some(quote) = memchr::memchr(b'"', rest) {
        text.extend_from_slice(&rest[..=quote]);
        rest = rest.get(quote + 2..).unwrap_or_default();
    }
    text.extend_from_slice(rest);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn texts(record: &str) -> Result<Vec<String>, SplitFault> {
        let mut fields = Vec::new();
        split(record.as_bytes(), 0..record.len(), &mut fields)?;
        let text = |field: &Field| {
            let mut text = Vec::new();
            unescape(&record.as_bytes()[field.place.clone()], &mut text);
            String::from_utf8(text).expect("cut at quotes and commas")
        };
        Ok(fields.iter().map(text).collect())
    }

    #[test]
    fn fields_are_split_strictly() {
        assert_eq!(texts("a,,\"b,\"\"c\nd\", e"), Ok(vec!["a".into(), "".into(), "b,\"c\nd".into(), " e".into()]));
        assert_eq!(texts(""), Ok(vec!["".into()]));
        assert_eq!(texts("a,\"b"), Err(SplitFault::OpenQuote(2)));
        assert_eq!(texts("a,b\"c"), Err(SplitFault::StrayQuote(3)));
        assert_eq!(texts("\"a\"b"), Err(SplitFault::TextAfterQuote(3)));
    }

    #[test]
    fn a_stray_quote_swallows_no_line() {
        assert_eq!(end_of_record(b"5\" disk,1\nx\n", 0), RecordEnd::At(9));
        assert_eq!(end_of_record(b"\"a\nb\",1\nx", 0), RecordEnd::At(7));
        assert_eq!(end_of_record(b"\"a\"\"\nb\",1\nx", 0), RecordEnd::At(9));
        assert_eq!(end_of_record(b"a\n\"b", 2), RecordEnd::Beyond);
    }

    proptest! {
        /// The `csv` crate is the reference for what can be written.
        #[test]
        fn what_another_writer_writes_is_read(rows in prop::collection::vec(prop::collection::vec("[a,\"\n\r ä]{0,6}", 2..4), 1..5)) {
            let mut writer = ::csv::WriterBuilder::new().flexible(true).from_writer(Vec::new());
            for row in &rows {
                writer.write_record(row).expect("memory takes everything");
            }
            let text = writer.into_inner().expect("memory takes everything");
            let mut at = 0;
            for row in &rows {
                let RecordEnd::At(end) = end_of_record(&text, at) else { panic!("every record ends") };
                let record = std::str::from_utf8(&text[at..end]).expect("UTF-8 was written");
                prop_assert_eq!(&texts(record).expect("well-formed"), row);
                at = end + 1;
            }
        }

        #[test]
        fn any_bytes_are_split_or_refused(bytes in prop::collection::vec(prop::sample::select(b"a,\"\n".to_vec()), 0..30)) {
            let mut fields = Vec::new();
            let _ = split(&bytes, 0..bytes.len(), &mut fields);
            let _ = end_of_record(&bytes, 0);
        }
    }
}
