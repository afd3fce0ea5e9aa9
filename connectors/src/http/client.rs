//! Calls to one server: paced, authorized, retried.

use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use reqwest::Url;

use super::backoff::Backoff;
use super::budget::{Budget, RateLimit};
use super::error::{HttpError, quote};
use super::token::{Bearer, ClientCredentials, TokenKeeper, endpoint, message};
use super::transport::{Reply, address, connections, send};
use super::verdict::{Verdict, judge};

/// How a server is called.
#[derive(Clone, Debug)]
pub struct ClientSettings {
    /// The address that paths are appended to.
    pub base: String,
    /// How tokens are got; none if the server needs none.
    pub credentials: Option<ClientCredentials>,
    /// How many calls are made; none for as many as wanted.
    pub rate: Option<RateLimit>,
    /// How failures are retried.
    pub backoff: Backoff,
    /// The longest time from request to the end of the reply.
    pub timeout: Duration,
    /// The longest reply, in bytes after decompression.
    pub body_max: usize,
}

impl ClientSettings {
    /// Settings for a server: no credentials, no pace, the usual retries, 30 seconds, 8 MiB.
    pub fn new(base: impl Into<String>) -> Self {
        Self {
            base: base.into(),
            credentials: None,
            rate: None,
            backoff: Backoff::default(),
            timeout: Duration::from_secs(30),
            body_max: 8 << 20,
        }
    }
}

/// A client of one server, for use by any number of tasks at once.
pub struct Client {
    settings: ClientSettings,
    url: Url,
    http: reqwest::Client,
    tokens: Option<TokenKeeper>,
    budget: Option<Mutex<Budget>>,
}

impl Client {
    /// A client; nothing is sent yet.
    ///
    /// # Errors
    /// An address cannot be used.
    pub fn new(settings: ClientSettings) -> Result<Self, HttpError> {
        let url = address(&settings.base)?;
        let http = connections(&url, settings.timeout)?;
        let keeper = |credentials| TokenKeeper::new(credentials, settings.backoff, settings.timeout);
        let tokens = settings.credentials.clone().map(keeper).transpose()?;
        let budget = settings.rate.map(|limit| Mutex::new(Budget::new(limit, Instant::now())));
        Ok(Self { settings, url, http, tokens, budget })
    }

    /// Gets the first token, if the server needs one.
    ///
    /// # Errors
    /// The credentials are refused, or the authorization server cannot be reached.
    pub async fn authorize(&self) -> Result<(), HttpError> {
        match &self.tokens {
            Some(tokens) => tokens.bearer().await.map(|_| ()),
            None => Ok(()),
        }
    }

    /// Calls a path and parses the reply. A reply that does not parse is asked for again, as is whatever may pass.
    ///
    /// # Errors
    /// The call is refused, or has failed as often as it may be tried.
    pub async fn get<T>(
        &self,
        path: &str,
        query: &[(String, String)],
        parse: impl Fn(Vec<u8>) -> Result<T, String> + Send,
    ) -> Result<T, HttpError> {
        let call = format!("GET {}", endpoint(&self.url, path));
        let mut renewed = false;
        let mut attempts = 0;
        loop {
            self.pace().await;
            let bearer = match &self.tokens {
                Some(tokens) => Some(tokens.bearer().await?),
                None => None,
            };
            attempts += 1;
            let (asked_wait, last) = match self.send(path, query, bearer.as_ref()).await {
                Err(reason) => (None, reason),
                Ok(reply) => match judge(&reply, unix_seconds()) {
                    Verdict::Good => match parse(reply.body) {
                        Ok(parsed) => return Ok(parsed),
                        Err(reason) => (None, reason),
                    },
                    Verdict::Refused => return Err(refused(call, &reply, bearer.as_ref())),
                    Verdict::Renew => {
                        self.forget(bearer.as_ref()).await;
                        if renewed || bearer.is_none() {
                            return Err(refused(call, &reply, bearer.as_ref()));
                        }
                        renewed = true;
                        continue;
                    }
                    Verdict::Again(wait) => (wait, format!("{}: {}", reply.status, words(&reply, bearer.as_ref()))),
                },
            };
            if attempts > self.settings.backoff.retries {
                return Err(HttpError::Exhausted { call, attempts, last });
            }
            tracing::debug!("{call}: {last}; it is tried again");
            tokio::time::sleep(asked_wait.unwrap_or_else(|| self.settings.backoff.wait(attempts - 1))).await;
        }
    }

    async fn send(&self, path: &str, query: &[(String, String)], bearer: Option<&Bearer>) -> Result<Reply, String> {
        let mut request = self.http.get(endpoint(&self.url, path)).query(query);
        if let (Some(tokens), Some(bearer)) = (&self.tokens, bearer) {
            request = request.header("authorization", bearer.header.clone()).header("client-id", tokens.client_id());
        }
        let reply = send(request, self.settings.body_max).await?;
        if let (Some(budget), Some(remaining)) = (&self.budget, reply.remaining) {
            budget.lock().unwrap_or_else(PoisonError::into_inner).sync(remaining, Instant::now());
        }
        Ok(reply)
    }

    /// Waits for a point of the budget.
    async fn pace(&self) {
        let Some(budget) = &self.budget else { return };
        loop {
            let taken = budget.lock().unwrap_or_else(PoisonError::into_inner).take(Instant::now());
            match taken {
                Ok(()) => return,
                Err(wait) => tokio::time::sleep(wait).await,
            }
        }
    }

    async fn forget(&self, bearer: Option<&Bearer>) {
        if let (Some(tokens), Some(bearer)) = (&self.tokens, bearer) {
            tokens.forget(bearer).await;
        }
    }
}

fn refused(call: String, reply: &Reply, bearer: Option<&Bearer>) -> HttpError {
    HttpError::Refused { call, status: reply.status, message: words(reply, bearer) }
}

fn words(reply: &Reply, bearer: Option<&Bearer>) -> String {
    quote(&message(&reply.body), &[bearer.map_or("", |bearer| &bearer.text)])
}

fn unix_seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |passed| passed.as_secs())
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Client({})", self.url)
    }
}
