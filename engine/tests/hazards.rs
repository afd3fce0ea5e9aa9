//! What YAML can do to a reader: every hazard is one clear message at its place, and no bytes make it panic or hang.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use engine::diagnostic::{Code, Span};
use engine::spec::{Content, Item, Loaded, Mode, Node, Variables, load};
use proptest::prelude::*;

const SHARED: &str = r#"sources:
  streams:
    kafka: { brokers: "${KAFKA_BROKERS:-embedded}", topics: [twitch_streams_high] }
    format: json
    schema: { user_name: string, game_name: string, viewer_count: int, started_at: timestamp }
    event_time: { column: _timestamp, lateness: 30s }   # comes with every record
operators:
  popular:     { from: streams, filter: viewer_count > 1000 }
  bucketed:
    from: popular
    bucket: { column: viewer_count, as: viewer_bucket, cases: { High: "> 25000", Medium: "> 15000", Low: else } }
  top_games:   { from: bucketed, top: 5, by: total_viewers desc }
"#;

const BATCH: &str = r#"name: twitch-batch
mode: batch
epoch: 250ms
include: [twitch.yaml]
feed: { run: ingest.yaml, set: { SPEED: "${SPEED:-1}" } }
sinks:
  top_games: { from: top_games, console: {} }
reports:
  games: { sink: top_games, sql: SELECT 1, title: Games }
"#;

fn load_files(files: &[(&str, &[u8])]) -> Loaded {
    let files: BTreeMap<PathBuf, &[u8]> = files.iter().map(|(path, bytes)| (path.into(), *bytes)).collect();
    let read = |path: &Path| {
        files.get(path).map(|bytes| bytes.to_vec()).ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))
    };
    load(Path::new("p/a.yaml"), &read, &Variables::default())
}

fn load_text(text: &str) -> Loaded {
    load_files(&[("p/a.yaml", text.as_bytes())])
}

/// Code, line, column and the underlined text of a problem.
type Problem = (Code, usize, usize, String);

fn problem(code: Code, line: usize, column: usize, word: &str) -> Problem {
    (code, line, column, word.to_owned())
}

fn problems(loaded: &Loaded) -> Vec<Problem> {
    let sorted = loaded.diagnostics.sorted();
    let place = sorted.iter().map(|found| (found.code, loaded.files.position(found.span), found.span));
    place.map(|(code, at, span)| problem(code, at.line, at.column, loaded.files.slice(span))).collect()
}

fn only_problem(text: &str) -> Problem {
    let found = problems(&load_text(text));
    assert_eq!(found.len(), 1, "{found:?}");
    found[0].clone()
}

fn names(items: &[Item]) -> Vec<&str> {
    items.iter().map(|item| item.name.value.as_str()).collect()
}

#[test]
fn a_pipeline_and_its_include_become_one() {
    let loaded = load_files(&[("p/a.yaml", BATCH.as_bytes()), ("p/twitch.yaml", SHARED.as_bytes())]);
    assert_eq!(problems(&loaded), []);
    let spec = loaded.spec.expect("nothing is wrong");
    assert_eq!((spec.name.value.as_str(), spec.mode), ("twitch-batch", Mode::Batch));
    assert_eq!(spec.epoch.map(|epoch| epoch.value), Some(Duration::from_millis(250)));
    let feed = spec.feed.expect("it is there");
    assert_eq!(feed.file.value, Path::new("p/ingest.yaml"));
    assert_eq!(feed.set[0].1.resolve(&Variables::default()).as_deref(), Ok("1"));
    assert_eq!(names(&spec.sources), ["streams"]);
    assert_eq!(names(&spec.operators), ["popular", "bucketed", "top_games"]);
    assert_eq!(names(&spec.sinks), ["top_games"]);
    assert_eq!(spec.sources[0].folder, Path::new("p"));
    assert_eq!(spec.reports[0].sink.value, "top_games");
}

