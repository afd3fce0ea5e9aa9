//! The client against a server that fails in every way of the simulator's list.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use engine::spec::{Secret, Text, Variables};
use serde_json::Value;

use crate::simulator::{
    ClockMode, Fault, RunningSimulator, ScheduledFault, Simulator, SimulatorClient, SimulatorOptions,
};

use super::*;

const SECRET: &str = "correct-horse-battery";

fn start(faults: Vec<ScheduledFault>, token_seconds: i64) -> RunningSimulator {
    let options = SimulatorOptions {
        channels: 600,
        clock: "manual".parse::<ClockMode>().expect("a clock"),
        clients: vec![SimulatorClient { id: "me".into(), secret: SECRET.into() }],
        faults,
        token_seconds,
        ..SimulatorOptions::default()
    };
    Simulator::start(options).expect("a free port")
}

fn settings(simulator: &RunningSimulator, secret: &str) -> ClientSettings {
    let mut settings = ClientSettings::new(&simulator.api_url);
    settings.backoff = Backoff { retries: 2, base: Duration::from_millis(1), most: Duration::from_millis(2) };
    settings.credentials = Some(ClientCredentials {
        auth_url: simulator.auth_url.clone(),
        client_id: "me".into(),
        client_secret: Secret::new(Text::literal(secret)),
        variables: Variables::default(),
    });
    settings
}

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime").block_on(future)
}

fn parse(body: Vec<u8>) -> Result<Value, String> {
    serde_json::from_slice(&body).map_err(|error| error.to_string())
}

async fn streams(client: &Client) -> Result<Value, HttpError> {
    client.get("/streams", &[("first".into(), "5".into())], parse).await
}

/// The statuses of all requests that the simulator has seen.
fn seen(simulator: &RunningSimulator) -> Vec<u64> {
    let client = Client::new(ClientSettings::new(format!("http://{}", simulator.addr))).expect("a client");
    let log = run(client.get("/sim/requests", &[], parse)).expect("a log");
    log["data"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|request| request["status"].as_u64().expect("a status"))
        .collect()
}

#[test]
fn what_passes_is_tried_again_and_the_answer_is_whole() {
    for fault in [
        Fault::ServerError,
        Fault::Unavailable,
        Fault::HtmlGateway,
        Fault::TruncatedJson,
        Fault::Cut,
        Fault::Reset,
        Fault::FalseTooMany,
        Fault::Unauthorized,
    ] {
        let simulator = start(vec![ScheduledFault::at(1, fault)], 3600);
        let client = Client::new(settings(&simulator, SECRET)).expect("a client");
        let page = run(streams(&client)).unwrap_or_else(|error| panic!("{fault:?}: {error}"));
        assert_eq!(page["data"].as_array().map(Vec::len), Some(5), "{fault:?}");
        assert_eq!(seen(&simulator).len(), 2, "{fault:?}");
    }
}

#[test]
fn what_does_not_pass_ends_after_the_last_retry() {
    for (fault, words) in [(Fault::Unavailable, "503"), (Fault::Reset, "connection"), (Fault::TruncatedJson, "EOF")] {
        let simulator = start(vec![ScheduledFault::during(1..=99, fault)], 3600);
        let client = Client::new(settings(&simulator, SECRET)).expect("a client");
        match run(streams(&client)) {
            Err(HttpError::Exhausted { attempts: 3, last, .. }) => assert!(last.contains(words), "{fault:?}: {last}"),
            other => panic!("{fault:?}: {other:?}"),
        }
        assert_eq!(seen(&simulator).len(), 3, "{fault:?}");
    }
}

#[test]
fn a_slow_reply_meets_the_time_limit() {
    let simulator = start(vec![ScheduledFault::at(1, Fault::Slow(Duration::from_secs(20)))], 3600);
    let mut settings = settings(&simulator, SECRET);
    settings.timeout = Duration::from_millis(300);
    let client = Client::new(settings).expect("a client");
    run(streams(&client)).expect("the second request is answered in time");
}

