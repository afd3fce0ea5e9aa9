//! Where the three used values stand in a line, found by the order of keys that is expected; other orders take the slow way.

use memchr::memchr2;

/// How a value is skipped, or what it is taken for.
#[derive(Clone, Copy, PartialEq)]
pub enum Take {
    User,
    Game,
    Viewers,
    Text,
    Bare,
    Texts,
}

/// The keys of a line in their order, each with all that stands before its value.
pub type Layout = &'static [(&'static [u8], Take)];

/// The four-field records.
pub const LINES: Layout = &[
    (b"{\"user_name\":", Take::User),
    (b",\"game_name\":", Take::Game),
    (b",\"viewer_count\":", Take::Viewers),
    (b",\"started_at\":", Take::Text),
];

/// Streams as the Helix API writes them.
pub const HELIX: Layout = &[
    (b"{\"id\":", Take::Text),
    (b",\"user_id\":", Take::Text),
    (b",\"user_login\":", Take::Text),
    (b",\"user_name\":", Take::User),
    (b",\"game_id\":", Take::Text),
    (b",\"game_name\":", Take::Game),
    (b",\"type\":", Take::Text),
    (b",\"title\":", Take::Text),
    (b",\"viewer_count\":", Take::Viewers),
    (b",\"started_at\":", Take::Text),
    (b",\"language\":", Take::Text),
    (b",\"thumbnail_url\":", Take::Text),
    (b",\"tag_ids\":", Take::Texts),
    (b",\"tags\":", Take::Texts),
    (b",\"is_mature\":", Take::Bare),
];

/// The used values of a line; names as they are written, escapes and all.
#[derive(Default)]
pub struct Row<'a> {
    pub user: &'a [u8],
    pub game: &'a [u8],
    pub viewers: i64,
}

/// The first line's row and what it leaves, without the line's end; none if the line is not as expected.
#[inline(always)]
pub fn read<'a>(bytes: &'a [u8], layout: Layout) -> Option<(Row<'a>, &'a [u8])> {
    let mut row = Row::default();
    let mut rest = bytes;
    for (before, take) in layout {
        rest = rest.strip_prefix(*before)?;
        match take {
            Take::User => (row.user, rest) = text(rest)?,
            Take::Game => (row.game, rest) = text(rest)?,
            Take::Viewers => (row.viewers, rest) = integer(rest)?,
            Take::Text => (_, rest) = text(rest)?,
            Take::Texts => rest = texts(rest)?,
            Take::Bare => rest = rest.strip_prefix(b"false").or_else(|| rest.strip_prefix(b"true"))?,
        }
    }
    rest.strip_prefix(b"}\n").map(|rest| (row, rest))
}

/// What stands between quotes, and what follows.
#[inline(always)]
fn text(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let inner = bytes.strip_prefix(b"\"")?;
    let mut end = 0;
    loop {
        end += memchr2(b'"', b'\\', &inner[end..])?;
        if inner[end] == b'"' {
            return Some((&inner[..end], &inner[end + 1..]));
        }
        end += 2;
        if end > inner.len() {
            return None;
        }
    }
}

fn texts(bytes: &[u8]) -> Option<&[u8]> {
    let mut rest = bytes.strip_prefix(b"[")?;
    if let Some(rest) = rest.strip_prefix(b"]") {
        return Some(rest);
    }
    loop {
        (_, rest) = text(rest)?;
        match rest.split_first()? {
            (b',', more) => rest = more,
            (b']', more) => return Some(more),
            _ => return None,
        }
    }
}

#[inline(always)]
fn integer(bytes: &[u8]) -> Option<(i64, &[u8])> {
    let mut value = 0i64;
    let mut at = 0;
    while let Some(digit) = bytes.get(at).map(|byte| byte.wrapping_sub(b'0')).filter(|digit| *digit < 10) {
        value = value * 10 + i64::from(digit);
        at += 1;
    }
    (1..=18).contains(&at).then(|| (value, &bytes[at..]))
}
