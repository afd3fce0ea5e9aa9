//! Every folder of `tests/scenarios` is a pipeline, its input and its expected rows. Each runs as batch, live with its input in
//! pieces, and with a kill and restarts in between, on 1, 2 and 3 workers: the rows at the end are always the same.
//!
//! A folder holds
//! - `pipeline.yaml`, in `mode: batch`, whose file sources read `in.SOURCE…`;
//! - `expected.SINK.jsonl`, the rows that a console sink shows in the end, that a file sink has in `out.SINK.jsonl`, or that a
//!   database sink has in table `SINK` of `sqlite:out.db`;
//! - `expected.dead_letters.jsonl`, if there are any: source, offset, operator, code and text of each that stays;
//! - `expected.ledger.json`, if it matters: what became of the records of each source;
//! - `expected.failure.txt`, if the run must fail with code 1: words that it must say.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "scenarios/case.rs"]
mod case;
#[path = "scenarios/outcome.rs"]
mod outcome;
#[path = "scenarios/run.rs"]
mod run;
mod support;

/// One test a folder, and one that no folder is forgotten.
macro_rules! scenarios {
    ($($name:ident)*) => {
        $(#[test] fn $name() { run::scenario(stringify!($name)); })*

        #[test]
        fn every_folder_is_run() {
            let mut folders = run::folders();
            folders.sort();
            let mut named = vec![$(stringify!($name)),*];
            named.sort_unstable();
            assert_eq!(folders, named);
        }
    };
}

scenarios! {
    filter_keeps_true
    select_says_the_columns
    derive_adds_and_replaces
    bucket_names_ranges
    route_takes_the_first_arm
    union_keeps_equal_rows_apart
    distinct_keeps_each_once
    distinct_over_rows_taken_back
    latest_keeps_the_newest
    latest_expires
    latest_over_partitions
    group_by_every_aggregate
    group_by_where
    group_by_decimals
    group_by_floats
    group_by_times_and_truths
    lists_and_json_pass_through
    group_by_nothing_is_one_group
    no_input_gives_no_rows
    top_is_a_total_order
    top_over_changing_groups
    groups_of_rows_taken_back
    the_biggest_games_and_streamers
    failed_rows_are_dead_letters
    failures_behind_groups_are_taken_back
    sum_overflow_and_back
    bad_records_are_dead_letters
    bytes_that_are_not_text
    on_error_skip_counts
    on_error_fail_stops_at_bad_records
    on_error_fail_stops_at_failed_rows
    keys_are_bytes
    csv_records
    late_rows_correct
    late_rows_are_taken_out
    sources_and_partitions_together
    filtered_is_what_no_branch_wanted
    thousands_of_rows
}
