//! The shortest story that still fails.

use super::story::Story;

/// Leaves out whatever is not needed for a story to fail.
pub(super) fn shrink(story: &Story) -> Story {
    let mut shortest = story.clone();
    let fails = |story: &Story| story.tell().violation.is_some();
    let mut at = 0;
    while at < shortest.faults.len() {
        let mut shorter = shortest.clone();
        shorter.faults.remove(at);
        if fails(&shorter) {
            shortest = shorter;
        } else {
            at += 1;
        }
    }
    while shortest.starts > 2 {
        let mut shorter = shortest.clone();
        shorter.starts -= 1;
        // The last start is always without faults.
        shorter.faults.retain(|fault| fault.start + 1 < shorter.starts);
        if !fails(&shorter) {
            break;
        }
        shortest = shorter;
    }
    shortest
}
