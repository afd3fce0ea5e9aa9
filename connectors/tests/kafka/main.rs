//! Source, sink and topic access of `kafka`, on the embedded log and on real brokers: the same functions for both.
//!
//! The second half needs `KAFKA_BROKERS` and is ignored otherwise: `KAFKA_BROKERS=localhost:9092 cargo test -p flowctl-connectors
//! --test kafka -- --include-ignored`. `security` needs the listeners that `dev/services env` names.

mod admin;
mod anchors;
mod brokers;
mod entries;
mod epochs;
mod fault_proxy;
mod lost_replies;
mod place;
mod reading;
mod relay;
mod rows_back;
mod security;
mod stranger;
mod transactions;
mod writing;
mod yaml;

macro_rules! on_both {
    ($($file:ident::$name:ident,)+) => {
        mod embedded {
            $(#[test]
            fn $name() {
                crate::$file::$name(&crate::place::Place::embedded());
            })+
        }
        mod real {
            $(#[test]
            #[ignore = "needs KAFKA_BROKERS"]
            fn $name() {
                crate::$file::$name(&crate::place::Place::real());
            })+
        }
    };
}

on_both! {
    anchors::a_topic_that_was_made_anew_is_refused,
    anchors::an_untouched_topic_goes_on,
    reading::what_is_produced_is_read_with_its_metadata,
    reading::reading_goes_on_where_it_was_left,
    reading::nothing_passes_a_limit_until_it_is_raised,
    reading::what_follows_an_end_behind_a_limit_is_read,
    reading::many_small_limits_cost_no_waiting,
    reading::starts_are_resolved_at_the_opening,
    reading::a_missing_topic_is_refused_and_not_made,
    reading::an_empty_topic_ends_at_once,
    writing::epochs_are_appended_once,
    writing::a_killed_writer_loses_and_doubles_nothing,
    writing::upserts_end_in_tombstones,
    rows_back::rows_of_every_type_come_back_equal,
    rows_back::present_rows_come_back_without_those_that_are_gone,
    rows_back::what_was_never_written_holds_nothing,
    reading::a_partition_that_is_added_is_discovered,
}
