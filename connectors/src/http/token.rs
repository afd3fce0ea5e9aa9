//! The OAuth client-credentials grant (RFC 6749 §4.4): asks for tokens, keeps the current one, renews it in time.

use std::fmt;
use std::time::{Duration, Instant};

use engine::spec::{Secret, Variables};
use reqwest::Url;
use reqwest::header::HeaderValue;
use serde::Deserialize;
use tokio::sync::Mutex;

use super::backoff::Backoff;
use super::error::{HttpError, quote};
use super::transport::{Reply, address, connections, send};

/// A token is renewed when less than this, or less than a tenth of its life, is left.
const EARLY: Duration = Duration::from_secs(48 * 3600);
/// Twitch wants sessions to validate their token this often.
const VALIDATE_EVERY: Duration = Duration::from_secs(3600);
/// The longest life that is believed.
const LIFE_MAX: u64 = 10 * 365 * 86_400;
const BODY_MAX: usize = 64 * 1024;

/// Who we are, for an authorization server.
#[derive(Clone, Debug)]
pub struct ClientCredentials {
    /// The base of its endpoints, as `https://id.twitch.tv/oauth2`; tokens come from `/token` below it.
    pub auth_url: String,
    /// The client's id.
    pub client_id: String,
    /// The client's secret, revealed for each request anew.
    pub client_secret: Secret,
    /// For revealing it.
    pub variables: Variables,
}

/// Holds the current token. Whoever needs one while it is being asked for waits for that one answer.
pub(super) struct TokenKeeper {
    credentials: ClientCredentials,
    url: Url,
    http: reqwest::Client,
    backoff: Backoff,
    current: Mutex<Option<Token>>,
}

struct Token {
    text: String,
    issued: Instant,
    life: Duration,
    validated: Instant,
}

/// A token in the form in which it is sent.
#[derive(Clone)]
pub(super) struct Bearer {
    pub(super) header: HeaderValue,
    pub(super) text: String,
}

#[derive(Deserialize)]
struct Granted {
    access_token: String,
    #[serde(default)]
    expires_in: Option<u64>,
}

impl TokenKeeper {
    pub(super) fn new(credentials: ClientCredentials, backoff: Backoff, timeout: Duration) -> Result<Self, HttpError> {
        let url = address(&credentials.auth_url)?;
        let http = connections(&url, timeout)?;
        Ok(Self { credentials, url, http, backoff, current: Mutex::new(None) })
    }

    pub(super) fn client_id(&self) -> &str {
        &self.credentials.client_id
    }

    /// The current token, or a new one if that is old, unknown to the server or missing.
    pub(super) async fn bearer(&self) -> Result<Bearer, HttpError> {
        let mut current = self.current.lock().await;
        let usable = match current.as_mut() {
            Some(token) => !token.is_old(Instant::now()) && self.is_valid(token).await,
            None => false,
        };
        if !usable {
            *current = Some(self.ask().await?);
        }
        current.as_ref().map_or_else(|| unreachable!("it was set above"), Token::bearer)
    }

    /// The server refused `refused`: it is forgotten, unless another has taken its place already.
    pub(super) async fn forget(&self, refused: &Bearer) {
        let mut current = self.current.lock().await;
        if current.as_ref().is_some_and(|token| token.text == refused.text) {
            *current = None;
        }
    }

    /// Asks the server, once an hour, whether it still knows the token. No answer counts as yes.
    async fn is_valid(&self, token: &mut Token) -> bool {
        if token.validated.elapsed() < VALIDATE_EVERY {
            return true;
        }
        token.validated = Instant::now();
        let Ok(bearer) = token.bearer() else { return false };
        let request = self.http.get(endpoint(&self.url, "validate")).header("authorization", bearer.header);
        send(request, BODY_MAX).await.map_or(true, |reply| reply.status != 401)
    }

