"""Records per game in Pathway, from topic to topic, until it is ended: pathway_latency.py BROKERS IN OUT, with PATHWAY_THREADS."""

import sys

import pathway as pw


class Stream(pw.Schema):
    user_name: str
    game_name: str
    viewer_count: int
    sent: int


def main():
    brokers, source, target = sys.argv[1:]
    settings = {"bootstrap.servers": brokers, "group.id": "bench-pathway", "auto.offset.reset": "earliest", "enable.auto.commit": "false",
                "fetch.wait.max.ms": "10"}
    rows = pw.io.kafka.read(settings, topic=source, schema=Stream, format="json", autocommit_duration_ms=10)
    games = rows.groupby(pw.this.game_name).reduce(pw.this.game_name, n=pw.reducers.count(), newest=pw.reducers.max(pw.this.sent))
    pw.io.kafka.write(games, {"bootstrap.servers": brokers, "linger.ms": "1"}, target, format="json")
    pw.run(monitoring_level=pw.MonitoringLevel.NONE)


main()
