"""How the cost of a record changes with records, keys, operators, workers and partitions."""

import os
import tempfile

from harness import cache, contest, data, engine, report
from harness.contest import Case, Peer
from harness.figures import of, spread
from harness.options import wanted

from .reference import expected, script

RECORDS = [1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000]
KEYS = [10, 1_000, 100_000, 1_000_000, 10_000_000]
OPERATORS = [1, 10, 100]
WORKERS = [1, 2, 4]
PARTITIONS = [1, 10, 100, 1_000]
SUMS = "total_viewers: sum(viewer_count), n: count(*), mean: avg(viewer_count)"


def case(options, name, records, users=200_000, files=4, **facts):
    """One place on an axis."""
    folder = data.data_set(options, "lines", records, users, files)
    data.warm(folder)
    made = Case(name, records, "large", {"folder": folder, "above": -1, "job": "sums", "pipeline": "sums", **facts})
    made.expected = expected(options, made)
    return made


def many(options, count, folder):
    """A pipeline with so many group-bys over the same rows, each with its top five."""
    with open(engine.pipeline(options, "sums")) as file:
        head = file.read().replace("include: [sums_shared.yaml]\n", "").rstrip()
    lines = [head, "", "operators:", '  popular: { from: streams, filter: "viewer_count > ${BENCH_ABOVE}" }']
    for number in range(count):
        lines.append(f"  games_{number}: {{ from: popular, group_by: [game_name], aggregate: {{ {SUMS} }} }}")
        lines.append(f"  top_{number}: {{ from: games_{number}, top: 5, by: total_viewers desc }}")
    lines += ["", "sinks:"] + [f"  top_{number}: {{ from: top_{number}, console: {{}} }}" for number in range(count)]
    path = os.path.join(folder, f"operators_{count}.yaml")
    with open(path, "w") as file:
        file.write("\n".join(lines) + "\n")
    return path


def axes(options, folder):
    """Each axis: its title, its cases, and the engines that go along it."""
    variables = lambda at: {"BENCH_DATA": os.path.join(at.facts["folder"], "*.jsonl"), "BENCH_ABOVE": str(at.facts["above"])}
    python, missing = cache.python(options, "duckdb")

    def in_duckdb(at, _):
        return [python, script(options, "duckdb_job.py"), at.facts["job"], at.facts["above"], 2, *data.files_of(at.facts["folder"])], {}

    flowctl, duckdb = engine.peer(options, 2, variables), Peer("duckdb, 2 threads", in_duckdb, missing=missing)
    base = options.sizes["large"]
    yield "records", (case(options, f"{count:,} records", count) for count in RECORDS if count <= max(base, 1_000_000)), [flowctl, duckdb]
    yield "keys", (case(options, f"{count:,} users", base, count) for count in KEYS if count <= base), [flowctl, duckdb]
    yield "operators", operators(options, folder, base), [flowctl]
    yield "workers", [case(options, "workers", base)], [engine.peer(options, workers, variables) for workers in WORKERS]
    yield "partitions", (case(options, f"{count:,} files", base, files=count) for count in PARTITIONS), [flowctl]


def operators(options, folder, records):
    """Pipelines with more and more operators; each of their sinks must say what DuckDB says of games."""
    for count in OPERATORS:
        made = case(options, f"{2 * count + 1} operators", records // 4, pipeline=many(options, count, folder))
        made.expected = {f"top_{number}": made.expected["top_games"] for number in range(count)}
        yield made


def rows(samples, works, contestants):
    """What each place on an axis costs."""
    for work in works:
        for peer in contestants:
            runs = list(of(samples, work.name, peer.name, "large").values())
            if runs:
                yield [
                    work.name, peer.name, spread([run.cpu for run in runs], "{:.3f}"),
                    spread([run.cpu / run.records * 1e9 for run in runs], "{:.0f}"),
                    spread([run.wall for run in runs], "{:.3f}"), f"{max(run.memory for run in runs) / 1e6:.0f}",
                ]


def run(options):
    """All axes, all rounds, and the section of the results."""
    parts, refused, noisy = [], [], False
    headlines = ["at", "engine", "CPU-s", "CPU-ns a record", "wall s", "peak MB"]
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        for title, works, contestants in axes(options, folder):
            if options.cases and title not in options.cases:
                continue
            works, contestants = list(works), wanted(options, contestants)
            samples, more = contest.hold(works, contestants, options.rounds, options.allow_noise)
            refused += more
            noisy |= any(sample.noisy for sample in samples)
            parts.append(f"### By {title}\n\n" + report.table(headlines, rows(samples, works, contestants)))
    lines = [
        engine.version(options),
        f"the job of *Files* with all records passing; {options.rounds} rounds; the wall time of 1,000 records is that from start to result",
    ]
    report.replace(options.out, "scale", report.section("Scale", options.command, lines, parts, refused, noisy))
    return not refused
