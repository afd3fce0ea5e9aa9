//! What tests arrange by the environment, in builds that can fail: `FLOWCTL_FAILPOINT=journal.sync=abort@2` lets a point fail,
//! `FLOWCTL_WITHOUT=journal.chain` leaves a safeguard out, and `FLOWCTL_CLOCK=-3600@2,31536000@5` lets the clock jump.

use std::str::FromStr;

use engine::clock::jumps;
use engine::failpoint::arm;
use engine::safeguard::leave_out;

/// Arranges what the environment names; a name that does not exist ends the process, so that no test passes by a slip.
pub(crate) fn arrange() {
    if let Some(arming) = read("FLOWCTL_FAILPOINT") {
        arm(parse("FLOWCTL_FAILPOINT", &arming));
    }
    if let Some(safeguards) = read("FLOWCTL_WITHOUT") {
        leave_out(safeguards.split(',').map(|safeguard| parse("FLOWCTL_WITHOUT", safeguard)).collect());
    }
    if let Some(text) = read("FLOWCTL_CLOCK") {
        jumps::plan(text.split(',').map(|jump| parse("FLOWCTL_CLOCK", jump)).collect());
    }
}

fn read(variable: &str) -> Option<String> {
    std::env::var(variable).ok()
}

fn parse<T: FromStr<Err = String>>(variable: &str, text: &str) -> T {
    match text.parse() {
        Ok(value) => value,
        Err(error) => panic!("{variable}: {error}"),
    }
}
