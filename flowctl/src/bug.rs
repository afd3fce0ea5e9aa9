//! A panic is our bug, and says so.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::io::Write;
use std::panic::PanicHookInfo;
use std::thread;

use connectors::console::neutralise;

use crate::exit;

/// Makes every panic, in whatever thread, end the process with the exit code of a bug.
pub(crate) fn report_panics() {
    std::panic::set_hook(Box::new(|info| {
        let backtrace = Backtrace::capture();
        let mut text = describe(&what(info), &place(info), thread::current().name().unwrap_or("?"));
        if backtrace.status() == BacktraceStatus::Captured {
            text.push_str(&format!("{backtrace}\n"));
        }
        // Not through the screen: the panicking thread may hold it.
        let _ = std::io::stderr().write_all(text.as_bytes());
        signal_hook::low_level::exit(i32::from(exit::BUG));
    }));
}

fn what(info: &PanicHookInfo<'_>) -> String {
    let payload = info.payload();
    let text = payload.downcast_ref::<&str>().copied().or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("no message").to_owned()
}

fn place(info: &PanicHookInfo<'_>) -> String {
    info.location().map_or_else(|| "unknown place".to_owned(), ToString::to_string)
}

fn describe(what: &str, place: &str, thread: &str) -> String {
    format!(
        "\nflowctl: this is a bug in flowctl, not in your pipeline\n  \
         what:  {}\n  \
         where: {place}, thread `{thread}`, flowctl {} on {} {}\n  \
         Please send these lines and the pipeline's YAML files, without secrets, to {}/issues.\n  \
         RUST_BACKTRACE=1 adds more detail. What was committed stays committed: starting again is safe.\n",
        neutralise(what),
        env!("CARGO_PKG_VERSION"),
        std::env::consts::OS,
        std::env::consts::ARCH,
        env!("CARGO_PKG_REPOSITORY"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bug_says_whose_it_is_and_what_to_send() {
        let text = describe("index \u{1b}[2J out of range", "a.rs:1:2", "worker 0");
        for part in
            ["bug in flowctl", "index \\u{1b}[2J out", "a.rs:1:2, thread `worker 0`", "/issues", "without secrets"]
        {
            assert!(text.contains(part), "{part}: {text}");
        }
    }
}
