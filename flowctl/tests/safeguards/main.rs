//! Every safeguard is needed: a scenario that passes with it goes wrong without it.

#![cfg(debug_assertions)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![allow(clippy::print_stdout, reason = "what goes wrong without a safeguard is worth reading")]

mod copies;
mod crashes;
mod damage;
mod instances;
mod openings;
mod order;
mod replies;
mod stage;

#[path = "../support/side_by_side.rs"]
mod side_by_side;

// The proxies of the connectors' own tests.
#[allow(dead_code, reason = "one of several ways to cut is used")]
#[path = "../../../connectors/tests/kafka/fault_proxy.rs"]
mod fault_proxy;
#[allow(dead_code, reason = "one of several ways to cut is used")]
#[path = "../../../connectors/tests/mysql/proxy.rs"]
mod mysql_proxy;

/// What the brokers' proxy knows of its surroundings.
mod place {
    /// How long something may take that is waited for.
    pub(crate) const PATIENCE: std::time::Duration = crate::stage::PATIENCE;
}

use engine::safeguard::Safeguard;
use side_by_side::{cores, failures};

/// Runs that must come to the right rows, or notice what is wrong: with all safeguards, or with all but one. Says what goes wrong.
type Scenario = fn(Option<Safeguard>) -> Result<(), String>;

/// What shows that a safeguard is needed.
enum Witness {
    /// A scenario with files and SQLite.
    Scenario(Scenario),
    /// A scenario that needs a server or brokers.
    OnServices(Scenario),
    /// Only what the system has not written yet is lost without it: the simulation in `engine/src/simulation` loses that, and has the test.
    Simulation,
}

/// Every safeguard has a witness; the compiler names one that lacks it.
fn witness(safeguard: Safeguard) -> Witness {
    use Witness::{OnServices, Scenario, Simulation};
    match safeguard {
        Safeguard::OwnershipLock => Scenario(instances::a_second_run_is_refused),
        Safeguard::OwnershipWatched => Scenario(instances::one_that_wakes_ends),
        Safeguard::StartsCounted => Scenario(crashes::starts_die_behind_their_beginning),
        Safeguard::JournalFirst => Scenario(crashes::a_run_dies_after_a_commit),
        Safeguard::JournalDurable => Simulation,
        Safeguard::JournalChain => Scenario(damage::a_journal_lacks_an_entry),
        Safeguard::AllWorkersPassed => Scenario(order::several_workers_share_an_epoch),
        Safeguard::ReplayCompared => Scenario(damage::records_change),
        Safeguard::RunCompared => Scenario(copies::a_checkpoint_looks_like_another),
        Safeguard::RestoreCompared => Scenario(copies::a_checkpoint_brings_back_other_rows),
        Safeguard::SinkCompared => Scenario(copies::a_table_comes_from_another_copy),
        Safeguard::CheckpointChecked => Scenario(damage::a_checkpoint_is_damaged),
        Safeguard::CheckpointFits => Scenario(copies::a_pipeline_changes),
        Safeguard::HeldRowsDropped => Scenario(crashes::the_past_is_read_again),
        Safeguard::LateInOrder => Scenario(order::one_partition_has_late_rows),
        Safeguard::NewestInLog => Scenario(order::two_rows_have_one_time),
        Safeguard::RowsInLogOrder => Scenario(order::rows_have_the_order_of_the_log),
        Safeguard::LettersNumbered => Scenario(order::equal_rows_fail),
        Safeguard::SinkFenced | Safeguard::MarkerCompared => Scenario(instances::a_copy_of_the_state_goes_on),
        Safeguard::RowsWithMarker => Scenario(crashes::a_run_dies_behind_its_marker),
        Safeguard::OutcomeAsked => OnServices(replies::a_server_does_not_answer),
        Safeguard::ProgressAsked => OnServices(replies::brokers_do_not_answer),
        Safeguard::GatePassed => OnServices(openings::one_sleeps_while_another_takes_over),
        Safeguard::RunnersNamed | Safeguard::RunnersFenced => OnServices(openings::producers_take_turns),
        Safeguard::FileCut => Scenario(crashes::a_run_dies_before_a_file_counts),
    }
}

/// What is wrong about a safeguard and its scenario.
fn judge(safeguard: Safeguard, scenario: Scenario) -> Option<String> {
    let name = safeguard.name();
    match (scenario(None), scenario(Some(safeguard))) {
        (Ok(()), Err(missed)) => {
            println!("without {name}: {missed}\n");
            None
        }
        (Err(wrong), _) => Some(format!("{name}: wrong with all safeguards: {wrong}")),
        (Ok(()), Ok(())) => Some(format!("{name}: nobody misses it")),
    }
}

/// Judges safeguards, so many at once.
fn judge_all(scenarios: &[(Safeguard, Scenario)], threads: usize) {
    let failures = failures(scenarios, threads, |(safeguard, scenario)| judge(*safeguard, *scenario));
    assert!(!scenarios.is_empty() && failures.is_empty(), "{}", failures.join("\n\n"));
}

#[test]
fn every_safeguard_is_missed() {
    let here = Safeguard::ALL.iter().filter_map(|safeguard| match witness(*safeguard) {
        Witness::Scenario(scenario) => Some((*safeguard, scenario)),
        Witness::OnServices(_) | Witness::Simulation => None,
    });
    judge_all(&here.collect::<Vec<_>>(), cores());
}

#[test]
#[ignore = "needs KAFKA_BROKERS and MYSQL_URL"]
fn every_safeguard_of_servers_and_topics_is_missed() {
    for variable in ["KAFKA_BROKERS", "MYSQL_URL"] {
        assert!(std::env::var(variable).is_ok(), "{variable} is not set");
    }
    let there = Safeguard::ALL.iter().filter_map(|safeguard| match witness(*safeguard) {
        Witness::OnServices(scenario) => Some((*safeguard, scenario)),
        Witness::Scenario(_) | Witness::Simulation => None,
    });
    // Most of the time goes by in waiting for brokers.
    judge_all(&there.collect::<Vec<_>>(), 6);
}
