"""What DuckDB says the answer is."""

import os

from harness import answer, cache, measure
from harness.data import files_of


def script(options, name):
    """A peer's program."""
    return os.path.join(options.root, "benches", "peers", name)


def expected(options, case):
    """The answer over the case's files. Without DuckDB nothing can be said."""
    python, missing = cache.python(options, "duckdb")
    if missing:
        raise SystemExit(f"duckdb: {missing}")
    facts = case.facts
    command = [python, script(options, "duckdb_job.py"), facts["job"], facts["above"], 2, *files_of(facts["folder"])]
    found = measure.run(command)
    if found.code != 0:
        raise SystemExit(f"duckdb: {found.errors}")
    return answer.printed(found.output)
