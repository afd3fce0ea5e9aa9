//! How a command that fails ends: what is said, and the exit code.

use std::fmt;
use std::process::ExitCode;

use engine::connector::ConnectorError;

use crate::message::on_its_own;

/// The outside world or the data's policy stopped the run.
pub(crate) const FAILED: u8 = 1;
/// The YAML or the command line is wrong.
pub(crate) const WRONG: u8 = 2;
/// A bug of flowctl.
pub(crate) const BUG: u8 = 70;
/// Another instance took over.
pub(crate) const FENCED: u8 = 75;

/// Why a command failed.
#[derive(Debug)]
pub(crate) struct Failure {
    code: u8,
    what: String,
    hint: String,
}

impl Failure {
    /// A failure with its exit code, what failed, and the remedy (which may be empty).
    pub(crate) fn new(code: u8, what: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { code, what: what.into(), hint: hint.into() }
    }

    /// The command line asks for something that does not exist.
    pub(crate) fn wrong(what: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::new(WRONG, what, hint)
    }

    /// The code that the process ends with.
    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(self.code)
    }
}

impl From<ConnectorError> for Failure {
    fn from(error: ConnectorError) -> Self {
        let code = match &error {
            ConnectorError::Fenced { .. } => FENCED,
            ConnectorError::Unusable { .. } => WRONG,
            ConnectorError::Refused { .. } | ConnectorError::Unavailable { .. } | ConnectorError::Diverged { .. } => {
                FAILED
            }
        };
        Self::new(code, error.to_string(), error.hint())
    }
}

/// Nothing at all if everything was said before; else whole lines.
impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.what.is_empty() {
            writeln!(f, "flowctl: error: {}", on_its_own(&self.what))?;
        }
        if !self.hint.is_empty() {
            writeln!(f, "  help: {}", on_its_own(&self.hint))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_name_the_thing_and_the_remedy() {
        let failure = Failure::from(ConnectorError::refused("topic `a\u{1b}[2J` is missing:\nlook", "create it"));
        let said = "flowctl: error: topic `a\\u{1b}[2J` is missing:\n    look\n  help: create it\n";
        assert_eq!(failure.to_string(), said);
        assert_eq!(failure.code, FAILED);
        assert_eq!(Failure::from(ConnectorError::unusable("no `url`", "")).code, WRONG);
        let fenced = ConnectorError::Fenced { what: "taken over".into(), hint: String::new() };
        assert_eq!(Failure::from(fenced).code, FENCED);
    }
}
