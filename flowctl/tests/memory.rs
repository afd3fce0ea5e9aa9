//! `memory`: a run whose state does not fit ends before the kernel ends it, and can go on when it has more.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support {
    pub(crate) mod stage;
}

use std::io::{BufWriter, Write};
use std::process::{Child, Output};
use std::time::Duration;

use support::stage::Stage;

const KEYS: u64 = 600_000;

fn pipeline(memory: &str) -> String {
    format!(
        "
name: groups
mode: batch
epoch: 100ms
memory: {memory}
sources: {{ s: {{ file: {{ path: in.jsonl }}, schema: {{ k: string, v: int }} }} }}
operators:
  each: {{ from: s, group_by: [k], aggregate: {{ n: count(*), sum: sum(v) }} }}
  all: {{ from: each, group_by: [], aggregate: {{ keys: count(*), rows: sum(n), total: sum(sum) }} }}
sinks: {{ c: {{ from: all, console: {{ format: json }} }} }}
"
    )
}

/// The most that a process has held until it ended, in MiB.
fn most_held(child: &mut Child) -> u64 {
    let mut most = 0;
    while child.try_wait().unwrap().is_none() {
        let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
        let held =
            status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse().ok());
        most = held.unwrap_or(most);
        std::thread::sleep(Duration::from_millis(20));
    }
    most >> 10
}

#[test]
fn a_run_that_does_not_fit_ends_with_a_checkpoint_and_goes_on_with_more() {
    let stage = Stage::new(&pipeline("100MiB"));
    let mut input = BufWriter::new(std::fs::File::create(stage.path("in.jsonl")).unwrap());
    for at in 0..KEYS {
        writeln!(input, "{{\"k\":\"a key that is long enough to take some room {at}\",\"v\":{at}}}").unwrap();
    }
    input.into_inner().unwrap();

    let mut command = stage.command(&["run", "p.yaml", "-w", "2"]);
    let mut run = command.spawn().unwrap();
    let most = most_held(&mut run);
    let Output { status, stderr, .. } = run.wait_with_output().unwrap();
    let said = String::from_utf8(stderr).unwrap();
    assert_eq!(status.code(), Some(1), "{said}");
    assert!(said.contains("`memory` allows 100 MiB") && said.contains("a start goes on from there"), "{said}");
    assert!((50..110).contains(&most), "{most} MiB");
    let checkpoints = std::fs::read_dir(stage.path("state/groups/checkpoints")).unwrap().count();
    assert!(checkpoints > 0);

    stage.write("p.yaml", &pipeline("4GiB"));
    let Output { status, stdout, stderr } = command.output().unwrap();
    assert!(status.success(), "{}", String::from_utf8_lossy(&stderr));
    let shown = String::from_utf8(stdout).unwrap();
    let total = KEYS * (KEYS - 1) / 2;
    let expected = format!("\"keys\":{KEYS},\"rows\":{KEYS},\"total\":{total}");
    assert!(shown.lines().last().unwrap().contains(&expected), "{shown}");
}
