//! Formats: bytes to columns and back.
