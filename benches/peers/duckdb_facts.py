"""What a loaded table must come to: duckdb_facts.py append|upsert FILE... Prints counts and sums as one line of JSON."""

import json
import sys

import duckdb

QUERIES = {
    "append": "SELECT count(*), sum(viewer_count)::BIGINT, count(DISTINCT user_name), count(DISTINCT started_at) FROM {read}",
    "upsert": "SELECT count(DISTINCT user_name), sum(viewer_count)::BIGINT, count(*), 0 FROM {read}",
}
job, *files = sys.argv[1:]
read = f"read_json({files}, format = 'newline_delimited', columns = {{user_name: 'VARCHAR', viewer_count: 'BIGINT', started_at: 'VARCHAR'}})"
print(json.dumps({"table": duckdb.sql(QUERIES[job].format(read=read)).fetchall()}))
