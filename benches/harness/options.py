"""The command line of `dev/bench`."""

import argparse
import os
import shlex
import sys

SUITES = ["files", "kafka", "sinks", "latency", "scale", "safety"]


def parse(root):
    """The options, with paths made absolute."""
    parser = argparse.ArgumentParser(
        prog="dev/bench",
        description="Runs flowctl and what it is compared with on the same bytes, in turns, and writes benches/RESULTS.md.",
        epilog="BENCH_CACHE (default target/bench) keeps data, peers and what they need: some 10 GB for everything.",
    )
    parser.add_argument("suites", nargs="+", choices=SUITES + ["all"], metavar="SUITE", help=", ".join(SUITES + ["all"]))
    parser.add_argument("--rounds", type=int, default=5, help="how often everything runs (default 5)")
    parser.add_argument("--records", type=float, default=4, help="millions of records of the larger size; the smaller is a quarter (default 4)")
    parser.add_argument("--seconds", type=float, default=30, help="how long latency is measured a run (default 30)")
    parser.add_argument("--only", default="", help="names of engines, with commas, as far as they begin so: duckdb,polars")
    parser.add_argument("--cases", default="", help="names of works, with commas")
    parser.add_argument("--flowctl", help="the binary (default: built by cargo build --release)")
    parser.add_argument("--allow-noise", action="store_true", help="count runs, too, while others use the machine, and say so")
    parser.add_argument("--out", help="where results go (default benches/RESULTS.md)")
    options = parser.parse_args()
    options.root = root
    options.cache = os.path.abspath(os.environ.get("BENCH_CACHE") or os.path.join(root, "target", "bench"))
    options.out = os.path.abspath(options.out or os.path.join(root, "benches", "RESULTS.md"))
    options.only = [name for name in options.only.split(",") if name]
    options.cases = [name for name in options.cases.split(",") if name]
    options.suites = SUITES if "all" in options.suites else options.suites
    options.sizes = {"small": int(options.records * 250_000), "large": int(options.records * 1_000_000)}
    options.command = "dev/bench " + shlex.join(shown(sys.argv[1:]))
    os.makedirs(options.cache, exist_ok=True)
    return options


def shown(arguments):
    """The arguments without paths of this machine."""
    result, skip = [], False
    for argument in arguments:
        if not skip and argument not in ("--flowctl", "--out") and not argument.startswith(("--flowctl=", "--out=")):
            result.append(argument)
        skip = argument in ("--flowctl", "--out")
    return result


def wanted(options, peers):
    """The peers that were asked for."""
    return [peer for peer in peers if not options.only or any(peer.name.startswith(name) for name in options.only)]
