//! The `mysql` sink against SQLite, and against the server of `MYSQL_URL`: what is written, what is refused, what survives faults.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

/// Runs each of these on SQLite, and on a server when there is one.
macro_rules! on_each_database {
    ($($name:ident,)+) => {
        mod on_sqlite {
            use crate::database::Database;
            $(#[test] fn $name() { super::$name(&Database::sqlite()); })+
        }
        mod on_a_server {
            use crate::database::Database;
            $(#[test] #[ignore = "needs MYSQL_URL"] fn $name() { super::$name(&Database::server()); })+
        }
    };
}

mod database;
mod faults;
mod instances;
mod joint;
mod joint_faults;
mod migrations;
mod proxy;
mod read_back;
mod refusals;
mod reports;
mod tables;
mod writing;
