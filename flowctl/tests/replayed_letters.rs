//! `flowctl dead-letters replay` over sources whose records come with more than their bytes: Kafka's metadata, the header of a CSV file, polls of
//! Twitch. What is read again gives its good row with all of that, and takes its letter back.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support {
    pub(crate) mod letters;
    pub(crate) mod sqlite;
    pub(crate) mod stage;
}

use std::path::PathBuf;

use connectors::kafka::TopicAccess;
use connectors::topic_log::{Header, TopicRecord};
use engine::connector::StopFlag;
use serde_json::Value;
use support::letters::REPLAY;
use support::sqlite;
use support::stage::Stage;

/// A pipeline of one source `s` that sends its letters to `bad.jsonl` and rows with more columns to table `out`.
fn stage(source: &str, schema: &str, derive: &str) -> Stage {
    Stage::new(&format!(
        "
name: p
checkpoint: 0s
sources: {{ s: {{ {source}{schema}, dead_letters: {{ file: {{ path: bad.jsonl }} }} }} }}
operators: {{ more: {{ from: s, derive: {{ {derive} }} }} }}
sinks: {{ out: {{ from: more, mysql: {{ url: 'sqlite:out.db', table: out, create: true }} }} }}
"
    ))
}

impl Stage {
    /// Reads until nothing more comes.
    fn run(&self) {
        self.does(&["run", "p.yaml", "--until-idle", "500ms"]);
    }

    /// Has the letters with these texts read again, corrected.
    fn replay(&self, pairs: &[(&str, &str)]) {
        self.correct(pairs);
        let said = self.does(&REPLAY);
        assert!(said.contains(&format!("{} records with {} letters will be read again", pairs.len(), pairs.len())));
    }

    fn query(&self, sql: &str) -> Vec<String> {
        sqlite::lines(&self.path("out.db"), sql)
    }
}

