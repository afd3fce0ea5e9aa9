//! Room on the stack for reading wrong text: the SQL parser goes deeper at some words than its own count says.

use std::panic::resume_unwind;
use std::thread;

/// Enough for the most tokens that an expression may have, each a level of the parser's largest frames. Only what is
/// touched takes memory.
const STACK_BYTES: usize = 128 * 1024 * 1024;

/// Runs `work` to its end on a stack of its own.
pub(super) fn on_deep_stack<R: Send>(work: impl FnOnce() -> R + Send) -> R {
    let mut waiting = Some(work);
    thread::scope(|scope| {
        let slot = &mut waiting;
        let run = move || slot.take().map(|work| work());
        match thread::Builder::new().stack_size(STACK_BYTES).spawn_scoped(scope, run) {
            Ok(running) => running.join().unwrap_or_else(|panic| resume_unwind(panic)),
            Err(_) => None,
        }
    })
    .or_else(|| waiting.map(|work| work()))
    .expect("the work runs on its own stack, or here if there was none")
}
