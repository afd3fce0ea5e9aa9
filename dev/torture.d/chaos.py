"""The rounds of chaos: which of flowctl, Kafka and MariaDB is killed when, and what must hold afterwards."""

import collections
import signal
import subprocess
import time

from failed import Failed, tail
from stream import end

PATIENCE = 90
# One in so many kills, or more, hits a service.
SERVICE_SHARE = 5
WEIGHTS = {"flowctl": 70, "kafka": 8, "mariadb": 12, "pause": 6, "second": 4}
REFUSAL = "runs this pipeline here"


class Chaos:
    """So many kills, drawn from `chance`; `kills` and `rounds` count what was done."""

    def __init__(self, services, stream, watcher, producer, chance, talk):
        self.services = services
        self.stream = stream
        self.watcher = watcher
        self.producer = producer
        self.chance = chance
        self.talk = talk
        self.kills = collections.Counter()
        self.rounds = collections.Counter()

    def run(self, kills):
        if self.stream.process is None:
            self.start()
        shown = self.kills.total()
        while self.kills.total() < kills:
            self.round(self.draw())
            if self.kills.total() >= shown + 10:
                shown = self.kills.total()
                self.talk(f"{shown} kills: {self.counts()}; {self.watcher.snapshots} snapshots, "
                          f"{self.watcher.latest.rows} rows")
        for kind in ("pause", "second"):
            if self.rounds[kind] == 0:
                self.round(kind)
        self.await_progress("the last kill")

    def counts(self):
        return ", ".join(f"{kind} {count}" for kind, count in sorted(self.kills.items()))

    def draw(self):
        served = self.kills["kafka"] + self.kills["mariadb"]
        if served * SERVICE_SHARE < self.kills.total():
            return "kafka" if self.kills["kafka"] <= self.kills["mariadb"] else "mariadb"
        return self.chance.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]

    def round(self, kind):
        self.rounds[kind] += 1
        match kind:
            case "flowctl":
                self.flowctl()
            case "pause":
                self.pause()
            case "second":
                self.second()
            case "zombie":
                self.zombie()
            case service:
                self.outage(service)

    # --- rounds ---------------------------------------------------------------------------------------------------------

    def start(self):
        self.stream.start(self.chance.randint(1, 3))

    def kill_flowctl(self):
        self.stream.kill()
        self.kills["flowctl"] += 1

    def flowctl(self):
        """A kill at a random moment; of starting, of catching up, or of working."""
        wait_first, seconds = self.chance.random() < 0.25, self.chance.uniform(0.1, 2.4)
        if wait_first:
            self.await_progress("a start")
        self.hold(seconds)
        self.kill_flowctl()
        self.start()

    def outage(self, service):
        """A service dies and comes back; flowctl must live on, or start while it is away."""
        before, away, restarts = self.chance.uniform(0, 1.5), self.chance.uniform(0, 2), self.chance.random() < 0.3
        self.hold(before)
        self.stream.note(f"kill {service}")
        self.services.kill(service)
        self.kills[service] += 1
        self.hold(away / 2)
        if restarts:
            self.kill_flowctl()
            self.start()
        self.hold(away / 2)
        self.services.up()
        self.stream.note(f"{service} is up")
        self.await_progress(f"a kill of {service}")

    def pause(self):
        """It stands still for a while, and goes on as if nothing had been."""
        before, still = self.chance.uniform(0, 1.5), self.chance.uniform(0.5, 5)
        self.hold(before)
        self.stream.pause()
        self.hold(still)
        self.stream.resume()
        self.await_progress("a pause")

    def second(self):
        """A second instance on the same state directory is refused at once, and the first lives on."""
        self.await_progress("a start")
        log = self.stream.log.with_name("second.log")
        log.write_bytes(b"")
        began = time.monotonic()
        process = self.stream.launch(self.chance.randint(1, 3), log=log)
        try:
            code = process.wait(20)
        except subprocess.TimeoutExpired:
            end(process)
            raise Failed(f"a second instance is not refused within 20 s:\n{log.read_text()}") from None
        said = log.read_text()
        if code != 1 or REFUSAL not in said:
            raise Failed(f"a second instance ended with {code} after {time.monotonic() - began:.1f} s, and must end with 1 and say "
                         f"`{REFUSAL}`; it said:\n{said}")
        self.await_progress("a second instance")

    def zombie(self):
        """A second instance takes over from one that stands still, which must notice when it goes on."""
        self.await_progress("a start")
        first, generation = self.stream.process, self.watcher.generation()
        self.stream.pause()
        try:
            self.stream.note("a second instance takes over")
            self.start()
            self.wait_for(lambda: self.watcher.generation() > generation, "no second instance took all tables over")
            self.await_progress("a second instance took over")
            self.stream.note("SIGCONT to the first")
            first.send_signal(signal.SIGCONT)
            try:
                code = first.wait(20)
            except subprocess.TimeoutExpired:
                raise Failed("the first instance does not notice within 20 s that another one took over") from None
            if code != 75:
                raise Failed(f"the first instance ended with {code}, and must end with 75")
        finally:
            end(first)
        self.await_progress("the first instance ended")

    # --- waiting --------------------------------------------------------------------------------------------------------

    def check(self):
        self.stream.check()
        self.producer.check()
        self.watcher.check()

    def hold(self, seconds):
        """Lets things run until a moment that was drawn."""
        until = time.monotonic() + seconds
        while True:
            self.check()
            left = until - time.monotonic()
            if left <= 0:
                return
            time.sleep(min(left, 0.05))

    def await_progress(self, after):
        """Waits until epochs are committed again: later ones than a snapshot from now on shows."""
        snapshots = self.watcher.snapshots + 1
        self.wait_for(lambda: self.watcher.snapshots > snapshots, f"no snapshot could be taken after {after}")
        before = self.watcher.position()
        self.wait_for(lambda: self.watcher.position() > before, f"nothing was committed after {after}")

    def wait_for(self, condition, otherwise):
        until = time.monotonic() + PATIENCE
        while not condition():
            if time.monotonic() >= until:
                raise Failed(f"{otherwise}, for {PATIENCE} s; the end of {self.stream.log}:\n{tail(self.stream.log)}")
            self.hold(0.05)
