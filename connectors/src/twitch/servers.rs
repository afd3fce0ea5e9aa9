//! Which servers `api` and `auth` name, and what is wrong with the keys that they need; no network.

use engine::connector::CheckContext;
use engine::diagnostic::Code;
use engine::spec::Entry;
use reqwest::Url;

use crate::http::{HttpError, address};

const TWITCH_API: &str = "https://api.twitch.tv/helix";
const TWITCH_AUTH: &str = "https://id.twitch.tv/oauth2";
/// What to write for `api`.
const API_FORMS: &str =
    "write `embedded`, `twitch`, or the base of a server that speaks Helix, as http://127.0.0.1:8080/helix";
/// What to write for `auth`.
const AUTH_FORMS: &str = "write the base of an OAuth server, as https://id.twitch.tv/oauth2, or leave the key out";
/// Where the credentials come from.
pub(super) const CREDENTIALS_HINT: &str = "register an application at https://dev.twitch.tv/console and give its id and secret (a simulator takes any), or write `api: embedded`";

/// What `api` names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Api {
    /// The simulator, started beside the source.
    Embedded,
    /// A server that speaks Helix.
    Server(Url),
}

impl Api {
    /// Reads a value of `api`.
    ///
    /// # Errors
    /// It is neither of the two words and no address.
    pub(super) fn read(text: &str) -> Result<Self, HttpError> {
        match text {
            "embedded" => Ok(Self::Embedded),
            "twitch" => address(TWITCH_API).map(Self::Server),
            other => address(other).map(Self::Server).map_err(|error| {
                HttpError::Unusable(format!("`api` is neither `embedded` nor `twitch`, and no address: {error}"))
            }),
        }
    }
}

/// The OAuth server that belongs to `api`: the one that `auth` names, else Twitch's own for Twitch, and `/oauth2` on the same origin for
/// every other server, so that no secret goes to a server that nobody named.
///
/// # Errors
/// `auth` is no address.
pub(super) fn auth_of(api: &Url, auth: &str) -> Result<Url, HttpError> {
    if !auth.is_empty() {
        return address(auth).map_err(|error| HttpError::Unusable(format!("`auth` is no address: {error}")));
    }
    if api.host_str() == Some("api.twitch.tv") {
        return address(TWITCH_AUTH);
    }
    let mut origin = api.clone();
    origin.set_path("/oauth2");
    origin.set_query(None);
    origin.set_fragment(None);
    Ok(origin)
}

/// Reports what is wrong with `api`, `auth` and the credentials; values with variables that are not known yet are left to the opening.
pub(super) fn check(entry: &Entry, context: &mut CheckContext<'_>) -> bool {
    let variables = context.variables;
    let mut problems = Vec::new();
    let auth = entry.text_if("auth").map(|auth| auth.resolve(variables));
    if let Some(Ok(auth)) = auth.filter(|auth| auth.as_ref().is_ok_and(|auth| !auth.is_empty()))
        && let Err(error) = address(&auth)
    {
        problems.push((Code::BadValue, "auth", format!("`auth` is no address: {error}"), AUTH_FORMS));
    }
    match entry.text("api").resolve(variables).ok().map(|api| (Api::read(&api), api)) {
        Some((Err(error), _)) => problems.push((Code::BadValue, "api", error.to_string(), API_FORMS)),
        Some((Ok(Api::Server(_)), api)) => {
            let id = entry.text_if("client_id").map(|id| id.resolve(variables));
            let secret = entry.secret_if("client_secret").map(|secret| secret.reveal(variables));
            for (key, value) in [("client_id", id), ("client_secret", secret)] {
                let (message, at) = match value {
                    None => (format!("`api: {api}` needs `{key}`"), "api"),
                    Some(Ok(value)) if value.is_empty() => {
                        (format!("`{key}` is empty, and `api: {api}` needs it"), key)
                    }
                    Some(_) => continue,
                };
                problems.push((Code::MissingKey, at, message, CREDENTIALS_HINT));
            }
        }
        Some((Ok(Api::Embedded), _)) | None => {}
    }
    for (code, key, message, hint) in &problems {
        context.diagnostics.error(*code, entry.span_of(key), message).hint(*hint);
    }
    problems.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn auth(api: &str, auth: &str) -> String {
        let Ok(Api::Server(api)) = Api::read(api) else { panic!("{api} is no server") };
        auth_of(&api, auth).map_or_else(|error| error.to_string(), String::from)
    }

    #[test]
    fn a_secret_goes_to_the_origin_of_the_api_unless_another_is_named() {
        assert_eq!(auth("twitch", ""), TWITCH_AUTH);
        assert_eq!(auth("https://api.twitch.tv/helix", ""), TWITCH_AUTH);
        assert_eq!(auth("http://127.0.0.1:8080/helix", ""), "http://127.0.0.1:8080/oauth2");
        assert_eq!(auth("http://127.0.0.1:8080", ""), "http://127.0.0.1:8080/oauth2");
        assert_eq!(auth("https://proxy.example/a/helix?x=1", ""), "https://proxy.example/oauth2");
        assert_eq!(auth("https://proxy.example/helix", "https://id.example/o"), "https://id.example/o");
        assert!(auth("twitch", "ftp://x").contains("`auth`"));
    }

    #[test]
    fn words_and_addresses_are_read() {
        assert_eq!(Api::read("embedded").expect("a word"), Api::Embedded);
        for wrong in ["foo", "", "Embedded", "ftp://host/helix"] {
            let error = Api::read(wrong).expect_err(wrong).to_string();
            assert!(error.contains("neither `embedded` nor `twitch`"), "{error}");
        }
    }
}
