//! What can go wrong outside.

/// A failure of the outside world, sorted by what the engine does about it.
///
/// Connectors retry by themselves what may pass (a lost broker, a deadlock), with back-off and a notice; what reaches the engine
/// stops the run. `what` names the thing (`topic \`streams\` on localhost:9092`), lower-case and without a full stop; `hint`
/// says what to do.
#[derive(Debug, thiserror::Error)]
pub enum ConnectorError {
    /// The outside refuses: credentials, a missing topic, a table of another shape. Trying again does not help.
    #[error("{what}")]
    Refused {
        /// What is refused, by whom, and why.
        what: String,
        /// The remedy.
        hint: String,
    },
    /// The outside cannot be reached, for longer than the connector waits.
    #[error("{what}")]
    Unavailable {
        /// What cannot be reached, and for how long it was tried.
        what: String,
        /// The remedy.
        hint: String,
    },
    /// What is outside is not what it was: offsets that are gone, a topic created anew, a marker from another state.
    #[error("{what}")]
    Diverged {
        /// What differs.
        what: String,
        /// The remedy.
        hint: String,
    },
    /// Another instance of this pipeline has taken over (exit code 75).
    #[error("{what}")]
    Fenced {
        /// Where it was noticed.
        what: String,
        /// The remedy.
        hint: String,
    },
    /// The configuration cannot be used, noticed only now (an unset variable, a bad URL); exit code 2.
    #[error("{what}")]
    Unusable {
        /// Which key, and why.
        what: String,
        /// The remedy.
        hint: String,
    },
}

impl ConnectorError {
    /// The outside refuses.
    pub fn refused(what: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::Refused { what: what.into(), hint: hint.into() }
    }

    /// The outside cannot be reached.
    pub fn unavailable(what: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::Unavailable { what: what.into(), hint: hint.into() }
    }

    /// What is outside is not what it was.
    pub fn diverged(what: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::Diverged { what: what.into(), hint: hint.into() }
    }

    /// The configuration cannot be used.
    pub fn unusable(what: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::Unusable { what: what.into(), hint: hint.into() }
    }

    /// The remedy.
    #[must_use]
    pub fn hint(&self) -> &str {
        match self {
            Self::Refused { hint, .. }
            | Self::Unavailable { hint, .. }
            | Self::Diverged { hint, .. }
            | Self::Fenced { hint, .. }
            | Self::Unusable { hint, .. } => hint,
        }
    }
}

impl From<crate::spec::MissingVariable> for ConnectorError {
    fn from(missing: crate::spec::MissingVariable) -> Self {
        let hint = format!("export {0}=…, or pass `--set {0}=…`", missing.0);
        Self::unusable(missing.to_string(), hint)
    }
}
