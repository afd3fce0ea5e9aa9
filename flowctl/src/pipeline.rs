//! From a YAML file to a plan, with every problem shown on the way.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use engine::check::check;
use engine::connector::Registry;
use engine::plan::Plan;
use engine::spec::{Loaded, Mode, PipelineSpec, Variables, load};

use crate::exit::{Failure, WRONG};
use crate::pipeline_file::read_file;
use crate::report::report;
use crate::terminal::Terminal;

/// The options of every command that reads a pipeline.
#[derive(Args, Clone, Debug)]
pub(crate) struct Settings {
    /// Set a variable of the YAML; wins over the environment
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = assignment)]
    set: Vec<(String, String)>,
}

/// The option of every command that looks at state.
#[derive(Args, Clone, Debug)]
pub(crate) struct StateFolder {
    /// Where all state lives: journals, embedded topics, SQLite files
    #[arg(long = "state", value_name = "DIR", default_value = ".flowctl")]
    pub(crate) root: PathBuf,
}

impl Settings {
    /// The environment, and what was set over it.
    pub(crate) fn variables(&self) -> Variables {
        let text = |(name, value): (OsString, OsString)| Some((name.into_string().ok()?, value.into_string().ok()?));
        Variables::new(std::env::vars_os().filter_map(text)).with(self.set.iter().cloned())
    }
}

/// A command line's `NAME=VALUE`.
pub(crate) fn assignment(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("expected NAME=VALUE".to_owned()),
    }
}

/// A pipeline that can be run.
pub(crate) struct Pipeline {
    /// As written.
    pub(crate) spec: PipelineSpec,
    /// As understood.
    pub(crate) plan: Arc<Plan>,
}

impl Pipeline {
    /// Loads and checks a file, and shows what is wrong with it. `mode` wins over the file's.
    pub(crate) fn open(
        path: &Path,
        mode: Option<Mode>,
        registry: &Registry,
        variables: &Variables,
        terminal: &Terminal,
    ) -> Result<Self, Failure> {
        let Loaded { files, spec, mut diagnostics } = load(path, &read_file, variables);
        let checked = spec.and_then(|mut spec| {
            spec.mode = mode.unwrap_or(spec.mode);
            let plan = check(&spec, &files, registry, variables, &mut diagnostics)?;
            Some(Self { spec, plan: Arc::new(plan) })
        });
        diagnostics.conceal_values(&files, |name| variables.get(name));
        terminal.say(&report(&diagnostics, &files, terminal.color));
        // The report has said everything.
        checked.filter(|_| !diagnostics.has_errors()).ok_or_else(|| Failure::new(WRONG, "", ""))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_set_wins_over_the_environment() {
        let set = vec![assignment("PATH=/nowhere").unwrap(), assignment("URL=a=b").unwrap()];
        let variables = Settings { set }.variables();
        assert_eq!((variables.get("PATH"), variables.get("URL")), (Some("/nowhere"), Some("a=b")));
        assert!(assignment("novalue").is_err() && assignment("=x").is_err());
    }
}
