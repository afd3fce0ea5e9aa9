//! The simulator as its clients see it, over HTTP.

use std::io::Read;

use chrono::DateTime;
use serde_json::{Value, json};

use super::clock::MANUAL_START;
use super::*;

struct Answer {
    status: u16,
    remaining: Option<i64>,
    reset: Option<i64>,
    text: String,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }
}

/// A simulator on a manual clock and a client with a token.
struct Session {
    runtime: tokio::runtime::Runtime,
    http: reqwest::Client,
    simulator: RunningSimulator,
    token: String,
}

impl Session {
    fn start(options: SimulatorOptions) -> Self {
        let options = SimulatorOptions { channels: 300, clock: ClockMode::Manual(MANUAL_START), ..options };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let simulator = Simulator::start(options).expect("a free port");
        let mut session = Self { runtime, http: reqwest::Client::new(), simulator, token: String::new() };
        let form = [("client_id", "me"), ("client_secret", "s"), ("grant_type", "client_credentials")];
        let granted = session.send(session.http.post(session.auth("/token")).form(&form));
        session.token = granted.json()["access_token"].as_str().expect("a token").to_owned();
        session
    }

    fn auth(&self, path: &str) -> String {
        format!("{}{path}", self.simulator.auth_url)
    }

    fn send(&self, request: reqwest::RequestBuilder) -> Answer {
        self.runtime.block_on(async {
            let response = request.send().await.expect("a reply");
            let number = |name| response.headers().get(name).and_then(|value| value.to_str().ok()?.parse().ok());
            let (remaining, reset) = (number("Ratelimit-Remaining"), number("Ratelimit-Reset"));
            Answer { status: response.status().as_u16(), remaining, reset, text: response.text().await.expect("text") }
        })
    }

    fn helix(&self, path: &str) -> Answer {
        let request = self.http.get(format!("{}{path}", self.simulator.api_url));
        self.send(request.bearer_auth(&self.token).header("Client-Id", "me"))
    }

    fn sim(&self, path: &str) -> Answer {
        self.send(self.http.get(format!("http://{}/sim{path}", self.simulator.addr)))
    }

    fn clock(&self, change: &Value) -> Answer {
        self.send(self.http.post(format!("http://{}/sim/clock", self.simulator.addr)).body(change.to_string()))
    }
}

#[test]
fn the_same_seed_and_clock_answer_with_the_same_bytes() {
    let page =
        |seed| Session::start(SimulatorOptions { seed, ..SimulatorOptions::default() }).helix("/streams?first=50").text;
    assert_eq!(page(6), page(6));
    assert_ne!(page(6), page(7));
}

