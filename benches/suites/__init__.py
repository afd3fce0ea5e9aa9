"""What is measured: one module a suite, each with `run(options)`, which says whether every run counted."""
