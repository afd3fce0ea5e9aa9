#!/usr/bin/env python3
"""Computes from raw Kafka records what the shipped pipelines must make of them, and compares. Shares no code with flowctl.

  recompute.py RECORDS show                      print what was computed
  recompute.py RECORDS table MYSQL_URL [TABLE]   compare the table row by row, and the three reports, run in the database
  recompute.py RECORDS reports PRINTED           look for each row of the reports in what `flowctl run batch.yaml` printed
  recompute.py RECORDS live CHANGES              compare the live view with what `flowctl run stream.yaml --output json` printed

RECORDS holds lines of JSON as `dev/kafka-records dump` prints them. Exit code 1 at the first difference.

The rules, as the README states them. A record is a row if its value is a JSON object in UTF-8, nested at most 64 deep, with
user_name and game_name (strings), viewer_count (an integer of 64 bits) and started_at (an RFC 3339 time, at most microseconds),
each once; other fields do not matter. Every other record is a dead letter. The table gets the rows with more than 1000 viewers.
The live view keeps the newest row of each non-empty user_name (of equal times in one partition the later), unless it is 10 minutes
older than the newest row of all.
"""

import base64
import collections
import datetime
import itertools
import json
import math
import re
import sqlite3
import subprocess
import sys
import urllib.parse

COLUMNS = "user_name, game_name, viewer_count, started_at, is_popular, record_time, viewer_bucket"
EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
MICROSECOND = datetime.timedelta(microseconds=1)
RFC_3339 = re.compile(r"(\d{4}-\d\d-\d\d)[Tt](\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(?:[Zz]|([+-])(\d\d):(\d\d))", re.ASCII)

BUCKETED = """
CREATE TABLE records (user_name TEXT, game_name TEXT, viewer_count INTEGER, started_at INTEGER, record_time INTEGER,
  offset INTEGER);
CREATE VIEW bucketed AS
  SELECT user_name, game_name, viewer_count, started_at, viewer_count > 5000 AS is_popular, record_time,
    CASE WHEN viewer_count > 25000 THEN 'High' WHEN viewer_count > 15000 THEN 'Medium' ELSE 'Low' END AS viewer_bucket
  FROM records WHERE viewer_count > 1000;
CREATE VIEW live AS
  SELECT user_name, game_name, viewer_count,
    CASE WHEN viewer_count > 25000 THEN 'High' WHEN viewer_count > 15000 THEN 'Medium' ELSE 'Low' END AS viewer_bucket
  FROM (
    SELECT *, ROW_NUMBER() OVER (
      PARTITION BY user_name ORDER BY record_time DESC, offset DESC, game_name DESC, viewer_count DESC, started_at DESC) AS age
    FROM records WHERE user_name <> ''
  ) WHERE age = 1 AND viewer_count > 1000 AND record_time > (SELECT MAX(record_time) FROM records) - 600000000;
"""

GAMES = """
SELECT game_name, SUM(viewer_count) AS total_viewers, COUNT(*) AS num_streams, AVG(viewer_count) AS avg_viewers
FROM {0} GROUP BY game_name ORDER BY total_viewers DESC, game_name LIMIT 5"""
BUCKETS = "SELECT viewer_bucket, COUNT(*) AS num_streams FROM {0} GROUP BY viewer_bucket ORDER BY viewer_bucket"
STREAMERS = """
SELECT user_name, SUM(viewer_count) AS total_viewers, COUNT(*) AS num_sessions
FROM {0} GROUP BY user_name ORDER BY total_viewers DESC, user_name LIMIT 5"""
LIVE_STREAMERS = """
SELECT user_name, game_name, viewer_count, viewer_bucket FROM {0}
ORDER BY viewer_count DESC, user_name, game_name LIMIT 5"""
REPORTS = {"top_games": GAMES, "buckets": BUCKETS, "top_streamers": STREAMERS}
LIVE = {"top_games": GAMES, "buckets": BUCKETS, "top_streamers": LIVE_STREAMERS}


def fail(message):
    sys.exit(f"recompute: {message}")


class ExactAverage:
    """AVG without the rounding errors of a float sum."""

    def __init__(self):
        self.total = self.count = 0

    def step(self, value):
        self.total += value
        self.count += 1

    def finalize(self):
        return self.total / self.count


# --- records ------------------------------------------------------------------------------------------------------------


