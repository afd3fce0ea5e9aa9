"""Rows into MariaDB with its default durability: appended, against a loader written by hand; and kept up to date by key."""

import os
import subprocess
from statistics import median
from urllib.parse import urlsplit

from harness import answer, cache, contest, data, engine, measure, report
from harness.contest import Case, Peer
from harness.figures import of, ratios, spread
from harness.options import wanted
from harness.services import services

from .reference import script

TABLES = {
    "append": "CREATE TABLE {table} (user_name VARCHAR(64) NOT NULL, game_name VARCHAR(64) NOT NULL, viewer_count BIGINT "
    "NOT NULL, started_at DATETIME(6) NOT NULL)",
    "upsert": "CREATE TABLE {table} (user_name VARCHAR(64) COLLATE utf8mb4_nopad_bin NOT NULL PRIMARY KEY, total_viewers "
    "BIGINT NOT NULL, num_streams BIGINT NOT NULL)",
}
LOOKS = {
    "append": "SELECT count(*), sum(viewer_count), count(DISTINCT user_name), count(DISTINCT started_at) FROM {table}",
    "upsert": "SELECT count(*), sum(total_viewers), sum(num_streams), 0 FROM {table}",
}
LOADER = "hand-written loader"


class Database:
    """The database, by its own command-line client; a table a run."""

    def __init__(self, url):
        self.url, self.parts, self.number = url, urlsplit(url), 0

    def ask(self, sql):
        """What a statement says, in lines of columns."""
        parts = self.parts
        command = ["mariadb", "--no-defaults", f"--host={parts.hostname}", f"--port={parts.port}", f"--user={parts.username}", "--batch",
                   "--skip-column-names", f"--execute={sql}", parts.path.lstrip("/")]
        done = subprocess.run(command, env={**os.environ, "MYSQL_PWD": parts.password}, capture_output=True, text=True, check=True)
        return [line.split("\t") for line in done.stdout.splitlines()]

    def fresh(self, job):
        """A new empty table, in the place of the one before."""
        self.ask(f"DROP TABLE IF EXISTS bench_{self.number}")
        self.number += 1
        self.ask(TABLES[job].format(table=self.table))
        return self.table

    @property
    def table(self):
        """The newest table."""
        return f"bench_{self.number}"

    def found(self, job):
        """What its rows come to."""
        return {"table": [tuple(map(int, row)) for row in self.ask(LOOKS[job].format(table=self.table))]}


def cases(options):
    """Both ways to write, with what DuckDB says the table must come to."""
    python, missing = cache.python(options, "duckdb")
    if missing:
        raise SystemExit(f"duckdb: {missing}")
    records = options.sizes["small"]
    folder = data.data_set(options, "lines", records)
    result = []
    for job in TABLES:
        if options.cases and job not in options.cases:
            continue
        said = measure.run([python, script(options, "duckdb_facts.py"), job, *data.files_of(folder)])
        result.append(Case(job, records, "large", {"folder": folder, "pipeline": job, "job": job}, answer.printed(said.output)))
    return result


def peers(options, database, limit):
    """flowctl, and the loader for what it can."""
    def variables(case):
        table = database.fresh(case.facts["job"])
        return {"BENCH_DATA": os.path.join(case.facts["folder"], "*.jsonl"), "MYSQL_URL": database.url, "BENCH_TABLE": table}

    def load(case, _):
        table = database.fresh(case.facts["job"])
        return [os.path.join(limit, "load_table"), "--url", database.url, "--table", table, *data.files_of(case.facts["folder"])], {}

    flowctl = engine.peer(options, 2, variables)
    loader = Peer(LOADER, load, takes=lambda case: case.facts["job"] == "append")
    for peer in (flowctl, loader):
        peer.look = lambda case, output: database.found(case.facts["job"])
    return [flowctl, loader]


def run(options):
    """All rounds, and the section of the results."""
    limit, missing = cache.limit(options)
    if missing:
        raise SystemExit(f"benches/limit: {missing}")
    with services(options) as (variables, pids):
        database = Database(variables["MYSQL_URL"])
        works = cases(options)
        contestants = wanted(options, peers(options, database, limit))
        samples, refused = contest.hold(works, contestants, options.rounds, options.allow_noise, pids)
        server = database.ask("SELECT version()")[0][0]
    rows = []
    for case in works:
        base = {number: run.wall for number, run in of(samples, case.name, LOADER, "large").items()}
        for peer in contestants:
            runs = of(samples, case.name, peer.name, "large")
            if runs:
                walls = {number: run.wall for number, run in runs.items()}
                rows.append([
                    case.name, peer.name, spread([run.records / run.wall / 1000 for run in runs.values()], "{:.0f}"),
                    spread([run.cpu / run.records * 1e6 for run in runs.values()]), spread([run.beside / run.records * 1e6 for run in runs.values()]),
                    f"{max(run.memory for run in runs.values()) / 1e6:.0f}", spread(ratios(base, walls)),
                ])
    headlines = ["work", "by", "K records/s", "CPU-s per M records", "servers' CPU-s per M records", "peak MB", "records/s ÷ the loader's"]
    lines = [
        engine.version(options),
        "loader: `benches/limit`, prepared INSERTs of 1,000 rows, 10,000 a transaction, one connection; it marks no epochs and "
        "would load twice if started twice",
        f"{server}, as it comes (a commit is on the disk before it is confirmed), no index for `append`, the key for `upsert`; "
        f"{options.sizes['small']:,} records; {options.rounds} rounds",
    ]
    noisy = any(sample.noisy for sample in samples)
    report.replace(options.out, "sinks", report.section("MariaDB", options.command, lines, [report.table(headlines, rows)], refused, noisy))
    return not refused
