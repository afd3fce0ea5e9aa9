//! The console sink: tables on a terminal, blocks in a pipe.
