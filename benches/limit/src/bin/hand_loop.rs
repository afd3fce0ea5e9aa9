//! The job as one would write it for nothing but this job: hand_loop --layout lines|helix --above N --threads N FILE...

use std::fs::File;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use limit::answer::answer;
use limit::layout::{self, Layout, Row};
use limit::tally::Tally;
use limit::{fail, number, option};
use memchr::memchr;
use memmap2::Mmap;
use serde::Deserialize;

/// What a thread takes at a time.
const PIECE: usize = 1 << 20;

fn main() {
    let layout = match option("--layout").as_deref() {
        None | Some("lines") => layout::LINES,
        Some("helix") => layout::HELIX,
        Some(other) => fail(&format!("--layout {other}: lines or helix")),
    };
    let above: i64 = number("--above", 1_000);
    let threads: usize = number("--threads", 1);
    let maps: Vec<Mmap> = std::env::args().skip(1).filter(|argument| argument.ends_with(".jsonl")).map(map).collect();
    let pieces: Vec<&[u8]> = maps.iter().flat_map(|map| cut(map)).collect();
    let next = AtomicUsize::new(0);
    let work = || {
        let mut tally = Tally::default();
        while let Some(piece) = pieces.get(next.fetch_add(1, Ordering::Relaxed)) {
            count(piece, layout, above, &mut tally);
        }
        tally
    };
    let tally = thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(work)).collect();
        let mut tally = work();
        for other in others {
            tally.merge(&other.join().unwrap_or_else(|_| fail("a thread has failed")));
        }
        tally
    });
    println!("{}", answer(&tally));
    // The system takes back the memory faster than the tables would give it back.
    std::mem::forget(tally);
}

fn map(path: String) -> Mmap {
    let file = File::open(&path).unwrap_or_else(|error| fail(&format!("{path}: {error}")));
    // SAFETY: nobody changes the benchmark's data while it runs.
    unsafe { Mmap::map(&file) }.unwrap_or_else(|error| fail(&format!("{path}: {error}")))
}

/// Pieces that end with a line's end.
fn cut(bytes: &[u8]) -> Vec<&[u8]> {
    let mut pieces = Vec::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        let from = PIECE.min(rest.len()) - 1;
        let end = memchr(b'\n', &rest[from..]).map_or(rest.len(), |at| from + at + 1);
        let (piece, more) = rest.split_at(end);
        pieces.push(piece);
        rest = more;
    }
    pieces
}

fn count(piece: &[u8], layout: Layout, above: i64, tally: &mut Tally) {
    if simdutf8::basic::from_utf8(piece).is_err() {
        fail("the data is not UTF-8");
    }
    let mut rest = piece;
    while !rest.is_empty() {
        let row;
        (row, rest) =
            match if layout.len() == 4 { layout::read(rest, layout::LINES) } else { layout::read(rest, layout::HELIX) }
            {
                Some(found) => found,
                None => slow(rest),
            };
        if row.viewers > above {
            tally.add(&row);
        }
    }
}

/// Any other JSON object in a line.
#[cold]
fn slow(bytes: &[u8]) -> (Row<'_>, &[u8]) {
    #[derive(Deserialize)]
    struct Line<'a> {
        #[serde(borrow)]
        user_name: &'a serde_json::value::RawValue,
        #[serde(borrow)]
        game_name: &'a serde_json::value::RawValue,
        viewer_count: i64,
    }
    let end = memchr(b'\n', bytes).unwrap_or(bytes.len());
    let line: Line<'_> =
        serde_json::from_slice(&bytes[..end]).unwrap_or_else(|error| fail(&format!("a line is not JSON: {error}")));
    let inner = |raw: &'_ serde_json::value::RawValue| -> usize { raw.get().len() - 1 };
    let user = &line.user_name.get().as_bytes()[1..inner(line.user_name)];
    let game = &line.game_name.get().as_bytes()[1..inner(line.game_name)];
    (Row { user, game, viewers: line.viewer_count }, bytes.get(end + 1..).unwrap_or_default())
}
