//! Arms a failpoint for tests, in builds that have them: FLOWCTL_FAILPOINT=journal.sync=abort@2.

use engine::failpoint::{Arming, arm};

/// Arms what the environment names; a name that does not exist ends the process, so that no test passes by a slip.
pub(crate) fn arm_named() {
    let Ok(text) = std::env::var("FLOWCTL_FAILPOINT") else { return };
    match text.parse::<Arming>() {
        Ok(arming) => arm(arming),
        Err(error) => panic!("FLOWCTL_FAILPOINT: {error}"),
    }
}