    async fn ask(&self) -> Result<Token, HttpError> {
        let secret = self
            .credentials
            .client_secret
            .reveal(&self.credentials.variables)
            .map_err(|missing| HttpError::Unusable(missing.to_string()))?;
        let form = [
            ("client_id", self.credentials.client_id.as_str()),
            ("client_secret", secret.as_str()),
            ("grant_type", "client_credentials"),
        ];
        let call = format!("POST {}", endpoint(&self.url, "token"));
        let mut attempts = 0;
        loop {
            let last = match send(self.http.post(endpoint(&self.url, "token")).form(&form), BODY_MAX).await {
                Ok(reply) => match self.read(&reply, &secret)? {
                    Ok(token) => return Ok(token),
                    Err(last) => last,
                },
                Err(last) => last,
            };
            attempts += 1;
            if attempts > self.backoff.retries {
                return Err(HttpError::Exhausted { call, attempts, last });
            }
            tokio::time::sleep(self.backoff.wait(attempts - 1)).await;
        }
    }

    /// A token, a reason to try again, or a refusal.
    fn read(&self, reply: &Reply, secret: &str) -> Result<Result<Token, String>, HttpError> {
        let words = || quote(&message(&reply.body), &[secret]);
        match reply.status {
            200 => Ok(serde_json::from_slice::<Granted>(&reply.body)
                .map(Token::new)
                .map_err(|_| "the reply is not a token".to_owned())),
            408 | 429 | 500..=599 => Ok(Err(format!("{}: {}", reply.status, words()))),
            status => Err(HttpError::Credentials {
                server: endpoint(&self.url, "token").to_string(),
                message: format!("{status}: {}", words()),
            }),
        }
    }
}

impl Token {
    fn new(granted: Granted) -> Self {
        let now = Instant::now();
        let life = Duration::from_secs(granted.expires_in.unwrap_or(LIFE_MAX).min(LIFE_MAX));
        Self { text: granted.access_token, issued: now, life, validated: now }
    }

    fn is_old(&self, now: Instant) -> bool {
        let age = now.saturating_duration_since(self.issued);
        self.life.saturating_sub(age) <= EARLY.min(self.life / 10)
    }

    fn bearer(&self) -> Result<Bearer, HttpError> {
        let mut header = HeaderValue::from_str(&format!("Bearer {}", self.text)).map_err(|_| {
            HttpError::Unusable("the authorization server gave a token that no header can carry".into())
        })?;
        header.set_sensitive(true);
        Ok(Bearer { header, text: self.text.clone() })
    }
}

/// The endpoint of this name below a base.
pub(super) fn endpoint(base: &Url, name: &str) -> Url {
    let mut url = base.clone();
    url.set_path(&format!("{}/{}", base.path().trim_end_matches('/'), name.trim_start_matches('/')));
    url
}

/// What a server says is wrong: the `message` of a JSON body, or the body.
pub(super) fn message(body: &[u8]) -> String {
    #[derive(Deserialize)]
    struct Said {
        message: String,
    }
    serde_json::from_slice::<Said>(body)
        .map_or_else(|_| String::from_utf8_lossy(&body[..body.len().min(1000)]).into_owned(), |said| said.message)
}

impl fmt::Debug for TokenKeeper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TokenKeeper({})", self.url)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_old_in_its_last_tenth_or_two_days() {
        let token = |life| Token::new(Granted { access_token: "t".into(), expires_in: Some(life) });
        let short = token(30);
        assert!(!short.is_old(short.issued + Duration::from_secs(26)));
        assert!(short.is_old(short.issued + Duration::from_secs(27)));
        let long = token(5_011_271);
        assert!(!long.is_old(long.issued + Duration::from_secs(5_011_271 - 48 * 3600 - 1)));
        assert!(long.is_old(long.issued + Duration::from_secs(5_011_271 - 48 * 3600)));
        assert!(token(0).is_old(Instant::now()));
    }

    #[test]
    fn endpoints_lie_below_the_base() {
        let at = |base: &str| endpoint(&Url::parse(base).expect("an address"), "/token").to_string();
        assert_eq!(at("https://id.twitch.tv/oauth2"), "https://id.twitch.tv/oauth2/token");
        assert_eq!(at("https://id.twitch.tv/oauth2/"), "https://id.twitch.tv/oauth2/token");
        assert_eq!(at("http://localhost:1"), "http://localhost:1/token");
    }

    #[test]
    fn a_bearer_is_not_shown() {
        let token = Token::new(Granted { access_token: "hunter2".into(), expires_in: None });
        assert!(!format!("{:?}", token.bearer().expect("a header").header).contains("hunter2"));
    }
}
