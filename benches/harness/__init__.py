"""How the benchmark measures, compares and reports; what is measured is in `suites`, with whom in `peers`."""
