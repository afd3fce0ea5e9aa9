//! Every request's way: fault, admission, rate limit, answer, headers, log.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{ConnectInfo, Path, Query as Pairs, RawQuery, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use axum::routing::{get, post};
use serde_json::json;

use super::api::{Call, answer, parameters};
use super::budget::{Bucket, LIMIT, Standing};
use super::clock::{Clock, rfc3339};
use super::connection::Connection;
use super::distortion::distort;
use super::fault::Fault;
use super::oauth::Tokens;
use super::options::SimulatorOptions;
use super::query::Query;
use super::random::Random;
use super::reply::{Reply, broken};
use super::request_log::{LoggedRequest, RequestLog};
use super::scheduled_fault::ScheduledFault;
use super::world::World;
use super::{control, truth};

/// One simulator's state.
pub(super) struct Service {
    world: World,
    pub(super) clock: Clock,
    faults: Vec<ScheduledFault>,
    random: Random,
    refill: u32,
    consistent: bool,
    strict_params: bool,
    tokens: Mutex<Tokens>,
    buckets: Mutex<HashMap<String, Bucket>>,
    requests: AtomicU64,
    log: Mutex<RequestLog>,
}

type Shared = State<Arc<Service>>;
type Parameters = Pairs<Vec<(String, String)>>;

impl Service {
    pub(super) fn new(options: SimulatorOptions) -> Self {
        Self {
            world: World::new(options.seed, options.channels.clamp(100, 100_000)),
            clock: Clock::start(options.clock),
            faults: options.faults,
            random: Random::new(options.seed),
            refill: options.refill,
            consistent: options.consistent,
            strict_params: options.strict_params,
            tokens: Mutex::new(Tokens::new(options.seed, options.clients, options.token_seconds)),
            buckets: Mutex::default(),
            requests: AtomicU64::new(0),
            log: Mutex::default(),
        }
    }

    /// All paths.
    pub(super) fn router(self: Arc<Self>) -> Router {
        Router::new()
            .route("/oauth2/token", post(token))
            .route("/oauth2/validate", get(validate))
            .route("/oauth2/revoke", post(revoke))
            .route("/helix/{*path}", get(helix))
            .route("/sim/clock", get(show_clock).post(change_clock))
            .route("/sim/truth/{what}", get(true_answer))
            .route("/sim/requests", get(requests))
            .with_state(self)
    }

    pub(super) fn tokens_issued(&self) -> u64 {
        lock(&self.tokens).issued()
    }

    /// Answers a call below `/helix`; also says what the rate limit's headers are.
    fn call(&self, path: &str, query: &Query, headers: &HeaderMap, fault: Option<Fault>) -> (Reply, Standing) {
        let micros = self.clock.micros();
        let at = micros.div_euclid(1_000_000);
        let authorization = text(headers, "authorization");
        if fault == Some(Fault::Unauthorized) {
            lock(&self.tokens).void(authorization);
        }
        let admitted = lock(&self.tokens).admit(authorization, text(headers, "client-id"), at);
        let client = admitted.clone().unwrap_or_default();
        let standing =
            lock(&self.buckets).entry(client).or_insert_with(|| Bucket::full(micros, self.refill)).take(micros);
        let reply = match (admitted, fault) {
            (Err(refused), _) => refused,
            (Ok(_), Some(Fault::FalseTooMany)) => too_many(),
            (Ok(_), _) if !standing.granted => too_many(),
            (Ok(_), fault) => self.answer(path, query, at, fault),
        };
        let false_429 = fault == Some(Fault::FalseTooMany);
        (reply, if false_429 { Standing { remaining: standing.remaining.max(512), ..standing } } else { standing })
    }

    fn answer(&self, path: &str, query: &Query, at: i64, fault: Option<Fault>) -> Reply {
        if self.strict_params
            && let Some(unknown) = parameters(path).and_then(|known| query.stranger(known))
        {
            return Reply::bad_request(&format!("The parameter \"{unknown}\" is unknown"));
        }
        let unpaged = Query::new(Vec::new());
        let query = if fault == Some(Fault::LoopCursor) { &unpaged } else { query };
        let reply = answer(path, &Call { world: &self.world, query, at, consistent: self.consistent });
        match fault {
            Some(fault) => distort(reply, fault),
            None => reply,
        }
    }

