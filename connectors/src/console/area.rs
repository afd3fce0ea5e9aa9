//! The one part of a terminal that is drawn again and again: which lines fit, and the control codes that put them in place.
//!
//! The codes are those of ECMA-48 and DEC that every terminal emulator knows: cursor up (CUU), erase in line (EL) and in display
//! (ED), auto-wrap off and on (DECAWM), and the synchronized-update mode, which others ignore.

use std::fmt::Write;

use super::block::{Block, FRAME_LINES};

/// A block is left out rather than shown with fewer of its rows than this, unless it is the first.
const ROWS_MIN: usize = 3;

/// The lines of all blocks and the status, not more than fit below each other in `height` lines with the cursor below them.
pub(super) fn compose(blocks: &[&Block], status: Option<String>, width: u16, height: u16, color: bool) -> Vec<String> {
    let space = usize::from(height).saturating_sub(1 + usize::from(status.is_some()));
    let fitting = how_many_fit(blocks, space);
    let left_out = blocks.len() - fitting;
    let wanted: Vec<usize> = blocks[..fitting].iter().map(|block| block.rows.len()).collect();
    let rows = space.saturating_sub(fitting * FRAME_LINES + usize::from(left_out > 0));
    let mut lines = Vec::new();
    for (block, budget) in blocks.iter().zip(share(rows, &wanted)) {
        lines.extend(block.lines(budget, Some(width), color));
    }
    if left_out > 0 && space > 0 {
        lines.push(format!("… {left_out} more, which a higher window would show"));
    }
    lines.extend(status);
    lines
}

/// How many of the blocks, from the first on, can be shown so that each says something.
fn how_many_fit(blocks: &[&Block], space: usize) -> usize {
    let least = |block: &&Block| FRAME_LINES + block.rows.len().min(ROWS_MIN);
    if blocks.iter().map(least).sum::<usize>() <= space {
        return blocks.len();
    }
    // One line says how many are left out.
    let space = space.saturating_sub(1);
    let mut used = 0;
    let fitting = blocks.iter().take_while(|block| {
        used += least(block);
        used <= space
    });
    match fitting.count() {
        0 if space > FRAME_LINES => blocks.len().min(1),
        fitting => fitting,
    }
}

/// Cuts `space` into parts, none larger than wanted: small wishes are met in full, the others get equal parts.
fn share(space: usize, wanted: &[usize]) -> Vec<usize> {
    let mut parts = vec![0; wanted.len()];
    let mut smallest_first: Vec<usize> = (0..wanted.len()).collect();
    smallest_first.sort_by_key(|at| wanted[*at]);
    let mut left = space;
    for (met, at) in smallest_first.into_iter().enumerate() {
        parts[at] = wanted[at].min(left / (wanted.len() - met));
        left -= parts[at];
    }
    parts
}

/// What to write so that `lines` stand where `drawn` lines stood before; the cursor is below those, and then below these.
pub(super) fn redraw(drawn: usize, lines: &[String]) -> String {
    let mut codes = String::from("\x1b[?2026h\x1b[?7l");
    up(&mut codes, drawn);
    for line in lines {
        codes.push_str(line);
        codes.push_str("\x1b[K\r\n");
    }
    codes.push_str("\x1b[J\x1b[?7h\x1b[?2026l");
    codes
}

/// What to write so that the `drawn` lines above the cursor are gone.
pub(super) fn erase(drawn: usize) -> String {
    let mut codes = String::new();
    up(&mut codes, drawn);
    codes.push_str("\x1b[J");
    codes
}

fn up(codes: &mut String, lines: usize) {
    codes.push('\r');
    if lines > 0 {
        // Writing into a string cannot fail.
        let _ = write!(codes, "\x1b[{lines}A");
    }
}

#[cfg(test)]
mod tests {
    use super::super::block::tests::block;
    use super::*;

    #[test]
    fn space_is_shared_fairly() {
        assert_eq!(share(10, &[3, 100, 100]), [3, 3, 4]);
        assert_eq!(share(10, &[100, 2]), [8, 2]);
        assert_eq!(share(10, &[1, 2]), [1, 2]);
        assert_eq!(share(0, &[1, 2]), [0, 0]);
        assert!(share(5, &[]).is_empty());
    }

    #[test]
    fn an_area_never_outgrows_the_window() {
        let blocks = [block("a", 50), block("b", 2), block("c", 50)];
        let blocks: Vec<&Block> = blocks.iter().collect();
        for height in 0..80 {
            for status in [None, Some("status".to_owned())] {
                let lines = compose(&blocks, status.clone(), 80, height, false);
                let room = usize::from(height).saturating_sub(1).max(usize::from(status.is_some()));
                assert!(lines.len() <= room, "{} lines at height {height}", lines.len());
            }
        }
        let lines = compose(&blocks, Some("status".into()), 80, 40, false);
        assert_eq!(lines.len(), 39);
        assert_eq!(lines.last().unwrap(), "status");
        let lines = compose(&blocks, Some("status".into()), 80, 20, false);
        assert!(lines.contains(&"… 1 more, which a higher window would show".to_owned()), "{lines:?}");
        assert!(lines[0].contains("3 of 50 rows") && lines.iter().any(|line| line.starts_with("b ·")), "{lines:?}");
        assert_eq!(compose(&blocks, None, 80, 9, false)[0], "a · epoch 3 · 1 of 50 rows");
    }

    #[test]
    fn drawing_again_starts_where_the_first_line_stood() {
        let lines = ["one".to_owned(), "two".to_owned()];
        assert_eq!(redraw(0, &lines), "\x1b[?2026h\x1b[?7l\rone\x1b[K\r\ntwo\x1b[K\r\n\x1b[J\x1b[?7h\x1b[?2026l");
        assert!(redraw(2, &lines).contains("\r\x1b[2Aone"));
        assert_eq!(erase(2), "\r\x1b[2A\x1b[J");
    }
}
