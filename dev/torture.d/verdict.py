"""What must be there in the end: in the tables and in the topics, compared with an undisturbed run and with the recomputation."""

import base64
import collections
import json
import sys

from failed import Failed
from services import DEV

sys.path.insert(0, str(DEV))
import recompute  # noqa: E402

TABLES = ("rows", "games", "top_streamers", "live", "credits", "debits")
GAMES = recompute.GAMES.replace("LIMIT 5", "").format("bucketed")
STREAMERS = recompute.STREAMERS.format("bucketed")
ROW = tuple(recompute.COLUMNS.split(", "))


def compare_runs(url, one, other):
    """Both runs must have left the same rows; says how many."""
    total = 0
    for table in TABLES:
        left, right = (rows_of(url, f"{run}_{table}") for run in (one, other))
        if not right:
            raise Failed(f"table {other}_{table} is empty")
        differences = [(row, left[row], right[row]) for row in {*left, *right} if left[row] != right[row]]
        if differences:
            row, here, there = min(differences)
            raise Failed(f"table {table}: {len(differences)} rows differ; {row!r} is {here} times in {one}_{table} and {there} times in "
                         f"{other}_{table}")
        total += left.total()
        print(f"torture: {table}: {left.total()} rows, as in the undisturbed run")
    return total


def rows_of(url, table):
    return collections.Counter(map(tuple, recompute.mariadb(url, f"SELECT * FROM {table}")))


class Expected:
    """What the raw records must become, by code that flowctl does not share."""

    def __init__(self, streams, transfers):
        self.database, _, _ = recompute.load(streams)
        self.credits, self.debits = totals(transfers)

    def compare_tables(self, url, run):
        recompute.compare_table(self.database, url, f"{run}_rows")
        views = {
            ("games", "game_name, total_viewers, num_streams, avg_viewers", (str, int, int, float)): self.query(GAMES),
            ("top_streamers", "user_name, total_viewers, num_sessions", (str, int, int)): self.query(STREAMERS),
            ("live", "user_name, game_name, viewer_count, viewer_bucket", (str, str, int, str)): self.query("SELECT * FROM live"),
            ("credits", "to_account, amount, transfers", (str, int, int)): self.credits,
            ("debits", "from_account, amount, transfers", (str, int, int)): self.debits,
        }
        for (table, columns, types), expected in views.items():
            cells = recompute.mariadb(url, f"SELECT {columns} FROM {run}_{table}")
            found = [tuple(kind(cell) for kind, cell in zip(types, row)) for row in cells]
            recompute.same(f"table {table}", recompute.rounded(expected), recompute.rounded(found))

    def query(self, sql):
        return self.database.execute(sql).fetchall()

    def compare_topics(self, rows, credits):
        """Every row once in the topic that is appended to, and each account's last record in the other."""
        found = []
        for record in once_each(rows):
            row = dict(record["row"])
            row["started_at"], row["record_time"] = map(recompute.microseconds, (row["started_at"], row["record_time"]))
            found.append(tuple(int(row[name]) if name == "is_popular" else row[name] for name in ROW))
        recompute.same("topic of rows", self.query(f"SELECT {recompute.COLUMNS} FROM bucketed"), found)
        last, places = {}, {}
        for record in once_each(credits):
            key, place = record["key"], record["partition"]
            if places.setdefault(key, place) != place:
                raise Failed(f"topic of credits: key {key!r} stands in partitions {places[key]} and {place}")
            last[key] = record["row"]
        standing = [(row["to_account"], row["amount"], row["transfers"]) for row in last.values() if row is not None]
        recompute.same("topic of credits", self.credits, standing)


def records_of(path):
    with open(path, encoding="ascii") as lines:
        yield from map(json.loads, lines)


def once_each(path):
    """The records of one topic, partition by partition in order; none may come twice or before an earlier one, and none may be missing."""
    records = sorted(records_of(path), key=lambda record: (record["partition"], record["offset"]))
    writers, places, newest = set(), collections.defaultdict(set), collections.defaultdict(lambda: (0, -1))
    for record in records:
        headers = {name: base64.b64decode(value).decode() for name, value in record["headers"]}
        epoch, sequence = int(headers["fc-epoch"]), int(headers["fc-seq"])
        at = f"{record['topic']}-{record['partition']} at offset {record['offset']}"
        if sequence in places[epoch]:
            raise Failed(f"{at}: epoch {epoch}, record {sequence} is there twice")
        if (epoch, sequence) < newest[record["partition"]]:
            raise Failed(f"{at}: epoch {epoch}, record {sequence} comes after {newest[record['partition']]}")
        newest[record["partition"]] = (epoch, sequence)
        places[epoch].add(sequence)
        writers.add(headers["fc-writer"])
        record["key"] = None if record["key"] is None else base64.b64decode(record["key"]).decode()
        record["row"] = None if record["value"] is None else json.loads(base64.b64decode(record["value"]))
    for epoch, sequences in places.items():
        if len(sequences) != max(sequences) + 1:
            raise Failed(f"{path.stem}: epoch {epoch} has {len(sequences)} records, numbered up to {max(sequences)}")
    if len(writers) != 1:
        raise Failed(f"{path.stem} has the records of {len(writers)} writers: {sorted(writers)}")
    return records


def totals(path):
    """Credits and debits by account, of the newest record of each transfer: account, amount, count."""
    newest = {}
    for record in records_of(path):
        fields = json.loads(base64.b64decode(record["value"]))
        if not isinstance(fields["amount"], int):
            continue
        age = (record["timestamp"], record["offset"])
        if fields["id"] not in newest or newest[fields["id"]][0] < age:
            newest[fields["id"]] = (age, fields)
    sides = []
    for side in ("to_account", "from_account"):
        amounts, counts = collections.Counter(), collections.Counter()
        for _, fields in newest.values():
            if fields["amount"] != 0:
                amounts[fields[side]] += fields["amount"]
                counts[fields[side]] += 1
        sides.append([(account, amounts[account], counts[account]) for account in amounts])
    return sides