class Bad(ValueError):
    """Why a record is no row."""


class Object(list):
    """A JSON object as its pairs, so that names that stand twice are seen."""


def no_constant(word):
    raise Bad(f"{word} is not JSON")


def depth(parsed):
    """How many objects and arrays stand in each other."""
    if isinstance(parsed, Object):
        return 1 + max((depth(value) for _, value in parsed), default=0)
    return 1 + max(map(depth, parsed), default=0) if isinstance(parsed, list) else 0


def the(name, pairs):
    """The one value of this name."""
    values = [value for found, value in pairs if found == name]
    if len(values) != 1:
        raise Bad(f"{name} stands {len(values)} times")
    return values[0]


def microseconds(text):
    """Microseconds since 1970 of an RFC 3339 time."""
    match = RFC_3339.fullmatch(text)
    if not match:
        raise Bad("started_at is no RFC 3339 time")
    day, clock, fraction, sign, hours, minutes = match.groups()
    fraction = (fraction or "").ljust(9, "0")
    if fraction[6:] != "000":
        raise Bad("started_at is finer than microseconds")
    local = datetime.datetime.strptime(day + clock, "%Y-%m-%d%H:%M:%S").replace(tzinfo=datetime.timezone.utc)
    if int(hours or 0) > 23 or int(minutes or 0) > 59:
        raise Bad("started_at has no such zone")
    shift = datetime.timedelta(hours=int(hours or 0), minutes=int(minutes or 0))
    return (local - EPOCH - (-shift if sign == "-" else shift)) // MICROSECOND + int(fraction[:6])


def row_of(value):
    """user_name, game_name, viewer_count, started_at of a record's value; Bad if it is no row."""
    if value is None:
        raise Bad("no value")
    parsed = json.loads(value.decode("utf-8"), object_pairs_hook=Object, parse_constant=no_constant)
    if not isinstance(parsed, Object):
        raise Bad("not an object")
    if depth(parsed) > 64:
        raise Bad("nested too deeply")
    user, game, viewers, started = (the(name, parsed) for name in ("user_name", "game_name", "viewer_count", "started_at"))
    if not (isinstance(user, str) and isinstance(game, str) and type(viewers) is int and isinstance(started, str)):
        raise Bad("a field is missing or of another type")
    if not -(2**63) <= viewers < 2**63:
        raise Bad("viewer_count does not fit")
    for text in (user, game):
        text.encode("utf-8")  # lone surrogates are not text
    return user, game, viewers, microseconds(started)


def load(path):
    """A database with all rows, the count of records and of dead letters."""
    database = sqlite3.connect(":memory:")
    database.create_aggregate("AVG", 1, ExactAverage)
    database.executescript(BUCKETED)
    count = dead = 0
    rows = []
    with open(path, encoding="ascii") as lines:
        for line in lines:
            record = json.loads(line)
            count += 1
            value = record["value"]
            try:
                row = row_of(None if value is None else base64.b64decode(value))
                rows.append((*row, max(record["timestamp"], 0) * 1000, record["offset"]))
            except (ValueError, RecursionError):
                dead += 1
    database.executemany("INSERT INTO records VALUES (?, ?, ?, ?, ?, ?)", rows)
    return database, count, dead


def answers(database, queries, table):
    return {name: database.execute(query.format(table)).fetchall() for name, query in queries.items()}


# --- comparisons --------------------------------------------------------------------------------------------------------


def mariadb(url, query):
    """The rows of a query as lists of text, by the server's own client."""
    at = urllib.parse.urlsplit(url)
    command = ["mariadb", "--no-defaults", "--batch", "--skip-column-names", "--default-character-set=utf8mb4",
               f"--host={at.hostname}", f"--port={at.port or 3306}", f"--user={urllib.parse.unquote(at.username or '')}",
               f"--password={urllib.parse.unquote(at.password or '')}", at.path.strip("/")]
    done = subprocess.run(command, input=query.encode(), capture_output=True, check=False)
    if done.returncode != 0:
        fail(done.stderr.decode().strip())
    lines = done.stdout.decode("utf-8").split("\n")[:-1]
    return [[plain(cell) for cell in line.split("\t")] for line in lines]


def plain(cell):
    """A cell without the escapes that the client's batch form puts in."""
    return re.sub(r"\\(.)", lambda found: {"n": "\n", "t": "\t", "0": "\0"}.get(found[1], found[1]), cell)


