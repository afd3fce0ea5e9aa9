//! A Helix server on loopback whose every answer is a function of seed and virtual time.
