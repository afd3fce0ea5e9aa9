"""The job on a topic of three partitions: a replay from its beginning to its end."""

import os
import subprocess

from harness import answer, cache, contest, data, engine, figures, report
from harness.contest import Case, Peer, say
from harness.options import wanted
from harness.services import services
from peers import streaming

from .reference import expected

# Readers of the whole topic, counting and nothing else, have no answer of the job.
COUNTING = "librdkafka, counting only"


def cases(options, brokers, limit):
    """The topic in two sizes, filled, with DuckDB's answer over the same lines."""
    result = []
    for size, records in options.sizes.items():
        folder = data.data_set(options, "lines", records)
        topic = f"bench-{records}"
        say(f"filling topic {topic}")
        subprocess.run(
            [os.path.join(limit, "fill_topic"), "--brokers", brokers, "--topic", topic, "--partitions", "3", *data.files_of(folder)],
            check=True, stdout=subprocess.DEVNULL,
        )
        subprocess.run([os.path.join(limit, "count_topic"), "--brokers", brokers, "--topic", topic], check=True, stdout=subprocess.DEVNULL)
        facts = {"folder": folder, "topic": topic, "above": 1000, "job": "sums", "pipeline": "sums_kafka"}
        case = Case("replay", records, size, facts)
        case.expected = expected(options, case)
        result.append(case)
    return result


def peers(options, brokers, limit):
    """Everything that reads topics."""
    variables = lambda case: {"KAFKA_BROKERS": brokers, "BENCH_TOPIC": case.facts["topic"], "BENCH_ABOVE": str(case.facts["above"])}
    arguments = lambda case: [brokers, case.facts["topic"], case.facts["above"]]

    def counted(case, _):
        return [os.path.join(limit, "count_topic"), "--brokers", brokers, "--topic", case.facts["topic"], "--expect", case.records], {}

    return [
        engine.peer(options, 2, variables),
        engine.peer(options, 1, variables),
        Peer(COUNTING, counted, read=lambda output: counts(output)),
        streaming.flink(options, "SumsJob", arguments),
        streaming.spark(options, arguments),
        streaming.pathway(options, "pathway_job.py", arguments),
    ]


def counts(output):
    """What the counting loop found; it has refused a wrong number itself."""
    answer.printed(output)
    return None


def run(options):
    """All rounds, and the section of the results."""
    limit, missing = cache.limit(options)
    if missing:
        raise SystemExit(f"benches/limit: {missing}")
    with services(options) as (variables, pids):
        brokers = variables["KAFKA_BROKERS"]
        works = cases(options, brokers, limit)
        contestants = wanted(options, peers(options, brokers, limit))
        samples, refused = contest.hold(works, contestants, options.rounds, options.allow_noise, pids)
    table = report.table(figures.HEADLINES, figures.rows(samples, ["replay"], contestants, "flowctl -w 2"))
    versions = [
        engine.version(options),
        "librdkafka 2.12.1: `rd_kafka_consume_batch_queue` of 20,000, messages counted and given back; settings in `benches/limit`",
        f"Flink {cache.PYTHON['apache-flink-libraries']} SQL, connector 5.0.0-2.2, Java {streaming.java_version()}: streaming, "
        "object reuse, mini-batches of 2 s or 50,000, two-phase aggregation, parallelism 2, one scan; no checkpoints",
        f"Spark {cache.PYTHON['pyspark']}: batch over the topic, `local[2]`, 2 shuffle partitions, the rows that pass cached; no checkpoints",
        f"Pathway {cache.PYTHON['pathway']}: static, 2 threads, autocommit 2 s; its groups go to a subscriber, which picks the "
        "top five; no persistence",
        f"Kafka 4.1.0 on the same machine, 3 partitions, uncompressed, {options.sizes['large']:,} and "
        f"{options.sizes['small']:,} records of 112 bytes; {options.rounds} rounds",
    ]
    noisy = any(sample.noisy for sample in samples)
    report.replace(options.out, "kafka", report.section("Kafka replay", options.command, versions, [table], refused, noisy))
    return not refused
