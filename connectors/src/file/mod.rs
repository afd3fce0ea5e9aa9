//! Files as sources and sinks: JSON lines and CSV.
