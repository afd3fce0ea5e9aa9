//! The checked source, and its first contact with Twitch or the simulator.

use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::DateTime;
use engine::connector::{
    Bound, ConnectContext, ConnectorError, Constant, MetadataColumn, OpenSource, Partition, Reader, Replay, Source,
    StopFlag,
};
use engine::schema::Schema;
use engine::spec::{Secret, Text, Variables};
use reqwest::Url;
use tokio::runtime::Builder;

use crate::http::{Client, ClientCredentials, ClientSettings, HttpError, RateLimit};
use crate::simulator::{ClockMode, RunningSimulator, Simulator, SimulatorOptions};

use super::deliver::{offset, place};
use super::pace::{DAY_START, Pace};
use super::queries::Queries;
use super::reader::{NAP, TwitchReader};
use super::schema;
use super::servers::{Api, CREDENTIALS_HINT, auth_of};

/// The only partition.
const PARTITION: &str = "streams";

/// A source of live streams.
#[derive(Clone, Debug)]
pub(super) struct TwitchSource {
    pub(super) api: Text,
    pub(super) auth: Option<Text>,
    pub(super) client_id: Option<Text>,
    pub(super) client_secret: Option<Secret>,
    pub(super) every: Duration,
    pub(super) first: i64,
    pub(super) pages_max: u32,
    pub(super) languages: Vec<Text>,
    pub(super) games: Vec<Text>,
    pub(super) logins: Vec<Text>,
    pub(super) seed: u64,
}

impl Source for TwitchSource {
    fn describe(&self) -> String {
        format!("twitch streams from {}, every {:?}", self.api, self.every)
    }

    fn meaning(&self) -> String {
        let list = |texts: &[Text]| texts.iter().map(Text::to_string).collect::<Vec<_>>().join(", ");
        format!("twitch streams; {}; {}; {}", list(&self.languages), list(&self.games), list(&self.logins))
    }

    fn is_embedded(&self, variables: &Variables) -> bool {
        self.api.resolve(variables).is_ok_and(|api| api == "embedded")
    }

    fn metadata(&self) -> Vec<MetadataColumn> {
        schema::metadata()
    }

    fn replay(&self) -> Replay {
        Replay::Journal
    }

    fn schema(&self) -> Option<Schema> {
        Some(schema::stream())
    }

    fn refuses_format(&self, format: &str) -> Option<(String, String)> {
        let message = || format!("streams of Twitch are JSON, and cannot be read as `{format}`");
        (format != "json").then(|| (message(), "remove `format`".to_owned()))
    }

    fn recall(&self, id: &str) -> Vec<Constant> {
        vec![Constant::Text(id.to_owned())]
    }

    fn open(&self, request: &OpenSource<'_>) -> Result<(Vec<Partition>, Box<dyn Reader>), ConnectorError> {
        let context = request.context;
        let api = self.api.resolve(&context.variables)?;
        let (settings, pace) = match Api::read(&api).map_err(|error| refusal(&error))? {
            Api::Embedded => self.embedded(request.bound, context)?,
            Api::Server(api) => {
                let pace = match request.bound {
                    Bound::Now => Pace::Once,
                    Bound::Unbounded => self.live(None),
                };
                (self.real(&api, context)?, pace)
            }
        };
        let runtime = Builder::new_current_thread().enable_all().build().map_err(|error| {
            ConnectorError::unavailable(format!("no thread for HTTP: {error}"), "see the system's limits")
        })?;
        let client = Client::new(settings).map_err(|error| refusal(&error))?;
        let authorized = runtime.block_on(async {
            tokio::select! {
                authorized = client.authorize() => authorized,
                () = stopped(&context.stop) => Ok(()),
            }
        });
        authorized.map_err(|error| refusal(&error))?;
        let start = request.resume.get(PARTITION).copied().unwrap_or(offset(1, 0));
        let (poll, row) = position(start, &pace);
        let partition = Partition {
            id: PARTITION.to_owned(),
            constants: vec![Constant::Text(PARTITION.to_owned())],
            start,
            end: None,
        };
        let queries = Arc::new(self.queries(context)?);
        let reader =
            TwitchReader::new(&context.name, runtime, client, queries, pace, context.stop.clone(), (poll, row));
        Ok((vec![partition], Box::new(reader)))
    }
}

/// Returns when the run shall end.
async fn stopped(stop: &StopFlag) {
    while !stop.is_set() {
        tokio::time::sleep(NAP).await;
    }
}

