"""The job in Polars: polars_job.py JOB ABOVE FILE... Prints the answer as one line of JSON."""

import json
import sys

import polars as pl

SCHEMA = {"user_name": pl.String, "game_name": pl.String, "viewer_count": pl.Int64}


def kept(job, above, files):
    """The rows that all results are made of."""
    if job == "sums":
        rows = pl.scan_ndjson(files, schema=SCHEMA)
    else:
        newest = pl.all().exclude("user_name", "started_at").sort_by("started_at").last()
        rows = pl.scan_ndjson(files, schema={**SCHEMA, "started_at": pl.String}).group_by("user_name").agg(newest)
    return rows.filter(pl.col("viewer_count") > above)


def results(rows):
    """The three results, not yet computed."""
    viewers = pl.col("viewer_count")
    bucket = pl.when(viewers > 25000).then(pl.lit("High")).when(viewers > 15000).then(pl.lit("Medium")).otherwise(pl.lit("Low"))
    total = viewers.sum().alias("total")
    return {
        "top_games": rows.group_by("game_name").agg(total, pl.len(), viewers.mean().alias("mean"))
        .sort(["total", "game_name"], descending=[True, False]).head(5),
        "buckets": rows.group_by(bucket.alias("bucket")).agg(pl.len()),
        "top_streamers": rows.group_by("user_name").agg(total, pl.len())
        .sort(["total", "user_name"], descending=[True, False]).head(5),
    }


def main():
    job, above, *files = sys.argv[1:]
    rows = kept(job, int(above), files).collect(engine="streaming").lazy()
    wanted = results(rows)
    frames = pl.collect_all(list(wanted.values()))
    print(json.dumps({name: frame.rows() for name, frame in zip(wanted, frames)}))


main()