#[test]
fn the_clock_is_set_and_advanced_over_http() {
    let session = Session::start(SimulatorOptions::default());
    assert_eq!(session.sim("/clock").json(), json!({ "now": "2026-01-05T00:00:00Z" }));
    let before = session.helix("/streams").text;
    assert_eq!(session.clock(&json!({ "advance": "2h" })).json(), json!({ "now": "2026-01-05T02:00:00Z" }));
    assert_ne!(session.helix("/streams").text, before);
    assert_eq!(session.clock(&json!({ "set": "2026-01-05T00:00:00Z" })).status, 200);
    assert_eq!(session.helix("/streams").text, before);
    assert_eq!(session.clock(&json!({ "set": "tomorrow" })).status, 400);
    let real =
        Simulator::start(SimulatorOptions { channels: 100, ..SimulatorOptions::default() }).expect("a free port");
    let refused =
        session.send(session.http.post(format!("http://{}/sim/clock", real.addr)).body(r#"{"advance":"1s"}"#));
    assert_eq!(refused.status, 409);
}

#[test]
fn calls_without_the_right_token_get_helixs_own_words() {
    let session = Session::start(SimulatorOptions::default());
    let streams = format!("{}/streams", session.simulator.api_url);
    let message = |request: reqwest::RequestBuilder| {
        let answer = session.send(request);
        (answer.status, answer.json()["message"].as_str().expect("text").to_owned())
    };
    let get = || session.http.get(&streams);
    assert_eq!(message(get()), (401, "OAuth token is missing".to_owned()));
    assert_eq!(message(get().bearer_auth("x").header("Client-Id", "me")), (401, "Invalid OAuth token".to_owned()));
    let other = get().bearer_auth(&session.token).header("Client-Id", "you");
    assert_eq!(message(other), (401, "Client ID and OAuth token do not match".to_owned()));
    assert_eq!(session.helix("/streams?first=101").status, 400);
    assert_eq!(session.helix("/nothing").status, 404);
    assert_eq!(session.send(session.http.post(&streams)).status, 405);
    let valid = session.http.get(session.auth("/validate")).header("Authorization", format!("OAuth {}", session.token));
    assert_eq!(session.send(valid).json()["client_id"], "me");
    let revoke = session.http.post(session.auth("/revoke")).form(&[("client_id", "me"), ("token", &session.token)]);
    assert_eq!(session.send(revoke).status, 200);
    assert_eq!(session.helix("/streams").status, 401);
}

#[test]
fn tokens_are_also_given_to_queries() {
    let session = Session::start(SimulatorOptions::default());
    let query = "/token?client_id=a%20b&client_secret=s&grant_type=client_credentials";
    let granted = session.send(session.http.post(session.auth(query)));
    assert_eq!((granted.status, granted.json()["token_type"].clone()), (200, json!("bearer")));
    let missing = session.send(session.http.post(session.auth("/token")));
    assert_eq!(missing.json(), json!({ "status": 400, "message": "missing client id" }));
}

#[test]
fn the_rate_limit_is_told_and_kept_in_virtual_time() {
    let session = Session::start(SimulatorOptions::default());
    let start = MANUAL_START.timestamp();
    let first = session.helix("/users?id=1");
    assert_eq!((first.status, first.remaining, first.reset), (200, Some(799), Some(start + 1)));
    for _ in 1..800 {
        assert_eq!(session.helix("/users?id=1").status, 200);
    }
    let refused = session.helix("/users?id=1");
    assert_eq!((refused.status, refused.remaining, refused.reset), (429, Some(0), Some(start + 60)));
    session.clock(&json!({ "advance": "1m" }));
    assert_eq!(session.helix("/users?id=1").remaining, Some(799));
}

#[test]
fn the_refill_can_be_slower_than_the_headers_tell() {
    let session = Session::start(SimulatorOptions { refill: 600, ..SimulatorOptions::default() });
    for _ in 0..800 {
        assert_eq!(session.helix("/users?id=1").status, 200);
    }
    assert_eq!(session.helix("/users?id=1").reset, Some(MANUAL_START.timestamp() + 80));
    session.clock(&json!({ "advance": "1m" }));
    assert_eq!(session.helix("/users?id=1").remaining, Some(599));
}

#[test]
fn a_cut_connection_ends_without_a_head() {
    let faults = vec![ScheduledFault::at(1, Fault::Cut), ScheduledFault::at(2, Fault::Reset)];
    let session = Session::start(SimulatorOptions { faults, ..SimulatorOptions::default() });
    let get = || session.http.get(format!("{}/users?id=1", session.simulator.api_url)).header("Client-Id", "me");
    let head = || session.runtime.block_on(get().bearer_auth(&session.token).send());
    assert!(head().is_err_and(|error| error.is_request() && error.status().is_none()));
    let broken = head().expect("a head");
    assert!(session.runtime.block_on(broken.text()).is_err());
    assert_eq!(session.helix("/users?id=1").status, 200);
}

#[test]
fn packed_and_chunked_replies_hold_the_same_bytes() {
    let faults = vec![ScheduledFault::at(2, Fault::Gzip), ScheduledFault::at(3, Fault::Chunked)];
    let session = Session::start(SimulatorOptions { faults, ..SimulatorOptions::default() });
    let plain = session.helix("/streams?first=100").text;
    let http = reqwest::Client::builder().no_gzip().build().expect("a client");
    let raw = |encoding: &str| {
        let request = http.get(format!("{}/streams?first=100", session.simulator.api_url));
        let request = request.bearer_auth(&session.token).header("Client-Id", "me").header("Accept-Encoding", encoding);
        session.runtime.block_on(async {
            let response = request.send().await.expect("a reply");
            let header = |name| response.headers().get(name).map(|value| value.to_str().expect("text").to_owned());
            let (coding, transfer) = (header("Content-Encoding"), header("Transfer-Encoding"));
            (coding, transfer, response.bytes().await.expect("a body"))
        })
    };
    let (coding, _, packed) = raw("br, gzip;q=0.5");
    assert_eq!(coding.as_deref(), Some("gzip"));
    assert!(packed.len() < plain.len() / 2);
    let mut unpacked = String::new();
    flate2::read::GzDecoder::new(&packed[..]).read_to_string(&mut unpacked).expect("gzip");
    assert_eq!(unpacked, plain);
    let (coding, transfer, body) = raw("identity");
    assert_eq!((coding.as_deref(), transfer.as_deref(), &body[..]), (None, Some("chunked"), plain.as_bytes()));
}

#[test]
fn gzip_is_sent_only_to_those_who_accept_it_and_reqwest_unpacks_it() {
    let faults = vec![ScheduledFault::during(1..=2, Fault::Gzip)];
    let session = Session::start(SimulatorOptions { faults, ..SimulatorOptions::default() });
    let refused = session.http.get(format!("{}/streams", session.simulator.api_url)).header("Client-Id", "me");
    let plain = session.send(refused.bearer_auth(&session.token).header("Accept-Encoding", "gzip;q=0")).text;
    assert_eq!(session.helix("/streams").text, plain);
    assert!(plain.starts_with("{\"data\":["));
}

#[test]
fn an_empty_inner_cursor_leads_to_an_empty_page() {
    let faults = vec![ScheduledFault::at(1, Fault::EmptyCursor)];
    let session = Session::start(SimulatorOptions { faults, ..SimulatorOptions::default() });
    let page = session.helix("/streams?first=10").json();
    assert_eq!(page["data"].as_array().map(Vec::len), Some(10));
    let cursor = page["pagination"]["cursor"].as_str().expect("a cursor");
    assert_eq!(session.helix(&format!("/streams?after={cursor}")).json(), json!({ "data": [], "pagination": {} }));
}

#[test]
fn strict_parameters_refuse_those_that_the_endpoint_does_not_know() {
    let lax = Session::start(SimulatorOptions::default());
    assert_eq!(lax.helix("/streams?frist=5").status, 200);
    let strict = Session::start(SimulatorOptions { strict_params: true, ..SimulatorOptions::default() });
    assert_eq!(strict.helix("/streams?first=5&language=de&type=live").status, 200);
    let refused = strict.helix("/streams?frist=5");
    assert_eq!((refused.status, &refused.json()["message"]), (400, &json!("The parameter \"frist\" is unknown")));
    assert_eq!((strict.helix("/users?first=5").status, strict.helix("/nothing?x=1").status), (400, 404));
}

#[test]
fn the_truth_holds_what_the_lists_show() {
    let session = Session::start(SimulatorOptions { consistent: true, ..SimulatorOptions::default() });
    let truth = session.sim("/truth/streams").json();
    let truth = truth["data"].as_array().expect("a list");
    let page = session.helix("/streams?first=100").json();
    let sessions = session.sim("/truth/sessions?from=2026-01-04T00:00:00Z&to=2026-01-05T00:00:01Z").json();
    let sessions = sessions["data"].as_array().expect("a list");
    for stream in page["data"].as_array().expect("a list") {
        let real = truth.iter().find(|real| real["id"] == stream["id"]).expect("it is live");
        for key in ["viewer_count", "game_id", "user_id", "started_at"] {
            assert_eq!(real[key], stream[key], "{key}");
        }
        let session = sessions.iter().find(|session| session["id"] == stream["id"]).expect("it is a broadcast");
        let ended = session["ended_at"].as_str().expect("text");
        assert!(DateTime::parse_from_rfc3339(ended).expect("a time").to_utc() > MANUAL_START);
    }
    assert_eq!(session.sim("/truth/sessions?from=2020-01-01T00:00:00Z").status, 400);
}

#[test]
fn the_truth_tells_raids_switches_and_watch_hours() {
    let session = Session::start(SimulatorOptions::default());
    let day = "from=2026-01-05T00:00:00Z&to=2026-01-06T00:00:00Z";
    let ask =
        |what: &str| session.sim(&format!("/truth/{what}?{day}")).json()["data"].as_array().expect("a list").clone();
    let (raids, switches, watched) = (ask("raids"), ask("switches"), ask("watch_hours"));
    assert!(raids.len() > 10 && raids.is_sorted_by_key(|raid| raid["at"].to_string()));
    assert!(switches.len() > 10 && switches.iter().all(|switch| switch["from_game_id"] != switch["to_game_id"]));
    let truth_at = |at: &Value, id: &Value| {
        let live = session.sim(&format!("/truth/streams?at={}", at.as_str().expect("text"))).json();
        live["data"].as_array().expect("a list").iter().find(|stream| stream["id"] == *id).expect("it is live").clone()
    };
    assert_eq!(truth_at(&switches[0]["at"], &switches[0]["id"])["game_id"], switches[0]["to_game_id"]);
    assert!(truth_at(&raids[0]["at"], &raids[0]["to_id"])["viewers"].as_i64() >= raids[0]["viewers"].as_i64());
    assert_eq!(session.sim("/truth/lies").status, 404);
    let one = &watched[1];
    let game = one["game_id"].as_str().expect("text");
    let alone = session.sim(&format!("/truth/watch_hours?game={game}&{day}")).json();
    assert_eq!(alone["data"], json!([one]));
}

#[test]
fn watch_hours_are_what_polls_of_the_truth_add_up_to() {
    let session = Session::start(SimulatorOptions::default());
    let watched = session.sim("/truth/watch_hours?from=2026-01-05T00:00:00Z&to=2026-01-05T01:00:00Z").json();
    let sum = |key: &str| -> f64 {
        watched["data"].as_array().expect("a list").iter().map(|game| game[key].as_f64().expect("hours")).sum()
    };
    let mut polled = [0.0, 0.0];
    for minute in 0..60 {
        let live = session.sim(&format!("/truth/streams?at=2026-01-05T00:{minute:02}:30Z")).json();
        for stream in live["data"].as_array().expect("a list") {
            polled[0] += stream["viewers"].as_f64().expect("a count") / 60.0;
            polled[1] += stream["viewer_count"].as_f64().expect("a count") / 60.0;
        }
    }
    for (told, polled) in [sum("watch_hours"), sum("reported_watch_hours")].into_iter().zip(polled) {
        assert!(told > 1000.0 && (told / polled - 1.0).abs() < 0.003, "{told} {polled}");
    }
}

#[test]
fn users_and_top_games_belong_to_the_streams() {
    let session = Session::start(SimulatorOptions::default());
    let stream = session.helix("/streams?first=1").json()["data"][0].clone();
    let user = session.helix(&format!("/users?login={}", stream["user_login"].as_str().expect("text"))).json();
    assert_eq!((&user["data"][0]["id"], &user["data"][0]["display_name"]), (&stream["user_id"], &stream["user_name"]));
    let top = session.helix("/games/top?first=100").json();
    assert!(top["data"].as_array().expect("a list").len() > 5);
}