#[test]
fn scalars_keep_their_text_and_their_place() {
    let text = "name: x\nsources:\n  s: {ö: 007, yes: true, f: 1.0, n: ~, h: 0x1F, e: , \"q r\": 'it''s', s: a b }\n";
    let loaded = load_text(text);
    let spec = loaded.spec.as_ref().expect("it is YAML");
    let Content::Map(pairs) = &spec.sources[0].node.content else { panic!("a map was written") };
    let value = |node: &Node| match &node.content {
        Content::Scalar(value) => Some(value.clone()),
        _ => None,
    };
    let read: Vec<(&str, Option<String>, &str, &str)> = pairs
        .iter()
        .map(|(name, node)| {
            (name.value.as_str(), value(node), loaded.files.slice(name.span), loaded.files.slice(node.span))
        })
        .collect();
    let expected = [
        ("ö", Some("007"), "ö", "007"),
        ("yes", Some("true"), "yes", "true"),
        ("f", Some("1.0"), "f", "1.0"),
        ("n", None, "n", "~"),
        ("h", Some("0x1F"), "h", "0x1F"),
        ("e", None, "e", ""),
        ("q r", Some("it's"), "\"q r\"", "'it''s'"),
        ("s", Some("a b"), "s", "a b"),
    ];
    assert_eq!(read, expected.map(|(name, value, key, word)| (name, value.map(str::to_owned), key, word)));
    let braces = &text[text.find('{').expect("written")..text.len() - 1];
    assert_eq!(loaded.files.slice(spec.sources[0].node.span), braces);
}

#[test]
fn blocks_of_text_end_where_their_text_ends() {
    let text = "name: x\nreports:\n  r:\n    sink: s\n    sql: |\n      SELECT 1\n      FROM t\n\nsinks: {}\n";
    let loaded = load_text(text);
    let spec = loaded.spec.expect("it is YAML");
    let sql = spec.reports[0].sql.as_ref().expect("the report has a query");
    assert_eq!(sql.value.to_string(), "SELECT 1\nFROM t\n");
    assert!(loaded.files.slice(sql.span).ends_with("FROM t"));
}

#[test]
fn parts_of_scalars_are_found_however_they_are_written() {
    for written in [
        "a > bad",
        "\"a > bad\"",
        "'a > bad'",
        "\"a\\x20> bad\"",
        ">-\n      a >\n      bad",
        "|\n      a\n      > bad",
        "a\n      > bad",
    ] {
        let loaded = load_text(&format!("name: x\noperators:\n  ä:\n    filter: {written}\nsinks: {{}}\n"));
        let spec = loaded.spec.as_ref().expect("it is YAML");
        let Content::Map(pairs) = &spec.operators[0].node.content else { panic!("a map was written") };
        let Content::Scalar(text) = &pairs[0].1.content else { panic!("a scalar was written") };
        let part = pairs[0].1.span.within(text.find("bad").expect("written"), 3);
        assert_eq!(loaded.files.slice(part), "bad", "{written:?}");
    }
}

#[test]
fn each_hazard_has_its_code_and_place() {
    for (text, expected) in [
        ("name: x\nsources: &a {}\n", problem(Code::YamlFeature, 2, 10, "&a")),
        ("name: x\nsources: *a\n", problem(Code::YamlFeature, 2, 10, "*a")),
        ("name: ü\nsources: !!map {}\n", problem(Code::YamlFeature, 2, 10, "!!map")),
        ("name: x\n<<: {}\n", problem(Code::YamlFeature, 2, 1, "<<")),
        ("name: x\n? [a]\n: b\n", problem(Code::YamlFeature, 2, 3, "[")),
        ("name: x\n---\nname: y\n", problem(Code::YamlFeature, 2, 1, "---")),
        ("%YAML 1.2\n---\nname: x\n", problem(Code::YamlFeature, 1, 1, "%")),
        ("name: x\nsources:\n\ta: 1\n", problem(Code::Tab, 3, 1, "\t")),
        ("", problem(Code::Empty, 1, 1, "")),
        ("# only a comment\n", problem(Code::Empty, 1, 1, "")),
        ("- a\n", problem(Code::WrongKind, 1, 1, "")),
        ("name: x\nname: y\n", problem(Code::DuplicateKey, 2, 1, "name")),
        ("name: x\nö: @a\n", problem(Code::Syntax, 2, 4, "@a")),
        ("name: x\na: > 5\n", problem(Code::Syntax, 2, 4, "> 5")),
        ("name: x\na: >5\n", problem(Code::Syntax, 2, 4, ">5")),
        ("name: x\na: b: c\n", problem(Code::Syntax, 2, 4, "b: c")),
        ("name: x\na: {b: {c: > 5}}\n", problem(Code::Syntax, 2, 12, "> 5")),
        ("name: x\na: {b: [round(x, 2), c], d: \"f(x, y)\"}\n", problem(Code::Syntax, 2, 9, "round(x, 2)")),
        ("name: x\n: y\n", problem(Code::Syntax, 2, 1, "")),
        ("mode: batch\n", problem(Code::MissingKey, 1, 1, "")),
    ] {
        assert_eq!(only_problem(text), expected, "{text:?}");
    }
}