    fn fault(&self, number: u64) -> Option<Fault> {
        (0..).zip(&self.faults).find_map(|(place, scheduled)| scheduled.strike(self.random, place, number))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// Whether the client unpacks gzip: it says so, and not with a weight of zero.
fn accepts_gzip(headers: &HeaderMap) -> bool {
    text(headers, header::ACCEPT_ENCODING.as_str()).into_iter().flat_map(|codings| codings.split(',')).any(|coding| {
        let (name, weight) = coding.split_once(';').unwrap_or((coding, "q=1"));
        let refused = weight.trim().strip_prefix("q=").and_then(|q| q.parse::<f64>().ok()) == Some(0.0);
        matches!(name.trim(), "gzip" | "*") && !refused
    })
}

fn too_many() -> Reply {
    Reply::helix(StatusCode::TOO_MANY_REQUESTS, "The application exceeded its rate limit")
}

async fn helix(
    State(service): Shared,
    ConnectInfo(connection): ConnectInfo<Connection>,
    Pairs(pairs): Parameters,
    request: Request,
) -> Response {
    let number = service.requests.fetch_add(1, Ordering::SeqCst) + 1;
    let fault = service.fault(number);
    if let Some(Fault::Slow(time)) = fault {
        tokio::time::sleep(time).await;
    }
    let path = request.uri().path();
    let below = path.strip_prefix("/helix").unwrap_or(path);
    let (reply, standing) = service.call(below, &Query::new(pairs), request.headers(), fault);
    lock(&service.log).add(LoggedRequest {
        number,
        at: rfc3339(service.clock.seconds()),
        method: request.method().to_string(),
        path: path.to_owned(),
        query: request.uri().query().unwrap_or_default().to_owned(),
        user_agent: text(request.headers(), header::USER_AGENT.as_str()).unwrap_or_default().to_owned(),
        status: reply.status.as_u16(),
    });
    let mut response = match fault {
        Some(Fault::Cut) => {
            connection.cut();
            reply.into_response()
        }
        Some(Fault::Reset) => broken(),
        Some(Fault::Chunked) => reply.into_chunked(),
        Some(Fault::Gzip) if accepts_gzip(request.headers()) => reply.into_gzip(),
        _ => reply.into_response(),
    };
    let mut say = |name: &'static str, number: i64| response.headers_mut().insert(name, HeaderValue::from(number));
    say("ratelimit-limit", i64::from(LIMIT));
    say("ratelimit-remaining", i64::from(standing.remaining));
    say("ratelimit-reset", standing.reset);
    response
}

/// The pairs of the query string and of the form in the body.
fn form(query: Option<String>, body: &Bytes) -> Query {
    let form = String::from_utf8_lossy(body);
    let joined = [query.as_deref().unwrap_or_default(), &form].join("&");
    let address = format!("/?{joined}").parse::<axum::http::Uri>().ok();
    let pairs = address.and_then(|uri| Pairs::<Vec<(String, String)>>::try_from_uri(&uri).ok());
    Query::new(pairs.map(|pairs| pairs.0).unwrap_or_default())
}

async fn token(State(service): Shared, RawQuery(query): RawQuery, body: Bytes) -> Response {
    let now = service.clock.seconds();
    let reply = lock(&service.tokens).issue(&form(query, &body), now);
    reply.into_response()
}

async fn validate(State(service): Shared, headers: HeaderMap) -> Response {
    let now = service.clock.seconds();
    let reply = lock(&service.tokens).validate(text(&headers, "authorization"), now);
    reply.into_response()
}

async fn revoke(State(service): Shared, RawQuery(query): RawQuery, body: Bytes) -> Response {
    let reply = lock(&service.tokens).revoke(&form(query, &body));
    reply.into_response()
}

async fn show_clock(State(service): Shared) -> Response {
    control::show(&service.clock).into_response()
}

async fn change_clock(State(service): Shared, body: Bytes) -> Response {
    control::change(&service.clock, &body).into_response()
}

async fn true_answer(State(service): Shared, Path(what): Path<String>, Pairs(pairs): Parameters) -> Response {
    truth::answer(&what, &service.world, &Query::new(pairs), service.clock.seconds()).into_response()
}

async fn requests(State(service): Shared) -> Response {
    Reply::json(&json!({ "data": lock(&service.log).requests() })).into_response()
}
