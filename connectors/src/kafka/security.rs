//! `security:`: how the connection is encrypted, and how to log in.

use std::fs::File;
use std::path::Path;

use engine::connector::{CheckContext, ConnectorError};
use engine::diagnostic::Code;
use engine::spec::{Entry, Key, Kind, Variables};
use rdkafka::ClientConfig;

/// `security:`
pub(super) const SECURITY: Key =
    Key::optional("security", Kind::Group(SECURITY_KEYS), "encryption and log-in; without it, plain text");

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

/// The keys that name files, and librdkafka's names for them.
const FILES: &[(&str, &str)] =
    &[("ca", "ssl.ca.location"), ("cert", "ssl.certificate.location"), ("key", "ssl.key.location")];

/// What to do about a file that cannot be read.
const FILE_HINT: &str = "name a PEM file that can be read; relative paths start at this YAML's folder";

/// Reports keys that lack their counterpart, and files that cannot be read; paths with variables that are not known yet are left to the
/// opening.
pub(super) fn check(security: &Entry, context: &mut CheckContext<'_>) -> bool {
    let mut sound = true;
    for (one, other) in [("username", "password"), ("password", "username"), ("cert", "key"), ("key", "cert")] {
        if security.has(one) && !security.has(other) {
            let message = format!("`{one}` needs `{other}` beside it");
            context.diagnostics.error(Code::MissingKey, security.span_of(one), message);
            sound = false;
        }
    }
    for (key, _) in FILES {
        let written = security.text_if(key).and_then(|path| path.resolve(context.variables).ok());
        if let Some(problem) = written.and_then(|written| file_problem(key, &written, context.folder)) {
            context.diagnostics.error(Code::MissingFile, security.span_of(key), problem).hint(FILE_HINT);
            sound = false;
        }
    }
    sound
}

fn file_problem(key: &str, written: &str, folder: &Path) -> Option<String> {
    if written.is_empty() {
        return Some(format!("`{key}` names no file"));
    }
    let path = folder.join(written);
    match File::open(&path).and_then(|file| file.metadata()) {
        Ok(found) if found.is_dir() => Some(format!("`{key}`: {} is a folder", path.display())),
        Ok(_) => None,
        Err(error) => Some(format!("`{key}`: {} cannot be read: {error}", path.display())),
    }
}

/// Sets what the keys ask for.
///
/// # Errors
/// A variable has no value, or a file cannot be read.
pub(super) fn apply(
    security: &Entry,
    variables: &Variables,
    folder: &Path,
    config: &mut ClientConfig,
) -> Result<(), ConnectorError> {
    let default = match (security.has("username"), security.has("ca") || security.has("cert")) {
        (true, _) => "sasl_ssl",
        (false, true) => "ssl",
        (false, false) => "plaintext",
    };
    let protocol = security.word_if("protocol").map_or(default.to_owned(), |protocol| protocol.value);
    config.set("security.protocol", protocol);
    for (key, option) in FILES {
        if let Some(path) = security.text_if(key) {
            let written = path.resolve(variables)?;
            if let Some(problem) = file_problem(key, &written, folder) {
                return Err(ConnectorError::unusable(problem, FILE_HINT));
            }
            config.set(*option, folder.join(written).to_string_lossy());
        }
    }
    if let (Some(username), Some(password)) = (security.text_if("username"), security.secret_if("password")) {
        config.set("sasl.mechanisms", security.word("mechanism").value);
        config.set("sasl.username", username.resolve(variables)?);
        config.set("sasl.password", password.reveal(variables)?);
    }
    Ok(())
}
