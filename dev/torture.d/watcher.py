"""What a reader of the database sees during the chaos: every snapshot must be one consistent, never older state."""

import collections
import subprocess
import threading
import time

from failed import Failed

EVERY = 0.05
# Counting all rows takes longer the more there are.
ROWS_EVERY = 20
# A server makes a commit visible just before it is durable; what it has shown for so long must survive its death.
SETTLED = 2.0
LOST = ("ERROR 2002", "ERROR 2003", "ERROR 2006", "ERROR 2013", "ERROR 2026", "ERROR 2055", "ERROR 1053", "ERROR 1927")
NOT_YET = ("ERROR 1146", "ERROR 1412")

# At a time: each table's generation, its epoch, and the count of all rows.
Floor = collections.namedtuple("Floor", "at generations epochs rows")
NOTHING = Floor(0, {}, {}, 0)


class Lost(Exception):
    """The client has ended; with what it said."""


class Watcher(threading.Thread):
    """Takes snapshots until it is told to stop. What it found stands in `failure`, for others to look at."""

    def __init__(self, client, tables):
        super().__init__(daemon=True)
        self.client = client
        self.tables = tables
        self.ended = threading.Event()
        self.failure = None
        self.snapshots = self.row_counts = self.apart = self.reconnected = 0
        self.floors = collections.deque([NOTHING])
        self.latest = NOTHING
        self.process = None

    def check(self):
        if self.failure is not None:
            raise Failed(f"watcher: {self.failure}")

    def position(self):
        """How far all tables are together; grows with every commit."""
        return sum(self.latest.epochs.values())

    def generation(self):
        """The instance that owns all tables; 0 if some are not owned yet."""
        return min(self.latest.generations.values(), default=0)

    def stop(self):
        self.ended.set()
        self.join(10)
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def run(self):
        try:
            while not self.ended.is_set():
                try:
                    self.watch()
                except Lost as lost:
                    self.reconnect(str(lost))
        except Failed as failed:
            self.failure = str(failed)
        except Exception as bug:  # a watcher that is gone must be noticed
            self.failure = f"stopped: {bug!r}"

    def watch(self):
        self.process = subprocess.Popen(self.client, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        while not self.ended.is_set():
            began = time.monotonic()
            self.judge(self.snapshot(with_rows=self.snapshots % ROWS_EVERY == 0))
            self.ended.wait(max(began + EVERY - time.monotonic(), 0))

    def reconnect(self, reason):
        """Goes on after a lost server, and falls back to what was durable for sure."""
        waits_for_tables = self.snapshots == 0 and any(code in reason for code in NOT_YET)
        if not waits_for_tables and not any(code in reason for code in LOST):
            raise Failed(f"a snapshot fails: {reason}")
        self.reconnected += 1
        if not waits_for_tables:
            durable = time.monotonic() - SETTLED
            settled = [floor for floor in self.floors if floor.at <= durable]
            self.floors = collections.deque(settled or [NOTHING])
        self.ended.wait(0.1)

    def snapshot(self, with_rows):
        """The answers of one snapshot, by the word that each line begins with."""
        prefix = self.tables
        queries = [
            f"SELECT 'credits', COALESCE(SUM(amount), 0), COALESCE(SUM(transfers), 0) FROM {prefix}_credits",
            f"SELECT 'debits', COALESCE(SUM(amount), 0), COALESCE(SUM(transfers), 0) FROM {prefix}_debits",
            f"SELECT 'epoch', table_name, generation, epoch FROM flowctl_sinks WHERE table_name LIKE '{prefix}\\_%'",
        ]
        if with_rows:
            queries += [f"SELECT 'rows', COUNT(*) FROM {prefix}_rows",
                        f"SELECT 'games', COALESCE(SUM(num_streams), 0) FROM {prefix}_games"]
        words = ["START TRANSACTION WITH CONSISTENT SNAPSHOT", *queries, "COMMIT", "SELECT 'end'"]
        try:
            self.process.stdin.write((";\n".join(words) + ";\n").encode())
            self.process.stdin.flush()
        except BrokenPipeError:
            raise Lost(self.last_words()) from None
        found = collections.defaultdict(list)
        for line in self.process.stdout:
            word, *cells = line.decode().rstrip("\n").split("\t")
            if word == "end":
                return found
            found[word].append(cells)
        raise Lost(self.last_words())

    def last_words(self):
        said = self.process.stderr.read().decode(errors="replace")
        self.process.wait()
        return said

    def judge(self, found):
        self.snapshots += 1
        self.never_back(found)
        credit, debit = found["credits"][0], found["debits"][0]
        if credit != debit:
            self.differ(f"credits (amount, transfers) are {credit}, debits are {debit}")
        if found["rows"]:
            self.row_counts += 1
            if found["rows"] != found["games"]:
                self.differ(f"there are {found['rows'][0][0]} rows, and {found['games'][0][0]} in the games")
        self.apart += len(set(self.latest.epochs.values())) > 1

    def differ(self, what):
        """Two tables do not fit together."""
        raise Failed(f"snapshot {self.snapshots} is no prefix: {what}; epochs {self.latest.epochs}")

    def never_back(self, found):
        before = self.floors[-1]
        generations = {table: int(generation) for table, generation, _ in found["epoch"]}
        epochs = {table: int(epoch) for table, _, epoch in found["epoch"]}
        rows = int(found["rows"][0][0]) if found["rows"] else before.rows
        for what, old, new in (("generation", before.generations, generations), ("epoch", before.epochs, epochs)):
            for table, number in old.items():
                if new.get(table, -1) < number:
                    raise Failed(f"table {table} went back from {what} {number} to {new.get(table)}")
        if rows < before.rows:
            raise Failed(f"the table of rows shrank from {before.rows} to {rows}")
        now = time.monotonic()
        self.latest = Floor(now, generations, epochs, rows)
        self.floors.append(self.latest)
        while len(self.floors) > 1 and self.floors[1].at <= now - SETTLED:
            self.floors.popleft()
