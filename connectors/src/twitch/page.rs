//! One page of streams: its bytes as received, and where each stream lies in them.

use std::borrow::Cow;
use std::ops::Range;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::http::PageOutline;

/// A page whose outer form is right; what the streams hold is the decoder's affair.
#[derive(Clone, Debug)]
pub(super) struct Page {
    pub(super) body: Vec<u8>,
    /// The bytes of each stream in `body`.
    pub(super) streams: Vec<Range<usize>>,
    pub(super) outline: PageOutline,
}

#[derive(Deserialize)]
struct Outer<'a> {
    #[serde(borrow)]
    data: Vec<&'a RawValue>,
    #[serde(default)]
    pagination: Option<Pagination>,
}

#[derive(Default, Deserialize)]
struct Pagination {
    #[serde(default)]
    cursor: Option<String>,
}

/// What paging needs of a stream; anything else may be missing or wrong.
#[derive(Default, Deserialize)]
struct Known<'a> {
    #[serde(borrow, default)]
    id: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    viewer_count: Option<&'a RawValue>,
}

impl Page {
    /// Reads a reply.
    ///
    /// # Errors
    /// It is no page of streams.
    pub(super) fn read(body: Vec<u8>) -> Result<Self, String> {
        let wrong = |error: serde_json::Error| format!("the reply is not a page of streams: {error}");
        let outer: Outer<'_> = serde_json::from_slice(&body).map_err(wrong)?;
        let begin = body.as_ptr() as usize;
        let span = |raw: &RawValue| {
            let start = raw.get().as_ptr() as usize - begin;
            start..start + raw.get().len()
        };
        let streams = outer.data.iter().map(|raw| span(raw)).collect();
        let known: Vec<Known<'_>> =
            outer.data.iter().map(|raw| serde_json::from_str(raw.get()).unwrap_or_default()).collect();
        let counts = || known.iter().filter_map(|known| known.viewer_count?.get().parse::<i64>().ok());
        let outline = PageOutline {
            ids: known.iter().map(|known| known.id.as_deref().unwrap_or_default().to_owned()).collect(),
            ends: counts().next().zip(counts().last()),
            cursor: outer.pagination.and_then(|pagination| pagination.cursor),
        };
        Ok(Self { body, streams, outline })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_stay_as_received() {
        let body = br#"{"data":[ {"id":"7", "viewer_count":3,"x":[1, 2]} ,{"id":8},5,{"viewer_count":"many"},{"id":"9","viewer_count":1}],"pagination":{"cursor":"c"}}"#;
        let page = Page::read(body.to_vec()).expect("a page");
        let texts: Vec<&[u8]> = page.streams.iter().map(|span| &page.body[span.clone()]).collect();
        assert_eq!(texts[0], br#"{"id":"7", "viewer_count":3,"x":[1, 2]}"#);
        assert_eq!((texts[1], texts[2]), (br#"{"id":8}"#.as_slice(), b"5".as_slice()));
        assert_eq!(page.outline.ids, ["7", "", "", "", "9"]);
        assert_eq!(page.outline.ends, Some((3, 1)));
        assert_eq!(page.outline.cursor.as_deref(), Some("c"));
    }

    #[test]
    fn the_last_page_has_no_cursor_and_other_replies_are_no_pages() {
        for last in [r#"{"data":[],"pagination":{}}"#, r#"{"data":[]}"#, r#"{"data":[],"pagination":null}"#] {
            assert_eq!(Page::read(last.into()).expect(last).outline, PageOutline::default());
        }
        for wrong in ["", "<html>", r#"{"data":[{"id":"#, r#"{"error":"x"}"#] {
            assert!(Page::read(wrong.into()).is_err(), "{wrong}");
        }
        assert!(Page::read(b"{\"data\":[{\"title\":\"\xff\"}]}".to_vec()).is_err());
    }
}