#[test]
fn what_came_with_a_record_of_kafka_comes_with_it_again() {
    let stage = stage(
        "kafka: { brokers: embedded, topics: [t] }",
        ", schema: { k: string, v: int }",
        "topic: _topic, part: _partition, place: _offset, at: _timestamp, key: _key, heads: _headers, w: 12 / v",
    );
    // Where the pipeline keeps what is embedded.
    let root = stage.path("state");
    let mut producer = TopicAccess::new("embedded", &[], &root, &StopFlag::default()).unwrap().produce("t", 1).unwrap();
    let texts = [Some("{\"k\":\"a\",\"v\":1}"), Some("bad"), Some("{\"k\":\"b\",\"v\":0}"), None, Some("worse")];
    for (at, text) in (0..).zip(texts) {
        let header = |name: &str, value: &[u8]| Header { name: name.into(), value: Some(value.to_vec()) };
        producer
            .send_record(TopicRecord {
                key: (at != 2).then(|| format!("key {at}").into_bytes()),
                value: text.map(|text| text.as_bytes().to_vec()),
                headers: vec![header("trace", format!("\"{at}\"").as_bytes()), header("other", "ü".as_bytes())],
                timestamp: 1_700_000_000_123_000 + i64::from(at),
            })
            .unwrap();
    }
    producer.flush().unwrap();
    stage.run();
    assert_eq!(stage.letters().len(), 4);
    stage.replay(&[("bad", "{\"k\":\"c\",\"v\":3}"), ("{\"k\":\"b\",\"v\":0}", "{\"k\":\"b\",\"v\":4}")]);
    stage.run();
    let rows = stage.query("select k, v, w, topic, part, place, key, heads, at from out order by place");
    let row = |at: i64, k: &str, v: i64, key: &str| {
        let heads = format!(r#"{{"other":"ü","trace":"\"{at}\""}}"#);
        let micros = 123_000 + at;
        format!("{k}|{v}|{}|t|0|{at}|{key}|{heads}|2023-11-14 22:13:20.{micros:06}", 12 / v)
    };
    assert_eq!(rows, [row(0, "a", 1, "key 0"), row(1, "c", 3, "key 1"), row(2, "b", 4, "Null")]);
    let mut left: Vec<_> = stage.letters().iter().map(|letter| letter["text"].clone()).collect();
    left.sort_by_key(Value::to_string);
    assert_eq!(left, [Value::from("worse"), Value::Null], "what was not chosen stays");
    stage.does(&["verify", "p.yaml"]);
    // From the first record on.
    std::fs::remove_dir_all(state_folder(&stage).join("checkpoints")).unwrap();
    stage.run();
    assert_eq!(stage.query("select count(*) from out"), ["3"]);
}

/// Where the pipeline keeps its state.
fn state_folder(stage: &Stage) -> PathBuf {
    let folders = [stage.path("state/embedded/p"), stage.path("state/p")];
    folders.into_iter().find(|folder| folder.exists()).unwrap()
}

#[test]
fn records_of_csv_are_read_again_below_the_header_of_their_file() {
    let stage = stage(
        "file: { path: '*.csv' }, format: csv",
        ", schema: { k: string, v: int }",
        "file: _file, place: _offset, w: 12 / v",
    );
    std::fs::write(stage.path("one.csv"), "k,v\na,1\nb,x\nc,0\n").unwrap();
    std::fs::write(stage.path("two.csv"), "v,extra,k\r\n2,,d\r\nx,\"q, r\",e\r\n").unwrap();
    stage.run();
    let headers: Vec<_> = stage.letters().iter().map(|letter| letter["header"].clone()).collect();
    assert_eq!(headers, ["k,v", "k,v", "v,extra,k"]);
    stage.replay(&[("b,x", "b,3"), ("c,0", "\"c, d\",6"), ("x,\"q, r\",e", "4,\"q, r\",e")]);
    stage.run();
    assert_eq!(
        stage.query("select k, v, w, file, place from out order by file, place"),
        ["a|1|12|one.csv|4", "b|3|4|one.csv|8", "c, d|6|2|one.csv|12", "d|2|6|two.csv|11", "e|4|3|two.csv|17"]
    );
    assert!(stage.letters().is_empty());
    stage.does(&["verify", "p.yaml"]);
}

#[test]
fn rows_of_twitch_are_read_again_with_their_poll() {
    let derive = "poll: _poll, polled: _polled_at, rank: _rank, odd: 10 / (viewer_count % 2)";
    let stage = stage("twitch: { every: 1s, max_pages: 1 }", "", derive);
    let mut letters = Vec::new();
    // Until a poll has come.
    for runs in 0.. {
        assert!(runs < 60, "no poll");
        stage.does(&["run", "p.yaml", "--for", "1s"]);
        letters = stage.letters();
        if letters.len() > 4 {
            break;
        }
    }
    let text = letters[3]["text"].as_str().unwrap();
    let mut stream: Value = serde_json::from_str(text).unwrap();
    stream["viewer_count"] = 77_777.into();
    stage.replay(&[(text, &stream.to_string())]);
    // Polls that come meanwhile have letters of their own; that of the corrected row is gone.
    for runs in 0.. {
        assert!(runs < 60, "the letter stays");
        stage.does(&["run", "p.yaml", "--for", "1s"]);
        if stage.letters().iter().all(|letter| letter["id"] != letters[3]["id"]) {
            break;
        }
    }
    assert!(letters[4..].iter().all(|letter| stage.letters().contains(letter)));
    let rows = stage.query("select poll, polled, rank, user_name from out where viewer_count = 77777 and odd = 10");
    let metadata: Value = serde_json::from_str(letters[3]["metadata"].as_str().unwrap()).unwrap();
    let user = stream["user_name"].as_str().unwrap();
    let [row] = &rows[..] else { panic!("{rows:?}") };
    let cells: Vec<_> = row.split('|').collect();
    assert_eq!(
        (cells[0], cells[2], cells[3]),
        (&*metadata["_poll"].to_string(), &*metadata["_rank"].to_string(), user)
    );
    let same_poll = format!("select distinct polled from out where poll = {}", cells[0]);
    assert_eq!(stage.query(&same_poll), [cells[1]], "all rows of a poll have its time");
    stage.does(&["verify", "p.yaml"]);
}
