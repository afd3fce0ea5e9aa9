//! What interrupts do: the first asks the run to end, the second ends the process.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread;

use engine::connector::StopFlag;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;
use signal_hook::iterator::Signals;
use tracing::info;

use crate::exit::{FAILED, Failure};

/// The exit code of a process that was interrupted twice.
const INTERRUPTED: i32 = 130;

/// A flag that SIGINT and SIGTERM set. A second signal exits at once, whatever the process is waiting for.
pub(crate) fn stop_on_signals() -> Result<StopFlag, Failure> {
    let stop = StopFlag::default();
    listen(stop.clone()).map_err(|error| Failure::new(FAILED, format!("cannot listen for signals: {error}"), ""))?;
    Ok(stop)
}

fn listen(stop: StopFlag) -> std::io::Result<()> {
    let asked_before = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        // In this order: the first signal finds the flag unset and sets it, the second finds it set.
        flag::register_conditional_shutdown(signal, INTERRUPTED, asked_before.clone())?;
        flag::register(signal, asked_before.clone())?;
    }
    let mut signals = Signals::new([SIGINT, SIGTERM])?;
    thread::Builder::new().name("signals".into()).spawn(move || {
        for _ in signals.forever() {
            stop.set();
            info!("stopping; interrupt again to stop at once");
        }
    })?;
    Ok(())
}
