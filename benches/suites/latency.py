"""How long a record waits until a result has counted it: an open loop at 10,000 records a second, and what waiting costs."""

import json
import os
import subprocess
import tempfile
import uuid

from harness import cache, engine, measure, report
from harness.contest import AGAIN, Case, Peer, say
from harness.figures import spread
from harness.options import wanted
from harness.services import services
from peers import streaming

RATE, IDLE = 10_000, 20
TO_MYSQL = "flowctl -w 1, epochs of 5 ms, to MariaDB"
CREATE = "CREATE TABLE {table} (game_name VARCHAR(64) COLLATE utf8mb4_nopad_bin NOT NULL PRIMARY KEY, n BIGINT NOT NULL, newest BIGINT NOT NULL)"


def peers(options, variables, limit):
    """The engines between two topics, and flowctl between a topic and a table."""
    brokers = variables["KAFKA_BROKERS"]
    arguments = lambda case: [brokers, case.facts["in"], case.facts["out"]]
    names = lambda case: {"KAFKA_BROKERS": brokers, "BENCH_IN": case.facts["in"], "BENCH_OUT": case.facts["out"],
                          "MYSQL_URL": variables["MYSQL_URL"], "BENCH_TABLE": case.facts["table"]}

    def bare(case, _):
        return [os.path.join(limit, "count_and_produce"), "--brokers", brokers, "--in", case.facts["in"], "--out", case.facts["out"]], {}

    def loaded(case, folder):
        command, environment = engine.peer(options, 1, names).command(Case("", 0, "", {**case.facts, "pipeline": "latency_mysql"}), folder)
        return command, environment

    return [
        engine.peer(options, 1, names, "flowctl -w 1, epochs of 5 ms"),
        Peer("librdkafka loop", bare),
        streaming.flink(options, "LatencyJob", arguments),
        streaming.pathway(options, "pathway_latency.py", arguments),
        Peer(TO_MYSQL, loaded),
    ]


def undisturbed(options, variables, limit, pids, peer):
    """One engine under load, again if others used the machine; why it does not count, if it does not."""
    for _ in range(AGAIN):
        found, why = once(options, variables, limit, pids, peer)
        if why or options.allow_noise or not found["noisy"]:
            return found, why
        say("         again: others used the machine")
    return None, f"disturbed {AGAIN} times"


def once(options, variables, limit, pids, peer):
    """Percentiles of one run, and the cores that the engine used; and why not, if not."""
    unique = uuid.uuid4().hex[:8]
    brokers = variables["KAFKA_BROKERS"]
    case = Case("latency", RATE, "large", {"in": f"in-{unique}", "out": f"out-{unique}", "table": f"t_{unique}", "pipeline": "latency"})
    for topic in (case.facts["in"], case.facts["out"]):
        made = [os.path.join(limit, "fill_topic"), "--brokers", brokers, "--topic", topic, "--partitions", "1"]
        subprocess.run(made, check=True, stdout=subprocess.DEVNULL)
    load = [os.path.join(limit, "open_loop"), "--brokers", brokers, "--in", case.facts["in"], "--rate", RATE,
            "--seconds", options.seconds, "--warmup", options.seconds / 3]
    if peer.name == TO_MYSQL:
        from .sinks import Database

        Database(variables["MYSQL_URL"]).ask(CREATE.format(table=case.facts["table"]))
        load += ["--url", variables["MYSQL_URL"], "--table", case.facts["table"]]
    else:
        load += ["--out", case.facts["out"]]
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        command, environment = peer.command(case, folder)
        log = os.path.join(options.cache, "logs", "latency.log")
        os.makedirs(os.path.dirname(log), exist_ok=True)
        with measure.serving(command, environment, log) as process:
            before = measure.process_time(process.pid)
            found = measure.run(load, beside=[*pids, process.pid], limit=2 * options.seconds + 150)
            cpu = measure.process_time(process.pid) - before
    if found.code != 0:
        return None, f"{' '.join(found.errors.split())[-200:]}"
    return {**json.loads(found.output.splitlines()[-1]), "cpu": cpu / (options.seconds * 4 / 3), "noisy": found.noisy}, None


def idle(options, variables, limit):
    """The share of a core that ten operators need which wait, in percent; start and end are taken off by a second, shorter run."""
    topic = f"idle-{uuid.uuid4().hex[:8]}"
    subprocess.run([os.path.join(limit, "fill_topic"), "--brokers", variables["KAFKA_BROKERS"], "--topic", topic, "--partitions", "3"],
                   check=True, stdout=subprocess.DEVNULL)
    names = {"KAFKA_BROKERS": variables["KAFKA_BROKERS"], "BENCH_IN": topic}
    costs = []
    for seconds in (2, 2 + IDLE):
        with tempfile.TemporaryDirectory(prefix="bench-") as folder:
            command = [engine.binary_of(options), "run", engine.pipeline(options, "idle"), "--for", f"{seconds}s",
                       "--state", os.path.join(folder, "state")]
            found = measure.run(command, names)
            if found.code != 0:
                return None
            costs.append(found.cpu)
    return (costs[1] - costs[0]) / IDLE * 100


def run(options):
    """All rounds, and the section of the results."""
    limit, missing = cache.limit(options)
    if missing:
        raise SystemExit(f"benches/limit: {missing}")
    figures, refused, waiting = {}, [], []
    with services(options) as (variables, pids):
        contestants = wanted(options, peers(options, variables, limit))
        able = [peer for peer in contestants if not peer.missing]
        for number in range(options.rounds):
            turn = number % max(len(able), 1)
            for peer in able[turn:] + able[:turn]:
                found, why = undisturbed(options, variables, limit, pids, peer)
                say(f"round {number + 1}  {peer.name:<42} {why or found}")
                if why:
                    refused.append(f"round {number + 1}, {peer.name}: {why}")
                else:
                    figures.setdefault(peer.name, []).append(found)
            if not options.only or "flowctl" in options.only:
                waiting.append(idle(options, variables, limit))
    rows = []
    for peer in contestants:
        if peer.missing:
            rows.append([peer.name, f"missing: {peer.missing}"] + ["–"] * 6)
        elif peer.name in figures:
            runs = figures[peer.name]
            cells = [spread([run[key] for run in runs], "{:.1f}") for key in ("p50", "p99", "p999", "max", "late")]
            rows.append([peer.name, *cells, spread([run["cpu"] for run in runs])])
    noisy = any(found["noisy"] for runs in figures.values() for found in runs)
    table = report.table(["between", "p50 ms", "p99 ms", "p99.9 ms", "max ms", "sender late at most, ms", "cores used"], rows)
    shares = [share for share in waiting if share is not None]
    lines = [
        engine.version(options) + "; each epoch is one transaction of the output topic, read as `read_committed`",
        f"{RATE:,} records a second for {options.seconds:g} s after a third as long of practice, 500 games, one partition; sent "
        f"when they are due, waiting from when they were due; {options.rounds} rounds",
        f"Flink {cache.PYTHON['apache-flink-libraries']} SQL: buffer timeout 1 ms, no mini-batches, no checkpoints, "
        f"`upsert-kafka` with linger 1 ms; Pathway {cache.PYTHON['pathway']}: autocommit 10 ms; librdkafka loop: one result a "
        "record",
        "broker, load and measurement run on the same cores: an engine that needs much makes all of them late",
        f"ten operators that wait: {spread(shares)} % of a core",
    ]
    report.replace(options.out, "latency", report.section("Latency", options.command, lines, [table], refused, noisy))
    return not refused
