"""Kafka and MariaDB of one run, and the producer of the records that flow into Kafka."""

import os
import pathlib
import re
import subprocess
import urllib.parse

from failed import Failed, tail

DEV = pathlib.Path(__file__).resolve().parent.parent
OURS = re.compile("KAFKA_|MYSQL_|TWITCH_|FLOWCTL_|TABLES$")


class Services:
    """Kafka and MariaDB, their data below a folder."""

    def __init__(self, work):
        self.work = work
        self.environment = {name: value for name, value in os.environ.items() if not OURS.match(name)}
        self.environment["FLOWCTL_SERVICES"] = str(work / "services")
        self.environment["FLOWCTL_KAFKA_SESSION"] = "3000"

    def command(self, *words, output=subprocess.PIPE):
        """What a program of the folder dev/ prints, if it does not go elsewhere."""
        done = subprocess.run([DEV / words[0], *words[1:]], env=self.environment, stdout=output, stderr=subprocess.PIPE, text=True,
                              check=False)
        if done.returncode != 0:
            raise Failed(f"dev/{' '.join(words)}: {done.stderr.strip()}")
        return done.stdout

    def up(self):
        self.command("services", "up")
        for name, value in re.findall(r"export (\w+)=(.*)", self.command("services", "env")):
            self.environment[name] = value

    def kill(self, service):
        self.command("services", "kill", service)

    def down(self):
        """Removes all but the logs."""
        for service in ("kafka", "mariadb"):
            log = self.work / "services" / service / "log"
            if log.exists():
                (self.work / f"{service}.log").write_bytes(log.read_bytes())
        self.command("services", "down")

    def create_topics(self, *topics):
        self.command("kafka-records", "create", self.environment["KAFKA_BROKERS"], *(f"{topic}:3" for topic in topics))

    def dump(self, topic):
        """Writes what a reader of committed records sees into a file, and says which."""
        path = self.work / f"{topic}.jsonl"
        with open(path, "wb") as file:
            self.command("kafka-records", "dump", self.environment["KAFKA_BROKERS"], topic, output=file)
        return path

    @property
    def mysql_url(self):
        return self.environment["MYSQL_URL"]

    def mysql_client(self):
        """The command of a client that answers each statement as soon as it has read it."""
        at = urllib.parse.urlsplit(self.mysql_url)
        return ["mariadb", "--no-defaults", "--unbuffered", "--batch", "--skip-column-names", "--connect-timeout=5",
                f"--host={at.hostname}", f"--port={at.port}", f"--user={at.username}", f"--password={at.password}", at.path.strip("/")]


class Producer:
    """So many records a second, one in five a transfer, for as long as it lives."""

    def __init__(self, services, rate):
        self.log = services.work / "producer.log"
        self.records = subprocess.Popen([DEV / "test-records", "mixed", str(rate)], stdout=subprocess.PIPE, start_new_session=True)
        with open(self.log, "wb") as log:
            self.writer = subprocess.Popen(
                [DEV / "kafka-records", "produce", services.environment["KAFKA_BROKERS"]], stdin=self.records.stdout, stderr=log,
                env=services.environment, start_new_session=True)
        self.records.stdout.close()

    def check(self):
        if self.records.poll() is not None or self.writer.poll() is not None:
            raise Failed(f"the producer of the records ended:\n{tail(self.log)}")

    def finish(self, seconds):
        """Ends it, once all of its records are in Kafka."""
        self.records.terminate()
        self.records.wait(seconds)
        if self.writer.wait(seconds) != 0:
            raise Failed(f"the producer of the records failed:\n{tail(self.log)}")

    def kill(self):
        for process in (self.records, self.writer):
            process.kill()
            process.wait()
