//! Dead letters of the built binary: where they go, what takes them back, how many are too many, and records that are read again.

#![cfg(debug_assertions)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support {
    pub(crate) mod letters;
    pub(crate) mod sqlite;
    pub(crate) mod stage;
}

use serde_json::Value;
use support::letters::REPLAY;
use support::sqlite;
use support::stage::{Stage, outcome};

fn stage(pipeline: &str, input: &str) -> Stage {
    let stage = Stage::new(pipeline);
    stage.write("in.jsonl", input);
    stage
}

impl Stage {
    fn add(&self, lines: &str) {
        self.write("in.jsonl", &(self.read("in.jsonl") + lines));
    }

    fn run(&self) -> String {
        self.does(&["run", "p.yaml"])
    }

    fn verify(&self) {
        self.does(&["verify", "p.yaml"]);
    }

    fn texts(&self) -> Vec<String> {
        let mut texts: Vec<_> =
            self.letters().iter().map(|letter| letter["text"].as_str().unwrap().to_owned()).collect();
        texts.sort();
        texts
    }

    fn query(&self, sql: &str) -> Vec<String> {
        sqlite::lines(&self.path("out.db"), sql)
    }
}

/// A source in which records fail and branches fail, and rows behind an aggregate; `{}` is more of the source.
fn pipeline(more: &str) -> String {
    format!(
        "
name: p
mode: batch
epoch: 5ms
checkpoint: 0s
sources: {{ s: {{ file: {{ path: in.jsonl }}, schema: {{ k: string, v: int }}{more} }} }}
operators:
  inverse: {{ from: s, derive: {{ w: 12 / v }} }}
  sums: {{ from: s, group_by: [k], aggregate: {{ n: count(*), total: sum(v) }} }}
  ratio: {{ from: sums, derive: {{ r: 100 / total }} }}
sinks:
  all: {{ from: s, file: {{ path: all.jsonl }} }}
  inverse: {{ from: inverse, mysql: {{ url: 'sqlite:out.db', table: inverse, create: true }} }}
  sums: {{ from: sums, mysql: {{ url: 'sqlite:out.db', table: sums, mode: upsert, key: [k], create: true }} }}
  ratio: {{ from: ratio, mysql: {{ url: 'sqlite:out.db', table: ratio, mode: upsert, key: [k], create: true }} }}
"
    )
}

const A0: &str = "{\"k\":\"a\",\"v\":0}";
const INPUT: &str = "{\"k\":\"a\",\"v\":0}\nbad\n{\"k\":\"b\",\"v\":2}\n";
const RATIO: &str = "{\"k\":\"a\",\"n\":1,\"total\":0}";

#[test]
fn a_letter_goes_away_when_its_row_comes_back() {
    let stage = stage(&pipeline(""), INPUT);
    stage.run();
    assert_eq!(stage.texts(), ["bad", RATIO, A0]);
    let (_, list) = stage.flowctl(&["dead-letters", "ls", "p.yaml"]);
    assert!(
        list.contains("│ s      ┆ s        ┆ json.syntax           ┆       1 ┆ in.jsonl:16 ┆ in.jsonl:16 │"),
        "{list}"
    );
    stage.add("{\"k\":\"a\",\"v\":5}\n");
    let said = stage.run();
    assert_eq!(stage.texts(), ["bad", A0]);
    assert!(said.contains("2 dead letters in table `s` in SQLite file dead-letters.db"), "{said}");
    stage.verify();
}