#[test]
fn bytes_that_are_no_text_are_located() {
    let loaded = load_files(&[("p/a.yaml", b"name: x\nmode: \xff\n")]);
    assert_eq!(problems(&loaded), [problem(Code::NotUtf8, 2, 7, "\u{fffd}")]);
    let message = &loaded.diagnostics.sorted()[0].message;
    assert!(message.contains("offset 14") && message.contains("line 2"), "{message}");
}

#[test]
fn sizes_have_bounds() {
    let fitting = format!("name: x # {}\n", "-".repeat((1 << 20) - 11));
    assert_eq!(fitting.len(), 1 << 20);
    assert_eq!(problems(&load_text(&fitting)), []);
    assert_eq!(only_problem(&format!("{fitting}\n")).0, Code::TooLarge);
    let nested = |depth: usize| format!("name: x\nsources: {{ a: {}{} }}\n", "[".repeat(depth), "]".repeat(depth));
    assert_eq!(problems(&load_text(&nested(62))), []);
    assert_eq!(only_problem(&nested(63)).0, Code::TooComplex);
    assert_eq!(only_problem(&format!("include: [{}]\n", "1,".repeat(200_000))).0, Code::TooComplex);
}

#[test]
fn files_that_are_missing_or_go_round_are_told_at_the_word() {
    let missing = load_files(&[("p/a.yaml", b"name: x\ninclude: [b.yaml]\n")]);
    assert_eq!(problems(&missing), [problem(Code::MissingFile, 2, 11, "b.yaml")]);
    let round =
        load_files(&[("p/a.yaml", b"name: x\ninclude: b.yaml\n"), ("p/b.yaml", b"include: ['../p/./a.yaml']\n")]);
    assert_eq!(problems(&round), [problem(Code::IncludeLoop, 1, 11, "'../p/./a.yaml'")]);
    let message = &round.diagnostics.sorted()[0].message;
    assert!(message.contains("`p/a.yaml` → `p/b.yaml` → `p/a.yaml`"), "{message}");
    assert_eq!(problems(&load_files(&[])), [problem(Code::MissingFile, 1, 1, "")]);
}

#[test]
fn a_file_that_is_included_twice_counts_once() {
    let loaded = load_files(&[
        ("p/a.yaml", b"name: x\ninclude: [b.yaml, c.yaml]\n"),
        ("p/b.yaml", b"include: d.yaml\nsources: {b: 1}\n"),
        ("p/c.yaml", b"include: d.yaml\nsources: {c: 1}\n"),
        ("p/d.yaml", b"sources: {d: 1}\n"),
    ]);
    assert_eq!(problems(&loaded), []);
    assert_eq!(names(&loaded.spec.expect("nothing is wrong").sources), ["d", "b", "c"]);
}

#[test]
fn one_mistake_hides_no_other() {
    let loaded = load_text(
        "name: 5x\nmode: bath\nepoch: soon\nsinc: {}\noperators: []\nsources: { a: 1 }\nsinks: { a: 1, a: 2 }\n",
    );
    let codes: Vec<Code> = problems(&loaded).into_iter().map(|problem| problem.0).collect();
    let expected =
        [Code::BadName, Code::UnknownWord, Code::BadValue, Code::UnknownKey, Code::WrongKind, Code::DuplicateKey];
    assert_eq!(codes, expected);
    assert_eq!(names(&loaded.spec.expect("what is right can be checked").sources), ["a"]);
}

