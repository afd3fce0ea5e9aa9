"""The job in Pathway: pathway_job.py BROKERS TOPIC ABOVE, with PATHWAY_THREADS. Prints the answer as one line of JSON."""

import json
import sys

import pathway as pw

class Stream(pw.Schema):
    user_name: str
    game_name: str
    viewer_count: int


def main():
    brokers, topic, above = sys.argv[1:]
    settings = {"bootstrap.servers": brokers, "group.id": "bench-pathway", "auto.offset.reset": "earliest", "enable.auto.commit": "false"}
    rows = pw.io.kafka.read(settings, topic=topic, schema=Stream, format="json", mode="static", autocommit_duration_ms=2000)
    rows = rows.filter(pw.this.viewer_count > int(above))
    bucket = pw.if_else(pw.this.viewer_count > 25000, "High", pw.if_else(pw.this.viewer_count > 15000, "Medium", "Low"))
    rows = rows.with_columns(bucket=bucket)
    total, n = pw.reducers.sum(pw.this.viewer_count), pw.reducers.count()
    games = rows.groupby(pw.this.game_name).reduce(name=pw.this.game_name, total=total, n=n)
    users = rows.groupby(pw.this.user_name).reduce(name=pw.this.user_name, total=total, n=n)
    buckets = rows.groupby(pw.this.bucket).reduce(name=pw.this.bucket, total=0, n=n)
    groups = {"top_games": {}, "buckets": {}, "top_streamers": {}}

    def keep(kept):
        """The newest row of each group; cheaper than a top five inside, which sorts anew with every minibatch."""
        def change(key, row, time, is_addition):
            if is_addition:
                kept[row["name"]] = (row["total"], row["n"])
        return change

    for name, table in (("top_games", games), ("buckets", buckets), ("top_streamers", users)):
        pw.io.subscribe(table, on_change=keep(groups[name]))
    pw.run(monitoring_level=pw.MonitoringLevel.NONE)
    answer = {"buckets": [(name, n) for name, (_, n) in groups["buckets"].items()]}
    for name in ("top_games", "top_streamers"):
        first = sorted(groups[name].items(), key=lambda group: (-group[1][0], group[0]))[:5]
        answer[name] = [(who, total, n) + ((total / n,) if name == "top_games" else ()) for who, (total, n) in first]
    print(json.dumps(answer))


main()