#[test]
fn letters_go_to_sinks_of_any_kind() {
    let file = ", dead_letters: { file: { path: bad.jsonl } }";
    let table = ", dead_letters: { mysql: { url: 'sqlite:out.db', table: bad, create: true } }";
    let topic = ", dead_letters: { kafka: { brokers: embedded, topic: bad } }";
    for form in [file, table, topic] {
        let stage = stage(&pipeline(form), INPUT);
        stage.run();
        stage.add("{\"k\":\"a\",\"v\":5}\n");
        stage.run();
        // What takes no rows back is told in a row of its own that a letter no longer holds.
        let rows: Vec<Value> = match form {
            _ if form == file => {
                let text = std::fs::read_to_string(stage.path("bad.jsonl")).unwrap();
                text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
            }
            _ if form == table => {
                let sql =
                    "select json_object('text', text, 'retracted', json(iif(retracted, 'true', 'false'))) from bad";
                stage.query(sql).iter().map(|row| serde_json::from_str(row).unwrap()).collect()
            }
            _ => {
                let cat = stage.flowctl(&["topic", "cat", "bad", "--brokers", "embedded"]).1;
                cat.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
            }
        };
        let mut told: Vec<_> = rows.iter().map(|row| (row["text"].as_str().unwrap(), &row["retracted"])).collect();
        told.sort_by_key(|(text, retracted)| (*text, retracted.as_bool()));
        let (yes, no) = (Value::Bool(true), Value::Bool(false));
        assert_eq!(told, [("bad", &no), (RATIO, &no), (RATIO, &yes), (A0, &no)], "{form}");
        assert_eq!(stage.texts(), ["bad", A0], "{form}");
        let (code, list) = stage.flowctl(&["dead-letters", "ls", "p.yaml"]);
        assert!(code == Some(0) && list.contains("json.syntax"), "{form}: {list}");
        stage.verify();
    }
}

/// What is right after `bad` was corrected to c = 3 and `A0` to a = 4.
fn require_corrected(stage: &Stage) {
    // The branches that had the record keep it as it was.
    let mut all: Vec<_> =
        std::fs::read_to_string(stage.path("all.jsonl")).unwrap().lines().map(str::to_owned).collect();
    all.sort();
    assert_eq!(all, [A0, "{\"k\":\"b\",\"v\":2}", "{\"k\":\"c\",\"v\":3}"]);
    assert_eq!(stage.query("select k, v, w from inverse order by k"), ["a|4|3", "b|2|6", "c|3|4"]);
    assert_eq!(stage.query("select k, n, total from sums order by k"), ["a|1|0", "b|1|2", "c|1|3"]);
    assert_eq!(stage.texts(), [RATIO]);
    stage.verify();
}

#[test]
fn corrected_records_count_once_whatever_dies() {
    let commits = ["journal.synced=abort@1", "commit.begin=abort@1", "commit.done=abort@1", "commit.done=abort@2"];
    for failpoint in ["journal.sync=abort@1", "run.write=abort@1"].into_iter().chain(commits) {
        let stage = stage(&pipeline(""), INPUT);
        stage.run();
        stage.correct(&[("bad", "{\"k\":\"c\",\"v\":3}"), (A0, "{\"k\":\"a\",\"v\":4}")]);
        let (code, said) = stage.flowctl(&REPLAY);
        assert!(code == Some(0) && said.contains("2 records with 2 letters will be read again"), "{said}");
        let (code, said) = outcome(stage.command(&["run", "p.yaml"]).env("FLOWCTL_FAILPOINT", failpoint));
        assert!(code.is_none() && said.contains("is hit"), "{failpoint}: {code:?} {said}");
        let (_, said) = stage.flowctl(&REPLAY);
        let guarded = ["wait already", "has not ended in order", "no record to be read again"];
        assert!(guarded.iter().any(|word| said.contains(word)), "{failpoint}: {said}");
        let said = stage.run();
        assert!(said.contains("read 3 = used 3 + filtered 0 + late 0 + dead_letter 0"), "{failpoint}: {said}");
        require_corrected(&stage);
        // From a checkpoint, and from the first record.
        for _ in 0..4 {
            stage.run();
        }
        require_corrected(&stage);
        std::fs::remove_dir_all(stage.path("state/p/checkpoints")).unwrap();
        stage.run();
        require_corrected(&stage);
    }
}