/// The poll to begin with and how many of its rows are known already. A simulated day is the same every time, so a poll that was cut is
/// continued; what Twitch said then is gone, so the next poll follows.
fn position(start: u64, pace: &Pace) -> (u64, u64) {
    match place(start.max(offset(1, 0))) {
        (poll, row) if row == 0 || matches!(pace, Pace::Day { .. }) => (poll, row),
        (poll, _) => (poll + 1, 0),
    }
}

impl TwitchSource {
    fn embedded(&self, bound: Bound, context: &ConnectContext) -> Result<(ClientSettings, Pace), ConnectorError> {
        let day = DateTime::from_timestamp(DAY_START, 0).filter(|_| bound == Bound::Now);
        let clock = day.map_or(ClockMode::Real, ClockMode::Manual);
        let options = SimulatorOptions { seed: self.seed, clock, ..SimulatorOptions::default() };
        let simulator = Simulator::start(options).map_err(|error| {
            let what = format!("the Twitch simulator cannot listen on 127.0.0.1: {error}");
            ConnectorError::unavailable(what, "see whether the system allows sockets on loopback")
        })?;
        let what = if day.is_some() { "the simulated day 2026-01-05" } else { "simulated streams" };
        tracing::info!("source `{}` reads {what} from {} (seed {})", context.name, simulator.api_url, self.seed);
        let mut settings = ClientSettings::new(&simulator.api_url);
        settings.credentials = Some(ClientCredentials {
            auth_url: simulator.auth_url.clone(),
            client_id: "embedded".into(),
            client_secret: Secret::new(Text::literal("embedded")),
            variables: context.variables.clone(),
        });
        let pace = match bound {
            Bound::Now => Pace::Day { every: self.every, simulator },
            Bound::Unbounded => self.live(Some(simulator)),
        };
        Ok((settings, pace))
    }

    fn live(&self, simulator: Option<RunningSimulator>) -> Pace {
        Pace::Live { every: self.every, next: Instant::now(), simulator }
    }

    fn real(&self, api: &Url, context: &ConnectContext) -> Result<ClientSettings, ConnectorError> {
        let mut settings = ClientSettings::new(api.as_str());
        let missing = |key: &str| {
            ConnectorError::unusable(
                format!("source `{}` has no `{key}`, and `api: {}` needs one", context.name, self.api),
                CREDENTIALS_HINT,
            )
        };
        let client_id = match &self.client_id {
            Some(text) => text.resolve(&context.variables)?,
            None => String::new(),
        };
        if client_id.is_empty() {
            return Err(missing("client_id"));
        }
        let client_secret = self.client_secret.clone().ok_or_else(|| missing("client_secret"))?;
        if client_secret.reveal(&context.variables)?.is_empty() {
            return Err(missing("client_secret"));
        }
        let auth = self.auth.as_ref().map_or(Ok(String::new()), |auth| auth.resolve(&context.variables))?;
        settings.rate = Some(RateLimit::TWITCH);
        settings.credentials = Some(ClientCredentials {
            auth_url: auth_of(api, &auth).map_err(|error| refusal(&error))?.into(),
            client_id,
            client_secret,
            variables: context.variables.clone(),
        });
        Ok(settings)
    }

    /// What a poll asks for. An empty text, as `${LANGUAGE:-}` may give, asks for nothing.
    fn queries(&self, context: &ConnectContext) -> Result<Queries, ConnectorError> {
        let resolve = |texts: &[Text]| -> Result<Vec<String>, ConnectorError> {
            let mut values = Vec::with_capacity(texts.len());
            for text in texts {
                let value = text.resolve(&context.variables)?;
                if !value.is_empty() {
                    values.push(value);
                }
            }
            Ok(values)
        };
        Ok(Queries {
            first: self.first,
            pages_max: self.pages_max,
            languages: resolve(&self.languages)?,
            games: resolve(&self.games)?,
            logins: resolve(&self.logins)?,
        })
    }
}

/// A failure that ends the run, for the engine.
pub(super) fn refusal(error: &HttpError) -> ConnectorError {
    let what = error.to_string();
    match error {
        HttpError::Unusable(_) => {
            ConnectorError::unusable(what, "see the keys `api`, `auth`, `client_id` and `client_secret`")
        }
        HttpError::Credentials { .. } => ConnectorError::refused(
            what,
            "see `client_id` and `client_secret`; a secret that was renewed is void at once",
        ),
        HttpError::Refused { .. } => ConnectorError::refused(
            what,
            "see `api`, `client_id` and the filters `language`, `game_id` and `user_login`",
        ),
        HttpError::Exhausted { .. } => {
            ConnectorError::unavailable(what, "see whether the network and the server are up")
        }
    }
}
