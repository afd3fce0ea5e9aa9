//! What interrupts do: the first asks the run to end, the second ends the process.

use std::thread;
use std::time::{Duration, Instant};

use engine::connector::StopFlag;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use signal_hook::low_level;
use tracing::info;

use crate::exit::{FAILED, Failure};

/// The exit code of a process that was interrupted twice.
const INTERRUPTED: i32 = 130;
/// Signals this close together are one: `timeout` sends one to the process and another to its group.
const TOGETHER: Duration = Duration::from_millis(250);

/// A flag that SIGINT and SIGTERM set. A second signal exits at once, whatever the process is waiting for.
pub(crate) fn stop_on_signals() -> Result<StopFlag, Failure> {
    let stop = StopFlag::default();
    listen(stop.clone()).map_err(|error| Failure::new(FAILED, format!("cannot listen for signals: {error}"), ""))?;
    Ok(stop)
}

fn listen(stop: StopFlag) -> std::io::Result<()> {
    let mut signals = Signals::new([SIGINT, SIGTERM])?;
    thread::Builder::new().name("signals".into()).spawn(move || {
        let mut asked: Option<Instant> = None;
        for _ in signals.forever() {
            match asked {
                None => {
                    asked = Some(Instant::now());
                    stop.set();
                    info!("stopping; interrupt again to stop at once");
                }
                Some(asked) if asked.elapsed() < TOGETHER => {}
                // Without the end of other threads, which may be what is waited for.
                Some(_) => low_level::exit(INTERRUPTED),
            }
        }
    })?;
    Ok(())
}