#[test]
fn shapes_that_explode_elsewhere_are_quick() {
    let alias = |n: usize| format!("a{n}: &a{n} [*a{0}, *a{0}, *a{0}, *a{0}]\n", n - 1);
    let shapes = [
        "a0: &a0 [x, x]\n".to_owned() + &(1..60).map(alias).collect::<String>(),
        "[".repeat(1 << 20),
        "{a: ".repeat(200_000),
        "- ".repeat(500_000),
        "? ".repeat(500_000),
        ": ".repeat(500_000),
        "*a ".repeat(300_000),
        "a,".repeat(500_000),
        "[".to_owned() + &"(a,".repeat(300_000),
        "[".to_owned() + &"\"a\":".repeat(200_000),
        "a: \"".to_owned() + &"\n".repeat(1_000_000),
        "a: |\n".to_owned() + &" \n".repeat(500_000),
        (0..60_000).map(|n| format!("? &a{n} a{n}\n")).collect(),
        (0..90_000).map(|n| format!("k{n}: 1\n")).collect(),
        "k: 1\n".repeat(90_000),
        "a:\n".to_owned() + &"  b\n".repeat(250_000),
        "---\n".repeat(250_000),
        "\t".repeat(1 << 20),
        "!".repeat(1 << 20),
        "'a'".repeat(300_000),
    ];
    for shape in shapes {
        let start = Instant::now();
        let loaded = load_text(&shape);
        let taken = start.elapsed();
        assert!(loaded.diagnostics.has_errors(), "{:?}…", &shape[..20]);
        assert!(taken < Duration::from_secs(10), "{:?}… took {taken:?}", &shape[..20]);
    }
}

/// Every node lies in its parent, and every span cuts its text between characters.
fn assert_spans(node: &Node, loaded: &Loaded) {
    let text = loaded.files.text(node.span.file);
    assert!(text.get(node.span.start..node.span.end).is_some(), "{:?} of {text:?}", node.span);
    let check = |inner: Span| {
        assert!(
            node.span.start <= inner.start && inner.end <= node.span.end,
            "{inner:?} in {:?} of {text:?}",
            node.span
        );
    };
    match &node.content {
        Content::List(nodes) => nodes.iter().for_each(|inner| {
            check(inner.span);
            assert_spans(inner, loaded);
        }),
        Content::Map(pairs) => pairs.iter().for_each(|(name, inner)| {
            check(name.span);
            check(inner.span);
            assert_spans(inner, loaded);
        }),
        Content::Null | Content::Scalar(_) => {}
    }
}

fn assert_survives(bytes: &[u8]) {
    let loaded = load_files(&[("p/a.yaml", bytes), ("p/twitch.yaml", SHARED.as_bytes())]);
    for found in loaded.diagnostics.sorted() {
        // A part of a scalar counts in what it means; what is shown is where that stands.
        let (text, shown) = (loaded.files.text(found.span.file), loaded.files.source(found.span));
        assert!(text.get(shown.start..shown.end).is_some(), "{found:?}, shown at {shown:?}, of {text:?}");
    }
    assert!(loaded.spec.is_some() || loaded.diagnostics.has_errors());
    if let Some(spec) = &loaded.spec {
        let items = spec.sources.iter().chain(&spec.operators).chain(&spec.sinks);
        items.for_each(|item| assert_spans(&item.node, &loaded));
    }
}

#[test]
fn a_part_of_a_quoted_scalar_may_end_within_a_letter_of_its_source() {
    assert_survives("name: x\nfeed: { run: a.yaml, set: { A: \"${A:'\tä\" } }\n".as_bytes());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        assert_survives(&bytes);
    }

    #[test]
    fn any_marks_are_survived(text in "[-a:{},&*!|>'\"%@`#?\\[\\]\\\\ \t\n\rä]{0,120}") {
        assert_survives(text.as_bytes());
        assert_survives(format!("name: x\nsources:\n  a: {text}\n").as_bytes());
    }

    #[test]
    fn mutilated_files_are_survived(
        cuts in proptest::collection::vec(
            (any::<prop::sample::Index>(), 0usize..6, "[-:{},&*!|>'\"#\\[\\] \t\nä]{0,4}"),
            1..6,
        ),
    ) {
        let mut bytes = format!("{BATCH}{SHARED}").into_bytes();
        for (at, length, insert) in cuts {
            let at = at.index(bytes.len());
            let end = (at + length).min(bytes.len());
            bytes.splice(at..end, insert.into_bytes());
        }
        assert_survives(&bytes);
    }
}
