//! `flowctl status`: what a pipeline's last run has said of itself.

use std::fmt::Write;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use connectors::REGISTRY;
use connectors::console::{grouped, neutralise};
use engine::runtime::{self, read_status};

use crate::exit::{FAILED, Failure};
use crate::form::{self, Form, ago};
use crate::message::on_its_own;
use crate::outcome::{balance, skipped};
use crate::pipeline::{Pipeline, Settings, StateFolder};
use crate::terminal::Terminal;

/// A run that is not heard of for this long has probably been killed.
const SILENCE: Duration = Duration::from_secs(30);

/// Show how a pipeline's run is doing, or how it ended
#[derive(Args, Debug)]
pub(crate) struct Status {
    /// The pipeline's YAML file
    file: PathBuf,
    /// How to write the status
    #[arg(long, value_name = "FORM", default_value = "table")]
    output: Form,
    #[command(flatten)]
    settings: Settings,
    #[command(flatten)]
    state: StateFolder,
}

impl Status {
    /// Prints the status.
    pub(crate) fn run(self, terminal: &Terminal) -> Result<(), Failure> {
        let variables = self.settings.variables();
        let plan = Pipeline::open(&self.file, None, &REGISTRY, &variables, terminal)?.plan;
        let Some(status) = read_status(&plan.state_folder(&self.state.root, &variables))? else {
            let what = format!("pipeline `{}` has no state in `{}`", plan.name, self.state.root.display());
            return Err(Failure::new(FAILED, what, "run it, or name its state folder with --state"));
        };
        terminal.print(&match self.output {
            Form::Table => describe(&status, form::age(status.written)),
            Form::Json => form::json(&status),
        })
    }
}

fn describe(status: &runtime::Status, age: Duration) -> String {
    let state = match (&status.failure, status.ended, age > SILENCE) {
        (Some(_), _, _) => "failed",
        (None, true, _) => "ended",
        (None, false, false) => "running",
        (None, false, true) => "not heard of; it may have been killed",
    };
    let mut text = format!(
        "{}: {state} (epoch {}, as of {} s ago)\n",
        neutralise(&status.pipeline),
        grouped(status.epoch),
        grouped(age.as_secs())
    );
    for (source, ledger) in &status.ledgers {
        let backlog = status.backlog.get(source).map_or(String::new(), |lag| format!("; lag {}", grouped(*lag)));
        // Writing into a string cannot fail, here and below.
        let _ = writeln!(text, "source {}: {}{backlog}", neutralise(source), balance(ledger));
    }
    for sink in &status.sinks {
        let _ = writeln!(text, "sink {}: epoch {}", neutralise(&sink.name), grouped(sink.committed));
    }
    if let Some(checkpoint) = &status.checkpoint {
        let _ = writeln!(text, "checkpoint: epoch {}, {}", grouped(checkpoint.epoch), ago(form::age(checkpoint.made)));
    }
    let _ = writeln!(text, "dead letters: {}", grouped(status.dead_letters));
    text.push_str(&skipped(status.skipped));
    if let Some(failure) = &status.failure {
        let _ = writeln!(text, "failure: {}", on_its_own(failure));
    }
    text
}

#[cfg(test)]
mod tests {
    use engine::ledger::Ledger;
    use engine::runtime::{CheckpointStatus, SinkStatus};

    use super::*;

    #[test]
    fn a_status_says_whether_the_run_lives() {
        let mut status = runtime::Status {
            pipeline: "p".into(),
            epoch: 1234,
            ledgers: [("s".to_owned(), Ledger { read: 5, used: 5, ..Ledger::default() })].into(),
            backlog: [("s".to_owned(), 7)].into(),
            sinks: vec![SinkStatus { name: "top".into(), committed: 1233 }],
            ..runtime::Status::default()
        };
        assert_eq!(
            describe(&status, Duration::from_secs(2)),
            "p: running (epoch 1,234, as of 2 s ago)\n\
             source s: read 5 = used 5 + filtered 0 + late 0 + dead_letter 0 + duplicate 0; lag 7\n\
             sink top: epoch 1,233\n\
             dead letters: 0\n"
        );
        assert!(describe(&status, Duration::from_secs(31)).starts_with("p: not heard of"));
        status.checkpoint = Some(CheckpointStatus { epoch: 1200, made: 0 });
        let text = describe(&status, Duration::ZERO);
        assert!(text.contains("\ncheckpoint: epoch 1,200, ") && text.contains(" days ago\n"), "{text}");
        status.ended = true;
        assert!(describe(&status, Duration::from_secs(31)).starts_with("p: ended"));
        (status.failure, status.skipped) = (Some("sink `top`: gone\u{1b}[2J".into()), 2);
        let failed = describe(&status, Duration::from_secs(31));
        assert!(failed.starts_with("p: failed (epoch 1,234"), "{failed}");
        let end = "dead letters: 0\n2 errors skipped, as `on_error: skip` asks\nfailure: sink `top`: gone\\u{1b}[2J\n";
        assert!(failed.ends_with(end), "{failed}");
    }
}
