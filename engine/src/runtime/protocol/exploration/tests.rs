//! The protocol holds in every world, and no safeguard can be left out.

use super::mutation::{Bounds, Mutation, Rules};
use super::search::{Found, explore};

const SMALL: Bounds = Bounds { epochs: 3, crashes: 1, stops: 1, lost_replies: 1, checkpoints: 1 };

fn shown(found: &Found) -> String {
    let Found { worlds, actions, depth, violation } = found;
    let mut text = format!("{worlds} worlds, {actions} actions, at most {depth} deep");
    if let Some((why, way)) = violation {
        text += &format!("\nviolated: {why}");
        for (at, action) in way.iter().enumerate() {
            text += &format!("\n{:3}. {action:?}", at + 1);
        }
    }
    text
}

#[test]
fn small() {
    let found = explore(&Rules { bounds: SMALL, off: None });
    assert!(found.violation.is_none(), "{}", shown(&found));
    println!("{}", shown(&found));
}