def time(shown):
    return microseconds(shown.replace(" ", "T") + "Z")


def same(what, expected, found):
    """Compares two multisets of rows; ends the program at the first difference."""
    expected, found = collections.Counter(expected), collections.Counter(found)
    for row in sorted(set(expected) | set(found), key=repr):
        if expected[row] != found[row]:
            fail(f"{what}: row {row!r} is there {found[row]} times and must be there {expected[row]} times")
    print(f"recompute: {what}: {sum(found.values())} rows, as computed")


def rounded(rows):
    """Averages to twelve digits: the last ones are a matter of rounding."""
    return [tuple(float(f"{cell:.12g}") if isinstance(cell, float) else cell for cell in row) for row in rows]


def near(left, right):
    """Whether two cells are the same; MariaDB cuts averages at four digits."""
    if isinstance(left, float) or isinstance(right, float):
        return math.isclose(left, right, rel_tol=1e-12, abs_tol=0.0001)
    return left == right


def compare_table(database, url, table):
    found = [
        (user, game, int(viewers), time(started), int(popular), time(recorded), bucket)
        for user, game, viewers, started, popular, recorded, bucket in mariadb(url, f"SELECT {COLUMNS} FROM {table}")
    ]
    same(f"table {table}", database.execute(f"SELECT {COLUMNS} FROM bucketed").fetchall(), found)
    for name, expected in answers(database, REPORTS, "bucketed").items():
        shown = [
            (first, *(float(cell) if "." in cell else int(cell) for cell in numbers))
            for first, *numbers in mariadb(url, REPORTS[name].format(table))
        ]
        alike = [len(left) == len(right) and all(map(near, left, right)) for left, right in zip(shown, expected)]
        if len(shown) != len(expected) or not all(alike):
            fail(f"report {name}: the database says {shown!r}, computed was {expected!r}")
        print(f"recompute: report {name}: as computed")


def find_reports(database, path):
    """Looks for a line that holds a row's text and whole numbers in order; how an average is written is the database's affair."""
    with open(path, encoding="utf-8") as printed:
        lines = printed.read().splitlines()
    for name, expected in answers(database, REPORTS, "bucketed").items():
        for row in expected:
            cells = [re.escape(str(cell)) for cell in row if not isinstance(cell, float)]
            pattern = re.compile(r"(?<![\w-])" + r"\s+(?:[|│┆]\s+)?".join(cells) + r"(?![\w.])")
            if not any(pattern.search(line) for line in lines):
                fail(f"report {name}: row {row!r} is not printed")
        print(f"recompute: report {name}: printed as computed")


def compare_live(database, path):
    """Adds up the changes of each sink, and compares what is left."""
    sinks = {name: collections.Counter() for name in LIVE}
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            change = json.loads(line)
            if change.get("sink") in sinks:
                sinks[change["sink"]][tuple(change["row"].values())] += change["diff"]
    for name, expected in answers(database, LIVE, "live").items():
        negative = [row for row, diff in sinks[name].items() if diff < 0]
        if negative:
            fail(f"sink {name}: row {negative[0]!r} was taken back more often than added")
        same(f"live {name}", rounded(expected), rounded(sinks[name].elements()))


def show(database, count, dead):
    rows = database.execute("SELECT COUNT(*) FROM bucketed").fetchone()[0]
    print(f"{count} records, {dead} dead letters, {rows} rows of the table")
    reports = {f"report {name}": rows for name, rows in answers(database, REPORTS, "bucketed").items()}
    live = {f"live {name}": rows for name, rows in answers(database, LIVE, "live").items()}
    for name, rows in itertools.chain(reports.items(), live.items()):
        print(f"\n{name}")
        for row in rows:
            print("  " + " | ".join(str(cell) for cell in row))


def main(arguments):
    match arguments:
        case [records, "show"]:
            show(*load(records))
        case [records, "table", url]:
            compare_table(load(records)[0], url, "twitch_streams_enriched")
        case [records, "table", url, table]:
            compare_table(load(records)[0], url, table)
        case [records, "reports", printed]:
            find_reports(load(records)[0], printed)
        case [records, "live", changes]:
            compare_live(load(records)[0], changes)
        case _:
            print(__doc__, file=sys.stderr)
            sys.exit(2)


if __name__ == "__main__":
    main(sys.argv[1:])
