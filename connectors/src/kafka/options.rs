//! `options:`: settings that go to librdkafka as they are.

use engine::connector::CheckContext;
use engine::diagnostic::Code;
use engine::spec::{Entry, Key, Kind, Text, Value};
use rdkafka::ClientConfig;
use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaConfRes;

/// `options:`
pub(super) const OPTIONS: Key =
    Key::optional("options", Kind::Map(&Kind::Text), "further options, passed on to librdkafka");

/// Where librdkafka says what it takes.
pub(super) const OPTIONS_HINT: &str = "see librdkafka's CONFIGURATION.md for the options and their values";

/// To set this one is to load libraries into the process.
const PLUGINS: &str = "plugin.library.paths";

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
    ("log.connection.close", "what goes over a connection that was lost is looked at more closely"),
    ("enable.idempotence", "it keeps records from being doubled"),
    ("acks", "it keeps records from being lost"),
    ("message.timeout.ms", "records wait for brokers as long as the run does"),
    ("allow.auto.create.topics", "a sink makes its topic; a source's must be there"),
    (
        "transactional.id",
        "it is made of the pipeline's and its sinks' names, so that a new instance takes over from an old one",
    ),
];

/// Reads the options of an entry; `None` if one cannot be set. librdkafka itself says which names and values it knows.
pub(super) fn check(entry: &Entry, context: &mut CheckContext<'_>) -> Option<Vec<(String, Text)>> {
    let mut sound = true;
    let mut options = Vec::new();
    for (name, value) in entry.map(OPTIONS.name) {
        let Value::Text(text) = &value.value else { continue };
        options.push((name.value.clone(), text.clone()));
        if let Some((_, instead)) = TAKEN_OPTIONS.iter().find(|(taken, _)| *taken == name.value) {
            let message = format!("option `{}` cannot be set here", name.value);
            context.diagnostics.error(Code::Conflict, name.span, message).hint(*instead);
            sound = false;
        } else if let Some((code, message)) = problem(&name.value, text, context) {
            let span = if code == Code::UnknownKey { name.span } else { value.span };
            context.diagnostics.error(code, span, message).hint(OPTIONS_HINT);
            sound = false;
        }
    }
    sound.then_some(options)
}

/// What librdkafka says against an option, in its own words. A value whose variables are not known yet is left to the opening.
fn problem(name: &str, value: &Text, context: &CheckContext<'_>) -> Option<(Code, String)> {
    let value = value.resolve(context.variables).ok().filter(|_| name != PLUGINS)?;
    match ClientConfig::new().set(name, value).create_native_config() {
        Err(KafkaError::ClientConfig(RDKafkaConfRes::RD_KAFKA_CONF_UNKNOWN, ..)) => {
            Some((Code::UnknownKey, format!("librdkafka has no option `{name}`")))
        }
        Err(error) => Some((Code::BadValue, complaint(&error))),
        Ok(_) => None,
    }
}

/// An option that cannot be used, without its value: it may be secret.
pub(super) fn complaint(error: &KafkaError) -> String {
    match error {
        KafkaError::ClientConfig(_, description, key, value) => {
            let description = if value.is_empty() { description.clone() } else { description.replace(value, "…") };
            format!("option `{key}` cannot be used: {description}")
        }
        other => format!("no Kafka client can be made: {other}"),
    }
}
