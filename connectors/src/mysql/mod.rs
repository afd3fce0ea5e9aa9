//! MySQL and MariaDB tables as sinks, and SQLite as their embedded stand-in.