#[test]
fn corrected_records_come_back_where_operators_change() {
    let stage = stage(&pipeline(""), INPUT);
    stage.run();
    stage.correct(&[("bad", "{\"k\":\"c\",\"v\":3}"), (A0, "{\"k\":\"a\",\"v\":4}")]);
    assert_eq!(stage.flowctl(&REPLAY).0, Some(0));
    for _ in 0..5 {
        stage.run();
    }
    let changed = pipeline("").replace("table: sums", "table: sums2").replace("count(*)", "count(v)");
    std::fs::write(stage.path("p.yaml"), changed.replace("table: ratio", "table: ratio2")).unwrap();
    let (_, said) = stage.flowctl(&REPLAY);
    assert!(said.contains("the YAML has changed"), "{said}");
    stage.run();
    assert_eq!(stage.query("select k, n, total from sums2 order by k"), ["a|1|0", "b|1|2", "c|1|3"]);
    require_corrected(&stage);
}

#[test]
fn records_that_fail_again_stay_what_they_are() {
    let stage = stage(&pipeline(""), INPUT);
    let before = stage.run();
    let letters = stage.letters();
    let (code, said) = stage.flowctl(&["dead-letters", "replay", "p.yaml", "--all"]);
    assert!(code == Some(0) && said.contains("no record's alone"), "{said}");
    let after = stage.run();
    assert_eq!(stage.letters(), letters);
    assert_eq!(before.lines().next_back(), after.lines().next_back());
    stage.verify();
    // What is corrected and still wrong is a letter of its own, and can be corrected once more.
    stage.correct(&[("bad", "{\"k\":\"c\",\"v\":0}")]);
    assert_eq!(stage.flowctl(&REPLAY).0, Some(0));
    stage.run();
    assert_eq!(stage.texts().iter().filter(|text| *text == "{\"k\":\"c\",\"v\":0}").count(), 1);
    stage.correct(&[("{\"k\":\"c\",\"v\":0}", "{\"k\":\"c\",\"v\":3}"), (A0, "{\"k\":\"a\",\"v\":4}")]);
    assert_eq!(stage.flowctl(&REPLAY).0, Some(0));
    stage.run();
    assert_eq!(stage.query("select k, v, w from inverse order by k"), ["a|4|3", "b|2|6", "c|3|4"]);
    assert_eq!(stage.query("select k, n, total from sums order by k"), ["a|1|0", "b|1|2", "c|1|0"]);
    stage.verify();
}

#[test]
fn too_many_errors_stop_the_run() {
    let good = "{\"k\":\"a\",\"v\":1}\n";
    let few = stage(&pipeline(", max_errors: 1"), &format!("{good}bad\n"));
    few.run();
    few.add("worse\nworst\n");
    let (code, said) = few.flowctl(&["run", "p.yaml"]);
    let what = "2 of 2 records of source `s` have failed in this run, more than `max_errors: 1` allows; for instance, record 20";
    assert!(code == Some(1) && said.contains(what) && said.contains("raise `max_errors`"), "{said}");
    assert_eq!(few.texts(), ["bad"], "nothing of the epoch is committed");
    std::fs::write(few.path("p.yaml"), pipeline(", max_errors: 2")).unwrap();
    few.run();
    assert_eq!(few.texts(), ["bad", "worse", "worst"]);

    let part = stage(&pipeline(", max_errors: 10%"), &format!("{}bad\n", good.repeat(9)));
    part.run();
    part.add("worse\n");
    let (code, said) = part.flowctl(&["run", "p.yaml"]);
    assert!(code == Some(1) && said.contains("1 of 1 records") && said.contains("`max_errors: 10%`"), "{said}");
}

#[test]
fn letters_begin_anew_with_other_operators() {
    let stage = stage(&pipeline(""), INPUT);
    stage.run();
    let other = pipeline("").replace("12 / v", "24 / v").replace("table: inverse", "table: inverse2");
    std::fs::write(stage.path("p.yaml"), other).unwrap();
    stage.run();
    assert_eq!(stage.texts(), ["bad", RATIO, A0]);
    stage.verify();
}
