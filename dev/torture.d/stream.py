"""The flowctl that is tortured: started, killed, stopped and continued."""

import signal
import subprocess
import time

from failed import Failed, tail


class Stream:
    """One pipeline on one state directory, with one process at a time; the log of all of them is one file."""

    def __init__(self, flowctl, pipeline, work, tables, environment):
        self.flowctl = flowctl
        self.arguments = [str(pipeline), "--state", str(work / f"{tables}-state"), "--set", f"TABLES={tables}"]
        self.environment = environment
        self.log = work / f"{tables}.log"
        self.process = None
        self.begun = time.monotonic()

    def note(self, text):
        """A line of our own in the log."""
        with open(self.log, "a", encoding="utf-8") as log:
            log.write(f"--- {time.monotonic() - self.begun:.2f} s: {text}\n")

    def launch(self, workers, *arguments, log=None):
        """Starts a process that is not (yet) the one of this stream."""
        with open(log or self.log, "ab") as output:
            return self.command(output, "run", "--workers", str(workers), *arguments)

    def command(self, output, name, *arguments):
        return subprocess.Popen([str(self.flowctl), name, *self.arguments, *arguments], stdin=subprocess.DEVNULL, stdout=output,
                                stderr=output, env=self.environment, start_new_session=True)

    def start(self, workers):
        self.note(f"start with {workers} workers")
        self.process = self.launch(workers)

    def check(self):
        """Fails if the process has ended by itself."""
        if self.process is not None and self.process.poll() is not None:
            code, self.process = self.process.returncode, None
            raise Failed(f"flowctl ended by itself with {code}; the end of {self.log}:\n{tail(self.log)}")

    def kill(self):
        self.check()
        self.note("kill")
        end(self.process)
        self.process = None

    def pause(self):
        self.note("SIGSTOP")
        self.process.send_signal(signal.SIGSTOP)

    def resume(self):
        self.note("SIGCONT")
        self.process.send_signal(signal.SIGCONT)

    def stop(self, seconds):
        """Asks it to end, which it must do well."""
        self.note("SIGTERM")
        process, self.process = self.process, None
        process.terminate()
        self.expect_well(process, seconds)

    def run_to_idle(self, workers, seconds):
        self.note(f"run to idle with {workers} workers")
        self.expect_well(self.launch(workers, "--until-idle", "5s"), seconds)

    def verify(self, seconds):
        """Compares with itself what it has done."""
        self.note("verify")
        with open(self.log, "ab") as output:
            process = self.command(output, "verify", "--workers", "2")
        self.expect_well(process, seconds)

    def expect_well(self, process, seconds):
        try:
            code = process.wait(seconds)
        except subprocess.TimeoutExpired:
            end(process)
            raise Failed(f"flowctl does not end within {seconds} s; the end of {self.log}:\n{tail(self.log)}") from None
        if code != 0:
            raise Failed(f"flowctl ended with {code}; the end of {self.log}:\n{tail(self.log)}")


def end(process):
    process.kill()
    process.wait()
