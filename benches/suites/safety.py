"""What safety costs: the job on files with its promises, and with as much of them switched off as can be."""

import os

from harness import contest, data, engine, figures, report
from harness.contest import Case
from harness.options import wanted

from .reference import expected

WORKS = {"41 % pass": ("sums", "lines", 1_000), "all pass": ("sums", "lines", -1), "latest": ("latest", "latest", 1_000)}
ON = "flowctl -w 2"
# Other variables and flags for the same pipelines. Without a checkpoint every 10 s there is still one at the end.
VARIANTS = {
    "flowctl -w 2, a checkpoint an epoch": ({"BENCH_CHECKPOINT": "0s"}, []),
    "flowctl -w 2, a checkpoint at the end": ({"BENCH_CHECKPOINT": "1h"}, []),
    "flowctl -w 2, no checkpoints": ({}, ["--without", "checkpoints"]),
    "flowctl -w 2, no digests": ({}, ["--without", "digests"]),
    "flowctl -w 2, no journal": ({}, ["--without", "journal"]),
    "flowctl -w 2, none of the three": ({}, ["--without", "journal,digests,checkpoints"]),
}


def peers(options):
    """flowctl as it comes, and its variants."""
    def variables(more):
        return lambda case: {"BENCH_DATA": os.path.join(case.facts["folder"], "*.jsonl"), "BENCH_ABOVE": str(case.facts["above"]), **more}

    variants = [engine.peer(options, 2, variables(more), name, flags=flags) for name, (more, flags) in VARIANTS.items()]
    return [engine.peer(options, 2, variables({}))] + variants


def run(options):
    """All rounds, and the section of the results."""
    works = []
    for name, (job, shape, above) in WORKS.items():
        if options.cases and name not in options.cases:
            continue
        for size, records in options.sizes.items():
            folder = data.data_set(options, shape, records)
            data.warm(folder)
            case = Case(name, records, size, {"folder": folder, "above": above, "job": job, "pipeline": job})
            case.expected = expected(options, case)
            works.append(case)
    contestants = wanted(options, peers(options))
    samples, refused = contest.hold(works, contestants, options.rounds, options.allow_noise)
    names = list(dict.fromkeys(case.name for case in works))
    table = report.table(figures.HEADLINES, figures.rows(samples, names, contestants, ON))
    lines = [engine.version(options), f"{options.sizes['large']:,} and {options.sizes['small']:,} records; {options.rounds} rounds"]
    noisy = any(sample.noisy for sample in samples)
    report.replace(options.out, "safety", report.section("What safety costs", options.command, lines, [table], refused, noisy))
    return not refused
