"""Runs one process and says what it cost: CPU of its whole tree, elapsed time, peak memory, and what else the machine did meanwhile."""

import contextlib
import os
import signal
import subprocess
import tempfile
import threading
import time
from dataclasses import dataclass, field

TICK = os.sysconf("SC_CLK_TCK")
CORES = os.cpu_count()
# A run is void above these shares of the machine's time, and what its clock of 10 ms a tick cannot tell.
FOREIGN_MAX = 0.05
STEAL_MAX = 0.02
BLUR = 0.03


@dataclass
class Run:
    """What one run cost. CPU in seconds of user and system time, memory in bytes (of the largest process of the tree)."""

    code: int
    cpu: float
    wall: float
    memory: int
    foreign: float
    steal: float
    pressure: float
    output: str = field(repr=False)
    errors: str = field(repr=False)
    beside: float = 0.0

    @property
    def noisy(self):
        """Whether others had so much of the machine that the run says little."""
        blur = BLUR / (self.wall * CORES)
        return self.foreign > FOREIGN_MAX + blur or self.steal > STEAL_MAX + blur


def machine_time():
    """Seconds that all cores were busy, and that were stolen, since the machine started."""
    with open("/proc/stat") as stat:
        user, nice, system, _, _, irq, softirq, steal = map(int, stat.readline().split()[1:9])
    return (user + nice + system + irq + softirq) / TICK, steal / TICK


def pressure():
    """Seconds in which somebody waited for a core, since the machine started."""
    try:
        with open("/proc/pressure/cpu") as file:
            return int(file.readline().rsplit("=", 1)[1]) / 1e6
    except OSError:
        return 0.0


def process_time(pid):
    """Seconds of CPU that a living process has used."""
    try:
        with open(f"/proc/{pid}/stat") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICK
    except OSError:
        return 0.0


def run(command, environment=None, beside=(), limit=900):
    """Runs a command to its end. `beside` are processes that serve it, as a broker: their CPU is told apart."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        busy, stolen = machine_time()
        waited, served, start = pressure(), sum(map(process_time, beside)), time.monotonic()
        process = subprocess.Popen(
            [str(part) for part in command],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            env={**os.environ, **(environment or {})},
            start_new_session=True,
        )
        timer = threading.Timer(limit, os.killpg, (process.pid, signal.SIGKILL))
        timer.start()
        try:
            _, status, usage = os.wait4(process.pid, 0)
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            raise
        finally:
            timer.cancel()
        process.returncode = os.waitstatus_to_exitcode(status)
        wall = time.monotonic() - start
        busy, stolen = (after - before for after, before in zip(machine_time(), (busy, stolen)))
        served = sum(map(process_time, beside)) - served
        cpu = usage.ru_utime + usage.ru_stime
        return Run(
            code=process.returncode,
            cpu=cpu,
            wall=wall,
            memory=usage.ru_maxrss * 1024,
            foreign=max(0.0, busy - cpu - served) / (wall * CORES),
            steal=stolen / (wall * CORES),
            pressure=(pressure() - waited) / wall,
            output=text(out),
            errors=text(err),
            beside=served,
        )


def text(file):
    """All that was written to a file."""
    file.seek(0)
    return file.read().decode(errors="replace")


@contextlib.contextmanager
def serving(command, environment, log):
    """A command that runs until the block ends; yields its process. TERM ends it, and KILL if it takes more than 20 s."""
    with open(log, "wb") as out:
        process = subprocess.Popen(
            [str(part) for part in command], stdin=subprocess.DEVNULL, stdout=out, stderr=out, env={**os.environ, **environment},
            start_new_session=True,
        )
        try:
            yield process
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
