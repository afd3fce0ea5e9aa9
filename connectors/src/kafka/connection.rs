//! The keys that source and sink share: which brokers, how to prove oneself to them, and librdkafka's own options.

use std::path::PathBuf;

use engine::connector::{CheckContext, ConnectContext, ConnectorError};
use engine::diagnostic::Code;
use engine::spec::{Entry, Key, Kind, Text, Value, Variables};
use rdkafka::ClientConfig;

use crate::topic_log::Topics;

/// The word that stands for the local topic log.
pub(super) const EMBEDDED: &str = "embedded";

/// `brokers:`
pub(super) const BROKERS: Key = Key::default(
    "brokers",
    Kind::Text,
    EMBEDDED,
    "brokers to begin with, as `host:9092,host:9092`; `embedded` is the local topic log",
);
/// `security:`
pub(super) const SECURITY: Key =
    Key::optional("security", Kind::Group(SECURITY_KEYS), "encryption and log-in; without it, plain text");
/// `options:`
pub(super) const OPTIONS: Key =
    Key::optional("options", Kind::Map(&Kind::Text), "further options, passed on to librdkafka");

const SECURITY_KEYS: &[Key] = &[
    Key::optional(
        "protocol",
        Kind::Choice(&["plaintext", "ssl", "sasl_plaintext", "sasl_ssl"]),
        "default: `sasl_ssl` with a username, `ssl` with a certificate, else `plaintext`",
    ),
    Key::optional("ca", Kind::Text, "file with the certificates (PEM) of authorities to trust"),
    Key::optional("cert", Kind::Text, "file with the client's certificate (PEM)"),
    Key::optional("key", Kind::Text, "file with the client's private key (PEM)"),
    Key::default(
        "mechanism",
        Kind::Choice(&["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"]),
        "PLAIN",
        "how to log in with username and password",
    ),
    Key::optional("username", Kind::Text, "who logs in"),
    Key::optional("password", Kind::Secret, "with which password"),
];

/// Options on which promises rest, or that have a key of their own; with what to do instead.
const TAKEN_OPTIONS: &[(&str, &str)] = &[
    ("bootstrap.servers", "use `brokers:`"),
    ("metadata.broker.list", "use `brokers:`"),
    ("security.protocol", "use `security: { protocol }`"),
    ("sasl.mechanism", "use `security: { mechanism }`"),
    ("sasl.mechanisms", "use `security: { mechanism }`"),
    ("sasl.username", "use `security: { username }`"),
    ("sasl.password", "use `security: { password }`, which is kept secret"),
    ("group.id", "partitions are assigned by hand; no consumer group is used"),
    ("enable.auto.commit", "positions are kept in the pipeline's journal"),
    ("enable.auto.offset.store", "positions are kept in the pipeline's journal"),
    ("auto.offset.reset", "use `start:`; offsets that are gone stop the run"),
    ("isolation.level", "only committed records are read"),
    ("enable.partition.eof", "it is needed to find the end"),
    ("statistics.interval.ms", "it is needed to see outages and the backlog"),
    ("enable.idempotence", "it keeps records from being doubled"),
    ("acks", "it keeps records from being lost"),
    ("message.timeout.ms", "records wait for brokers as long as the run does"),
    ("allow.auto.create.topics", "a sink makes its topic; a source's must be there"),
    ("transactional.id", "epochs are committed without broker transactions"),
];

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
pub(super) struct Cluster {
    /// The brokers, for messages.
    pub(super) brokers: String,
    /// Holds secrets: it has no way into messages.
    pub(super) config: ClientConfig,
}

impl Connection {
    /// Reads the shared keys of an entry.
    pub(super) fn check(entry: &Entry, context: &mut CheckContext<'_>) -> Option<Self> {
        let mut sound = true;
        let mut options = Vec::new();
        for (name, value) in entry.map(OPTIONS.name) {
            if let Some((_, instead)) = TAKEN_OPTIONS.iter().find(|(taken, _)| *taken == name.value) {
                let message = format!("option `{}` cannot be set here", name.value);
                context.diagnostics.error(Code::Conflict, name.span, message).hint(*instead);
                sound = false;
            }
            if let Value::Text(text) = &value.value {
                options.push((name.value.clone(), text.clone()));
            }
        }
        let security = entry.group_if(SECURITY.name);
        if let Some(security) = security {
            for (one, other) in [("username", "password"), ("password", "username"), ("cert", "key"), ("key", "cert")] {
                if security.has(one) && !security.has(other) {
                    let message = format!("`{one}` needs `{other}` beside it");
                    context.diagnostics.error(Code::MissingKey, security.span_of(one), message);
                    sound = false;
                }
            }
        }
        sound.then(|| Self {
            brokers: entry.text(BROKERS.name),
            security: security.cloned(),
            options,
            folder: context.folder.to_owned(),
        })
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
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", brokers.trim()).set("client.id", format!("flowctl-{}", context.name));
        config.set("allow.auto.create.topics", "false").set("reconnect.backoff.max.ms", "5000");
        for (name, value) in &self.options {
            config.set(name, value.resolve(variables)?);
        }
        if let Some(security) = &self.security {
            self.secure(security, variables, &mut config)?;
        }
        Ok(Endpoint::Cluster(Cluster { brokers: brokers.trim().to_owned(), config }))
    }

    fn secure(&self, security: &Entry, variables: &Variables, config: &mut ClientConfig) -> Result<(), ConnectorError> {
        let default = match (security.has("username"), security.has("ca") || security.has("cert")) {
            (true, _) => "sasl_ssl",
            (false, true) => "ssl",
            (false, false) => "plaintext",
        };
        let protocol = security.word_if("protocol").map_or(default.to_owned(), |protocol| protocol.value);
        config.set("security.protocol", protocol);
        for (key, option) in
            [("ca", "ssl.ca.location"), ("cert", "ssl.certificate.location"), ("key", "ssl.key.location")]
        {
            if let Some(path) = security.text_if(key) {
                config.set(option, self.folder.join(path.resolve(variables)?).to_string_lossy());
            }
        }
        if let (Some(username), Some(password)) = (security.text_if("username"), security.secret_if("password")) {
            config.set("sasl.mechanisms", security.word("mechanism").value);
            config.set("sasl.username", username.resolve(variables)?);
            config.set("sasl.password", password.reveal(variables)?);
        }
        Ok(())
    }
}
