//! Where source and sink connect to: brokers, security and options, as written and resolved.

use std::path::PathBuf;

use engine::connector::{CheckContext, ConnectContext, ConnectorError};
use engine::diagnostic::{Code, Span};
use engine::digest::Digest;
use engine::spec::{Entry, Key, Kind, Text, Variables};
use rdkafka::ClientConfig;

use crate::topic_log::{NAME_HINT, Topics, embedded_name_problem, name_problem};

use super::brokers::{BROKERS_HINT, brokers_problem};
use super::options;
use super::security::{self, SECURITY};

/// The word that stands for the local topic log.
pub(super) const EMBEDDED: &str = "embedded";

/// `brokers:`
pub(super) const BROKERS: Key = Key::default(
    "brokers",
    Kind::Text,
    EMBEDDED,
    "brokers to begin with, as `host:9092,host:9092`; `embedded` is the local topic log",
);

/// Where to connect to, as written.
#[derive(Clone, Debug)]
pub(super) struct Connection {
    brokers: Text,
    security: Option<Entry>,
    options: Vec<(String, Text)>,
    /// Relative paths start here.
    folder: PathBuf,
}

/// Where to connect to, with all variables resolved.
pub(super) enum Endpoint {
    /// The local topic log.
    Embedded(Topics),
    /// Real brokers.
    Cluster(Cluster),
}

/// Real brokers and what every client of them is configured with.
#[derive(Clone)]
pub(super) struct Cluster {
    /// The brokers, for messages.
    pub(super) brokers: String,
    /// Holds secrets: it has no way into messages.
    pub(super) config: ClientConfig,
}

impl Connection {
    /// Reads the shared keys of an entry.
    pub(super) fn check(entry: &Entry, context: &mut CheckContext<'_>) -> Option<Self> {
        let options = options::check(entry, context);
        let security = entry.group_if(SECURITY.name);
        let mut sound = security.is_none_or(|security| security::check(security, context));
        let brokers = entry.text(BROKERS.name);
        if let Some(problem) = brokers.resolve(context.variables).ok().and_then(|brokers| brokers_problem(&brokers)) {
            context.diagnostics.error(Code::BadValue, entry.span_of(BROKERS.name), problem).hint(BROKERS_HINT);
            sound = false;
        }
        let options = options?;
        sound.then(|| Self { brokers, security: security.cloned(), options, folder: context.folder.to_owned() })
    }

    /// A connection with options only, for the command line.
    pub(super) fn plain(brokers: &str, options: &[(String, String)]) -> Self {
        let options = options.iter().map(|(name, value)| (name.clone(), Text::literal(value))).collect();
        Self { brokers: Text::literal(brokers), security: None, options, folder: PathBuf::new() }
    }

    /// The brokers as written, for messages.
    pub(super) fn describe(&self) -> String {
        self.brokers.to_string()
    }

    /// The name of a topic here; `key` is where it stands.
    ///
    /// # Errors
    /// A variable has no value, or it is no topic's name.
    pub(super) fn topic(&self, topic: &Text, key: &str, variables: &Variables) -> Result<String, ConnectorError> {
        let topic = topic.resolve(variables)?;
        match topic_problem(&topic, self.is_embedded(variables)) {
            Some(problem) => Err(ConnectorError::unusable(format!("`{key}`: {problem}"), NAME_HINT)),
            None => Ok(topic),
        }
    }

    /// Whether these variables make it the embedded log.
    pub(super) fn is_embedded(&self, variables: &Variables) -> bool {
        self.brokers.resolve(variables).is_ok_and(|brokers| brokers.trim() == EMBEDDED)
    }

    /// Resolves all variables.
    ///
    /// # Errors
    /// The first one that has no value.
    pub(super) fn resolve(&self, context: &ConnectContext) -> Result<Endpoint, ConnectorError> {
        let variables = &context.variables;
        let brokers = self.brokers.resolve(variables)?;
        if brokers.trim() == EMBEDDED {
            return Ok(Endpoint::Embedded(Topics::below(&context.state_root)));
        }
        if let Some(problem) = brokers_problem(&brokers) {
            return Err(ConnectorError::unusable(problem, BROKERS_HINT));
        }
        Ok(Endpoint::Cluster(self.cluster(brokers.trim(), variables, &context.name)?))
    }

    /// Tells the brokers, and how they are spoken to, from others: the same text for two connections just if one client can serve both.
    /// `None` for the embedded log, and where variables have no value. No secret can be read from it.
    pub(super) fn identity(&self, variables: &Variables) -> Option<String> {
        let brokers = self.brokers.resolve(variables).ok().filter(|brokers| brokers.trim() != EMBEDDED)?;
        let cluster = self.cluster(brokers.trim(), variables, "").ok()?;
        let mut settings = Digest::default();
        for name in cluster.config.config_map().keys() {
            // The map itself withholds secrets.
            let value = cluster.config.get(name).unwrap_or_default();
            settings.add(format!("{name}\0{value}").as_bytes(), 1);
        }
        Some(format!("kafka {settings}"))
    }

    fn cluster(&self, brokers: &str, variables: &Variables, client: &str) -> Result<Cluster, ConnectorError> {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", brokers).set("client.id", format!("flowctl-{client}"));
        config.set("allow.auto.create.topics", "false").set("reconnect.backoff.max.ms", "5000");
        for (name, value) in &self.options {
            config.set(name, value.resolve(variables)?);
        }
        if let Some(security) = &self.security {
            security::apply(security, variables, &self.folder, &mut config)?;
        }
        Ok(Cluster { brokers: brokers.to_owned(), config })
    }
}

/// Reports a topic of `entry` that can have no such name; one with variables that are not known yet is left to the opening.
pub(super) fn check_topic(topic: &Text, span: Span, entry: &Entry, context: &mut CheckContext<'_>) -> bool {
    let brokers = entry.text(BROKERS.name).resolve(context.variables);
    let embedded = brokers.is_ok_and(|brokers| brokers.trim() == EMBEDDED);
    let problem = topic.resolve(context.variables).ok().and_then(|topic| topic_problem(&topic, embedded));
    if let Some(problem) = &problem {
        context.diagnostics.error(Code::BadName, span, problem).hint(NAME_HINT);
    }
    problem.is_none()
}

fn topic_problem(topic: &str, embedded: bool) -> Option<String> {
    if embedded { embedded_name_problem(topic) } else { name_problem(topic) }
}
