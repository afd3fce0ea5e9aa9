"""The job in DuckDB: duckdb_job.py JOB ABOVE THREADS FILE... Prints the answer as one line of JSON."""

import json
import sys

import duckdb

BUCKET = "CASE WHEN viewer_count > 25000 THEN 'High' WHEN viewer_count > 15000 THEN 'Medium' ELSE 'Low' END"
# Only the columns that are used, with their types, so that nothing is guessed. The rows that pass are kept once, for three aggregates.
READ = """read_json([{files}], format = 'newline_delimited',
    columns = {{user_name: 'VARCHAR', game_name: 'VARCHAR', viewer_count: 'BIGINT'{time}}})"""
JOBS = {
    "sums": ("CREATE TEMP TABLE kept AS SELECT user_name, game_name, viewer_count FROM {read} WHERE viewer_count > {above}", ""),
    "latest": (
        """CREATE TEMP TABLE kept AS SELECT * FROM (
            SELECT user_name, arg_max(game_name, started_at) game_name, arg_max(viewer_count, started_at) viewer_count
            FROM {read} GROUP BY user_name) WHERE viewer_count > {above}""",
        ", started_at: 'VARCHAR'",
    ),
}
RESULTS = {
    "top_games": "SELECT game_name, sum(viewer_count)::BIGINT s, count(*), avg(viewer_count) FROM kept GROUP BY 1 ORDER BY s DESC, 1 LIMIT 5",
    "buckets": f"SELECT {BUCKET}, count(*) FROM kept GROUP BY 1",
    "top_streamers": "SELECT user_name, sum(viewer_count)::BIGINT s, count(*) FROM kept GROUP BY 1 ORDER BY s DESC, 1 LIMIT 5",
}


def main():
    job, above, threads, *files = sys.argv[1:]
    connection = duckdb.connect(config={"threads": int(threads), "preserve_insertion_order": False})
    query, time = JOBS[job]
    read = READ.format(files=", ".join(f"'{file}'" for file in files), time=time)
    connection.execute(query.format(read=read, above=int(above)))
    print(json.dumps({name: connection.execute(query).fetchall() for name, query in RESULTS.items()}))


main()
