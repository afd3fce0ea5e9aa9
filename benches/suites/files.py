"""The job on files: filter, bucket, three aggregates, two top fives; and the newest row of each user."""

import os

from harness import cache, contest, data, engine, figures, report
from harness.contest import Case, Peer
from harness.options import wanted

from .reference import expected, script

# Work: shape of the data, users, least viewers, pipeline, and the part of --records that is enough.
WORKS = {
    "41 % pass": ("lines", 200_000, 1_000, "sums", 1),
    "4 % pass": ("lines", 200_000, 54_100, "sums", 1),
    "all pass": ("lines", 200_000, -1, "sums", 1),
    "2 K users": ("lines", 2_000, -1, "sums", 1),
    "50 K users": ("lines", 50_000, -1, "sums", 1),
    "1 M users": ("lines", 1_000_000, -1, "sums", 1),
    "Helix": ("helix", 200_000, 1_000, "sums", 0.5),
    "latest": ("latest", 200_000, 1_000, "latest", 1),
}


def cases(options):
    """Every work in two sizes, with DuckDB's answer."""
    result = []
    for name, (shape, users, above, job, part) in WORKS.items():
        if options.cases and name not in options.cases:
            continue
        for size, records in options.sizes.items():
            records = int(records * part)
            folder = data.data_set(options, shape, records, users)
            data.warm(folder)
            facts = {"folder": folder, "above": above, "job": job, "pipeline": job, "shape": shape}
            case = Case(name, records, size, facts)
            case.expected = expected(options, case)
            result.append(case)
    return result


def peers(options):
    """Everything that reads files."""
    duckdb, no_duckdb = cache.python(options, "duckdb")
    polars, no_polars = cache.python(options, "polars")
    limit, no_limit = cache.limit(options)
    files = lambda case: data.files_of(case.facts["folder"])
    variables = lambda case: {"BENCH_DATA": os.path.join(case.facts["folder"], "*.jsonl"), "BENCH_ABOVE": str(case.facts["above"])}

    def in_duckdb(case, _):
        return [duckdb, script(options, "duckdb_job.py"), case.facts["job"], case.facts["above"], 2, *files(case)], {}

    def in_polars(case, _):
        return [polars, script(options, "polars_job.py"), case.facts["job"], case.facts["above"], *files(case)], {"POLARS_MAX_THREADS": "2"}

    def by_hand(threads):
        def command(case, _):
            layout = case.facts["shape"]
            return [os.path.join(limit, "hand_loop"), "--layout", layout, "--above", case.facts["above"], "--threads", threads, *files(case)], {}

        return Peer(f"hand-specialised loop, {threads} thread{'s' * (threads > 1)}", command, missing=no_limit,
                    takes=lambda case: case.facts["job"] == "sums")

    return [
        engine.peer(options, 2, variables),
        engine.peer(options, 1, variables),
        Peer("duckdb, 2 threads", in_duckdb, missing=no_duckdb),
        Peer("polars, 2 threads", in_polars, missing=no_polars),
        by_hand(1),
        by_hand(2),
    ]


def run(options):
    """All rounds, and the section of the results."""
    contestants = wanted(options, peers(options))
    works = cases(options)
    samples, refused = contest.hold(works, contestants, options.rounds, options.allow_noise)
    names = list(dict.fromkeys(case.name for case in works))
    table = report.table(figures.HEADLINES, figures.rows(samples, names, contestants, "flowctl -w 2"))
    versions = [
        engine.version(options),
        f"DuckDB {cache.PYTHON['duckdb']}: `read_json` of the used columns with their types, the rows that pass in a temporary "
        "table, then three queries",
        f"Polars {cache.PYTHON['polars']}: `scan_ndjson` with a schema, streaming engine, then three queries at once",
        "hand-specialised loop: `benches/limit`, for this job and these keys in this order alone; the limit, not an engine; its memory has the mapped files in it",
        f"{options.sizes['large']:,} and {options.sizes['small']:,} records of 112 bytes, half as many of 482 (Helix), in 4 "
        f"files; {options.rounds} rounds; Python's start and imports are in *whole run*",
    ]
    noisy = any(sample.noisy for sample in samples)
    report.replace(options.out, "files", report.section("Files", options.command, versions, [table], refused, noisy))
    return not refused