#[test]
fn a_long_reply_is_cut_off() {
    let simulator = start(Vec::new(), 3600);
    let mut settings = settings(&simulator, SECRET);
    settings.body_max = 100;
    let error = run(streams(&Client::new(settings).expect("a client"))).expect_err("five streams are longer");
    assert!(error.to_string().contains("longer than 100 bytes"), "{error}");
}

#[test]
fn a_refused_call_is_not_repeated() {
    let simulator = start(vec![ScheduledFault::at(1, Fault::InvalidCursor)], 3600);
    let client = Client::new(settings(&simulator, SECRET)).expect("a client");
    match run(streams(&client)) {
        Err(HttpError::Refused { status: 400, message, .. }) => assert_eq!(message, "invalid cursor"),
        other => panic!("{other:?}"),
    }
    assert_eq!(seen(&simulator), [400]);
}

#[test]
fn a_401_renews_the_token_once_for_each_call() {
    let faults = vec![ScheduledFault::at(2, Fault::Unauthorized), ScheduledFault::during(4..=5, Fault::Unauthorized)];
    let simulator = start(faults, 3600);
    let client = Client::new(settings(&simulator, SECRET)).expect("a client");
    run(async {
        streams(&client).await.expect("the first call");
        streams(&client).await.expect("a call with a renewed token");
        assert!(matches!(streams(&client).await, Err(HttpError::Refused { status: 401, .. })));
        streams(&client).await.expect("a later call with a new token");
    });
    assert_eq!(seen(&simulator), [200, 401, 200, 401, 401, 200]);
}

#[test]
fn an_old_token_is_not_used_again() {
    let issued_after_two_uses = |life| {
        let simulator = start(Vec::new(), life);
        let client = Client::new(settings(&simulator, SECRET)).expect("a client");
        run(client.authorize()).expect("a token");
        run(client.authorize()).expect("the same or another");
        simulator.tokens_issued()
    };
    assert_eq!(issued_after_two_uses(3600), 1);
    assert_eq!(issued_after_two_uses(0), 2);
}

#[test]
fn many_calls_at_once_share_one_token() {
    let simulator = start(Vec::new(), 3600);
    let client = Arc::new(Client::new(settings(&simulator, SECRET)).expect("a client"));
    let texts = Arc::new(Mutex::new(Vec::new()));
    run(async {
        let calls: Vec<_> = (0..8)
            .map(|_| {
                let (client, texts) = (Arc::clone(&client), Arc::clone(&texts));
                tokio::spawn(async move {
                    let page = streams(&client).await.expect("a page");
                    texts.lock().expect("no panic").push(page.to_string());
                })
            })
            .collect();
        for call in calls {
            call.await.expect("no panic");
        }
    });
    let texts = texts.lock().expect("no panic");
    assert!(texts.len() == 8 && texts.iter().all(|text| *text == texts[0]));
    assert_eq!(simulator.tokens_issued(), 1);
}

#[test]
fn wrong_credentials_are_refused_and_no_secret_is_told() {
    let simulator = start(Vec::new(), 3600);
    let wrong = "wrong-secret-of-mine";
    let settings = settings(&simulator, wrong);
    let shown = format!("{settings:?}");
    let client = Client::new(settings).expect("a client");
    let error = run(client.authorize()).expect_err("the secret is wrong");
    assert!(
        matches!(&error, HttpError::Credentials { message, .. } if message == "403: invalid client secret"),
        "{error}"
    );
    for text in [shown, error.to_string(), format!("{error:?}"), format!("{client:?}")] {
        assert!(!text.contains(wrong), "{text}");
    }
}

#[test]
fn a_server_that_is_down_is_said_to_be() {
    let simulator = start(Vec::new(), 3600);
    let settings = settings(&simulator, SECRET);
    drop(simulator);
    let error = run(Client::new(settings).expect("a client").authorize()).expect_err("nobody listens");
    assert!(matches!(error, HttpError::Exhausted { attempts: 3, .. }), "{error}");
    assert!(!error.to_string().contains(SECRET));
}
